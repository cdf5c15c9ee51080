//! The manifest of a plugin, `plugin.toml`: what it is called, how it is started, what it may use.
//! Pure: text in, a manifest or a sentence out.

use std::collections::BTreeMap;

use messages::item::ItemField;
use messages::plugin::{PluginKind, is_name};
use serde::Deserialize;

use crate::connector::process::Limits;

/// Beside the manifest, unless it names another: the JSON schema of the settings.
pub(super) const SCHEMA_FILE: &str = "settings.json";

/// As it is written by whoever installs the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Left out: the name of the folder.
    #[serde(default)]
    pub(super) name: String,
    pub(super) kind: PluginKind,
    /// The program: a name that is looked for on the path, or a path; one that is not absolute begins at the folder.
    pub(super) command: String,
    /// Before those that Singer wants.
    #[serde(default)]
    pub(super) arguments: Vec<String>,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) about: String,
    /// Of a tap: the stream that has the items, where a job names none. Of a target: under which name it gets them.
    #[serde(default)]
    pub(super) stream: String,
    /// Is the tap asked for its catalogue first, and told what is wanted of it? Those without one are off.
    #[serde(default = "yes")]
    pub(super) discover: bool,
    /// Under which name the plugin has a field, where that is another one and the job says nothing else.
    #[serde(default)]
    pub(super) columns: BTreeMap<String, String>,
    /// All that it finds in its environment beside a path, a home of its own and a language.
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) limits: Limits,
}

const fn yes() -> bool {
    true
}

impl Manifest {
    /// Reads a manifest that lies in a folder of this name.
    pub(super) fn parse(text: &str, folder: &str) -> Result<Self, String> {
        let mut manifest: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if manifest.name.is_empty() {
            folder.clone_into(&mut manifest.name);
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!(
                "the name \"{}\" must be letters, digits, hyphens and underscores",
                self.name
            ));
        }
        if self.kind == PluginKind::Other {
            return Err("kind must be \"tap\" or \"target\"".to_owned());
        }
        if self.command.trim().is_empty() {
            return Err("command must name a program".to_owned());
        }
        let all = ItemField::ALL.map(ItemField::as_str);
        if let Some(name) = self.columns.keys().find(|name| !all.contains(&name.as_str())) {
            return Err(format!("columns: \"{name}\" is no field; there are {}", all.join(", ")));
        }
        let Limits { time_s, memory_mib } = self.limits;
        if !(1..=86_400).contains(&time_s) {
            return Err("limits.time_s must lie between 1 and 86400".to_owned());
        }
        if memory_mib != 0 && !(16..=1_048_576).contains(&memory_mib) {
            return Err("limits.memory_mib must be 0 or lie between 16 and 1048576".to_owned());
        }
        let bad = |text: &str| text.contains('\0') || text.len() > 4_096;
        let variables = self.environment.iter().flat_map(|(name, value)| [name, value]);
        if self.arguments.iter().chain([&self.command]).chain(variables).any(|text| bad(text)) {
            return Err("command, arguments and environment must have at most 4096 bytes each".to_owned());
        }
        if self.environment.keys().any(|name| name.is_empty() || name.contains('=')) {
            return Err("environment must have names without an equals sign".to_owned());
        }
        Ok(())
    }

    /// The plugin's name of a field.
    pub(super) fn column(&self, field: ItemField) -> &str {
        self.columns.get(field.as_str()).map_or(field.as_str(), String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        let manifest = Manifest::parse("kind = \"tap\"\ncommand = \"tap-x\"\n", "tap-x").unwrap();
        assert_eq!((manifest.name.as_str(), manifest.discover), ("tap-x", true));
        assert_eq!(manifest.limits, Limits { time_s: 3_600, memory_mib: 1_024 });
        assert_eq!(manifest.column(ItemField::Price), "price");
    }

    #[test]
    fn everything_can_be_said() {
        let text = r#"
            name = "shop"
            kind = "target"
            command = "./bin/target"
            arguments = ["--quiet"]
            version = "1.2"
            stream = "articles"
            columns = { sku = "article_no" }
            environment = { PGAPPNAME = "grocery" }
            limits = { time_s = 60, memory_mib = 0 }
        "#;
        let manifest = Manifest::parse(text, "folder").unwrap();
        assert_eq!((manifest.name.as_str(), manifest.kind), ("shop", PluginKind::Target));
        assert_eq!(
            (manifest.column(ItemField::Sku), manifest.column(ItemField::Name)),
            ("article_no", "name")
        );
        assert_eq!(manifest.limits, Limits { time_s: 60, memory_mib: 0 });
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, part) in [
            ("kind = \"tap\"", "command"),
            ("command = \"x\"", "kind"),
            ("kind = \"filter\"\ncommand = \"x\"", "kind must be"),
            ("kind = \"tap\"\ncommand = \" \"", "must name a program"),
            ("kind = \"tap\"\ncommand = \"x\"\nname = \"a/b\"", "the name \"a/b\""),
            ("kind = \"tap\"\ncommand = \"x\"\ncomand = \"y\"", "comand"),
            ("kind = \"tap\"\ncommand = \"x\"\ncolumns = { colour = \"c\" }", "\"colour\" is no field"),
            ("kind = \"tap\"\ncommand = \"x\"\nlimits = { time_s = 0 }", "limits.time_s"),
            ("kind = \"tap\"\ncommand = \"x\"\nlimits = { memory_mib = 1 }", "limits.memory_mib"),
            ("kind = \"tap\"\ncommand = \"x\"\nenvironment = { \"A=B\" = \"c\" }", "equals sign"),
        ] {
            let error = Manifest::parse(text, "tap-x").unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
