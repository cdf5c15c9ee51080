//! The values of one item, by their paths. Numbers stay the text they are.
//! Pure: no I/O.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::connector::table::{Row, number};

/// Path of each column.
pub(in crate::connector) struct Paths(Vec<Vec<String>>);

impl Paths {
    pub(in crate::connector) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self(names.map(split).collect())
    }

    /// Fills the row with the values of an item.
    pub(in crate::connector) fn fill(&self, raw: &[u8], mark: char, row: &mut Row) {
        let parsed = std::str::from_utf8(raw)
            .map_err(|_| "holds characters that cannot be read".to_owned())
            .and_then(|text| serde_json::from_str::<&RawValue>(text).map_err(|error| error.to_string()));
        let value = match parsed {
            Ok(value) => value,
            Err(error) => {
                row.push(&String::from_utf8_lossy(raw));
                return row.break_off(format!("the item is no JSON: {error}"));
            }
        };
        if !value.get().starts_with(['{', '[']) {
            row.push(value.get());
            return row.break_off("the item is a single value and not an object");
        }
        // The outermost level is looked at for each path, and taken apart once.
        let level = Level::of(value);
        for path in &self.0 {
            match level.find(path) {
                None => row.push(""),
                Some(found) => push(found, mark, row),
            }
        }
    }
}

/// A path as it is written in the settings.
pub(super) fn split(path: &str) -> Vec<String> {
    path.split('.').map(|step| step.trim().to_owned()).filter(|step| !step.is_empty()).collect()
}

/// What an item has, by the paths under which it would be found: for the form in which it is set up.
pub(super) fn paths(raw: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice::<&RawValue>(raw) {
        gather(value, "", 0, &mut found);
    }
    found
}

/// Deeper lies nothing that a field is read from.
const MOST_DEPTH: usize = 4;
const MOST_PATHS: usize = 200;

fn gather(value: &RawValue, path: &str, depth: usize, found: &mut Vec<String>) {
    if found.len() >= MOST_PATHS {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match Level::of(value) {
        Level::Object(members) if depth < MOST_DEPTH => {
            members.iter().for_each(|(name, value)| gather(value, &below(name), depth + 1, found));
        }
        Level::List(values) if depth < MOST_DEPTH => {
            let first = values.iter().take(3).enumerate();
            first.for_each(|(at, value)| gather(value, &below(&at.to_string()), depth + 1, found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// A value taken apart by one level.
enum Level<'v> {
    Object(BTreeMap<Cow<'v, str>, &'v RawValue>),
    List(Vec<&'v RawValue>),
    Single,
}

impl<'v> Level<'v> {
    fn of(value: &'v RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map_or(Self::Single, Self::Object),
            Some(b'[') => serde_json::from_str(text).map_or(Self::Single, Self::List),
            _ => Self::Single,
        }
    }

    fn find(&self, path: &[String]) -> Option<&'v RawValue> {
        let (first, rest) = path.split_first()?;
        let value = match self {
            Self::Object(members) => *members.get(first.as_str())?,
            Self::List(values) => *values.get(first.parse::<usize>().ok()?)?,
            Self::Single => return None,
        };
        if rest.is_empty() { Some(value) } else { Level::of(value).find(rest) }
    }
}

fn push(value: &RawValue, mark: char, row: &mut Row) {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<Cow<'_, str>>(text) {
            Ok(words) => row.push(&words),
            Err(error) => row.push_refused(text, format!("is a text that cannot be read: {error}")),
        },
        Some(b'{') => row.push_refused(text, "is an object; name one of its values, as in prices.retail"),
        Some(b'[') => row.push_refused(text, "is a list; name one of its values, as in codes.0"),
        Some(b'n') => row.push(""),
        Some(b't' | b'f') => row.push(text),
        _ => row.push_number(&number::plain(text), mark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(json: &str, paths: &[&str], mark: char) -> Vec<String> {
        let mut row = Row::default();
        row.start(1);
        Paths::of(paths.iter().copied()).fill(json.as_bytes(), mark, &mut row);
        if let Some(broken) = row.broken() {
            return vec![broken.to_owned()];
        }
        let mut told: Vec<_> = (0..paths.len()).map(|at| row.value(at).to_owned()).collect();
        told.extend(row.refused().map(|(at, reason)| format!("{at}: {reason}")));
        told
    }

    #[test]
    fn numbers_keep_every_digit() {
        let json =
            r#"{"p":1.10,"big":123456789012345678,"exact":0.1000000000000000055,"e":1.5e-2,"s":"1,25"}"#;
        assert_eq!(
            values(json, &["p", "big", "exact", "e", "s"], '.'),
            ["1.10", "123456789012345678", "0.1000000000000000055", "0.015", "1,25"]
        );
        assert_eq!(values(json, &["p", "s"], ','), ["1,10", "1,25"], "as the job's mark has it");
    }

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let json = r#"{"a":{"b":[{"c":"x\u0020y"},null,true]},"n":null,"k":{}}"#;
        assert_eq!(
            values(json, &["a.b.0.c", "a.b.1", "a.b.2", "a.b.9", "n", "z.z"], '.'),
            ["x y", "", "true", "", "", ""]
        );
        assert_eq!(values(json, &["a.b"], '.')[1], "0: is a list; name one of its values, as in codes.0");
        assert_eq!(
            values(json, &["n", "k"], '.')[2],
            "1: is an object; name one of its values, as in prices.retail"
        );
        assert_eq!(values("[1,\"x\"]", &["1", "0"], '.'), ["x", "1"], "an item may be a list");
    }

    #[test]
    fn what_is_no_item_is_told() {
        assert!(values("17", &["a"], '.')[0].contains("single value"));
        assert!(values("{\"a\":}", &["a"], '.')[0].contains("no JSON"));
    }

    #[test]
    fn what_an_item_has_is_listed() {
        let json = br#"{"sku":"1","price":{"retail":1,"tax":{"rate":5}},"codes":["a","b"]}"#;
        assert_eq!(paths(json), ["codes.0", "codes.1", "price.retail", "price.tax.rate", "sku"]);
    }
}
