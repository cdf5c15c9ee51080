//! Numbers as programs write them, `1.2E-3`, as people do: without exponent, and never through a float.
//! Pure: text in, text out.

use std::borrow::Cow;

/// Beyond this a number is no price and no quantity; its text is left as it is, and refused as such.
const MOST_EXPONENT: i32 = 40;

/// Excel computes with 15 digits and shows no more; its files have up to 17, of which the last two are noise: a cell
/// that shows 4.35 holds 4.3499999999999996.
const DIGITS_OF_A_SHEET: usize = 15;

/// The same number without exponent. What is no number stays as it is.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['e', 'E']) {
        return Cow::Borrowed(text);
    }
    Parts::of(text).map_or(Cow::Borrowed(text), |parts| Cow::Owned(parts.written()))
}

/// A number of a spreadsheet as its user sees it.
#[must_use]
pub fn of_a_sheet(text: &str) -> Cow<'_, str> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits <= DIGITS_OF_A_SHEET {
        return plain(text);
    }
    Parts::of(text).map_or(Cow::Borrowed(text), |parts| Cow::Owned(parts.rounded().written()))
}

/// A double as it is told: the shortest decimals that mean it, which are those it was entered with.
#[must_use]
pub fn of_a_double(value: f64) -> String {
    // Rust writes no exponent here. Infinity and the like become words, which no field takes for a number.
    value.to_string()
}

/// ± 0.digits × 10^point, without zeros in front.
struct Parts {
    negative: bool,
    digits: Vec<u8>,
    point: i32,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() <= MOST_EXPONENT)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let sound = |part: &str| part.len() <= 60 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !sound(whole) || !sound(fraction) || whole.len() + fraction.len() == 0 {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = all.iter().take_while(|digit| **digit == b'0').count();
        let point = i32::try_from(whole.len()).ok()? - i32::try_from(zeros).ok()? + exponent;
        Some(Self { negative, digits: all[zeros..].to_vec(), point })
    }

    /// Half goes away from zero, as in spreadsheets.
    fn rounded(mut self) -> Self {
        let up = self.digits.get(DIGITS_OF_A_SHEET).is_some_and(|digit| *digit >= b'5');
        self.digits.truncate(DIGITS_OF_A_SHEET);
        if up {
            match self.digits.iter().rposition(|digit| *digit != b'9') {
                Some(at) => {
                    self.digits[at] += 1;
                    self.digits.truncate(at + 1);
                }
                None => {
                    self.digits = vec![b'1'];
                    self.point += 1;
                }
            }
        }
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        self
    }

    fn written(&self) -> String {
        if self.digits.is_empty() {
            return "0".to_owned();
        }
        let mut text = String::from(if self.negative { "-" } else { "" });
        let digits: String = self.digits.iter().map(|digit| char::from(*digit)).collect();
        match usize::try_from(self.point) {
            Err(_) | Ok(0) => {
                text.push_str("0.");
                text.extend(std::iter::repeat_n('0', self.point.unsigned_abs() as usize));
                text.push_str(&digits);
            }
            Ok(point) if point >= digits.len() => {
                text.push_str(&digits);
                text.extend(std::iter::repeat_n('0', point - digits.len()));
            }
            Ok(point) => {
                text.push_str(&digits[..point]);
                text.push('.');
                text.push_str(&digits[point..]);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exponents_are_written_out() {
        for (text, expected) in [
            ("1.29", "1.29"),
            ("5.10", "5.10"),
            ("4006381333931", "4006381333931"),
            ("1.2E-3", "0.0012"),
            ("1E+2", "100"),
            ("4.006381333931e12", "4006381333931"),
            ("-1.5e1", "-15"),
            ("0e5", "0"),
            ("1e-1", "0.1"),
            ("1e400", "1e400"),
            ("Beere", "Beere"),
            ("e5", "e5"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn a_sheet_has_fifteen_digits() {
        for (text, shown) in [
            ("4.3499999999999996", "4.35"),
            ("1.2899999999999998", "1.29"),
            ("0.10000000000000001", "0.1"),
            ("-2.2999999999999998", "-2.3"),
            ("9.9999999999999996E-2", "0.1"),
            ("99999999999999999", "100000000000000000"),
            ("4006381333931", "4006381333931"),
            ("123456789012345.67", "123456789012346"),
            ("1.5", "1.5"),
            ("0.30000000000000004", "0.3"),
        ] {
            assert_eq!(of_a_sheet(text), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_price_survives_the_way_through_a_sheet(cents in 0_i64..100_000_000) {
            let price = format!("{}.{:02}", cents / 100, cents % 100);
            let stored: f64 = price.parse().unwrap();
            let shown = of_a_sheet(&format!("{stored:.17}")).into_owned();
            let trimmed = price.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(shown.as_str(), if trimmed.is_empty() { "0" } else { trimmed });
        }
    }
}
