//! Checks of what people and programs send, used by the hub to refuse and by the console to warn before sending.

use crate::{FieldError, Problem};

/// Collects what is wrong with a body, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Check {
    prefix: String,
    errors: Vec<FieldError>,
}

impl Check {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn fail(&mut self, field: &str, detail: impl Into<String>) {
        self.errors.push(FieldError { field: format!("{}{field}", self.prefix), detail: detail.into() });
    }

    pub fn ensure(&mut self, holds: bool, field: &str, detail: &str) {
        if !holds {
            self.fail(field, detail);
        }
    }

    /// Text for people: not blank, not longer than `max` characters, no control characters.
    pub fn text(&mut self, field: &str, value: &str, max: usize) {
        if value.trim().is_empty() {
            self.fail(field, "must not be empty");
        } else {
            self.optional_text(field, value, max);
        }
    }

    /// Like [`Check::text`], but may be empty.
    pub fn optional_text(&mut self, field: &str, value: &str, max: usize) {
        if value.chars().count() > max {
            self.fail(field, format!("must have at most {max} characters"));
        } else if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.fail(field, "must not contain control characters");
        }
    }

    /// A short handle: lower-case letters, digits and inner hyphens.
    pub fn handle(&mut self, field: &str, value: &str, max: usize) {
        let shape = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if value.is_empty() || value.len() > max || !shape || value.starts_with('-') || value.ends_with('-') {
            self.fail(field, format!("must have 1 to {max} lower-case letters, digits or inner hyphens"));
        }
    }

    pub fn range<T: PartialOrd + std::fmt::Display>(&mut self, field: &str, value: &T, min: &T, max: &T) {
        if value < min || value > max {
            self.fail(field, format!("must lie between {min} and {max}"));
        }
    }

    /// Checks a nested value under `field.`.
    pub fn nested(&mut self, field: &str, check: impl FnOnce(&mut Self)) {
        let length = self.prefix.len();
        self.prefix.push_str(field);
        self.prefix.push('.');
        check(self);
        self.prefix.truncate(length);
    }

    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The problem to answer with, if anything was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// A body that can say what is wrong with itself.
pub trait Validate {
    fn check(&self, check: &mut Check);

    fn validate(&self) -> Result<(), Problem> {
        let mut check = Check::new();
        self.check(&mut check);
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_with_its_path() {
        let mut check = Check::new();
        check.text("name", "  ", 10);
        check.nested("config", |c| c.range("port", &0, &1, &65_535));
        check.handle("code", "Fresh Mart", 32);
        let problem = check.finish().unwrap_err();
        let fields: Vec<_> = problem.errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["name", "config.port", "code"]);
    }
}
