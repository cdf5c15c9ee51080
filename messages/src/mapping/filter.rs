//! Which rows count. Pure.

use serde::{Deserialize, Serialize};

use super::MAX_TEXT;
use crate::quantity::Decimal;
use crate::validate::{Check, Validate};

/// Conditions on a row; without any, every row counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    pub need: Need,
    pub conditions: Vec<Condition>,
}

/// How many of the conditions must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Need {
    #[default]
    All,
    Any,
}

/// A question about one column. Texts are compared without regard to case and to blanks around them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub column: String,
    pub test: Test,
    /// What it is compared with; nothing for [`Test::Empty`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// It must not hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Test {
    Equals,
    Contains,
    StartsWith,
    Empty,
    /// As numbers; what is no number is not above anything.
    Above,
    Below,
}

/// More are a mistake.
const MAX_CONDITIONS: usize = 20;

impl Filter {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.conditions.iter().map(|condition| condition.column.len() + condition.value.len()).sum()
    }
}

impl Condition {
    /// Does it hold for a column that has this text? `mark` is the source's decimal mark.
    #[must_use]
    pub fn holds(&self, text: &str, mark: char) -> bool {
        let folded = || (text.trim().to_lowercase(), self.value.trim().to_lowercase());
        let numbers = || {
            let number = Decimal::parse_with(text, mark).ok()?;
            // What people type into a form has a point.
            Some((number, self.value.parse::<Decimal>().ok()?))
        };
        let is_so = match self.test {
            Test::Empty => text.trim().is_empty(),
            Test::Equals => {
                let (one, other) = folded();
                one == other || numbers().is_some_and(|(one, other)| one == other)
            }
            Test::Contains => {
                let (one, other) = folded();
                one.contains(&other)
            }
            Test::StartsWith => {
                let (one, other) = folded();
                one.starts_with(&other)
            }
            Test::Above => numbers().is_some_and(|(one, other)| one > other),
            Test::Below => numbers().is_some_and(|(one, other)| one < other),
        };
        is_so != self.not
    }
}

impl Validate for Filter {
    fn check(&self, check: &mut Check) {
        if self.conditions.len() > MAX_CONDITIONS {
            check.fail("conditions", format!("are more than {MAX_CONDITIONS}"));
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            check.nested(&format!("conditions.{at}"), |check| {
                check.text("column", &condition.column, 200);
                match condition.test {
                    Test::Empty => {
                        check.ensure(condition.value.is_empty(), "value", "is not compared with anything");
                    }
                    Test::Above | Test::Below => {
                        let number = condition.value.parse::<Decimal>();
                        check.ensure(number.is_ok(), "value", "must be a number such as 12.90");
                    }
                    _ => check.text("value", &condition.value, MAX_TEXT),
                }
            });
        }
    }
}
