//! Articles of a retailer: what its stores sell, and at which price. Amounts are whole numbers of the smallest unit of
//! the retailer's currency.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::edge::catalogue::{Bundle, StoreArticle};
use crate::edge::{Amount, Quantity, TaxRate, gtin};
use crate::validate::{Check, Validate};
use crate::{EdgeId, ErrorCode, EventId, RetailerId, StoreId, Timestamp, Version};

/// Of a number that a retailer gives an article.
pub const LONGEST_SKU: usize = 64;
const LONGEST_NAME: usize = 200;
const LONGEST_CATEGORY: usize = 100;
const LONGEST_UNIT: usize = 16;
const LONGEST_REASON: usize = 200;
/// As many as a retailer can have stores.
const MOST_PRICES: usize = 500;
/// "Ten for nine" is common; a pallet has a number of its own.
const MOST_PIECES: u32 = 1_000;
/// Short numbers that cashiers type and scales print have five digits.
const HIGHEST_PLU: u32 = 99_999;

/// Whether stores sell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ArticleState {
    #[default]
    Active,
    /// Not sold any more; kept, because it was.
    Withdrawn,
}

impl ArticleState {
    pub const ALL: [Self; 2] = [Self::Active, Self::Withdrawn];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// An article as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleSpec {
    /// The retailer's own number; never changes.
    pub sku: String,
    pub name: String,
    /// GTIN, EAN or UPC; no two active articles have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    #[serde(default)]
    pub category: String,
    /// `pcs`, `kg`, `l`.
    #[serde(default = "pieces")]
    pub unit: String,
    /// Of one unit, where a store has none of its own.
    pub price: Amount,
    /// In hundredths of a per cent.
    #[serde(default)]
    pub tax_rate: TaxRate,
    /// Sold by weight.
    #[serde(default)]
    pub weighed: bool,
    /// The short number that scales and cashiers know it by; no two active articles have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plu: Option<u32>,
    /// Must not be sold for the time being, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// Prices of single stores.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<StoreId, Amount>,
    #[serde(default)]
    pub state: ArticleState,
}

fn pieces() -> String {
    "pcs".to_owned()
}

impl ArticleSpec {
    /// A new article, of which only this is known.
    #[must_use]
    pub fn new(sku: &str, name: &str, price: Amount) -> Self {
        Self {
            sku: sku.to_owned(),
            name: name.to_owned(),
            barcode: None,
            category: String::new(),
            unit: pieces(),
            price,
            tax_rate: TaxRate::default(),
            weighed: false,
            plu: None,
            blocked: None,
            bundle: None,
            prices: BTreeMap::new(),
            state: ArticleState::Active,
        }
    }

    /// What one store gets of it.
    #[must_use]
    pub fn in_store(&self, store: StoreId) -> StoreArticle {
        StoreArticle {
            sku: self.sku.clone(),
            name: self.name.clone(),
            barcode: self.barcode.clone(),
            category: self.category.clone(),
            unit: self.unit.clone(),
            price: self.prices.get(&store).copied().unwrap_or(self.price),
            tax_rate: self.tax_rate,
            weighed: self.weighed,
            plu: self.plu,
            blocked: self.blocked.clone(),
            bundle: self.bundle,
        }
    }

    /// The same with its texts as they are kept: without blanks around them, the barcode in its one form, nothing where
    /// there is only an empty text.
    #[must_use]
    pub fn tidy(mut self) -> Self {
        let trim = |text: &mut String| {
            let trimmed = text.trim();
            if trimmed.len() != text.len() {
                *text = trimmed.to_owned();
            }
        };
        trim(&mut self.sku);
        trim(&mut self.name);
        trim(&mut self.category);
        trim(&mut self.unit);
        self.blocked = self.blocked.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        self.barcode = self.barcode.filter(|text| !text.trim().is_empty());
        if let Some(number) = self.barcode.as_deref().and_then(|text| gtin::normal(text).ok()) {
            self.barcode = Some(number);
        }
        self
    }
}

/// May this be the number of an article?
#[must_use]
pub fn is_sku(text: &str) -> bool {
    let plain = !text.chars().any(char::is_control) && text.trim().len() == text.len();
    !text.is_empty() && text.len() <= LONGEST_SKU && plain
}

impl Validate for ArticleSpec {
    fn check(&self, check: &mut Check) {
        let sku = self.sku.trim();
        check.ensure(is_sku(sku), "sku", "must have 1 to 64 bytes and no control characters");
        check.text("name", &self.name, LONGEST_NAME);
        check.optional_text("category", &self.category, LONGEST_CATEGORY);
        check.text("unit", &self.unit, LONGEST_UNIT);
        price(check, "price", self.price);
        check.range("tax_rate", &i64::from(self.tax_rate.0), &0, &TaxRate::WHOLE);
        if let Some(barcode) = self.barcode.as_deref().filter(|text| !text.trim().is_empty())
            && let Err(fault) = gtin::normal(barcode)
        {
            check.fail("barcode", fault.to_string());
        }
        if let Some(plu) = &self.plu {
            check.range("plu", plu, &1, &HIGHEST_PLU);
        }
        if let Some(reason) = &self.blocked {
            check.optional_text("blocked", reason, LONGEST_REASON);
        }
        if let Some(bundle) = &self.bundle {
            check.range("bundle.pieces", &bundle.pieces, &2, &MOST_PIECES);
            price(check, "bundle.price", bundle.price);
            check.ensure(!self.weighed, "bundle", "goods sold by weight have no price for several pieces");
        }
        check.ensure(self.prices.len() <= MOST_PRICES, "prices", "must have at most 500 entries");
        for (store, amount) in &self.prices {
            price(check, &format!("prices.{store}"), *amount);
        }
    }
}

fn price(check: &mut Check, field: &str, amount: Amount) {
    let fits = amount >= Amount::ZERO && amount <= Amount::MAX_PRICE;
    check.ensure(fits, field, "must be a price that goods can have, not below zero");
}

/// An article as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleView {
    pub retailer_id: RetailerId,
    /// The number of its latest change among all changes of the retailer's catalogue; its ETag.
    pub rev: Version,
    #[serde(flatten)]
    pub spec: ArticleSpec,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
}

/// Which articles are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default)]
pub struct ArticleQuery {
    /// Text to look for in names, numbers and barcodes, without regard to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `active` or `withdrawn`; all unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub state: Option<ArticleState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `name` (unless told) or `sku`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub sort: Option<ArticleSort>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries a page, 1 to 200; 50 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ArticleSort {
    #[default]
    Name,
    Sku,
}

impl ArticleQuery {
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(50).clamp(1, 200) as usize
    }
}

/// In which form a file of articles is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileForm {
    /// A header and a row for each article; prices as people write them, such as `1.65`.
    Csv,
    /// A JSON object on each line, of the form of an article; what is left out stays as it is.
    Jsonl,
}

/// Rows of an import that one request can have.
pub const MAX_ROWS: usize = 500;

/// `POST …/articles/import`: some whole lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportPortion {
    pub format: FileForm,
    /// CSV: the header line, where `text` does not begin with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The number in the file of the first line of `text`, for what is said of errors.
    #[serde(default = "first")]
    pub first_line: u64,
    pub text: String,
}

const fn first() -> u64 {
    1
}

impl Validate for ImportPortion {
    fn check(&self, check: &mut Check) {
        check.ensure(!self.text.trim().is_empty(), "text", "must not be empty");
        check.ensure(self.first_line > 0, "first_line", "must be at least 1");
        let headed = self.header.is_none() || self.format == FileForm::Csv;
        check.ensure(headed, "header", "only CSV has one");
    }
}

/// What has come of a portion. Rows with errors changed nothing; all others are in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportAnswer {
    pub added: u64,
    pub changed: u64,
    /// Rows that said what is so already.
    pub unchanged: u64,
    /// In the order of their lines.
    pub errors: Vec<RowError>,
    /// The number of the catalogue's latest change.
    pub head: u64,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowError {
    /// Of the file, counted from 1.
    pub line: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Which value; empty when the row as a whole is meant.
    pub field: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: ErrorCode,
    pub detail: String,
}

/// `POST …/stores/{store}/stock`: stock that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockSpec {
    pub sku: String,
    /// What there is more than was thought, or less. Not the count itself: goods are sold while one counts.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub delta: Quantity,
    /// The device whose stock is meant; needed where a store has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_id: Option<EdgeId>,
    /// Why, for the record.
    #[serde(default)]
    pub note: String,
}

/// A million pieces or kilograms.
const MOST_GOODS: i64 = 1_000_000_000;

impl Validate for StockSpec {
    fn check(&self, check: &mut Check) {
        check.ensure(is_sku(&self.sku), "sku", "must have 1 to 64 bytes and no control characters");
        let moved = self.delta.get();
        check.ensure(moved != 0, "delta", "must not be zero");
        check.ensure(moved.unsigned_abs() <= MOST_GOODS.unsigned_abs(), "delta", "is beyond any quantity");
        check.optional_text("note", &self.note, LONGEST_REASON);
    }
}

/// A correction of stock on its way to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockOrderView {
    /// Of the `inventory_adjusted` event by which the device tells that it was done.
    pub event_id: EventId,
    /// Its number among the changes of the catalogue.
    pub seq: u64,
    pub store_id: StoreId,
    pub edge_id: EdgeId,
    pub sku: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub delta: Quantity,
    pub note: String,
    pub ordered_at: Timestamp,
    pub ordered_by: String,
    /// When the device's event came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_says_all_that_is_wrong_with_it() {
        let good = ArticleSpec {
            barcode: Some(" 036000291452 ".into()),
            ..ArticleSpec::new("A1", "Milk", Amount::new(165))
        };
        assert_eq!(good.validate(), Ok(()));
        assert_eq!(good.clone().tidy().barcode.as_deref(), Some("0036000291452"));
        let bad = ArticleSpec {
            sku: String::new(),
            name: " ".into(),
            barcode: Some("4006381333932".into()),
            price: Amount::new(-1),
            tax_rate: TaxRate(10_001),
            weighed: true,
            plu: Some(0),
            bundle: Some(Bundle { pieces: 1, price: Amount::new(1) }),
            ..good
        };
        let fields: Vec<_> =
            bad.validate().unwrap_err().errors.into_iter().map(|error| error.field).collect();
        let expected = ["sku", "name", "price", "tax_rate", "barcode", "plu", "bundle.pieces", "bundle"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_store_has_its_own_price_and_no_other() {
        let [here, there] = [1_u128, 2].map(|n| StoreId::from_uuid(uuid::Uuid::from_u128(n)));
        let mut article = ArticleSpec::new("A1", "Milk", Amount::new(165));
        article.prices.insert(here, Amount::new(149));
        assert_eq!(article.in_store(here).price, Amount::new(149));
        assert_eq!(article.in_store(there).price, Amount::new(165));
        let text = serde_json::to_string(&article).unwrap();
        assert_eq!(serde_json::from_str::<ArticleSpec>(&text).unwrap(), article);
    }
}
