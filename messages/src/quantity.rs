//! Exact decimals: prices and quantities never pass through a float.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A decimal number as digits and scale: `12.90` is 1290 with scale 2 and keeps its trailing zero.
#[derive(Clone, Copy, Eq)]
pub struct Decimal {
    digits: i64,
    scale: u8,
}

/// Why a text is no decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("the number is empty")]
    Empty,
    #[error("\"{0}\" is not a decimal number such as 12.90")]
    Syntax(String),
    #[error("\"{0}\" has more than {max} digits", max = Decimal::MAX_DIGITS)]
    TooLong(String),
    #[error("{0} has more than {1} decimals")]
    TooPrecise(Decimal, u8),
    #[error("the result has more than {max} digits", max = Decimal::MAX_DIGITS)]
    OutOfRange,
    #[error("{0} cannot be divided by zero")]
    DividedByZero(Decimal),
}

/// Which way a number goes that lies between two multiples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Halves away from zero.
    #[default]
    Nearest,
    Up,
    Down,
}

/// The quotient rounded to a whole number, halves away from zero.
const fn to_nearest(above: i128, below: i128) -> i128 {
    let (whole, rest) = (above / below, above % below);
    if rest.unsigned_abs() >= below.unsigned_abs().div_ceil(2) {
        whole + if (above < 0) == (below < 0) { 1 } else { -1 }
    } else {
        whole
    }
}

impl Decimal {
    pub const ZERO: Self = Self { digits: 0, scale: 0 };
    /// 18 digits fit an `i64` whatever they are.
    pub const MAX_DIGITS: usize = 18;

    #[must_use]
    pub const fn new(digits: i64, scale: u8) -> Self {
        Self { digits, scale }
    }

    /// Reads a number written with `mark` between the whole part and the decimals.
    pub fn parse_with(text: &str, mark: char) -> Result<Self, DecimalError> {
        if let Some(plain) = Self::plain(text, mark) {
            return Ok(plain);
        }
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(DecimalError::Empty);
        }
        let syntax = || DecimalError::Syntax(trimmed.to_owned());
        let (negative, unsigned) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (whole, fraction) = unsigned.split_once(mark).unwrap_or((unsigned, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(syntax());
        }
        let significant = whole.trim_start_matches('0').len() + fraction.len();
        if significant > Self::MAX_DIGITS || fraction.len() > Self::MAX_DIGITS {
            return Err(DecimalError::TooLong(trimmed.to_owned()));
        }
        let digits = whole.bytes().chain(fraction.bytes()).fold(0_i64, |n, b| n * 10 + i64::from(b - b'0'));
        let scale = u8::try_from(fraction.len()).map_err(|_| syntax())?;
        Ok(Self { digits: if negative { -digits } else { digits }, scale })
    }

    /// What nearly all numbers are: some digits with at most one mark among them, read in one pass.
    fn plain(text: &str, mark: char) -> Option<Self> {
        let (mut digits, mut count, mut scale) = (0_i64, 0_usize, None::<u8>);
        if text.len() > Self::MAX_DIGITS {
            return None;
        }
        for byte in text.bytes() {
            if byte.is_ascii_digit() {
                digits = digits * 10 + i64::from(byte - b'0');
                count += 1;
                scale = scale.map(|scale| scale + 1);
            } else if char::from(byte) == mark && byte.is_ascii() && scale.is_none() {
                scale = Some(0);
            } else {
                return None;
            }
        }
        (count > 0).then_some(Self { digits, scale: scale.unwrap_or(0) })
    }

    /// Appends the number as [`fmt::Display`] writes it, without a formatter's detour: files have millions of them.
    pub fn append_to(self, out: &mut Vec<u8>) {
        if self.digits < 0 {
            out.push(b'-');
        }
        let start = out.len();
        let (mut rest, mut decimals) = (self.digits.unsigned_abs(), self.scale);
        // From the last digit to the first, and then turned round.
        loop {
            out.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            match decimals {
                0 if rest == 0 => break,
                0 => {}
                1 => {
                    out.push(b'.');
                    decimals = 0;
                }
                _ => {
                    decimals -= 1;
                }
            }
        }
        out[start..].reverse();
    }

    /// The number in units of 10^-`scale`, or an error when that would drop a digit that is not zero.
    pub fn to_units(self, scale: u8) -> Result<i64, DecimalError> {
        let mut digits = self.digits;
        for _ in scale..self.scale {
            if digits % 10 != 0 {
                return Err(DecimalError::TooPrecise(self, scale));
            }
            digits /= 10;
        }
        for _ in self.scale..scale {
            digits = digits.checked_mul(10).ok_or_else(|| DecimalError::TooLong(self.to_string()))?;
        }
        Ok(digits)
    }

    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// The exact sum.
    pub fn plus(self, other: Self) -> Result<Self, DecimalError> {
        let scale = self.scale.max(other.scale);
        Self::fitting(self.at_scale(scale) + other.at_scale(scale), scale)
    }

    /// The exact product.
    pub fn times(self, other: Self) -> Result<Self, DecimalError> {
        Self::fitting(i128::from(self.digits) * i128::from(other.digits), self.scale + other.scale)
    }

    /// The quotient with so many decimals, the last one rounded, halves away from zero.
    pub fn divided(self, by: Self, decimals: u8) -> Result<Self, DecimalError> {
        if by.digits == 0 {
            return Err(DecimalError::DividedByZero(self));
        }
        // self / by = digits * 10^(decimals + by.scale - self.scale) / by.digits, in units of 10^-decimals.
        let (mut above, mut below) = (i128::from(self.digits), i128::from(by.digits));
        let up = i32::from(decimals) + i32::from(by.scale) - i32::from(self.scale);
        let power = 10_i128.checked_pow(up.unsigned_abs()).ok_or(DecimalError::OutOfRange)?;
        let side = if up >= 0 { &mut above } else { &mut below };
        *side = side.checked_mul(power).ok_or(DecimalError::OutOfRange)?;
        Self::fitting(to_nearest(above, below), decimals)
    }

    /// The next multiple of `step`, which is above zero.
    pub fn rounded(self, step: Self, how: Rounding) -> Result<Self, DecimalError> {
        if step.digits <= 0 {
            return Err(DecimalError::OutOfRange);
        }
        let scale = self.scale.max(step.scale);
        let (number, steps) = (self.at_scale(scale), step.at_scale(scale));
        let multiples = match how {
            Rounding::Nearest => to_nearest(number, steps),
            Rounding::Up => -(-number).div_euclid(steps),
            Rounding::Down => number.div_euclid(steps),
        };
        // With the step's decimals: a price that was rounded to cents has two.
        Self::fitting(multiples * i128::from(step.digits), step.scale)
    }

    /// At most 18 digits times 10^18: never more than an `i128` holds.
    fn at_scale(self, scale: u8) -> i128 {
        i128::from(self.digits) * 10_i128.pow(u32::from(scale.saturating_sub(self.scale)))
    }

    /// Zeros behind the mark go before a number is too long.
    fn fitting(mut digits: i128, mut scale: u8) -> Result<Self, DecimalError> {
        const MOST: i128 = 10_i128.pow(Decimal::MAX_DIGITS as u32);
        while scale > 0 && digits % 10 == 0 && (digits.abs() >= MOST || usize::from(scale) > Self::MAX_DIGITS)
        {
            digits /= 10;
            scale -= 1;
        }
        if digits.abs() >= MOST || usize::from(scale) > Self::MAX_DIGITS {
            return Err(DecimalError::OutOfRange);
        }
        Ok(Self { digits: i64::try_from(digits).map_err(|_| DecimalError::OutOfRange)?, scale })
    }

    /// Digits and scale without trailing zeros after the mark, which is how two decimals are compared.
    const fn reduced(self) -> (i64, u8) {
        let (mut digits, mut scale) = (self.digits, self.scale);
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        (digits, scale)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.reduced() == other.reduced()
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let scale = self.scale.max(other.scale);
        self.at_scale(scale).cmp(&other.at_scale(scale))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse_with(text, '.')
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let unit = 10_u64.pow(u32::from(self.scale));
        write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit, width = usize::from(self.scale))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for super::Decimal {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new().schema_type(Type::String).description(Some("A decimal such as 12.90")).into()
        }
    }

    impl utoipa::ToSchema for super::Decimal {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_tills_write() {
        for (text, mark, shown) in [
            ("12.90", '.', "12.90"),
            ("12,90", ',', "12.90"),
            (" 7 ", '.', "7"),
            ("-0.05", '.', "-0.05"),
            (".5", '.', "0.5"),
            ("5.", '.', "5"),
            ("+3.1", '.', "3.1"),
            ("000000000000000000012.5", '.', "12.5"),
        ] {
            assert_eq!(Decimal::parse_with(text, mark).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", " ", "-", ".", "1e3", "1.2.3", "1,5", "0x10", "١٢", "1234567890123456789", "NaN"] {
            assert!(Decimal::parse_with(text, '.').is_err(), "{text}");
        }
    }

    #[test]
    fn units_never_drop_a_digit() {
        let price: Decimal = "12.90".parse().unwrap();
        assert_eq!(price.to_units(2), Ok(1290));
        assert_eq!(price.to_units(1), Ok(129));
        assert_eq!(price.to_units(3), Ok(12_900));
        assert!(price.to_units(0).is_err());
    }

    #[test]
    fn sums_and_order_do_not_see_trailing_zeros() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(number("0.1").plus(number("0.20")).unwrap().to_string(), "0.30");
        assert!(number("-1.5") < number("-1.25") && number("2") > number("1.99"));
        assert_eq!(number("2.0").cmp(&number("2")), std::cmp::Ordering::Equal);
        let most = number("999999999999999999");
        assert_eq!(most.plus(number("1")), Err(DecimalError::OutOfRange));
        assert_eq!(most.times(number("10.0")), Err(DecimalError::OutOfRange));
        assert_eq!(most.times(number("1.000000")), Ok(most), "zeros make room");
    }

    #[test]
    fn halves_go_away_from_zero() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        for (above, below, decimals, result) in [
            ("10", "4", 0, "3"),
            ("-10", "4", 0, "-3"),
            ("10", "3", 2, "3.33"),
            ("20", "-3", 2, "-6.67"),
            ("1", "3", 0, "0"),
            ("0.5", "0.25", 1, "2.0"),
        ] {
            let quotient = number(above).divided(number(below), decimals).unwrap();
            assert_eq!(quotient.to_string(), result, "{above} / {below}");
        }
        assert!(number("1").divided(Decimal::ZERO, 2).is_err());
        for (text, step, nearest, up, down) in [
            ("1.975", "0.05", "2.00", "2.00", "1.95"),
            ("-1.975", "0.05", "-2.00", "-1.95", "-2.00"),
            ("7", "5", "5", "10", "5"),
            ("7.5", "5", "10", "10", "5"),
        ] {
            let round = |how| number(text).rounded(number(step), how).unwrap().to_string();
            let all = [Rounding::Nearest, Rounding::Up, Rounding::Down].map(round);
            assert_eq!(all, [nearest, up, down], "{text} to {step}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(digits in -999_999_999_999_999_999_i64..=999_999_999_999_999_999, scale in 0_u8..=9) {
            let number = Decimal::new(digits, scale);
            prop_assert_eq!(number.to_string().parse::<Decimal>().unwrap(), number);
            prop_assert_eq!(number.to_units(scale), Ok(digits));
            let mut appended = b"x".to_vec();
            number.append_to(&mut appended);
            prop_assert_eq!(String::from_utf8(appended).unwrap(), format!("x{number}"));
        }
    }
}
