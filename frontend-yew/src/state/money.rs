//! Amounts as people read them, to the cent. Pure.

use messages::edge::{Amount, Currency};

/// `1234567` cents of a euro → `12,345.67`.
#[must_use]
pub fn figure(currency: Currency, amount: Amount) -> String {
    let text = currency.show(amount);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("−", rest));
    let (whole, rest) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// The same with its currency: `12,345.67 EUR`.
#[must_use]
pub fn money(currency: Currency, amount: Amount) -> String {
    format!("{} {currency}", figure(currency, amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_grouped() {
        for (currency, minor, text) in [
            (Currency::EUR, 0, "0.00 EUR"),
            (Currency::EUR, 5, "0.05 EUR"),
            (Currency::EUR, 123_456_789, "1,234,567.89 EUR"),
            (Currency::EUR, -100_000, "−1,000.00 EUR"),
            (Currency::VND, 1_234_000, "1,234,000 VND"),
            (Currency::VND, 999, "999 VND"),
            (Currency::EUR, i64::MIN + 1, "−92,233,720,368,547,758.07 EUR"),
        ] {
            assert_eq!(money(currency, Amount::new(minor)), text);
        }
    }
}
