//! Connector configurations as stored: kind, form, and a body that the database never looks into.
//!
//! The body is opaque text (JSON), not a stored struct for each kind: nothing is ever searched or indexed inside it,
//! plugins will bring kinds that this build has no struct for, and a text has no rules about dots and dollars in
//! keys. What a struct per kind would have given, safety against a wire type that changes under stored documents, is
//! given by `form`: it is raised when a body changes its meaning, bodies of an older form are brought up on reading,
//! and bodies of each released form stand in the tests and must still be read.

use messages::connector::{DestinationConfig, SourceConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::value::Unreadable;

/// The form that this build writes.
const FORM: i32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectorDoc {
    pub(crate) kind: String,
    pub(crate) form: i32,
    pub(crate) body: String,
}

impl ConnectorDoc {
    pub(crate) fn of_source(config: &SourceConfig) -> Result<Self, Unreadable> {
        Self::seal(config.kind(), config)
    }

    pub(crate) fn of_destination(config: &DestinationConfig) -> Result<Self, Unreadable> {
        Self::seal(config.kind(), config)
    }

    pub(crate) fn source(&self) -> Result<SourceConfig, Unreadable> {
        self.open()
    }

    pub(crate) fn destination(&self) -> Result<DestinationConfig, Unreadable> {
        self.open()
    }

    fn seal(kind: &str, config: &impl Serialize) -> Result<Self, Unreadable> {
        let body = serde_json::to_string(config)
            .map_err(|error| Unreadable(format!("a {kind} configuration cannot be written: {error}")))?;
        Ok(Self { kind: kind.to_owned(), form: FORM, body })
    }

    fn open<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        if self.form > FORM {
            return Err(Unreadable(format!(
                "a {} configuration has form {}, this build knows {FORM} at most",
                self.kind, self.form
            )));
        }
        serde_json::from_str(&self.body)
            .map_err(|error| Unreadable(format!("a {} configuration cannot be read: {error}", self.kind)))
    }
}
