//! Events: what happened in a store, as head office is told. They are facts and never change.
//!
//! The envelope can be read without knowing the event: who does not know a type sets it aside and goes on.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::checkout::{Line, PaymentKind, TaxTotal, Totals};
use super::{Amount, CashierId, Currency, Quantity, ReceiptNumber, TerminalId};
use crate::{ErrorCode, EventId, PaymentId, Timestamp, TransactionId};

/// The form of `data` that this build writes. It reads this one only; the one before joins with the first change.
pub const EVENT_VERSION: u16 = 1;

/// One event on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Whoever applies an event remembers this and does so once.
    pub event_id: EventId,
    /// Counts the events of one stream of one device, from 1 and without gaps.
    pub seq: u64,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of the form of `data` for this type.
    pub version: u16,
    /// By the clock of the device.
    pub occurred_at: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<RawValue>,
}

/// Why an event cannot be understood here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    #[error("events of the type \"{0}\" are not known here")]
    UnknownType(String),
    #[error("version {1} of \"{0}\" is not known here")]
    UnknownVersion(String, u16),
    #[error("{0}")]
    Malformed(String),
}

impl EventFault {
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownType(_) | Self::UnknownVersion(..) => ErrorCode::EventUnknown,
            Self::Malformed(_) => ErrorCode::EventMalformed,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    SaleRecorded(Box<Sale>),
    PaymentCaptured(Payment),
    InventoryAdjusted(Adjustment),
    TransactionVoided(Void),
    RefundRecorded(Box<Refund>),
    /// Stands in the place of an event that could not be sent, so that the sequence has no gap.
    Withheld(Withheld),
}

macro_rules! kinds {
    ($($variant:ident $text:literal)*) => {
        impl Fact {
            /// As `type` on the wire.
            pub const KINDS: &[&str] = &[$($text),*];

            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $text),* }
            }

            /// The text of `data`.
            pub fn to_json(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(body) => serde_json::to_string(body)),* }
            }

            /// Reads the `data` of an event.
            pub fn read(event: &Event) -> Result<Self, EventFault> {
                Self::decode(&event.kind, event.version, event.data.get())
            }

            /// The same from its parts: `data` is JSON text.
            pub fn decode(kind: &str, version: u16, data: &str) -> Result<Self, EventFault> {
                if !Self::KINDS.contains(&kind) {
                    return Err(EventFault::UnknownType(kind.to_owned()));
                }
                if version != EVENT_VERSION {
                    return Err(EventFault::UnknownVersion(kind.to_owned(), version));
                }
                match kind {
                    $($text => Ok(Self::$variant(decode(data)?)),)*
                    _ => Err(EventFault::UnknownType(kind.to_owned())),
                }
            }
        }
    };
}

kinds! {
    SaleRecorded "sale_recorded"
    PaymentCaptured "payment_captured"
    InventoryAdjusted "inventory_adjusted"
    TransactionVoided "transaction_voided"
    RefundRecorded "refund_recorded"
    Withheld "withheld"
}

fn decode<T: DeserializeOwned>(data: &str) -> Result<T, EventFault> {
    serde_json::from_str(data).map_err(|error| EventFault::Malformed(error.to_string()))
}

/// A finished sale with its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sale {
    pub transaction_id: TransactionId,
    pub receipt: ReceiptNumber,
    pub terminal_id: TerminalId,
    pub cashier_id: CashierId,
    pub currency: Currency,
    pub opened_at: Timestamp,
    pub finalised_at: Timestamp,
    pub lines: Vec<Line>,
    pub taxes: Vec<TaxTotal>,
    pub totals: Totals,
}

/// Goods that came back: a sale whose quantities and amounts are negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refund {
    #[serde(flatten)]
    pub sale: Sale,
    pub original_transaction_id: TransactionId,
    pub original_receipt: ReceiptNumber,
    pub reason: String,
}

/// Money that changed hands; negative when it was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Payment {
    pub payment_id: PaymentId,
    pub transaction_id: TransactionId,
    pub kind: PaymentKind,
    pub currency: Currency,
    pub amount: Amount,
    /// What the card terminal or the provider calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub captured_at: Timestamp,
}

/// Why stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentReason {
    Sale,
    Refund,
    Void,
    Count,
    Delivery,
}

impl AdjustmentReason {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Void => "void",
            Self::Count => "count",
            Self::Delivery => "delivery",
        }
    }
}

/// Stock that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Adjustment {
    pub reason: AdjustmentReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// One an article.
    pub movements: Vec<Movement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movement {
    pub sku: String,
    pub delta: Quantity,
    /// In this store after the movement, as the edge counts it. May be negative: goods sold before they were booked in.
    pub on_hand: Quantity,
}

/// A transaction that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Void {
    pub transaction_id: TransactionId,
    /// Absent when the sale was never finished. When present, payments and stock are taken back by events of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptNumber>,
    pub terminal_id: TerminalId,
    pub cashier_id: CashierId,
    pub currency: Currency,
    /// What it would have come to, or had.
    pub total: Amount,
    pub lines: u32,
    pub reason: String,
    pub voided_at: Timestamp,
}

/// An event that the device keeps for itself, because no hub takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Withheld {
    /// The type it had.
    pub kind: String,
    pub code: String,
    pub detail: String,
}

#[cfg(test)]
mod tests;
