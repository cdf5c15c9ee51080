//! Destination: the products of a Shopify shop, matched by SKU, over its Admin GraphQL interface.
//!
//! A portion is looked up by number, planned (`plan`, pure), and sent: a few articles directly, many as one bulk
//! operation (`bulk`) on a file that was uploaded first. `graph` asks, and keeps to the points a shop grants
//! (`throttle`, pure). Products are set by id or by a handle made from the number, so a portion may be sent twice.

mod bulk;
mod graph;
mod plan;
mod sink;
mod throttle;

pub use sink::ShopifyConnector;
