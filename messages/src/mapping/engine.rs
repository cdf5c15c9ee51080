//! A mapping that was fitted to the columns of a source, and what it makes of each row. Pure.

use super::template::{Part, Template};
use super::{Mapping, Need, Origin, Step};
use crate::item::ItemField;
use crate::quantity::{Decimal, DecimalError};

/// A value on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// As the source has it, with its decimal mark.
    Text(String),
    /// As somebody wrote it into the mapping, with a decimal point.
    Written(String),
    Number(Decimal),
}

impl Value {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) | Self::Written(text) if text.trim().is_empty())
    }

    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Written(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    /// `mark` is the source's decimal mark.
    pub fn into_number(self, mark: char) -> Result<Decimal, DecimalError> {
        match self {
            Self::Text(text) => Decimal::parse_with(&text, mark),
            Self::Written(text) => text.parse(),
            Self::Number(number) => Ok(number),
        }
    }
}

/// Why a row cannot be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    pub field: ItemField,
    /// The column it comes from, when it is one.
    pub column: Option<usize>,
    pub reason: String,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Prepared {
    rules: Vec<Rule>,
    /// Column and condition.
    conditions: Vec<(usize, super::Condition)>,
    need: Need,
    mark: char,
}

#[derive(Debug, Clone)]
struct Rule {
    field: ItemField,
    from: From,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum From {
    Column(usize),
    Constant(String),
    Template(Vec<Piece>),
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Column(usize),
}

impl Rule {
    fn columns(&self) -> impl Iterator<Item = usize> {
        let (one, several) = match &self.from {
            From::Column(column) => (Some(*column), [].as_slice()),
            From::Constant(_) => (None, [].as_slice()),
            From::Template(pieces) => (None, pieces.as_slice()),
        };
        let several = several.iter().filter_map(|piece| match piece {
            Piece::Column(column) => Some(*column),
            Piece::Text(_) => None,
        });
        one.into_iter().chain(several)
    }
}

impl Prepared {
    /// Finds the columns by their names; where none is exactly the same, without regard to case. The error names all
    /// that are not there.
    pub fn new(mapping: &Mapping, columns: &[String], mark: char) -> Result<Self, Vec<String>> {
        let mut missing = Vec::new();
        let mut column = |name: &str| {
            let wanted = name.trim().to_lowercase();
            // Paths into XML and JSON may differ in nothing else.
            let found = columns.iter().position(|column| column.trim() == name.trim());
            let found =
                found.or_else(|| columns.iter().position(|column| column.trim().to_lowercase() == wanted));
            found.unwrap_or_else(|| {
                if !missing.iter().any(|known: &String| known.to_lowercase() == wanted) {
                    missing.push(name.trim().to_owned());
                }
                0
            })
        };
        let mut rules = Vec::with_capacity(mapping.fields.len());
        for rule in &mapping.fields {
            let from = match &rule.from {
                Origin::Column { column: name } => From::Column(column(name)),
                Origin::Constant { text } => From::Constant(text.clone()),
                Origin::Template { template } => From::Template(pieces(template, &mut column)),
            };
            rules.push(Rule { field: rule.field, from, steps: rule.steps.clone() });
        }
        let conditions = mapping.filter.conditions.iter();
        let conditions: Vec<_> =
            conditions.map(|condition| (column(&condition.column), condition.clone())).collect();
        if missing.is_empty() {
            Ok(Self { rules, conditions, need: mapping.filter.need, mark })
        } else {
            Err(missing)
        }
    }

    /// Does the row count? `text` gives the text of a column.
    pub fn counts<'t>(&self, text: impl Fn(usize) -> &'t str) -> bool {
        let mut answers =
            self.conditions.iter().map(|(column, condition)| condition.holds(text(*column), self.mark));
        match self.need {
            Need::All => answers.all(|holds| holds),
            Need::Any => self.conditions.is_empty() || answers.any(|holds| holds),
        }
    }

    /// Columns that decide whether a row counts.
    pub fn asked(&self) -> impl Iterator<Item = usize> {
        self.conditions.iter().map(|(column, _)| *column)
    }

    /// Columns that make up a field that has a rule.
    pub fn columns(&self, field: ItemField) -> impl Iterator<Item = usize> {
        self.rules.iter().filter(move |rule| rule.field == field).flat_map(Rule::columns)
    }

    /// Is anything made of this column, or decided by it?
    #[must_use]
    pub fn uses(&self, column: usize) -> bool {
        self.asked().chain(self.rules.iter().flat_map(Rule::columns)).any(|used| used == column)
    }

    /// Is there a rule for this field?
    #[must_use]
    pub fn has(&self, field: ItemField) -> bool {
        self.rules.iter().any(|rule| rule.field == field)
    }

    /// The column that a field's value comes from, when it is just one.
    #[must_use]
    pub fn column(&self, field: ItemField) -> Option<usize> {
        self.rules.iter().find(|rule| rule.field == field).and_then(|rule| match rule.from {
            From::Column(column) => Some(column),
            From::Constant(_) | From::Template(_) => None,
        })
    }

    /// The value of a field that has a rule: nothing where it comes out empty, and [`None`] where there is no rule.
    pub fn value<'t>(
        &self,
        field: ItemField,
        text: impl Fn(usize) -> &'t str,
    ) -> Option<Result<Option<Value>, Fault>> {
        let rule = self.rules.iter().find(|rule| rule.field == field)?;
        let mut value = match &rule.from {
            From::Column(column) => Value::Text(text(*column).trim().to_owned()),
            From::Constant(text) => Value::Written(text.clone()),
            From::Template(pieces) => {
                let mut whole = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => whole.push_str(text),
                        Piece::Column(column) => whole.push_str(text(*column).trim()),
                    }
                }
                Value::Text(whole.trim().to_owned())
            }
        };
        for (at, step) in rule.steps.iter().enumerate() {
            value = match step.apply(value, self.mark) {
                Ok(value) => value,
                Err(reason) => {
                    let reason = format!("step {} of the mapping: {reason}", at + 1);
                    return Some(Err(Fault { field, column: self.column(field), reason }));
                }
            };
        }
        Some(Ok((!value.is_empty()).then_some(value)))
    }
}

fn pieces(template: &str, column: &mut impl FnMut(&str) -> usize) -> Vec<Piece> {
    // A template that cannot be read was refused when it was saved; as a plain text it shows what is wrong.
    let Ok(template) = Template::parse(template) else { return vec![Piece::Text(template.to_owned())] };
    let parts = template.parts.into_iter();
    parts
        .map(|part| match part {
            Part::Text(text) => Piece::Text(text),
            Part::Column(name) => Piece::Column(column(&name)),
        })
        .collect()
}
