//! The form of a plugin's settings as its document. What the settings are, the form brings along: they are drawn from
//! what the agent tells of its plugins. Pure.

use messages::connector::Credentials;
use messages::plugin::{Plugin, PluginKind, SecretSettings, Setting, SettingForm, Settings};
use messages::{FieldError, Secret};
use serde_json::Value;

use super::super::form::{FormValues, fault};

/// What the form was drawn from, in a field that nobody sees.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Drawn {
    pub plugin: Option<Plugin>,
    /// Secret settings that are stored.
    pub stored: Vec<String>,
}

/// What was entered for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entered {
    pub plugin: String,
    pub settings: Settings,
    /// Names of all secret settings, the stored ones included.
    pub secrets: Vec<String>,
}

/// Names of a form's fields that are not settings: under `source` or `config`, and `source_credentials` or `credentials`.
pub const DRAWN: &str = "drawn";
pub const MORE: &str = "more_settings";
pub const MORE_SECRETS: &str = "more_secrets";

/// The plugins of a kind, each once: those of several agents that have the same name do the same.
#[must_use]
pub fn each_once<'p>(plugins: impl Iterator<Item = &'p Plugin>, kind: PluginKind) -> Vec<Plugin> {
    let mut each: Vec<Plugin> = Vec::new();
    for plugin in plugins.filter(|plugin| plugin.kind == kind) {
        if !each.iter().any(|other| other.name == plugin.name) {
            each.push(plugin.clone());
        }
    }
    each.sort_by(|a, b| a.name.cmp(&b.name));
    each
}

fn drawn(form: &FormValues, prefix: &str) -> Drawn {
    serde_json::from_str(&form.raw(&format!("{prefix}.{DRAWN}"))).unwrap_or_default()
}

/// What was entered, but for the secrets; what does not fit goes to `early`.
pub(super) fn entered(form: &FormValues, prefix: &str, apart: &str, early: &mut Vec<FieldError>) -> Entered {
    let Drawn { plugin, stored } = drawn(form, prefix);
    let mut settings = Settings::new();
    for setting in plugin.iter().flat_map(|plugin| &plugin.settings) {
        let name = format!("{prefix}.settings.{}", setting.name);
        match value(setting, &form.raw(&name)) {
            Ok(Some(value)) => {
                settings.insert(setting.name.clone(), value);
            }
            Ok(None) => {}
            Err(what) => early.push(fault(&name, what)),
        }
    }
    let more = format!("{prefix}.{MORE}");
    match object(&form.text(&more)) {
        Ok(more) => settings.extend(more),
        Err(what) => early.push(fault(&more, what)),
    }
    let given = given(form, prefix, apart, early);
    let mut secrets: Vec<String> = given.into_keys().collect();
    for name in stored {
        if !secrets.contains(&name) {
            secrets.push(name);
        }
    }
    secrets.sort();
    Entered { plugin: form.text(&format!("{prefix}.plugin")), settings, secrets }
}

/// The secrets that were entered, or what must be done to keep the stored ones. `kept`: those that are stored would
/// still go where they were meant to go.
pub(super) fn credentials(
    form: &FormValues,
    prefix: &str,
    apart: &str,
    secrets: &[String],
    kept: bool,
    early: &mut Vec<FieldError>,
) -> Option<Credentials> {
    let given = given(form, prefix, apart, &mut Vec::new());
    if secrets.is_empty() || given.is_empty() && kept {
        return None;
    }
    for name in secrets.iter().filter(|name| !given.contains_key(*name)) {
        let detail = if given.is_empty() {
            "must be entered again: the plugin or its settings have changed"
        } else {
            "must be entered again, together with the others"
        };
        early.push(fault(&format!("{apart}.settings.{name}"), detail));
    }
    Some(Credentials::Settings { settings: given })
}

fn given(form: &FormValues, prefix: &str, apart: &str, early: &mut Vec<FieldError>) -> SecretSettings {
    let plugin = drawn(form, prefix).plugin;
    let listed = plugin.iter().flat_map(|plugin| &plugin.settings);
    let mut given: SecretSettings = listed
        .filter(|setting| setting.form == SettingForm::Secret)
        .map(|setting| (setting.name.clone(), form.raw(&format!("{apart}.settings.{}", setting.name))))
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name, Secret::new(text)))
        .collect();
    let more = format!("{apart}.{MORE_SECRETS}");
    match object(&form.text(&more)) {
        Ok(texts) => {
            for (name, value) in texts {
                match value {
                    Value::String(text) => {
                        given.insert(name, Secret::new(text));
                    }
                    _ => early.push(fault(&more, "must have texts only")),
                }
            }
        }
        Err(what) => early.push(fault(&more, what)),
    }
    given
}

fn object(text: &str) -> Result<Settings, &'static str> {
    if text.is_empty() {
        return Ok(Settings::new());
    }
    serde_json::from_str(text).map_err(|_| "must be a JSON object, such as {\"name\": \"value\"}")
}

/// What a field holds; nothing where it was left blank.
fn value(setting: &Setting, typed: &str) -> Result<Option<Value>, &'static str> {
    let text = typed.trim();
    if text.is_empty() {
        return if setting.required && setting.form != SettingForm::Secret {
            Err("must not be empty")
        } else {
            Ok(None)
        };
    }
    Ok(Some(match setting.form {
        SettingForm::Secret => return Ok(None),
        SettingForm::Text | SettingForm::Choice { .. } => Value::String(text.to_owned()),
        SettingForm::Integer => Value::from(text.parse::<i64>().map_err(|_| "must be a whole number")?),
        SettingForm::Number => {
            let number: serde_json::Number = serde_json::from_str(text).map_err(|_| "must be a number")?;
            Value::Number(number)
        }
        SettingForm::Flag => Value::Bool(text == "true"),
        SettingForm::Json => serde_json::from_str(text).map_err(|_| "must be JSON")?,
    }))
}

/// A value as its field shows it.
#[must_use]
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A setting's name as a label, where its schema has no title: `dbname_or_url` is "Dbname or url".
#[must_use]
pub fn spoken(name: &str) -> String {
    let words = name.replace(['_', '-'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn setting(name: &str, form: SettingForm, required: bool) -> Setting {
        Setting { name: name.into(), form, title: String::new(), help: String::new(), required, usual: None }
    }

    fn plugin() -> Plugin {
        Plugin {
            name: "tap-x".into(),
            kind: PluginKind::Tap,
            version: String::new(),
            about: String::new(),
            settings: vec![
                setting("host", SettingForm::Text, true),
                setting("port", SettingForm::Integer, false),
                setting("tls", SettingForm::Flag, false),
                setting("list", SettingForm::Json, false),
                setting("password", SettingForm::Secret, true),
            ],
            open: true,
        }
    }

    fn form(pairs: &[(&str, &str)], stored: &[&str]) -> FormValues {
        let stored = stored.iter().map(|name| (*name).to_owned()).collect();
        let drawn = serde_json::to_string(&Drawn { plugin: Some(plugin()), stored }).unwrap();
        let own = [("source.drawn".to_owned(), drawn), ("source.plugin".to_owned(), "tap-x".to_owned())];
        own.into_iter().chain(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))).collect()
    }

    fn of(form: &FormValues) -> (Entered, Vec<String>) {
        let mut early = Vec::new();
        let entered = entered(form, "source", "apart", &mut early);
        (entered, early.into_iter().map(|error| format!("{} {}", error.field, error.detail)).collect())
    }

    #[test]
    fn values_are_of_the_kind_that_the_plugin_wants() {
        let form = form(
            &[
                ("source.settings.host", " db "),
                ("source.settings.port", "5432"),
                ("source.settings.tls", "false"),
                ("source.settings.list", "[1, 2]"),
                ("source.more_settings", "{\"extra\": 1.5}"),
                ("apart.settings.password", " pw "),
                ("apart.more_secrets", "{\"key\": \"k\"}"),
            ],
            &[],
        );
        let (entered, early) = of(&form);
        assert_eq!(early, [""; 0]);
        let settings = json!({"host": "db", "port": 5432, "tls": false, "list": [1, 2], "extra": 1.5});
        assert_eq!(Value::Object(entered.settings), settings);
        assert_eq!(
            (entered.plugin.as_str(), entered.secrets.clone()),
            ("tap-x", vec!["key".into(), "password".into()])
        );
        let mut early = Vec::new();
        let given = credentials(&form, "source", "apart", &entered.secrets, false, &mut early);
        let settings = [("key".to_owned(), "k".into()), ("password".to_owned(), " pw ".into())].into();
        assert_eq!((given, early), (Some(Credentials::Settings { settings }), vec![]));
    }

    #[test]
    fn what_does_not_fit_is_told_at_its_field() {
        let form = form(
            &[
                ("source.settings.port", "many"),
                ("source.settings.list", "[1"),
                ("source.more_settings", "7"),
                ("apart.more_secrets", "{\"key\": 1}"),
            ],
            &[],
        );
        assert_eq!(
            of(&form).1,
            [
                "source.settings.host must not be empty",
                "source.settings.port must be a whole number",
                "source.settings.list must be JSON",
                "source.more_settings must be a JSON object, such as {\"name\": \"value\"}",
                "apart.more_secrets must have texts only",
            ]
        );
    }

    #[test]
    fn stored_secrets_stay_or_are_all_entered_again() {
        let blank = form(&[("source.settings.host", "db")], &["password", "key"]);
        let (entered, _) = of(&blank);
        assert_eq!(entered.secrets, ["key", "password"]);
        let mut early = Vec::new();
        assert_eq!(credentials(&blank, "source", "apart", &entered.secrets, true, &mut early), None);
        assert_eq!(early, []);
        credentials(&blank, "source", "apart", &entered.secrets, false, &mut early);
        assert_eq!(early.len(), 2, "the server is another one");
        let one = form(&[("apart.settings.password", "pw")], &["password", "key"]);
        let mut early = Vec::new();
        credentials(&one, "source", "apart", &entered.secrets, true, &mut early);
        assert_eq!(early[0].field, "apart.settings.key");
    }

    #[test]
    fn names_are_spoken() {
        assert_eq!([spoken("port"), spoken("start_date"), spoken("")], ["Port", "Start date", ""]);
    }

    #[test]
    fn plugins_of_several_agents_are_offered_once() {
        let other = Plugin { name: "a".into(), ..plugin() };
        let target = Plugin { kind: PluginKind::Target, ..plugin() };
        let all = [plugin(), other, target, plugin()];
        let each: Vec<_> = each_once(all.iter(), PluginKind::Tap).into_iter().map(|p| p.name).collect();
        assert_eq!(each, ["a", "tap-x"]);
    }
}
