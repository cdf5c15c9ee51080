//! All connectors, by kind.

use messages::connector::{Credentials, DestinationConfig, SourceConfig};
use messages::mapping::Mapping;

use super::csv::CsvConnector;
use super::dbf::{Dbf, DbfConnector};
use super::excel::{Excel, ExcelConnector};
use super::http_json::HttpJsonConnector;
use super::local_file::LocalFileConnector;
use super::sftp::SftpConnector;
use super::shopify::ShopifyConnector;
use super::singer::{SingerTap, SingerTarget};
use super::sql::{MySqlConnector, PostgreSqlConnector, ReaderConnector, SqliteConnector};
use super::webhook::WebhookConnector;
use super::woocommerce::WooCommerceConnector;
use super::xml::{Xml, XmlConnector};
use super::{DestinationConnector, Means, PosConnector};

#[must_use]
pub fn source(
    config: &SourceConfig,
    mapping: &Mapping,
    credentials: Option<&Credentials>,
    means: &Means,
) -> Box<dyn PosConnector> {
    let mapping = mapping.clone();
    match config {
        SourceConfig::Csv(from) => Box::new(CsvConnector::new(from.clone()).mapped(mapping)),
        SourceConfig::Dbf(from) => Box::new(DbfConnector::new(Dbf(from.clone())).mapped(mapping)),
        SourceConfig::Xml(from) => Box::new(XmlConnector::new(Xml(from.clone())).mapped(mapping)),
        SourceConfig::HttpJson(from) => {
            let json = HttpJsonConnector::new((**from).clone(), credentials.cloned(), means.clone());
            Box::new(json.mapped(mapping))
        }
        SourceConfig::Excel(from) => {
            let excel = Excel { config: from.clone(), scratch: means.scratch.clone() };
            Box::new(ExcelConnector::new(excel).mapped(mapping))
        }
        SourceConfig::Sqlite(from) => Box::new(SqliteConnector::new(from.clone()).mapped(mapping)),
        SourceConfig::PostgreSql(from) => {
            let server = PostgreSqlConnector::new((**from).clone(), credentials.cloned(), means.clone());
            Box::new(server.mapped(mapping))
        }
        SourceConfig::MySql(from) => {
            let server = MySqlConnector::new((**from).clone(), credentials.cloned(), means.clone());
            Box::new(server.mapped(mapping))
        }
        SourceConfig::Firebird(_) | SourceConfig::SqlServer(_) | SourceConfig::Odbc(_) => {
            let reader = ReaderConnector::new(config.clone(), credentials.cloned(), means.clone());
            Box::new(reader.mapped(mapping))
        }
        SourceConfig::Singer(from) => {
            let tap = SingerTap::new((**from).clone(), credentials.cloned(), means.clone());
            Box::new(tap.mapped(mapping))
        }
    }
}

#[must_use]
pub fn destination(
    config: &DestinationConfig,
    credentials: Option<&Credentials>,
    means: &Means,
) -> Box<dyn DestinationConnector> {
    match config {
        DestinationConfig::LocalFile(to) => Box::new(LocalFileConnector::new(to.clone())),
        DestinationConfig::Sftp(to) => Box::new(SftpConnector::new(to.clone(), credentials.cloned())),
        DestinationConfig::Webhook(to) => {
            Box::new(WebhookConnector::new(to.clone(), credentials, means.clone()))
        }
        DestinationConfig::WooCommerce(to) => {
            Box::new(WooCommerceConnector::new(to.clone(), credentials.cloned(), means.clone()))
        }
        DestinationConfig::Shopify(to) => {
            Box::new(ShopifyConnector::new(to.clone(), credentials.cloned(), means.clone()))
        }
        DestinationConfig::Singer(to) => {
            Box::new(SingerTarget::new(to.clone(), credentials.cloned(), means.clone()))
        }
    }
}

/// What this agent can do by itself, as the hub is told; readers beside it bring more kinds of sources.
#[must_use]
pub fn capabilities() -> Vec<String> {
    [
        messages::export::CAPABILITY,
        messages::inspect::CAPABILITY,
        messages::mapping::CAPABILITY,
        "source:csv",
        "source:dbf",
        "source:excel",
        "source:http_json",
        "source:mysql",
        "source:postgresql",
        "source:singer",
        "source:sqlite",
        "source:xml",
        "destination:local_file",
        "destination:sftp",
        "destination:webhook",
        "destination:woocommerce",
        "destination:shopify",
        "destination:singer",
    ]
    .map(str::to_owned)
    .to_vec()
}
