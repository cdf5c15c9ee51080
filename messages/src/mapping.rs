//! How the columns of a source become the fields of an item: what people set, and the engine that carries it out.
//!
//! The agent runs it over every row and the console over the rows of its preview, so it knows neither of them: rows come
//! as texts by column, and what goes wrong goes back as a sentence. [`engine`] does the work, [`steps`] is what may be
//! done to one value, [`filter`] which rows count, [`preview`] shows a few rows. Pure.
//!
//! A field without a rule is read as before, from the column that the source names for it.

pub mod engine;
pub mod filter;
pub mod preview;
pub mod steps;
mod template;

use serde::{Deserialize, Serialize};

pub use engine::{Fault, Prepared, Value};
pub use filter::{Condition, Filter, Need, Test};
pub use steps::{Entry, LetterCase, Otherwise, Step, Unit};

use crate::item::ItemField;
use crate::validate::{Check, Validate};

/// An agent that has this among its capabilities carries mappings out. Any other would read the columns as if there were
/// none, so it is given no job that has one.
pub const CAPABILITY: &str = "run:mapping";

/// What is done to each row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// At most one for each field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldRule>,
    /// Rows that do not pass are left out; they are no rejects.
    #[serde(skip_serializing_if = "Filter::is_empty")]
    pub filter: Filter,
}

/// Where a field's value comes from, and what becomes of it on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    pub field: ItemField,
    pub from: Origin,
    /// In this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    Column {
        column: String,
    },
    /// The same for every row.
    Constant {
        text: String,
    },
    /// Text in which `{column}` stands for a column; `{{` and `}}` for braces.
    Template {
        template: String,
    },
}

/// More than any source has; a mapping must stay small beside a frame to the agent.
pub const MAX_STEPS: usize = 20;
pub const MAX_TEXT: usize = 500;
pub const MAX_ENTRIES: usize = 500;
/// All texts of a mapping together, in bytes.
pub const MAX_BYTES: usize = 48 * 1024;

impl Mapping {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.filter.is_empty()
    }

    #[must_use]
    pub fn rule(&self, field: ItemField) -> Option<&FieldRule> {
        self.fields.iter().find(|rule| rule.field == field)
    }

    /// The columns it names, each once, as they are written.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let of_rules = self.fields.iter().flat_map(|rule| rule.from.columns());
        let of_filter = self.filter.conditions.iter().map(|condition| condition.column.trim().to_owned());
        let mut names: Vec<String> = Vec::new();
        for name in of_rules.chain(of_filter) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn bytes(&self) -> usize {
        let steps = |rule: &FieldRule| rule.steps.iter().map(Step::bytes).sum::<usize>();
        let rules = self.fields.iter().map(|rule| rule.from.text().len() + steps(rule));
        rules.sum::<usize>() + self.filter.bytes()
    }
}

impl Origin {
    /// The columns it names, as they are written.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Column { column } => vec![column.trim().to_owned()],
            Self::Constant { .. } => Vec::new(),
            Self::Template { template } => {
                let parsed = template::Template::parse(template);
                parsed.iter().flat_map(template::Template::columns).map(str::to_owned).collect()
            }
        }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Column { column: text } | Self::Constant { text } | Self::Template { template: text } => {
                text
            }
        }
    }
}

impl Validate for Mapping {
    fn check(&self, check: &mut Check) {
        for (at, rule) in self.fields.iter().enumerate() {
            check.nested(&format!("fields.{at}"), |check| rule.check(check));
            let repeated = self.fields[..at].iter().any(|other| other.field == rule.field);
            check.ensure(!repeated, &format!("fields.{at}.field"), "has a rule already");
        }
        check.nested("filter", |check| self.filter.check(check));
        if self.bytes() > MAX_BYTES {
            check.fail("fields", format!("have more than {MAX_BYTES} bytes of text in all"));
        }
    }
}

impl Validate for FieldRule {
    fn check(&self, check: &mut Check) {
        match &self.from {
            Origin::Column { column } => check.text("from.column", column, 200),
            Origin::Constant { text } => check.text("from.text", text, MAX_TEXT),
            Origin::Template { template } => {
                check.text("from.template", template, MAX_TEXT);
                if let Err(fault) = template::Template::parse(template) {
                    check.fail("from.template", fault);
                }
            }
        }
        if self.steps.len() > MAX_STEPS {
            check.fail("steps", format!("are more than {MAX_STEPS}"));
        }
        for (at, step) in self.steps.iter().enumerate() {
            check.nested(&format!("steps.{at}"), |check| step.check(check));
        }
    }
}

#[cfg(test)]
mod tests;
