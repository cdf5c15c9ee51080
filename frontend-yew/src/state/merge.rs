//! Two people changed the same thing: which fields differ, and what comes of choosing. Pure.
//! Works on JSON, so that it serves every kind of document.

use serde_json::{Map, Value};

/// Whose value of a field is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Mine,
    Theirs,
}

/// A field in which the two differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Path, such as `config.port`.
    pub field: String,
    pub mine: Value,
    pub theirs: Value,
    /// Kept unless the person chooses otherwise.
    pub suggested: Side,
}

/// A field and what it holds, as people call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InWords {
    pub field: String,
    pub value: String,
}

impl InWords {
    /// For fields that have no words of their own.
    #[must_use]
    pub fn plain(field: &str, value: &Value) -> Self {
        Self { field: field.to_owned(), value: shown(value) }
    }
}

/// Fields in which `mine` differs from `theirs`. One that only they changed since `base` is suggested to be theirs.
/// Only fields that `mine` can hold are compared: a view has more, such as its revision.
#[must_use]
pub fn differences(base: &Value, mine: &Value, theirs: &Value) -> Vec<Difference> {
    let (base, mine, theirs) = (flat(base), flat(mine), flat(theirs));
    let roots: Vec<&str> = mine.keys().chain(base.keys()).map(|path| root(path)).collect();
    let told = mine.keys().chain(theirs.keys()).filter(|path| roots.contains(&root(path)));
    // A map of JSON is sorted, and has each key once.
    let paths: Map<String, Value> = told.map(|path| (path.clone(), Value::Null)).collect();
    let at = |map: &Map<String, Value>, path: &str| map.get(path).cloned().unwrap_or(Value::Null);
    paths
        .keys()
        .filter_map(|path| {
            let (was, mine, theirs) = (at(&base, path), at(&mine, path), at(&theirs, path));
            let suggested = if mine == was { Side::Theirs } else { Side::Mine };
            (mine != theirs).then(|| Difference { field: path.clone(), mine, theirs, suggested })
        })
        .collect()
}

/// `mine`, with the fields that `choices` gives to the other side taken from there.
#[must_use]
pub fn merged(mine: &Value, differences: &[Difference], choices: &[(String, Side)]) -> Value {
    let mut result = mine.clone();
    for difference in differences {
        let side = chosen(choices, difference);
        if side == Side::Theirs {
            put(&mut result, &difference.field, difference.theirs.clone());
        }
    }
    result
}

/// The side that was chosen, or else suggested.
#[must_use]
pub fn chosen(choices: &[(String, Side)], difference: &Difference) -> Side {
    let choice = choices.iter().rev().find(|(field, _)| *field == difference.field);
    choice.map_or(difference.suggested, |(_, side)| *side)
}

/// A value in one line.
#[must_use]
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(nothing)".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        other => other.to_string(),
    }
}

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Leaves by path. Lists count as leaves: half of a list makes no sense.
fn flat(value: &Value) -> Map<String, Value> {
    fn walk(prefix: &str, value: &Value, out: &mut Map<String, Value>) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    walk(&path, inner, out);
                }
            }
            leaf => {
                out.insert(prefix.to_owned(), leaf.clone());
            }
        }
    }
    let mut out = Map::new();
    walk("", value, &mut out);
    out
}

fn put(target: &mut Value, path: &str, value: Value) {
    let mut parts = path.split('.').peekable();
    let mut place = target;
    while let Some(part) = parts.next() {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else { return };
        if parts.peek().is_none() {
            if value.is_null() {
                map.remove(part);
            } else {
                map.insert(part.to_owned(), value);
            }
            return;
        }
        place = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_asked_and_the_untouched_is_theirs() {
        let base = json!({"name": "Till", "config": {"port": 22, "host": "a"}});
        let mine = json!({"name": "Till 1", "config": {"port": 22, "host": "a"}});
        let theirs =
            json!({"name": "Kasse", "config": {"port": 2222, "host": "a"}, "rev": 9, "created_at": 5});
        let found = differences(&base, &mine, &theirs);
        let told: Vec<_> = found.iter().map(|d| (d.field.as_str(), d.suggested)).collect();
        assert_eq!(told, [("config.port", Side::Theirs), ("name", Side::Mine)]);
    }

    #[test]
    fn choices_make_one_document() {
        let base = json!({"name": "a", "config": {"port": 22}});
        let mine = json!({"name": "b", "config": {"port": 23}, "secret": "kept"});
        let theirs = json!({"name": "c", "config": {"port": 24}});
        let found = differences(&base, &mine, &theirs);
        let choices = [("config.port".to_owned(), Side::Theirs), ("name".to_owned(), Side::Mine)];
        let result = merged(&mine, &found, &choices);
        assert_eq!(result, json!({"name": "b", "config": {"port": 24}, "secret": "kept"}));
        // Who changes their mind is taken at the last word.
        let again = [("name".to_owned(), Side::Mine), ("name".to_owned(), Side::Theirs)];
        assert_eq!(merged(&mine, &found, &again)["name"], "c");
    }

    #[test]
    fn a_value_that_they_removed_can_be_removed() {
        let base = json!({"store_id": "x"});
        let found = differences(&base, &base, &json!({}));
        assert_eq!(merged(&base, &found, &[]), json!({}));
    }

    #[test]
    fn values_are_shown_in_words() {
        let told: Vec<_> = [json!(null), json!(""), json!("x"), json!(true), json!([]), json!(3)]
            .iter()
            .map(shown)
            .collect();
        assert_eq!(told, ["(nothing)", "(empty)", "x", "yes", "(none)", "3"]);
    }
}
