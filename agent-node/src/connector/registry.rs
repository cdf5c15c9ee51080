//! All connectors, by kind.

use messages::connector::{Credentials, DestinationConfig, SourceConfig};

use super::csv::CsvConnector;
use super::local_file::LocalFileConnector;
use super::sftp::SftpConnector;
use super::shopify::ShopifyConnector;
use super::webhook::WebhookConnector;
use super::woocommerce::WooCommerceConnector;
use super::{DestinationConnector, Means, PosConnector};

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
    }
}

/// What this agent can do, as the hub is told.
#[must_use]
pub fn capabilities() -> Vec<String> {
    [
        messages::export::CAPABILITY,
        "source:csv",
        "destination:local_file",
        "destination:sftp",
        "destination:webhook",
        "destination:woocommerce",
        "destination:shopify",
    ]
    .map(str::to_owned)
    .to_vec()
}
