//! What was scanned: an article's number, or a label from the scales with weight or price inside. Pure: no I/O.
//!
//! Numbers that begin with 2 are the store's own: `2P AAAAA VVVVV C`, where P tells what V is. 0 to 4: the price in
//! the currency's smallest unit. 5 to 9: the weight in grams. A is the article's short number (PLU).

pub use messages::edge::gtin::{check_digit, check_digit_holds};
use messages::edge::{Amount, Quantity};
use messages::{ErrorCode, Problem};

/// What a scan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// An article's number of 13 digits, or of 8.
    Article(String),
    /// A short number that a cashier typed.
    Plu(u32),
    Weighed {
        plu: u32,
        weight: Quantity,
    },
    Priced {
        plu: u32,
        price: Amount,
    },
}

/// Reads a scan; tells a misread code from one that nobody has.
pub fn read(text: &str) -> Result<Scan, Problem> {
    let text = text.trim();
    let misread = |what: &str| {
        Err(Problem::new(
            ErrorCode::BarcodeMisread,
            format!("\"{text}\" {what}; scan it again or type it in"),
        ))
    };
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return misread("is not a number");
    }
    match text.len() {
        1..=5 => text.parse().map(Scan::Plu).or_else(|_| misread("is not a number")),
        _ if !check_digit_holds(text) => misread("has a wrong check digit"),
        8 => Ok(Scan::Article(text.to_owned())),
        // North American codes are European ones without the leading zero.
        12 => Ok(Scan::Article(format!("0{text}"))),
        13 => Ok(in_store(text).unwrap_or_else(|| Scan::Article(text.to_owned()))),
        14 if text.starts_with('0') => read(&text[1..]),
        _ => misread("has no length that a barcode has"),
    }
}

fn in_store(text: &str) -> Option<Scan> {
    let rest = text.strip_prefix('2')?;
    let plu = rest.get(1..6)?.parse().ok()?;
    let value: i64 = rest.get(6..11)?.parse().ok()?;
    match rest.as_bytes().first()? {
        b'0'..=b'4' => Some(Scan::Priced { plu, price: Amount::new(value) }),
        _ => Some(Scan::Weighed { plu, weight: Quantity::thousandths(value) }),
    }
}

/// A label as the scales print it: for the simulator and the tests.
#[must_use]
pub fn scale_label(plu: u32, weight: Quantity) -> String {
    let body = format!("28{plu:05}{:05}", weight.get());
    let digit = check_digit(&body);
    format!("{body}{digit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scanners_send() {
        for (text, scan) in [
            ("4006381333931", Scan::Article("4006381333931".into())),
            (" 4006381333931\r", Scan::Article("4006381333931".into())),
            ("036000291452", Scan::Article("0036000291452".into())),
            ("96385074", Scan::Article("96385074".into())),
            ("04006381333931", Scan::Article("4006381333931".into())),
            ("4011", Scan::Plu(4_011)),
        ] {
            assert_eq!(read(text).unwrap(), scan, "{text}");
        }
        let body = "220401100499";
        let priced = format!("{body}{}", check_digit(body));
        assert_eq!(read(&priced).unwrap(), Scan::Priced { plu: 4_011, price: Amount::new(499) });
    }

    #[test]
    fn misread_codes_are_told() {
        for text in ["4006381333932", "abc", "", "40063813339", "400638133393112345", "４０１１"] {
            assert_eq!(read(text).unwrap_err().code, ErrorCode::BarcodeMisread, "{text}");
        }
    }

    #[test]
    fn labels_of_the_scales_are_read_back() {
        let weight = Quantity::thousandths(1_234);
        assert_eq!(read(&scale_label(4_011, weight)).unwrap(), Scan::Weighed { plu: 4_011, weight });
    }
}
