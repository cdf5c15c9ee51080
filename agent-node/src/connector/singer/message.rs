//! Singer's messages: what a tap says, line by line, and what a target is told. Numbers stay the text they are.
//! Pure: no I/O.

use std::borrow::Cow;

use messages::item::{Item, ItemField};
use messages::quantity::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::manifest::Manifest;

/// A line of a tap.
#[derive(Debug)]
pub(super) enum Said<'l> {
    /// What records of a stream have.
    Schema {
        stream: Cow<'l, str>,
        properties: Vec<String>,
    },
    Record {
        stream: Cow<'l, str>,
        record: &'l RawValue,
    },
    /// Where the tap stands.
    State(&'l RawValue),
    /// Nothing that matters here: `ACTIVATE_VERSION`, and what later versions say.
    Other,
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'l, str>,
    #[serde(default, borrow)]
    stream: Cow<'l, str>,
    #[serde(default, borrow)]
    record: Option<&'l RawValue>,
    #[serde(default, borrow)]
    schema: Option<&'l RawValue>,
    #[serde(default, borrow)]
    value: Option<&'l RawValue>,
}

/// Reads a line of a tap; the error says what is wrong with it.
pub(super) fn said(line: &[u8]) -> Result<Said<'_>, String> {
    let text = std::str::from_utf8(line).map_err(|_| "is no UTF-8".to_owned())?;
    let line: Line<'_> = serde_json::from_str(text)
        .map_err(|error| format!("is no Singer message: {error}: {}", shown(text)))?;
    match &*line.kind {
        "SCHEMA" => {
            let schema = line.schema.ok_or_else(|| "is a SCHEMA without a schema".to_owned())?;
            Ok(Said::Schema { stream: line.stream, properties: properties(schema) })
        }
        "RECORD" => {
            let record = line.record.ok_or_else(|| "is a RECORD without a record".to_owned())?;
            Ok(Said::Record { stream: line.stream, record })
        }
        "STATE" => Ok(line.value.map_or(Said::Other, Said::State)),
        _ => Ok(Said::Other),
    }
}

/// As far as a line is shown to people.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Deeper lies nothing that a field is read from.
const MOST_DEPTH: usize = 4;
const MOST_PROPERTIES: usize = 500;

/// The paths of a schema's values, as `prices.retail`.
pub(super) fn properties(schema: &RawValue) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(schema) = serde_json::from_str::<Value>(schema.get()) {
        gather(&schema, "", 0, &mut found);
    }
    found
}

fn gather(schema: &Value, path: &str, depth: usize, found: &mut Vec<String>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        if found.len() >= MOST_PROPERTIES {
            return;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let inner = property.get("properties").and_then(Value::as_object);
        if depth < MOST_DEPTH && inner.is_some_and(|inner| !inner.is_empty()) {
            gather(property, &path, depth + 1, found);
        } else {
            found.push(path);
        }
    }
}

/// Key under which a target's state says how many items it has.
const SENT: &str = "grocerysync_items";

/// Writes what a target is told.
pub(super) struct Teller {
    stream: String,
    columns: Vec<String>,
}

impl Teller {
    pub(super) fn new(manifest: &Manifest, stream: &str) -> Self {
        let named = [stream, manifest.stream.as_str(), "items"];
        let stream = named.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
        Self { stream, columns: ItemField::ALL.map(|field| manifest.column(field).to_owned()).into() }
    }

    pub(super) fn schema(&self, out: &mut Vec<u8>) {
        let mut properties = Map::new();
        for (field, name) in ItemField::ALL.into_iter().zip(&self.columns) {
            let kind = match field {
                ItemField::Price | ItemField::TaxRate | ItemField::Stock => "number",
                _ => "string",
            };
            let kinds = if field.required() { json!([kind]) } else { json!(["null", kind]) };
            properties.insert(name.clone(), json!({"type": kinds}));
        }
        let key = self.columns.first().cloned().unwrap_or_default();
        let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
        let message =
            json!({"type": "SCHEMA", "stream": self.stream, "schema": schema, "key_properties": [key]});
        line(&message.to_string(), out);
    }

    /// Values that an item has not are null: a target that keeps what it has would never forget one.
    pub(super) fn record(&self, item: &Item, out: &mut Vec<u8>) {
        // `let` names every field, so that a new one is not forgotten.
        let Item { sku, name, barcode, price, tax_rate, stock, unit, category, description } = item;
        let values = [
            text(Some(sku)),
            text(Some(name)),
            text(barcode.as_ref()),
            number(Some(*price)),
            number(*tax_rate),
            number(*stock),
            text(unit.as_ref()),
            text(category.as_ref()),
            text(description.as_ref()),
        ];
        let members: Vec<_> = self
            .columns
            .iter()
            .zip(values)
            .map(|(column, value)| format!("{}:{value}", Value::String(column.clone())))
            .collect();
        let stream = Value::String(self.stream.clone());
        let members = members.join(",");
        line(&format!(r#"{{"type":"RECORD","stream":{stream},"record":{{{members}}}}}"#), out);
    }

    /// Comes back from the target once it has kept so many items.
    pub(super) fn state(&self, sent: u64, out: &mut Vec<u8>) {
        line(&json!({"type": "STATE", "value": {SENT: sent}}).to_string(), out);
    }
}

fn line(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

fn text(value: Option<&String>) -> String {
    value.map_or_else(|| "null".to_owned(), |text| Value::String(text.clone()).to_string())
}

/// Digit by digit, and so a number that JSON's readers take exactly if they can.
fn number(value: Option<Decimal>) -> String {
    value.map_or_else(|| "null".to_owned(), |number| number.to_string())
}

/// A line of a target: how many items it says that it has kept.
pub(super) fn kept(line: &[u8]) -> Result<Option<u64>, String> {
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| format!("is no state: {error}: {}", shown(&String::from_utf8_lossy(line))))?;
    // Targets write the value; some write the whole message.
    let state = if value.get("type") == Some(&json!("STATE")) { value.get("value") } else { Some(&value) };
    Ok(state.and_then(|state| state.get(SENT)).and_then(Value::as_u64))
}

#[cfg(test)]
mod tests {
    use messages::plugin::PluginKind;

    use super::*;

    #[test]
    fn lines_of_a_tap_are_read_and_numbers_kept() {
        let line = br#"{"type":"RECORD","stream":"a","record":{"price":1.10},"version":7}"#;
        let Said::Record { stream, record } = said(line).unwrap() else { panic!("no record") };
        assert_eq!((&*stream, record.get()), ("a", r#"{"price":1.10}"#));
        let line = br#"{"type":"SCHEMA","stream":"a","key_properties":["id"],"schema":{"properties":
            {"id":{},"p":{"type":"object","properties":{"retail":{},"tax":{"properties":{"rate":{}}}}},"e":{"properties":{}}}}}"#;
        let Said::Schema { properties, .. } = said(line).unwrap() else { panic!("no schema") };
        assert_eq!(properties, ["e", "id", "p.retail", "p.tax.rate"]);
        let Said::State(state) = said(br#"{"type":"STATE","value":{"at":1}}"#).unwrap() else {
            panic!("no state")
        };
        assert_eq!(state.get(), r#"{"at":1}"#);
        assert!(matches!(said(br#"{"type":"ACTIVATE_VERSION","stream":"a","version":1}"#), Ok(Said::Other)));
    }

    #[test]
    fn what_is_no_message_is_told() {
        for (line, part) in [
            (&b"Starting up"[..], "no Singer message"),
            (b"{}", "missing field `type`"),
            (b"[1]", "no Singer message"),
            (b"{\"type\":\"RECORD\",\"stream\":\"a\"}", "without a record"),
            (b"{\"type\":\"SCHEMA\",\"stream\":\"a\"}", "without a schema"),
            (b"\xff", "no UTF-8"),
        ] {
            let error = said(line).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(said("x".repeat(500).as_bytes()).unwrap_err().len() < 300);
    }

    #[test]
    fn a_target_is_told_every_field_exactly() {
        let manifest = "kind = \"target\"\ncommand = \"x\"\ncolumns = { sku = \"no\" }";
        let manifest = Manifest::parse(manifest, "t").unwrap();
        assert_eq!(manifest.kind, PluginKind::Target);
        let teller = Teller::new(&manifest, "");
        let item = Item {
            sku: "1\"2".into(),
            name: "Äpfel".into(),
            barcode: None,
            price: "0.10".parse().unwrap(),
            tax_rate: None,
            stock: Some("-1.250".parse().unwrap()),
            unit: None,
            category: None,
            description: Some("a\nb".into()),
        };
        let mut out = Vec::new();
        teller.record(&item, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"type\":\"RECORD\",\"stream\":\"items\",\"record\":{\"no\":\"1\\\"2\",\"name\":\"Äpfel\",\"barcode\":null,\"price\":0.10,\"tax_rate\":null,\"stock\":-1.250,\"unit\":null,\"category\":null,\"description\":\"a\\nb\"}}\n"
        );
        let mut out = Vec::new();
        teller.schema(&mut out);
        let schema: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(schema["key_properties"], json!(["no"]));
        assert_eq!(schema["schema"]["properties"]["stock"]["type"], json!(["null", "number"]));
        assert_eq!(Teller::new(&manifest, "mine").stream, "mine");
    }

    #[test]
    fn what_a_target_kept_comes_back() {
        let teller = Teller { stream: "s".into(), columns: Vec::new() };
        let mut out = Vec::new();
        teller.state(512, &mut out);
        assert_eq!(kept(&out), Ok(Some(512)));
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(kept(value["value"].to_string().as_bytes()), Ok(Some(512)));
        assert_eq!((kept(b"{}"), kept(b"null")), (Ok(None), Ok(None)));
        assert!(kept(b"done!").unwrap_err().contains("done!"));
    }
}
