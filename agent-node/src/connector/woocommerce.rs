//! Destination: the products of a WooCommerce shop, matched by SKU, over its REST interface (`wc/v3`).
//!
//! The shop knows no idempotency key and carries out a batch article by article, so each try of a portion begins
//! with the question which of its articles are there: what an answer that was lost had made is then changed, and
//! not made twice. `plan` decides (pure), `sink` asks and sends, one batch at a time.

mod plan;
mod sink;

pub use sink::WooCommerceConnector;
