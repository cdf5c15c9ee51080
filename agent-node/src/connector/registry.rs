//! All connectors, by kind.

use messages::connector::{Credentials, DestinationConfig, SourceConfig};

use super::csv::CsvConnector;
use super::local_file::LocalFileConnector;
use super::sftp::SftpConnector;
use super::{DestinationConnector, PosConnector};

#[must_use]
pub fn source(config: &SourceConfig) -> Box<dyn PosConnector> {
    match config {
        SourceConfig::Csv(csv) => Box::new(CsvConnector::new(csv.clone())),
    }
}

#[must_use]
pub fn destination(
    config: &DestinationConfig,
    credentials: Option<&Credentials>,
) -> Box<dyn DestinationConnector> {
    match config {
        DestinationConfig::LocalFile(to) => Box::new(LocalFileConnector::new(to.clone())),
        DestinationConfig::Sftp(to) => Box::new(SftpConnector::new(to.clone(), credentials.cloned())),
    }
}

/// What this agent can do, as the hub is told.
#[must_use]
pub fn capabilities() -> Vec<String> {
    ["source:csv", "destination:local_file", "destination:sftp"].map(str::to_owned).to_vec()
}
