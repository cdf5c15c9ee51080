//! Reports of what was sold and what is in stock. Days and hours are the store's, by its time zone at the time of the sale.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::edge::checkout::{Line, TaxTotal, Totals};
use crate::edge::{Amount, CashierId, Currency, Quantity, ReceiptNumber, TerminalId};
use crate::{EdgeId, StoreId, Timestamp, TransactionId};

/// A day of the calendar, written `2026-11-21`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

/// The text names no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a day: year, month and day are expected, such as 2026-11-21")]
pub struct InvalidDay(pub String);

impl Day {
    /// The first of the calendar.
    pub const FIRST: Self = Self(10_101);

    /// Absent when the calendar has no such day.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let longest = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        };
        if year == 0 || year > 9_999 || month == 0 || month > 12 || day == 0 || day > longest {
            return None;
        }
        Some(Self(year as u32 * 10_000 + month as u32 * 100 + day as u32))
    }

    /// As one number that sorts like the day: 20261121.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let [year, month, day] = [number / 10_000, number / 100 % 100, number % 100];
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let invalid = || InvalidDay(text.chars().take(40).collect());
        let digits = |part: &str, length: usize| {
            let right = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
            right.then(|| part.parse::<u16>().ok()).flatten().ok_or_else(invalid)
        };
        let mut parts = text.split('-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid());
        };
        let small = |part| digits(part, 2).and_then(|n| u8::try_from(n).map_err(|_| invalid()));
        Self::new(digits(year, 4)?, small(month)?, small(day)?).ok_or_else(invalid)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Day({self})")
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for super::Day {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some("A day, such as 2026-11-21"))
                .into()
        }
    }

    impl utoipa::ToSchema for super::Day {}
}

/// The step of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    #[default]
    Day,
    Hour,
    /// The hours of the day, all days of the span together.
    HourOfDay,
}

/// In which form the report is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Form {
    #[default]
    Json,
    Csv,
}

/// Days that one report may span: a year and the day to compare it with.
const MOST_DAYS: u32 = 400;

/// The days of a report, first and last. Says what is wrong with them.
pub fn check_span(from: Day, to: Day) -> Result<(), crate::Problem> {
    let wrong = |detail: &str| {
        let error = crate::FieldError { field: "to".into(), detail: detail.into() };
        Err(crate::Problem::invalid(vec![error]))
    };
    if to < from {
        return wrong("must not lie before the first day");
    }
    // Months taken as 31 days are never shorter than they are: a little less than the limit may be refused at worst.
    let days = |day: Day| (day.0 / 10_000) * 372 + (day.0 / 100 % 100) * 31 + day.0 % 100;
    if days(to) - days(from) > MOST_DAYS {
        return wrong("must lie at most a year after the first day");
    }
    Ok(())
}

/// Which sales are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct SalesQuery {
    /// One store; all stores of the retailer unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub store_id: Option<StoreId>,
    /// First day.
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub from: Day,
    /// Last day.
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub to: Day,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub by: Step,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub format: Form,
}

/// What was sold. Refunds count with their negative amounts, voided sales do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SalesSums {
    /// Sales that count.
    pub sales: i64,
    pub refunds: i64,
    pub voids: i64,
    pub gross: Amount,
    pub discount: Amount,
    pub net: Amount,
    pub tax: Amount,
    pub total: Amount,
    pub rounding: Amount,
    /// Part of `total` that refunds are; negative.
    pub refunded: Amount,
    /// Payments, by when they were taken.
    pub cash: Amount,
    pub card: Amount,
    pub qr: Amount,
}

impl std::ops::AddAssign for SalesSums {
    fn add_assign(&mut self, other: Self) {
        self.sales += other.sales;
        self.refunds += other.refunds;
        self.voids += other.voids;
        self.gross += other.gross;
        self.discount += other.discount;
        self.net += other.net;
        self.tax += other.tax;
        self.total += other.total;
        self.rounding += other.rounding;
        self.refunded += other.refunded;
        self.cash += other.cash;
        self.card += other.card;
        self.qr += other.qr;
    }
}

/// One row: a store's day or hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SalesRow {
    /// Absent: all stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_id: Option<StoreId>,
    /// Absent by hour of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u8>,
    pub currency: Currency,
    #[serde(flatten)]
    pub sums: SalesSums,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SalesReport {
    /// In the order of days and hours; steps in which nothing happened are left out.
    pub rows: Vec<SalesRow>,
    /// One a currency.
    pub totals: Vec<SalesRow>,
}

/// Which articles' sales are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ProductQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub store_id: Option<StoreId>,
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub from: Day,
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub to: Day,
    /// Best sold first, by amount; the least sold first with `least`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub order: ProductOrder,
    /// Rows, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProductOrder {
    #[default]
    Best,
    Least,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductRow {
    pub sku: String,
    pub name: String,
    pub unit: String,
    pub currency: Currency,
    pub quantity: Quantity,
    pub net: Amount,
    pub tax: Amount,
    pub total: Amount,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductReport {
    pub rows: Vec<ProductRow>,
}

/// Which stock is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct InventoryQuery {
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub store_id: StoreId,
    /// Text that the article's number begins with, or that its name holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only articles of which there is no more than this; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub at_most: Option<Quantity>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries a page, 1 to 1000; 200 unless told. A file has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub format: Form,
}

/// An article's stock in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockRow {
    pub sku: String,
    /// As it was called when it was sold last; absent before the first sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the store had before the first movement that was told, and all movements since.
    pub on_hand: Quantity,
    /// The sum of all movements.
    pub moved: Quantity,
    pub moved_at: Timestamp,
}

/// Which sales are to be listed one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default)]
pub struct SaleListQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub store_id: Option<StoreId>,
    /// A receipt's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries a page, 1 to 100; 50 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A sale or refund as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SaleView {
    pub transaction_id: TransactionId,
    pub store_id: StoreId,
    pub edge_id: EdgeId,
    pub receipt: ReceiptNumber,
    pub terminal_id: TerminalId,
    pub cashier_id: CashierId,
    pub currency: Currency,
    pub opened_at: Timestamp,
    pub finalised_at: Timestamp,
    /// By the store's clock.
    pub day: Day,
    pub hour: u8,
    pub lines: Vec<Line>,
    pub taxes: Vec<TaxTotal>,
    pub totals: Totals,
    /// A refund: the sale it gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<TransactionId>,
    /// What has been given back of it, as a positive amount.
    pub returned: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for text in ["2026-11-21", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            let day: Day = text.parse().unwrap();
            assert_eq!(day.to_string(), text);
            assert_eq!(Day::from_number(day.number()), Some(day));
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "26-1-1",
            "2026-11-21Z",
            "",
            "+026-11-21",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert!(check_span(day("2025-11-21"), day("2026-11-21")).is_ok());
        assert!(check_span(day("2026-11-21"), day("2026-11-21")).is_ok());
        assert!(check_span(day("2026-11-22"), day("2026-11-21")).is_err());
        assert!(check_span(day("2025-01-01"), day("2026-11-21")).is_err());
        assert!("2026-11-21".parse::<Day>().unwrap() < "2026-12-01".parse().unwrap());
    }
}
