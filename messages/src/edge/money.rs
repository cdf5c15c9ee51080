//! Money: whole numbers of a currency's smallest unit. Pure: arithmetic only.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in the smallest unit of its document's currency: cents, or whole dong.
///
/// Unit prices stay within [`Amount::MAX_PRICE`], quantities within [`crate::edge::Quantity::MAX`] and baskets within
/// [`crate::edge::checkout::MAX_LINES`] lines, so sums are far from the limits of `i64` and plain addition is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Amount(i64);

impl Amount {
    pub const ZERO: Self = Self(0);
    /// A hundred million of a currency with cents: no shop sells anything dearer.
    pub const MAX_PRICE: Self = Self(10_000_000_000);

    #[must_use]
    pub const fn new(minor: i64) -> Self {
        Self(minor)
    }

    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// A currency by its three letters (ISO 4217).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// The text names no currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a currency: three capital letters such as EUR are expected")]
pub struct InvalidCurrency(pub String);

impl Currency {
    pub const EUR: Self = Self(*b"EUR");
    pub const VND: Self = Self(*b"VND");
    pub const CHF: Self = Self(*b"CHF");

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Capital ASCII letters by construction.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the mark when an amount is shown.
    #[must_use]
    pub fn decimals(self) -> u8 {
        match self.as_str() {
            "BIF" | "CLP" | "GNF" | "ISK" | "JPY" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV" | "XAF"
            | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }

    /// The amount as people read it, without the currency: `12.90`.
    #[must_use]
    pub fn show(self, amount: Amount) -> String {
        crate::quantity::Decimal::new(amount.0, self.decimals()).to_string()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(InvalidCurrency(text.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for super::Currency {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new().schema_type(Type::String).description(Some("ISO 4217, such as EUR")).into()
        }
    }

    impl utoipa::ToSchema for super::Currency {}
}

/// A tax rate in hundredths of a per cent: 770 is 7.7 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct TaxRate(pub u32);

impl TaxRate {
    /// 100 %.
    pub const WHOLE: i64 = 10_000;
}

impl fmt::Display for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{} %", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_their_currency() {
        assert_eq!(Currency::EUR.show(Amount::new(1_290)), "12.90");
        assert_eq!(Currency::EUR.show(Amount::new(-5)), "-0.05");
        assert_eq!(Currency::VND.show(Amount::new(25_000)), "25000");
        assert_eq!("KWD".parse::<Currency>().unwrap().show(Amount::new(1)), "0.001");
        for wrong in ["eur", "EURO", "E1R", "", "é!"] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_are_shown_in_per_cent() {
        let shown = [700, 770, 810, 825, 0].map(|rate| TaxRate(rate).to_string());
        assert_eq!(shown, ["7 %", "7.7 %", "8.1 %", "8.25 %", "0 %"]);
    }
}
