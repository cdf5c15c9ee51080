//! What all web shops have in common, as far as items go. Pure.

use messages::quantity::Decimal;

/// Stock in whole pieces, as shops count it: of 3.7 kg three can be promised, and below zero there is nothing.
#[must_use]
pub fn whole_stock(stock: Decimal) -> i64 {
    let text = stock.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let number: i64 = whole.parse().unwrap_or(0);
    let rounded_up = stock.is_negative() && fraction.bytes().any(|digit| digit != b'0');
    number - i64::from(rounded_up)
}

/// The form in which shops compare article numbers: without regard to case.
#[must_use]
pub fn folded(sku: &str) -> String {
    sku.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_never_promised_in_excess() {
        for (stock, whole) in [
            ("3.7", 3),
            ("3", 3),
            ("0.999", 0),
            ("-0.5", -1),
            ("-2.0", -2),
            ("-2.1", -3),
            ("999999999999999999", 999_999_999_999_999_999),
        ] {
            assert_eq!(whole_stock(stock.parse().unwrap()), whole, "{stock}");
        }
    }
}
