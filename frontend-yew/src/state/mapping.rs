//! A mapping while it is edited: as people type it, which need not be a mapping yet. Pure.
//! Kinds of steps are a table (`kinds`), so that one form draws all of them; `lines` says which columns go where.

pub mod kinds;
pub mod lines;

use messages::FieldError;
use messages::item::ItemField;
use messages::mapping::{Mapping, Origin};
use messages::validate::Validate as _;
use serde_json::{Map, Value, json};

use super::form::fault;
use super::reader;
use super::words::item_field;
use kinds::{Input, KINDS, Param};

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// In the order of the fields.
    pub rules: Vec<Rule>,
    /// One condition is enough.
    pub any: bool,
    pub conditions: Vec<Condition>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Column,
    Constant,
    Template,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub field: ItemField,
    pub from: From,
    /// The column, the text or the template.
    pub text: String,
    pub steps: Vec<Step>,
}

/// What is typed for a step: its kind, by its place in the table, and a text for each of its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub kind: usize,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    pub column: String,
    pub test: String,
    pub value: String,
    pub not: bool,
}

impl From {
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Column, "column", "A column"),
        (Self::Template, "template", "Several columns"),
        (Self::Constant, "constant", "The same text for all"),
    ];

    /// The wire's name of it, and of what it names.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Column => ("column", "column"),
            Self::Constant => ("constant", "text"),
            Self::Template => ("template", "template"),
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, named, _)| *named == name).map(|(from, ..)| from)
    }
}

impl Step {
    /// A new one, with what its settings usually are.
    #[must_use]
    pub fn of(kind: usize) -> Self {
        let params = KINDS.get(kind).map_or(&[][..], |kind| kind.params);
        Self { kind, values: params.iter().map(|param| param.usual.to_owned()).collect() }
    }

    fn read(value: &Value) -> Option<Self> {
        let name = value.get("step")?.as_str()?;
        let at = KINDS.iter().position(|kind| kind.name == name)?;
        let text = |param: &Param| value.get(param.name).map(|value| param.shown(value)).unwrap_or_default();
        Some(Self { kind: at, values: KINDS[at].params.iter().map(text).collect() })
    }

    fn written(&self, at: &str, faults: &mut Vec<FieldError>) -> Value {
        let Some(kind) = KINDS.get(self.kind) else { return Value::Null };
        let mut step = Map::new();
        step.insert("step".to_owned(), kind.name.into());
        for (param, text) in kind.params.iter().zip(&self.values) {
            match param.written(text) {
                Ok(Some(value)) => drop(step.insert(param.name.to_owned(), value)),
                Ok(None) => {}
                Err(detail) => faults.push(fault(&format!("{at}.{}", param.name), detail)),
            }
        }
        Value::Object(step)
    }
}

impl Param {
    /// A stored setting as it is typed.
    fn shown(&self, value: &Value) -> String {
        match (self.input, value) {
            (Input::Entries, Value::Array(entries)) => {
                let text =
                    |entry: &Value, name| entry.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
                let lines =
                    entries.iter().map(|entry| format!("{} = {}", text(entry, "from"), text(entry, "to")));
                lines.collect::<Vec<_>>().join("\n")
            }
            (_, Value::String(text)) => text.clone(),
            (_, Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// What is typed as it is stored; nothing where it may be left out.
    fn written(&self, text: &str) -> Result<Option<Value>, &'static str> {
        match self.input {
            Input::Text | Input::Choice(_) => Ok(Some(text.into())),
            Input::Decimal => {
                let number = text.trim().parse::<messages::quantity::Decimal>();
                number.map(|_| Some(text.trim().into())).map_err(|_| "must be a number such as 12.90")
            }
            Input::Letter if text.chars().count() == 1 => Ok(Some(text.into())),
            Input::Letter => Err("must be one character"),
            Input::MaybeCount if text.trim().is_empty() => Ok(None),
            Input::Count | Input::MaybeCount => text
                .trim()
                .parse::<u32>()
                .map(|count| Some(count.into()))
                .map_err(|_| "must be a whole number"),
            Input::Entries => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                let entry = |line: &str| {
                    let (from, to) = line.split_once('=').ok_or("needs a = between both values of a line")?;
                    Ok(json!({ "from": from.trim(), "to": to.trim() }))
                };
                lines.map(entry).collect::<Result<Vec<_>, _>>().map(|entries| Some(entries.into()))
            }
        }
    }
}

impl Draft {
    #[must_use]
    pub fn of(mapping: &Mapping) -> Self {
        let rules = mapping.fields.iter().map(|rule| {
            let (from, text) = match &rule.from {
                Origin::Column { column } => (From::Column, column),
                Origin::Constant { text } => (From::Constant, text),
                Origin::Template { template } => (From::Template, template),
            };
            let steps = serde_json::to_value(&rule.steps).unwrap_or_default();
            let steps = steps.as_array().into_iter().flatten().filter_map(Step::read).collect();
            Rule { field: rule.field, from, text: text.clone(), steps }
        });
        let filter = serde_json::to_value(&mapping.filter).unwrap_or_default();
        let text =
            |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let conditions = filter.get("conditions").and_then(Value::as_array).into_iter().flatten();
        let mut draft = Self {
            rules: rules.collect(),
            any: text(&filter, "need") == "any",
            conditions: conditions
                .map(|stored| Condition {
                    column: text(stored, "column"),
                    test: text(stored, "test"),
                    value: text(stored, "value"),
                    not: stored.get("not").and_then(Value::as_bool).unwrap_or_default(),
                })
                .collect(),
        };
        draft.rules.sort_by_key(|rule| rule.field);
        draft
    }

    #[must_use]
    pub fn rule(&self, field: ItemField) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.field == field)
    }

    /// Where a field's faults are told.
    #[must_use]
    pub fn path(&self, field: ItemField) -> Option<String> {
        let at = self.rules.iter().position(|rule| rule.field == field)?;
        Some(format!("mapping.fields.{at}"))
    }

    /// The place of a fault, in words: `mapping.fields.2.steps.0.by` is the first step of a field.
    #[must_use]
    pub fn place(&self, path: &str) -> String {
        let parts: Vec<&str> = path.split('.').collect();
        let at = |text: &str| text.parse::<usize>().ok();
        match parts[..] {
            ["mapping", "fields", rule, "steps", step, ..] => {
                let field = self.label(at(rule));
                at(step).map_or(field.clone(), |step| format!("{field}, step {}", step + 1))
            }
            ["mapping", "fields", rule, ..] => self.label(at(rule)),
            ["mapping", "filter", "conditions", condition, ..] => {
                format!("Condition {}", at(condition).map_or(1, |at| at + 1))
            }
            _ => "Mapping".to_owned(),
        }
    }

    fn label(&self, rule: Option<usize>) -> String {
        let rule = rule.and_then(|at| self.rules.get(at));
        rule.map_or("Mapping", |rule| item_field(rule.field)).to_owned()
    }

    /// Draws a line: the field comes from this column from now on. What is done to it stays; a template takes it in.
    pub fn connect(&mut self, column: &str, field: ItemField) {
        match self.rules.iter_mut().find(|rule| rule.field == field) {
            Some(rule) if rule.from == From::Template => {
                if !rule.text.is_empty() {
                    rule.text.push(' ');
                }
                rule.text.push('{');
                rule.text.push_str(column);
                rule.text.push('}');
            }
            Some(rule) => (rule.from, rule.text) = (From::Column, column.to_owned()),
            None => self.put(Rule { field, from: From::Column, text: column.to_owned(), steps: Vec::new() }),
        }
    }

    /// A rule in the place of the field's, if it has one.
    pub fn put(&mut self, rule: Rule) {
        self.rules.retain(|other| other.field != rule.field);
        self.rules.push(rule);
        self.rules.sort_by_key(|rule| rule.field);
    }

    /// The field is read by its name again.
    pub fn disconnect(&mut self, field: ItemField) {
        self.rules.retain(|rule| rule.field != field);
    }

    /// Another way for a field to come by its value; a column becomes the beginning of a template, and back.
    pub fn turn(&mut self, field: ItemField, from: From) {
        let Some(rule) = self.rules.iter_mut().find(|rule| rule.field == field) else {
            return self.put(Rule { field, from, text: String::new(), steps: Vec::new() });
        };
        rule.text = match (rule.from, from) {
            (From::Column, From::Template) if !rule.text.is_empty() => format!("{{{}}}", rule.text),
            (From::Template, From::Column) => {
                let columns = Origin::Template { template: rule.text.clone() }.columns();
                columns.into_iter().next().unwrap_or_default()
            }
            (before, now) if before == now => rule.text.clone(),
            _ => String::new(),
        };
        rule.from = from;
    }

    /// As it is stored, and what is wrong with what was typed.
    fn written(&self) -> (Value, Vec<FieldError>) {
        let mut faults = Vec::new();
        let mut fields = Vec::with_capacity(self.rules.len());
        for (at, rule) in self.rules.iter().enumerate() {
            let (kind, name) = rule.from.names();
            let mut steps = Vec::with_capacity(rule.steps.len());
            for (step_at, step) in rule.steps.iter().enumerate() {
                steps.push(step.written(&format!("mapping.fields.{at}.steps.{step_at}"), &mut faults));
            }
            fields.push(json!({
                "field": rule.field.as_str(), "from": { "kind": kind, name: rule.text }, "steps": steps,
            }));
        }
        let conditions: Vec<_> = self.conditions.iter().map(Condition::written).collect();
        let need = if self.any { "any" } else { "all" };
        (json!({ "fields": fields, "filter": { "need": need, "conditions": conditions } }), faults)
    }

    /// The mapping, or what is wrong with it, by the paths of the job's fields.
    pub fn mapping(&self) -> Result<Mapping, Vec<FieldError>> {
        let (value, faults) = self.written();
        if !faults.is_empty() {
            return Err(faults);
        }
        let mapping: Mapping = reader::read(value).map_err(|_| vec![fault("mapping", "cannot be read")])?;
        match mapping.validate() {
            Ok(()) => Ok(mapping),
            Err(problem) => {
                let inside = |error: FieldError| fault(&format!("mapping.{}", error.field), &error.detail);
                Err(problem.errors.into_iter().map(inside).collect())
            }
        }
    }

    /// For the field of the form: nothing when there is no mapping, and what cannot be read when it is none yet.
    #[must_use]
    pub fn text(&self) -> String {
        if self.rules.is_empty() && self.conditions.is_empty() {
            return String::new();
        }
        match self.mapping() {
            Ok(mapping) => serde_json::to_value(&mapping).unwrap_or_default().to_string(),
            Err(_) => "faulty".to_owned(),
        }
    }
}

impl Condition {
    fn written(&self) -> Value {
        let value = if self.test == "empty" { "" } else { self.value.as_str() };
        json!({ "column": self.column, "test": self.test, "value": value, "not": self.not })
    }
}

#[cfg(test)]
mod tests;
