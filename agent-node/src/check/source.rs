//! Tries a source from the machine that would read it: `agent-node check --source job.json`.

use std::path::Path;

use messages::connector::{Credentials, SourceConfig};
use messages::mapping::Mapping;
use messages::validate::Validate as _;
use serde::Deserialize;

use crate::config::Config;
use crate::connector::{FoundColumn, registry};
use crate::disk;

/// Settings of a job have some KiB.
const MOST: u64 = 256 * 1024;

/// What is read of a job as the hub takes and shows it; the rest of it is ignored.
#[derive(Deserialize)]
struct Job {
    source: SourceConfig,
    #[serde(default)]
    mapping: Mapping,
    #[serde(default)]
    source_credentials: Option<Credentials>,
}

/// What was found, or what is wrong and what to do.
pub(super) async fn check(config: &Config, path: &Path) -> Result<String, String> {
    let Job { source, mapping, source_credentials } = job(path).await?;
    source.validate().and_then(|()| mapping.validate()).map_err(|problem| problem.of_fields())?;
    let mut means = config.means();
    // Who looks on wants to hear at once.
    means.pace.tries = 1;
    let connector = registry::source(&source, &mapping, source_credentials.as_ref(), &means);
    let found = connector.check().await.map_err(|failure| failure.to_string())?;
    let columns = connector.discover().await.map_err(|failure| failure.to_string())?;
    Ok(format!("{found}: {}", listed(&columns)))
}

async fn job(path: &Path) -> Result<Job, String> {
    let shown = path.display().to_string();
    let path = path.to_owned();
    let read = disk::off_thread(move || {
        if std::fs::metadata(&path)?.len() > MOST {
            return Err(std::io::Error::other("it is too large for the settings of a job"));
        }
        std::fs::read(&path)
    });
    let bytes = read.await.map_err(|error| format!("{shown} could not be read: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // What was found there may be a secret; where it stands says enough.
        let (line, column) = (error.line(), error.column());
        format!("{shown} has no \"source\" as a job has it: see line {line}, column {column}")
    })
}

/// Each column, and the field it is read into.
fn listed(columns: &[FoundColumn]) -> String {
    let column = |column: &FoundColumn| match column.field {
        Some(field) if field.as_str() == column.header => column.header.clone(),
        Some(field) => format!("{} (as {})", column.header, field.as_str()),
        None => format!("{} (not used)", column.header),
    };
    columns.iter().take(50).map(column).collect::<Vec<_>>().join(", ")
}
