//! Mappings as stored: opaque text with a form, for the reasons that connectors' bodies are (`connector`). A mapping that
//! says nothing is not stored at all, so documents from before there were any read as that.

use messages::mapping::Mapping;
use serde::{Deserialize, Serialize};

use super::value::Unreadable;

/// The form that this build writes.
const FORM: i32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MappingDoc {
    form: i32,
    body: String,
}

impl MappingDoc {
    pub(crate) fn of(mapping: &Mapping) -> Result<Option<Self>, Unreadable> {
        if mapping.is_empty() {
            return Ok(None);
        }
        let body = serde_json::to_string(mapping)
            .map_err(|error| Unreadable(format!("a mapping cannot be written: {error}")))?;
        Ok(Some(Self { form: FORM, body }))
    }

    pub(crate) fn read(stored: Option<Self>) -> Result<Mapping, Unreadable> {
        let Some(Self { form, body }) = stored else { return Ok(Mapping::default()) };
        if form > FORM {
            let detail = format!("a mapping has form {form}, this build knows {FORM} at most");
            return Err(Unreadable(detail));
        }
        serde_json::from_str(&body).map_err(|error| Unreadable(format!("a mapping cannot be read: {error}")))
    }
}
