//! Article numbers as scanners read them (GTIN, EAN, UPC): check digits, and the one form in which a number is kept.
//! Pure: no I/O.

/// The last digit makes the weighted sum a multiple of ten.
#[must_use]
pub fn check_digit_holds(digits: &str) -> bool {
    let Some((body, last)) = digits.split_at_checked(digits.len().saturating_sub(1)) else { return false };
    last.parse() == Ok(check_digit(body))
}

/// The digit that belongs behind `body`.
#[must_use]
pub fn check_digit(body: &str) -> u8 {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(digit.wrapping_sub(b'0')) * if at % 2 == 0 { 3 } else { 1 })
        .sum();
    u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

/// The text is no number that an article can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoGtin {
    #[error("must be a barcode of 8, 12, 13 or 14 digits")]
    Form,
    #[error("has a wrong check digit; was it typed correctly")]
    CheckDigit,
    #[error(
        "begins with 2: such numbers are printed by the store's own scales, give the article a PLU instead"
    )]
    InStore,
}

/// The number as tills look it up: eight digits, or thirteen.
pub fn normal(text: &str) -> Result<String, NoGtin> {
    let text = text.trim();
    if !text.bytes().all(|b| b.is_ascii_digit()) || !matches!(text.len(), 8 | 12 | 13 | 14) {
        return Err(NoGtin::Form);
    }
    if !check_digit_holds(text) {
        return Err(NoGtin::CheckDigit);
    }
    match text.len() {
        8 => Ok(text.to_owned()),
        // North American codes are European ones without the leading zero.
        12 => Ok(format!("0{text}")),
        13 if text.starts_with('2') => Err(NoGtin::InStore),
        13 => Ok(text.to_owned()),
        _ => text.strip_prefix('0').ok_or(NoGtin::Form).and_then(normal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for (text, expected) in [
            ("4006381333931", Ok("4006381333931")),
            (" 4006381333931 ", Ok("4006381333931")),
            ("036000291452", Ok("0036000291452")),
            ("96385074", Ok("96385074")),
            ("04006381333931", Ok("4006381333931")),
            ("4006381333932", Err(NoGtin::CheckDigit)),
            ("2840110012344", Err(NoGtin::InStore)),
            ("14006381333938", Err(NoGtin::Form)),
            ("4011", Err(NoGtin::Form)),
            ("", Err(NoGtin::Form)),
            ("４００６３８１３３３９３１", Err(NoGtin::Form)),
        ] {
            assert_eq!(normal(text), expected.map(str::to_owned), "{text}");
        }
    }
}
