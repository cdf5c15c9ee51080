//! The JSON schema of a plugin's settings, reduced to what a form is made of.
//! Pure: text in, settings out.

use std::fmt;

use messages::plugin::{Plugin, Setting, SettingForm, is_name};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What of a schema counts here; everything else is the plugin's own to hold to.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Schema {
    properties: Properties,
    required: Vec<String>,
    additional_properties: Option<Value>,
}

/// In the order in which they are written.
#[derive(Debug, Default)]
struct Properties(Vec<(String, Property)>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Property {
    #[serde(rename = "type")]
    types: Option<Value>,
    title: Option<String>,
    description: Option<String>,
    default: Option<Value>,
    #[serde(rename = "enum")]
    options: Vec<Value>,
    format: Option<String>,
    write_only: bool,
    /// As Meltano's tools mark secrets.
    secret: bool,
    #[serde(rename = "airbyte_secret")]
    airbyte_secret: bool,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Properties(all))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The settings, and whether there may be others.
pub(super) fn settings(text: &str) -> Result<(Vec<Setting>, bool), String> {
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    let schema: Schema = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Schema { properties: Properties(properties), required, additional_properties } = schema;
    if properties.len() > Plugin::MOST_SETTINGS {
        return Err(format!("it has {} properties; {} is the most", properties.len(), Plugin::MOST_SETTINGS));
    }
    let mut settings = Vec::with_capacity(properties.len());
    for (name, property) in properties {
        if !is_name(&name) {
            return Err(format!("the property \"{name}\" must be letters, digits, hyphens and underscores"));
        }
        let required = required.contains(&name);
        settings.push(setting(name, property, required));
    }
    Ok((settings, additional_properties != Some(Value::Bool(false))))
}

fn setting(name: String, property: Property, required: bool) -> Setting {
    let form = form(&name, &property);
    let secret = form == SettingForm::Secret;
    Setting {
        name,
        title: cut(property.title),
        help: cut(property.description),
        // What has a usual value need not be entered.
        required: required && property.default.is_none(),
        usual: property.default.filter(|value| !value.is_null() && !secret),
        form,
    }
}

fn form(name: &str, property: &Property) -> SettingForm {
    let kind = kind(property.types.as_ref());
    let options: Option<Vec<String>> = property
        .options
        .iter()
        .filter(|value| !value.is_null())
        .map(|value| value.as_str().map(str::to_owned))
        .collect();
    match (kind, options) {
        ("string", _) if is_secret(name, property) => SettingForm::Secret,
        ("string" | "", Some(options)) if !options.is_empty() => SettingForm::Choice { options },
        ("string", _) => SettingForm::Text,
        ("integer", _) => SettingForm::Integer,
        ("number", _) => SettingForm::Number,
        ("boolean", _) => SettingForm::Flag,
        _ => SettingForm::Json,
    }
}

/// The one type that is not null; none where there are several.
fn kind(types: Option<&Value>) -> &str {
    match types {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut named = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            match (named.next(), named.next()) {
                (Some(kind), None) => kind,
                _ => "several",
            }
        }
        _ => "",
    }
}

fn is_secret(name: &str, property: &Property) -> bool {
    let name = name.to_ascii_lowercase();
    let sounds = ["password", "passphrase", "secret", "token", "api_key", "apikey", "private_key"];
    // Schemas written by hand mark nothing; a setting that is sealed without need does no harm.
    property.secret
        || property.write_only
        || property.airbyte_secret
        || property.format.as_deref() == Some("password")
        || sounds.iter().any(|sound| name.ends_with(sound))
}

fn cut(text: Option<String>) -> String {
    let one_line = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().filter(|c| !c.is_control()).take(Plugin::MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_become_settings_in_their_order() {
        let text = r#"{
            "type": "object",
            "required": ["host", "port", "password"],
            "properties": {
                "port": {"type": ["null", "integer"], "default": 5432},
                "host": {"type": "string", "title": "Host", "description": "Name\n of it"},
                "password": {"type": "string"},
                "token_uri": {"type": "string"},
                "key": {"type": ["string", "null"], "secret": true, "default": "x"},
                "mode": {"enum": ["fast", "safe", null]},
                "share": {"type": "number"},
                "ssl": {"type": "boolean", "default": false},
                "streams": {"type": "array", "items": {"type": "string"}},
                "either": {"type": ["string", "integer"]}
            }
        }"#;
        let (settings, open) = settings(text).unwrap();
        let told: Vec<_> =
            settings.iter().map(|s| (s.name.as_str(), s.form.clone(), s.required, s.usual.clone())).collect();
        let options = vec!["fast".to_owned(), "safe".to_owned()];
        assert_eq!(
            told,
            [
                ("port", SettingForm::Integer, false, Some(json!(5432))),
                ("host", SettingForm::Text, true, None),
                ("password", SettingForm::Secret, true, None),
                ("token_uri", SettingForm::Text, false, None),
                ("key", SettingForm::Secret, false, None),
                ("mode", SettingForm::Choice { options }, false, None),
                ("share", SettingForm::Number, false, None),
                ("ssl", SettingForm::Flag, false, Some(json!(false))),
                ("streams", SettingForm::Json, false, None),
                ("either", SettingForm::Json, false, None),
            ]
        );
        assert!(open);
        assert_eq!((settings[1].title.as_str(), settings[1].help.as_str()), ("Host", "Name of it"));
    }

    #[test]
    fn what_cannot_be_a_form_is_told() {
        assert!(!settings(r#"{"additionalProperties": false}"#).unwrap().1);
        for (text, part) in [
            ("[]", "no JSON object"),
            (r#"{"properties": {"a b": {}}}"#, "\"a b\""),
            (r#"{"properties": 1}"#, "an object of properties"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
