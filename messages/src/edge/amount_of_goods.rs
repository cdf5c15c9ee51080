//! How much of something: pieces, kilograms or litres, in whole thousandths. Pure: arithmetic only.

use std::fmt;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::quantity::{Decimal, DecimalError};

/// Thousandths of the article's unit, written as a decimal: three pieces are `"3"`, 345 grams `"0.345"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

impl Quantity {
    pub const ZERO: Self = Self(0);
    pub const ONE: Self = Self(1_000);
    /// Ten thousand pieces or kilograms in one line: more is a scanned barcode in the wrong field.
    pub const MAX: Self = Self(10_000_000);
    /// Digits after the mark: scales show grams.
    pub const SCALE: u8 = 3;

    #[must_use]
    pub const fn thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    #[must_use]
    pub const fn pieces(pieces: i64) -> Self {
        Self(pieces * 1_000)
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0 % 1_000 == 0
    }
}

impl Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Quantity {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Quantity {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl FromStr for Quantity {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        text.parse::<Decimal>()?.to_units(Self::SCALE).map(Self)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut digits, mut scale) = (self.0, Self::SCALE);
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        Decimal::new(digits, scale).fmt(f)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({self})")
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for super::Quantity {
        fn schema() -> RefOr<Schema> {
            let text = "A decimal with up to three digits after the point, such as 2 or 0.345";
            ObjectBuilder::new().schema_type(Type::String).description(Some(text)).into()
        }
    }

    impl utoipa::ToSchema for super::Quantity {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_without_needless_zeros_and_read_back() {
        for (thousandths, text) in
            [(3_000, "3"), (345, "0.345"), (-1_500, "-1.5"), (0, "0"), (10_000_000, "10000")]
        {
            assert_eq!(Quantity::thousandths(thousandths).to_string(), text);
            assert_eq!(text.parse(), Ok(Quantity::thousandths(thousandths)));
        }
        assert!("0.0001".parse::<Quantity>().is_err(), "a tenth of a gram is dropped by nobody");
    }
}
