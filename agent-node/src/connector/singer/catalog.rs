//! The catalogue of a tap: the stream that is wanted is found in it and marked, all others are not.
//! Pure: JSON in, JSON out.

use serde_json::{Map, Value, json};

use super::message;

/// What is wanted of a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted<'w> {
    /// Empty: the only one there is.
    pub(super) stream: &'w str,
    /// Only what is new, by this value if it is named.
    pub(super) incremental: bool,
    pub(super) key: &'w str,
}

/// A catalogue with one stream marked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    pub(super) catalog: Value,
    /// As records may name it: taps take its identifier or its name.
    pub(super) names: Vec<String>,
    /// Paths of its values.
    pub(super) properties: Vec<String>,
}

/// Marks the wanted stream; the error is a sentence.
pub(super) fn choose(text: &[u8], wanted: Wanted<'_>) -> Result<Chosen, String> {
    let mut catalog: Value =
        serde_json::from_slice(text).map_err(|error| format!("its catalogue is no JSON: {error}"))?;
    let streams = catalog
        .get_mut("streams")
        .and_then(Value::as_array_mut)
        .ok_or_else(|| "its catalogue has no list of streams".to_owned())?;
    let at = position(streams, wanted.stream)?;
    for (other, stream) in streams.iter_mut().enumerate() {
        mark(stream, other == at, wanted);
    }
    let stream = &streams[at];
    let names = names(stream).into_iter().map(str::to_owned).collect();
    let properties = stream
        .get("schema")
        .and_then(|schema| serde_json::value::to_raw_value(schema).ok())
        .map(|schema| message::properties(&schema))
        .unwrap_or_default();
    Ok(Chosen { names, properties, catalog })
}

/// The identifier and the name, where there are both. Two tables of the same name in two schemas differ in the first.
fn names(stream: &Value) -> Vec<&str> {
    ["tap_stream_id", "stream"].into_iter().filter_map(|key| stream.get(key)?.as_str()).collect()
}

fn position(streams: &[Value], wanted: &str) -> Result<usize, String> {
    let all = || {
        let names: Vec<String> =
            streams.iter().filter_map(|s| Some((*names(s).first()?).to_owned())).collect();
        crate::connector::table::header::listed(&names)
    };
    if wanted.is_empty() {
        return match streams {
            [] => Err("it has no stream".to_owned()),
            [_] => Ok(0),
            _ => Err(format!("it has several streams; name one of {}", all())),
        };
    }
    let by_id = streams.iter().position(|stream| names(stream).first() == Some(&wanted));
    if let Some(at) = by_id {
        return Ok(at);
    }
    let mut by_name = streams.iter().enumerate().filter(|(_, stream)| names(stream).contains(&wanted));
    match (by_name.next(), by_name.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err(format!("it has several streams \"{wanted}\"; name one of {}", all())),
        _ => Err(format!("it has no stream \"{wanted}\"; it has {}", all())),
    }
}

/// In all the ways that taps understand: in the metadata, and in the schema as old ones have it.
fn mark(stream: &mut Value, selected: bool, wanted: Wanted<'_>) {
    if let Some(schema) = stream.get_mut("schema").and_then(Value::as_object_mut) {
        schema.insert("selected".to_owned(), selected.into());
    }
    let Some(stream) = stream.as_object_mut() else { return };
    let method = if wanted.incremental { "INCREMENTAL" } else { "FULL_TABLE" };
    if selected {
        stream.insert("replication_method".to_owned(), method.into());
        if !wanted.key.is_empty() {
            stream.insert("replication_key".to_owned(), wanted.key.into());
        }
    }
    let entries = stream.entry("metadata").or_insert_with(|| json!([]));
    let Some(entries) = entries.as_array_mut() else { return };
    if !entries.iter().any(|entry| entry.get("breadcrumb") == Some(&json!([]))) {
        entries.push(json!({"breadcrumb": [], "metadata": {}}));
    }
    for entry in entries {
        let of_stream = entry.get("breadcrumb") == Some(&json!([]));
        let Some(metadata) = entry.get_mut("metadata").and_then(Value::as_object_mut) else { continue };
        if of_stream {
            metadata.insert("selected".to_owned(), selected.into());
            if selected {
                replicated(metadata, method, wanted.key);
            }
        } else if selected && metadata.get("inclusion") != Some(&json!("unsupported")) {
            metadata.insert("selected".to_owned(), true.into());
        }
    }
}

fn replicated(metadata: &mut Map<String, Value>, method: &str, key: &str) {
    // What the tap insists on is left to it: an API that can give everything only, or changes only.
    if metadata.get("forced-replication-method").is_none() {
        metadata.insert("replication-method".to_owned(), method.into());
    }
    if !key.is_empty() {
        metadata.insert("replication-key".to_owned(), key.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Vec<u8> {
        let stream = |schema: &str, table: &str| {
            json!({
                "tap_stream_id": format!("{schema}-{table}"),
                "stream": table,
                "schema": {"type": "object", "properties": {"sku": {}, "blob": {}}},
                "metadata": [
                    {"breadcrumb": [], "metadata": {"table-key-properties": ["sku"]}},
                    {"breadcrumb": ["properties", "sku"], "metadata": {"inclusion": "automatic"}},
                    {"breadcrumb": ["properties", "blob"], "metadata": {"inclusion": "unsupported"}},
                ],
            })
        };
        let streams = [stream("pos", "articles"), stream("old", "articles"), stream("pos", "users")];
        json!({"streams": streams}).to_string().into_bytes()
    }

    const ALL: Wanted<'static> = Wanted { stream: "", incremental: false, key: "" };

    #[test]
    fn one_stream_is_marked() {
        let chosen = choose(&catalog(), Wanted { stream: "pos-articles", ..ALL }).unwrap();
        assert_eq!(chosen.names, ["pos-articles", "articles"]);
        assert_eq!(chosen.properties, ["blob", "sku"]);
        let of =
            |at: usize, entry: usize| chosen.catalog["streams"][at]["metadata"][entry]["metadata"].clone();
        let selected =
            json!({"table-key-properties": ["sku"], "selected": true, "replication-method": "FULL_TABLE"});
        assert_eq!(of(0, 0), selected);
        assert_eq!(of(0, 1), json!({"inclusion": "automatic", "selected": true}));
        assert_eq!(of(0, 2), json!({"inclusion": "unsupported"}), "a tap fails on what it cannot read");
        assert_eq!(of(1, 0)["selected"], json!(false));
        let wanted = Wanted { stream: "users", incremental: true, key: "changed_at" };
        let chosen = choose(&catalog(), wanted).unwrap();
        let metadata = &chosen.catalog["streams"][2]["metadata"][0]["metadata"];
        assert_eq!(metadata["replication-method"], "INCREMENTAL");
        assert_eq!(metadata["replication-key"], "changed_at");
    }

    #[test]
    fn a_stream_that_is_not_the_only_one_must_be_named() {
        let one = br#"{"streams":[{"stream":"items","schema":{}}]}"#;
        let chosen = choose(one, ALL).unwrap();
        assert_eq!(chosen.names, ["items"]);
        assert_eq!(chosen.catalog["streams"][0]["metadata"][0]["metadata"]["selected"], json!(true));
        let told = |text: &[u8], stream: &str| choose(text, Wanted { stream, ..ALL }).unwrap_err();
        for (error, part) in [
            (told(&catalog(), ""), "several streams; name one of \"pos-articles\""),
            (told(&catalog(), "articles"), "several streams \"articles\""),
            (told(&catalog(), "goods"), "no stream \"goods\"; it has \"pos-articles\""),
            (told(b"{\"streams\":[]}", ""), "no stream"),
            (told(b"[]", ""), "no list of streams"),
            (told(b"oops", ""), "no JSON"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
