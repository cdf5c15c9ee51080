//! Text that people look for, as a pattern the database understands. Pure.

use bson::{Document, doc};

/// Nobody types more into a search box; what is longer would only cost time.
const LONGEST: usize = 100;

/// Finds `text` anywhere, in whatever case. `None` when there is nothing to look for.
pub(in crate::store) fn anywhere(text: Option<&str>) -> Option<Document> {
    pattern(text).map(|pattern| doc! { "$regex": pattern, "$options": "i" })
}

/// Finds `text` anywhere in fields that hold lower case only. Knows the case of all letters, where `i` knows ASCII's.
pub(in crate::store) fn anywhere_folded(text: Option<&str>) -> Option<Document> {
    pattern(text.map(str::to_lowercase).as_deref()).map(|pattern| doc! { "$regex": pattern })
}

/// Every character that could mean something in a pattern stands for itself.
fn pattern(text: Option<&str>) -> Option<String> {
    let text: String = text?.trim().chars().take(LONGEST).collect();
    if text.is_empty() {
        return None;
    }
    let mut pattern = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_text_and_no_pattern() {
        for (typed, expected) in [
            (Some("fresh"), Some("fresh")),
            (Some(" a.b*c "), Some("a\\.b\\*c")),
            (Some("$where(1)"), Some("\\$where\\(1\\)")),
            (Some("chợ"), Some("chợ")),
            (Some("  "), None),
            (None, None),
        ] {
            assert_eq!(pattern(typed).as_deref(), expected, "{typed:?}");
        }
        assert_eq!(pattern(Some(&"x".repeat(500))).unwrap().len(), LONGEST);
    }

    #[test]
    fn case_is_folded_beyond_ascii() {
        assert_eq!(anywhere_folded(Some("CHỢ")), Some(doc! { "$regex": "chợ" }));
    }
}
