//! What source and sink have in common: a plugin found, its settings put into a place of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use messages::ErrorCode;
use messages::connector::Credentials;
use messages::plugin::{PluginKind, SecretSettings, Settings};
use serde_json::Value;

use super::folder::{self, Installed};
use crate::connector::file_source::off_thread;
use crate::connector::process::{self, Place, Program, Started};
use crate::connector::{Failure, Means};

/// A plugin with its settings, ready to be started as often as it takes.
pub(super) struct Ready {
    pub(super) installed: Installed,
    pub(super) place: Arc<Place>,
    config: PathBuf,
    secrets: SecretSettings,
}

/// What a job or a destination says of a plugin.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) kind: PluginKind,
    pub(super) plugin: String,
    pub(super) settings: Settings,
    pub(super) secrets: Vec<String>,
}

/// Finds the plugin, holds the settings against what it says of them, and writes them down for it.
pub(super) async fn ready(
    named: Named,
    credentials: Option<Credentials>,
    means: &Means,
) -> Result<Ready, Failure> {
    let (plugins, scratch) = (means.plugins.clone(), means.scratch.clone());
    off_thread(move || {
        let Named { kind, plugin, settings, secrets } = named;
        let installed = folder::find(plugins.as_deref(), kind, &plugin)?;
        installed.program()?;
        let refused = |detail: String| Failure::new(refusal(kind), detail);
        let given = given(&secrets, credentials).ok_or_else(|| {
            refused(format!("secret settings of \"{plugin}\" are missing; enter them again"))
        })?;
        let faults = installed.told().faults(&settings, &secrets);
        if let Some((name, what)) = faults.first() {
            return Err(refused(format!("the setting {name} of the plugin \"{plugin}\" {what}")));
        }
        let place = Arc::new(Place::new(&scratch)?);
        let all = settings.into_iter().chain(
            given.iter().map(|(name, secret)| (name.clone(), Value::String(secret.expose().to_owned()))),
        );
        let config = Value::Object(all.collect()).to_string();
        let config = place.put("config.json", config.as_bytes())?;
        Ok(Ready { installed, place, config, secrets: given })
    })
    .await
}

/// No trying again helps against settings that are not the right ones.
const fn refusal(kind: PluginKind) -> ErrorCode {
    match kind {
        PluginKind::Target => ErrorCode::DestinationRejected,
        _ => ErrorCode::SourceMalformed,
    }
}

fn given(secrets: &[String], credentials: Option<Credentials>) -> Option<SecretSettings> {
    match credentials {
        _ if secrets.is_empty() => Some(SecretSettings::new()),
        Some(Credentials::Settings { settings }) => {
            secrets.iter().all(|name| settings.contains_key(name)).then_some(settings)
        }
        _ => None,
    }
}

impl Ready {
    /// Starts it with its settings and these arguments.
    pub(super) fn start(
        &self,
        more: &[(&str, Option<PathBuf>)],
        with_input: bool,
    ) -> Result<Started, Failure> {
        let file = self.installed.program()?;
        let manifest = &self.installed.manifest;
        let mut arguments: Vec<OsString> = manifest.arguments.iter().map(OsString::from).collect();
        arguments.extend(["--config".into(), self.config.clone().into()]);
        for (flag, file) in more {
            arguments.push((*flag).into());
            arguments.extend(file.clone().map(OsString::from));
        }
        let environment = manifest.environment.iter().map(|(name, value)| (name.clone(), value.into()));
        let program = Program {
            name: &manifest.name,
            called: format!("the plugin \"{}\"", manifest.name),
            file: &file,
            arguments,
            folder: &self.installed.folder,
            environment: environment.collect(),
            limits: manifest.limits,
            secrets: self.secrets.values().map(|secret| secret.expose().to_owned()).collect(),
            with_input,
        };
        process::start(program, &self.place)
    }

    pub(super) fn name(&self) -> &str {
        &self.installed.manifest.name
    }
}
