//! What a store edge says: to its tills, and to the hub.
//!
//! | who speaks | to whom | in |
//! |---|---|---|
//! | till | edge | [`checkout`] bodies under `/v1`, [`status`] |
//! | edge | hub | [`ingest`] batches of [`event`]s, by HTTP or, with the feature `grpc`, as a stream; [`pulse`]s |
//! | hub | edge | [`catalogue`] changes of articles, prices and stock, by the same two ways |
//!
//! Every amount is a whole number of the smallest unit of the document's currency ([`money`]), every quantity a whole
//! number of thousandths ([`amount_of_goods`]). No float comes near either.

pub mod amount_of_goods;
pub mod catalogue;
pub mod checkout;
pub mod codes;
pub mod enrol;
pub mod event;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod gtin;
pub mod ingest;
pub mod money;
pub mod pulse;
pub mod status;

pub use amount_of_goods::Quantity;
pub use codes::{CashierId, ReceiptNumber, TerminalId};
pub use money::{Amount, Currency, TaxRate};
