//! What a basket comes to, and what may be done with it. No file below does I/O: times, prices and what was sold
//! before are passed in, and what is decided here is written by [`crate::till`].

pub mod arithmetic;
pub mod barcode;
pub mod basket;
pub mod discount;
pub mod pay;
pub mod price;
pub mod receipt_text;
pub mod refund;
pub mod rounding;
pub mod tax;

use messages::edge::{Amount, Currency, TaxRate};
use serde::{Deserialize, Serialize};

pub use price::BundlePrice;
pub use rounding::CashRounding;
pub use tax::TaxMode;

/// The rules of this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub currency: Currency,
    pub tax_mode: TaxMode,
    pub cash: CashRounding,
}

/// An article as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    pub sku: String,
    pub name: String,
    pub barcode: Option<String>,
    pub category: String,
    pub unit: String,
    /// Of one unit; with tax or without it as the store's [`TaxMode`] says.
    pub price: Amount,
    pub tax_rate: TaxRate,
    /// Sold by weight.
    pub weighed: bool,
    /// The short number that scales and cashiers know it by.
    pub plu: Option<u32>,
    /// Must not be sold, and why.
    pub blocked: Option<String>,
    pub bundle: Option<BundlePrice>,
}
