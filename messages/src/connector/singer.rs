//! Sources and destinations that are plugins of the agent's: which one, and with what settings. Pure.

use serde::{Deserialize, Serialize};

use super::Credentials;
use super::source::{ColumnName, DecimalMark, check_columns, is_default};
use crate::plugin::{self, Settings};
use crate::validate::{Check, Validate};

/// A tap: a plugin that reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SingerSource {
    /// Name of the plugin on the agent.
    pub plugin: String,
    /// As its schema wants them, without the secret ones.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub settings: Settings,
    /// Names of the settings that are among the credentials.
    pub secrets: Vec<String>,
    /// Which of its streams has the items; empty: the one that its manifest names, or the only one.
    pub stream: String,
    /// In numbers that are sent as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which value of a record holds which field: `price`, `prices.retail`.
    pub columns: Vec<ColumnName>,
    /// Give only what is new since the last run that succeeded: what the tap said where it stood is kept.
    #[serde(skip_serializing_if = "is_default")]
    pub incremental: bool,
    /// The value that grows with every change, for taps that want to be told.
    #[serde(skip_serializing_if = "is_default")]
    pub replication_key: String,
}

/// A target: a plugin that writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SingerDestination {
    /// Name of the plugin on the agent.
    pub plugin: String,
    /// As its schema wants them, without the secret ones.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub settings: Settings,
    /// Names of the settings that are among the credentials.
    pub secrets: Vec<String>,
    /// Name of the stream under which it gets the items; empty: as its manifest says, or `items`.
    pub stream: String,
}

/// Of a stream: databases put the names of a database, a schema and a table into it.
const MAX_STREAM: usize = 250;

/// Do these credentials hold exactly the secret settings that are named?
pub(super) fn accepts(secrets: &[String], credentials: &Credentials) -> bool {
    let Credentials::Settings { settings } = credentials else { return false };
    settings.len() == secrets.len() && secrets.iter().all(|name| settings.contains_key(name))
}

impl SingerSource {
    /// Would secrets that were stored for `before` go where they were meant to go? Only the plugin knows which of its
    /// settings say where that is, so all of them must be the same.
    pub(super) fn keeps_credentials_of(&self, before: &Self) -> bool {
        (&self.plugin, &self.settings, &self.secrets) == (&before.plugin, &before.settings, &before.secrets)
    }

    pub(super) fn summary(&self) -> String {
        summary(&self.plugin, &self.stream)
    }
}

impl SingerDestination {
    /// See [`SingerSource::keeps_credentials_of`].
    pub(super) fn keeps_credentials_of(&self, before: &Self) -> bool {
        (&self.plugin, &self.settings, &self.secrets) == (&before.plugin, &before.settings, &before.secrets)
    }

    pub(super) fn summary(&self) -> String {
        summary(&self.plugin, &self.stream)
    }
}

/// Without the settings: only the plugin knows which of them are good to be shown in lists.
fn summary(plugin: &str, stream: &str) -> String {
    if stream.is_empty() { plugin.to_owned() } else { format!("{plugin}: {stream}") }
}

fn check_plugin(check: &mut Check, plugin: &str, stream: &str) {
    check.ensure(
        plugin::is_name(plugin),
        "plugin",
        "must be the name of a plugin: letters, digits, hyphens and underscores, at most 64",
    );
    check.optional_text("stream", stream, MAX_STREAM);
}

impl Validate for SingerSource {
    fn check(&self, check: &mut Check) {
        check_plugin(check, &self.plugin, &self.stream);
        plugin::check_settings(check, &self.settings, &self.secrets);
        check_columns(check, &self.columns);
        check.optional_text("replication_key", &self.replication_key, 200);
        check.ensure(
            self.incremental || self.replication_key.is_empty(),
            "replication_key",
            "is of use only where the tap gives what is new",
        );
    }
}

impl Validate for SingerDestination {
    fn check(&self, check: &mut Check) {
        check_plugin(check, &self.plugin, &self.stream);
        plugin::check_settings(check, &self.settings, &self.secrets);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::{DestinationConfig, SourceConfig};

    fn source() -> SingerSource {
        let settings = json!({"host": "db", "port": 5432});
        let settings = settings.as_object().cloned().unwrap_or_default();
        SingerSource {
            plugin: "tap-postgres".into(),
            settings,
            secrets: vec!["password".into()],
            ..SingerSource::default()
        }
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let text = r#"{"kind":"singer","plugin":"tap-postgres","settings":{"host":"db","port":5432},"secrets":["password"]}"#;
        let read: SourceConfig = serde_json::from_str(text).unwrap();
        assert_eq!(read, SourceConfig::Singer(Box::new(source())));
        assert_eq!((read.kind(), read.needs_credentials()), ("singer", true));
        let to: DestinationConfig =
            serde_json::from_str(r#"{"kind":"singer","plugin":"target-jsonl","settings":{"a":1}}"#).unwrap();
        assert_eq!((to.summary().as_str(), to.needs_credentials()), ("target-jsonl", false));
    }

    #[test]
    fn secrets_stay_with_the_very_settings_they_were_given_for() {
        let stays = |to: SingerSource| to.keeps_credentials_of(&source());
        assert!(stays(SingerSource { stream: "articles".into(), incremental: true, ..source() }));
        let mut elsewhere = source();
        elsewhere.settings.insert("host".into(), json!("mine.example"));
        assert!(!stays(elsewhere));
        assert!(!stays(SingerSource { plugin: "tap-mysql".into(), ..source() }));
        let given = |name: &str| Credentials::Settings { settings: [(name.to_owned(), "x".into())].into() };
        assert!(accepts(&source().secrets, &given("password")));
        assert!(!accepts(&source().secrets, &given("token")));
        assert!(!accepts(&source().secrets, &Credentials::Token { token: "x".into() }));
    }

    #[test]
    fn each_wrong_field_is_told() {
        let mut wrong = SingerSource { plugin: "../tap".into(), replication_key: "id".into(), ..source() };
        wrong.settings.insert("a.b".into(), json!(1));
        wrong.secrets = vec!["host".into()];
        let fields: Vec<_> = wrong.validate().unwrap_err().errors.into_iter().map(|e| e.field).collect();
        assert_eq!(fields, ["plugin", "settings", "secrets.0", "replication_key"]);
    }
}
