//! Plugins of an agent: programs of other people that speak the Singer protocol, as the agent tells of them, and what
//! their settings must be like. Pure; used by the hub to refuse, by the console to draw a form, by the agent to check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::validate::{Check, Validate};

/// A plugin as an agent has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plugin {
    /// Unique among those of the agent that do the same.
    pub name: String,
    pub kind: PluginKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// In the order in which they are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
    /// It takes settings that are not listed.
    #[serde(default)]
    pub open: bool,
}

/// What a plugin does, in Singer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// Reads: a source.
    Tap,
    /// Writes: a destination.
    Target,
    /// One that a later agent knows.
    #[serde(other)]
    Other,
}

impl PluginKind {
    /// Its connectors' sort among the capabilities.
    #[must_use]
    pub const fn sort(self) -> &'static str {
        match self {
            Self::Tap => "source",
            Self::Target => "destination",
            Self::Other => "other",
        }
    }
}

/// A setting of a plugin, as its JSON schema describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Setting {
    pub name: String,
    #[serde(flatten)]
    pub form: SettingForm,
    /// What it is called in a form; blank: by its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// What the plugin takes when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub usual: Option<Value>,
}

/// What a setting's value must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum SettingForm {
    Text,
    /// Text that is sealed at rest and never shown.
    Secret,
    Integer,
    Number,
    Flag,
    /// One of these.
    Choice {
        options: Vec<String>,
    },
    /// A list or an object, or what a later agent knows: written as JSON.
    #[serde(other)]
    Json,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Settings of a plugin as a job or a destination has them, without the secret ones.
pub type Settings = Map<String, Value>;

impl Plugin {
    /// As many as one shop will ever have.
    pub const MOST: usize = 32;
    /// All that an agent tells of its plugins: it lies beside the agent in every list.
    pub const MOST_BYTES: usize = 32 * 1024;
    pub const MOST_SETTINGS: usize = 60;
    pub const MAX_NAME: usize = 64;
    pub const MAX_TEXT: usize = 300;

    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// What is wrong with settings for it: the setting, and a sentence. `secrets` are the names of those that are kept
    /// apart.
    #[must_use]
    pub fn faults(&self, settings: &Settings, secrets: &[String]) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, what: &str| faults.push((name.to_owned(), what.to_owned()));
        for setting in &self.settings {
            let (name, secret) = (&setting.name, setting.form == SettingForm::Secret);
            let apart = secrets.contains(name);
            match settings.get(name).filter(|value| !value.is_null()) {
                Some(_) if secret => fault(name, "is a secret; it belongs among the secret settings"),
                Some(value) => {
                    if let Some(what) = setting.form.fault(value) {
                        fault(name, &what);
                    }
                }
                None if apart && !secret => fault(name, "is no secret; it belongs among the settings"),
                None if setting.required && !apart => fault(name, "must not be empty"),
                None => {}
            }
        }
        if !self.open {
            let known = |name: &str| self.setting(name).is_some();
            let all = settings.keys().chain(secrets);
            all.filter(|name| !known(name)).for_each(|name| fault(name, "is no setting of this plugin"));
        }
        faults
    }
}

impl SettingForm {
    fn fault(&self, value: &Value) -> Option<String> {
        let holds = match self {
            Self::Text | Self::Secret => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::Choice { options } => {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if options.contains(&shown) {
                    return None;
                }
                return Some(format!("must be one of {}", options.join(", ")));
            }
            Self::Json => true,
        };
        let wanted = match self {
            Self::Text | Self::Secret => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Choice { .. } | Self::Json => "",
        };
        (!holds).then(|| format!("must be {wanted}"))
    }
}

/// Of a plugin or a setting, as it stands in files, forms and paths of faults.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let shape = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= Plugin::MAX_NAME && name.bytes().all(shape)
}

/// All settings of a job or a destination together: a certificate or two fit.
const MOST_SETTINGS_BYTES: usize = 16 * 1024;
const MOST_SECRETS: usize = 20;

/// Are these settings, whatever the plugin makes of them?
pub(crate) fn check_settings(check: &mut Check, settings: &Settings, secrets: &[String]) {
    for name in settings.keys().chain(secrets) {
        check.ensure(
            is_name(name),
            "settings",
            "must have names of at most 64 letters, digits, hyphens and underscores",
        );
    }
    for (at, name) in secrets.iter().enumerate() {
        let twice = settings.contains_key(name) || secrets[..at].contains(name);
        check.ensure(!twice, &format!("secrets.{at}"), "is named twice");
    }
    check.ensure(secrets.len() <= MOST_SECRETS, "secrets", "must have at most 20 entries");
    let bytes = serde_json::to_string(settings).map_or(usize::MAX, |text| text.len());
    check.ensure(bytes <= MOST_SETTINGS_BYTES, "settings", "must have at most 16384 bytes in all");
}

/// Secret settings by name, as they are given; never shown again.
pub type SecretSettings = BTreeMap<String, crate::Secret>;

impl Validate for Plugin {
    fn check(&self, check: &mut Check) {
        check.ensure(
            is_name(&self.name),
            "name",
            "must have at most 64 letters, digits, hyphens and underscores",
        );
        check.optional_text("version", &self.version, 64);
        check.optional_text("about", &self.about, Self::MAX_TEXT);
        check.ensure(self.settings.len() <= Self::MOST_SETTINGS, "settings", "must have at most 60 entries");
        for setting in &self.settings {
            check.ensure(is_name(&setting.name), "settings", "must have names");
            check.optional_text("settings", &setting.title, Self::MAX_TEXT);
            check.optional_text("settings", &setting.help, Self::MAX_TEXT);
        }
    }
}

/// What an agent tells of its plugins.
pub(crate) fn check_plugins(check: &mut Check, plugins: &[Plugin]) {
    check.ensure(plugins.len() <= Plugin::MOST, "plugins", "must have at most 32 entries");
    let bytes = serde_json::to_string(plugins).map_or(usize::MAX, |text| text.len());
    check.ensure(bytes <= Plugin::MOST_BYTES, "plugins", "must have at most 32768 bytes in all");
    for (at, plugin) in plugins.iter().enumerate() {
        check.nested(&format!("plugins.{at}"), |check| plugin.check(check));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plugin() -> Plugin {
        let setting = |name: &str, form: SettingForm, required: bool| Setting {
            name: name.into(),
            form,
            title: String::new(),
            help: String::new(),
            required,
            usual: None,
        };
        let modes = vec!["fast".to_owned(), "safe".to_owned()];
        Plugin {
            name: "tap-x".into(),
            kind: PluginKind::Tap,
            version: String::new(),
            about: String::new(),
            settings: vec![
                setting("host", SettingForm::Text, true),
                setting("port", SettingForm::Integer, false),
                setting("mode", SettingForm::Choice { options: modes }, false),
                setting("tls", SettingForm::Flag, false),
                setting("password", SettingForm::Secret, true),
                setting("more", SettingForm::Json, false),
            ],
            open: false,
        }
    }

    fn faults(plugin: &Plugin, settings: Value, secrets: &[&str]) -> Vec<String> {
        let Value::Object(settings) = settings else { return Vec::new() };
        let secrets: Vec<_> = secrets.iter().map(|name| (*name).to_owned()).collect();
        let faults = plugin.faults(&settings, &secrets);
        faults.into_iter().map(|(name, what)| format!("{name} {what}")).collect()
    }

    #[test]
    fn settings_are_held_to_what_the_plugin_says() {
        let sound =
            json!({"host": "db", "port": 5432, "mode": "safe", "tls": true, "more": [1, {"a": null}]});
        assert_eq!(faults(&plugin(), sound, &["password"]), [""; 0]);
        let wrong = json!({"port": "5432", "mode": "slow", "tls": 1, "password": "x", "else": 1});
        assert_eq!(
            faults(&plugin(), wrong, &["more"]),
            [
                "host must not be empty",
                "port must be a whole number",
                "mode must be one of fast, safe",
                "tls must be true or false",
                "password is a secret; it belongs among the secret settings",
                "more is no secret; it belongs among the settings",
                "else is no setting of this plugin",
            ]
        );
        let open = Plugin { open: true, ..plugin() };
        assert_eq!(faults(&open, json!({"host": "db", "else": 1}), &["password", "token"]), [""; 0]);
    }

    #[test]
    fn what_a_later_agent_knows_is_read() {
        let text = r#"{"name":"p","kind":"filter","settings":[{"name":"a","form":"colour","hue":7}]}"#;
        let read: Plugin = serde_json::from_str(text).unwrap();
        assert_eq!((read.kind, &read.settings[0].form), (PluginKind::Other, &SettingForm::Json));
        assert_eq!(
            serde_json::from_str::<Plugin>(&serde_json::to_string(&plugin()).unwrap()).unwrap(),
            plugin()
        );
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut check = Check::new();
        check_plugins(&mut check, &vec![plugin(); 33]);
        let text = "x".repeat(301);
        check_plugins(&mut check, &[Plugin { name: "a b".into(), about: text, ..plugin() }]);
        let fields: Vec<_> = check.errors().iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["plugins", "plugins.0.name", "plugins.0.about"]);
    }
}
