//! What may be done to one value. Pure.
//!
//! A value is a text until a step needs a number; numbers are exact, and a division says how many decimals are kept.

use serde::{Deserialize, Serialize};

use super::engine::Value;
use super::{MAX_ENTRIES, MAX_TEXT};
use crate::quantity::{Decimal, Rounding};
use crate::validate::{Check, Validate};

/// One thing done to a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    Letters {
        to: LetterCase,
    },
    Replace {
        find: String,
        with: String,
    },
    /// The characters from the `from`th on, counted from 1, at most `length`; without a length, to the end.
    Cut {
        from: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u32>,
    },
    /// What stands before the first `mark`; all of it where there is none.
    Before {
        mark: String,
    },
    /// What stands behind the first `mark`; nothing where there is none.
    After {
        mark: String,
    },
    /// Only the digits.
    Digits,
    /// Filled up in front until it has `length` characters.
    PadStart {
        length: u32,
        with: char,
    },
    /// In the place of an empty value.
    IfEmpty {
        text: String,
    },
    /// Another value for known ones, compared without regard to case.
    Lookup {
        entries: Vec<Entry>,
        #[serde(default)]
        otherwise: Otherwise,
    },
    Add {
        amount: Decimal,
    },
    Multiply {
        by: Decimal,
    },
    Divide {
        by: Decimal,
        /// Decimals that are kept; the last one is rounded, half up.
        decimals: u8,
    },
    /// So many per cent more, or less.
    Percent {
        by: Decimal,
    },
    /// To the next multiple.
    Round {
        to: Decimal,
        #[serde(default)]
        how: Rounding,
    },
    AtLeast {
        least: Decimal,
    },
    AtMost {
        most: Decimal,
    },
    Convert {
        from: Unit,
        to: Unit,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LetterCase {
    Upper,
    Lower,
    /// The first of each word is a capital.
    Title,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub from: String,
    pub to: String,
}

/// What becomes of a value that a table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    #[default]
    Keep,
    Empty,
    /// The row is rejected.
    Reject,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Gram,
    Kilogram,
    Ounce,
    Pound,
    Millilitre,
    Centilitre,
    Litre,
    Piece,
    Dozen,
}

impl Unit {
    /// What it measures, and how many of the smallest unit of that it is.
    const fn measure(self) -> (&'static str, Decimal) {
        match self {
            // A pound is 453.59237 g by definition.
            Self::Gram => ("weight", Decimal::new(1, 0)),
            Self::Kilogram => ("weight", Decimal::new(1_000, 0)),
            Self::Ounce => ("weight", Decimal::new(28_349_523_125, 9)),
            Self::Pound => ("weight", Decimal::new(45_359_237, 5)),
            Self::Millilitre => ("volume", Decimal::new(1, 0)),
            Self::Centilitre => ("volume", Decimal::new(10, 0)),
            Self::Litre => ("volume", Decimal::new(1_000, 0)),
            Self::Piece => ("count", Decimal::new(1, 0)),
            Self::Dozen => ("count", Decimal::new(12, 0)),
        }
    }
}

/// What an entry of a table takes in a frame beside its texts: a table of many short ones is large, too.
const ENTRY: usize = 20;

/// As fine as stock is ever kept.
const CONVERTED_DECIMALS: u8 = 6;

impl Step {
    /// The value after this step; the error is a sentence about the value.
    pub(super) fn apply(&self, value: Value, mark: char) -> Result<Value, String> {
        if value.is_empty() {
            // Nothing can be done to nothing, but to fill it in.
            return Ok(match self {
                Self::IfEmpty { text } => Value::Written(text.clone()),
                _ => value,
            });
        }
        match self {
            Self::IfEmpty { .. } => Ok(value),
            Self::Letters { .. }
            | Self::Replace { .. }
            | Self::Cut { .. }
            | Self::Before { .. }
            | Self::After { .. }
            | Self::Digits
            | Self::PadStart { .. } => Ok(Value::Text(self.reword(&value.into_text()))),
            Self::Lookup { entries, otherwise } => look_up(value, entries, *otherwise),
            _ => {
                let number = value.into_number(mark).map_err(|error| error.to_string())?;
                self.reckon(number).map(Value::Number).map_err(|error| error.to_string())
            }
        }
    }

    fn reword(&self, text: &str) -> String {
        match self {
            Self::Letters { to: LetterCase::Upper } => text.to_uppercase(),
            Self::Letters { to: LetterCase::Lower } => text.to_lowercase(),
            Self::Letters { to: LetterCase::Title } => title(text),
            Self::Replace { find, with } => text.replace(find.as_str(), with),
            Self::Cut { from, length } => {
                let skipped = text.chars().skip(from.saturating_sub(1) as usize);
                skipped.take(length.map_or(usize::MAX, |length| length as usize)).collect()
            }
            Self::Before { mark } => {
                text.split_once(mark.as_str()).map_or(text, |(before, _)| before).to_owned()
            }
            Self::After { mark } => text.split_once(mark.as_str()).map_or("", |(_, after)| after).to_owned(),
            Self::Digits => text.chars().filter(char::is_ascii_digit).collect(),
            Self::PadStart { length, with } => {
                let lacking = (*length as usize).saturating_sub(text.chars().count());
                std::iter::repeat_n(*with, lacking).chain(text.chars()).collect()
            }
            _ => text.to_owned(),
        }
    }

    fn reckon(&self, number: Decimal) -> Result<Decimal, crate::quantity::DecimalError> {
        match self {
            Self::Add { amount } => number.plus(*amount),
            Self::Multiply { by } => number.times(*by),
            Self::Divide { by, decimals } => number.divided(*by, *decimals),
            Self::Percent { by } => {
                let share = by.times(Decimal::new(1, 2))?;
                number.times(share.plus(Decimal::new(1, 0))?)
            }
            Self::Round { to, how } => number.rounded(*to, *how),
            Self::AtLeast { least } => Ok(number.max(*least)),
            Self::AtMost { most } => Ok(number.min(*most)),
            Self::Convert { from, to } => {
                let ((_, many), (_, one)) = (from.measure(), to.measure());
                number.times(many)?.divided(one, CONVERTED_DECIMALS)
            }
            _ => Ok(number),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Replace { find, with } => find.len() + with.len(),
            Self::Before { mark } | Self::After { mark } => mark.len(),
            Self::IfEmpty { text } => text.len(),
            Self::Lookup { entries, .. } => {
                entries.iter().map(|entry| entry.from.len() + entry.to.len() + ENTRY).sum()
            }
            _ => 0,
        }
    }
}

fn look_up(value: Value, entries: &[Entry], otherwise: Otherwise) -> Result<Value, String> {
    let text = value.clone().into_text();
    let folded = text.trim().to_lowercase();
    let found = entries.iter().find(|entry| entry.from.trim().to_lowercase() == folded);
    match (found, otherwise) {
        (Some(entry), _) => Ok(Value::Written(entry.to.clone())),
        (None, Otherwise::Keep) => Ok(value),
        (None, Otherwise::Empty) => Ok(Value::Text(String::new())),
        (None, Otherwise::Reject) => Err(format!("\"{text}\" is not in the table")),
    }
}

fn title(text: &str) -> String {
    let mut begins = true;
    let mut titled = String::with_capacity(text.len());
    for letter in text.chars() {
        if begins {
            titled.extend(letter.to_uppercase());
        } else {
            titled.extend(letter.to_lowercase());
        }
        begins = !letter.is_alphanumeric() && letter != '\'';
    }
    titled
}

impl Validate for Step {
    fn check(&self, check: &mut Check) {
        match self {
            Self::Replace { find, with } => {
                check.ensure(!find.is_empty(), "find", "must not be empty");
                check.optional_text("find", find, MAX_TEXT);
                check.optional_text("with", with, MAX_TEXT);
            }
            Self::Cut { from, length } => {
                check.range("from", from, &1, &10_000);
                check.range("length", &length.unwrap_or(1), &1, &10_000);
            }
            Self::Before { mark } | Self::After { mark } => {
                check.ensure(!mark.is_empty(), "mark", "must not be empty");
                check.optional_text("mark", mark, MAX_TEXT);
            }
            Self::PadStart { length, with } => {
                check.range("length", length, &1, &64);
                check.ensure(!with.is_control(), "with", "must not be a control character");
            }
            Self::IfEmpty { text } => check.text("text", text, MAX_TEXT),
            Self::Lookup { entries, .. } => {
                check.ensure(!entries.is_empty(), "entries", "must not be empty");
                if entries.len() > MAX_ENTRIES {
                    check.fail("entries", format!("are more than {MAX_ENTRIES}"));
                }
                for (at, entry) in entries.iter().enumerate() {
                    check.text(&format!("entries.{at}.from"), &entry.from, 200);
                    check.optional_text(&format!("entries.{at}.to"), &entry.to, 200);
                }
            }
            Self::Divide { by, decimals } => {
                check.ensure(*by != Decimal::ZERO, "by", "must not be zero");
                check.range("decimals", decimals, &0, &6);
            }
            Self::Percent { by } => {
                check.ensure(*by > Decimal::new(-100, 0), "by", "must be more than -100");
            }
            Self::Round { to, .. } => {
                check.ensure(*to > Decimal::ZERO, "to", "must be more than zero");
            }
            Self::Convert { from, to } => {
                let ((one, _), (other, _)) = (from.measure(), to.measure());
                if one != other {
                    check.fail("to", format!("is a {other}, and the value is a {one}"));
                }
            }
            Self::Letters { .. }
            | Self::Digits
            | Self::Add { .. }
            | Self::Multiply { .. }
            | Self::AtLeast { .. }
            | Self::AtMost { .. } => {}
        }
    }
}
