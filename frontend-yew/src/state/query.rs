//! Query strings for the REST interface. Pure.

/// Percent-encodes all but the unreserved characters.
#[must_use]
pub fn encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// `path?name=value&…`, leaving out what is absent.
#[must_use]
pub fn with_query(path: &str, parts: &[(&str, Option<String>)]) -> String {
    let mut out = path.to_owned();
    let mut mark = '?';
    for (name, value) in parts {
        if let Some(value) = value {
            out.push(mark);
            out.push_str(&format!("{name}={}", encoded(value)));
            mark = '&';
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_are_left_out_and_others_encoded() {
        assert_eq!(with_query("/x", &[("q", None)]), "/x");
        let parts = [("q", Some("a b&ü/".to_owned())), ("none", None), ("limit", Some("50".to_owned()))];
        assert_eq!(with_query("/x", &parts), "/x?q=a%20b%26%C3%BC%2F&limit=50");
    }
}
