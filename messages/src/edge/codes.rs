//! Short names that people give to tills and cashiers, and the numbers of receipts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The text is no such code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 40 letters, digits, dots, hyphens or underscores")]
pub struct InvalidCode;

/// Long enough for a UUID.
const MAX: usize = 40;

macro_rules! code {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub struct $name(Box<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidCode;

            fn from_str(text: &str) -> Result<Self, InvalidCode> {
                let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
                if text.is_empty() || text.len() > MAX || !text.bytes().all(known) {
                    return Err(InvalidCode);
                }
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

code! {
    /// One till of a store, by the name the store gave it.
    TerminalId
    /// Who stands at the till.
    CashierId
    /// `<series>-<number>`: the series belongs to one installation of one device and to no other, ever.
    ReceiptNumber
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_short_and_plain() {
        for good in ["till-1", "anna", "K7QM2X9A-42", "01890a5d-ac96-774b-bcce-b302099a8057"] {
            assert_eq!(good.parse::<TerminalId>().unwrap().as_str(), good);
        }
        for bad in ["", "till 1", "tïll", "a/b", &"x".repeat(41)] {
            assert!(bad.parse::<CashierId>().is_err(), "{bad}");
        }
    }
}
