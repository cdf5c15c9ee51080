//! How the stores of a retailer do now: their day so far, their devices, what waits, what runs out.

use serde::{Deserialize, Serialize};

use super::reports::Day;
use crate::edge::{Amount, Currency, Quantity};
use crate::{RetailerId, StoreId, Timestamp};

/// From this on an article counts as running low. Shops differ; it is what a person refills at a glance.
pub const LOW_STOCK: Quantity = Quantity::pieces(5);

/// `GET …/reports/stores`: one entry a store, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreFigures {
    pub store_id: StoreId,
    pub code: String,
    pub name: String,
    pub enabled: bool,
    /// Today by the store's clock.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub day: Day,
    /// What was sold today, one entry a currency; usually one, none before the first sale.
    pub today: Vec<DaySums>,
    /// By the device's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sale_at: Option<Timestamp>,
    pub devices: DeviceCounts,
    /// Events that wait in the store, as far as its devices have told.
    pub backlog: u64,
    /// When the first of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_unsent_at: Option<Timestamp>,
    /// Events that were set aside and wait for somebody.
    pub dead_letters: u64,
}

/// A day's sales in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DaySums {
    pub currency: Currency,
    /// Sales that count.
    pub sales: i64,
    pub refunds: i64,
    /// Refunds are in it with their negative amounts.
    pub total: Amount,
}

/// The devices of a store by how they do. Places that were revoked or wait for their device are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct DeviceCounts {
    pub enrolled: u32,
    pub online: u32,
    /// Enrolled, and not heard of for two minutes.
    pub down: u32,
}

/// `GET /dashboard/stores`: all stores in one's scope together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct StoresToday {
    /// What was sold, each store on its own present day; added up anew every half a minute.
    pub sums: Vec<DaySums>,
    pub devices: DeviceCounts,
    pub backlog: u64,
    pub dead_letters: u64,
    /// Retailers with a device that is down or a dead letter, worst first; at most 20.
    pub attention: Vec<StoresBrief>,
}

/// The stores of one retailer together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoresBrief {
    pub retailer_id: RetailerId,
    pub name: String,
    pub devices: DeviceCounts,
    pub backlog: u64,
    pub dead_letters: u64,
}

/// `GET …/reports/stock`: one entry a store that has told of stock. Counted anew at most every half a minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockLevels {
    pub store_id: StoreId,
    pub articles: u64,
    /// Between nothing and [`LOW_STOCK`].
    pub low: u64,
    /// Nothing left, or less than that by the books.
    pub out: u64,
}
