//! Sums of sales by day, hour and article. Those of hours the database adds up; those of articles are added up here, shelf
//! by shelf, so a report over a year costs the memory of the assortment.

use std::collections::HashMap;

use actors::ingest::model::{ArticleSums, CurrencyKey};
use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use messages::edge::{Amount, Currency, Quantity};
use messages::http::reports::{
    Day, ProductOrder, ProductQuery, ProductReport, ProductRow, SalesQuery, SalesReport, SalesRow, SalesSums,
    Step,
};
use messages::{ErrorCode, Problem, StoreId};

use super::super::super::documents::value::{StoredId as _, Unreadable};
use super::super::super::tenant::{TenantDb, number};
use super::super::sale_doc::code;
use super::super::shelf_doc::{ArticleRow, ArticleShelfDoc};
use super::super::sums_doc::{ArticleDoc, SlotDoc};
use super::unreadable;

/// More than any assortment; each has two hundred bytes here while a report is made.
const MOST_ARTICLES: usize = 500_000;

type ArticleOf = (String, CurrencyKey);
type Sums = HashMap<ArticleOf, ArticleRow>;

const SUMS: [&str; 13] = [
    "sales", "refunds", "voids", "gross", "discount", "net", "tax", "total", "rounding", "refunded", "cash",
    "card", "qr",
];

impl TenantDb {
    pub async fn sales_report(&self, query: &SalesQuery) -> Result<SalesReport, Problem> {
        self.must_exist().await?;
        let by = match query.by {
            Step::Day => doc! { "currency": "$currency", "day": "$day" },
            Step::Hour => doc! { "currency": "$currency", "day": "$day", "hour": "$hour" },
            Step::HourOfDay => doc! { "currency": "$currency", "hour": "$hour" },
        };
        let mut group = doc! { "_id": by };
        for sum in SUMS {
            group.insert(sum, doc! { "$sum": format!("${sum}") });
        }
        let order = doc! { "$sort": { "_id.day": 1, "_id.hour": 1, "_id.currency": 1 } };
        let wanted = span(query.store_id, query.from, query.to);
        let found = self.aggregate::<SlotDoc>(wanted, vec![doc! { "$group": group }, order]).await?;
        let rows: Result<Vec<_>, _> = found.iter().map(|row| sales_row(query.store_id, row)).collect();
        let rows = rows.map_err(unreadable)?;
        Ok(SalesReport { totals: totals(&rows), rows })
    }

    /// Whoever asks has had the journal folded first.
    pub async fn product_report(&self, query: &ProductQuery) -> Result<ProductReport, Problem> {
        self.must_exist().await?;
        let wanted = span(query.store_id, query.from, query.to);
        let mut sums = self.sums_of_single_documents(wanted.clone()).await?;
        let mut shelves = self.stream::<ArticleShelfDoc>(wanted, doc! { "day": 1 }).await?;
        while let Some(shelf) = shelves.try_next().await? {
            let currency: Currency = shelf.currency.parse().map_err(|_| unreadable(missing("currency")))?;
            for (sku, row) in shelf.rows().map_err(unreadable)? {
                add_up(&mut sums, (sku, currency.into()), row);
            }
            if sums.len() > MOST_ARTICLES {
                let detail = format!(
                    "the report has more than {MOST_ARTICLES} articles; ask for fewer days or one store"
                );
                return Err(Problem::new(ErrorCode::InvalidField, detail));
            }
        }
        let limit = query.limit.unwrap_or(100).clamp(1, 1_000) as usize;
        let rows = best(sums, query.order, limit).into_iter().map(|(key, row)| product_row(key, row));
        Ok(ProductReport { rows: rows.collect::<Result<_, _>>().map_err(unreadable)? })
    }

    /// Of what builds before the shelves have written.
    async fn sums_of_single_documents(&self, wanted: Document) -> Result<Sums, StoreError> {
        let sum = |field: &str| doc! { "$sum": format!("${field}") };
        let group = doc! { "$group": {
            "_id": { "sku": "$sku", "currency": "$currency" },
            "name": { "$max": "$name" }, "unit": { "$max": "$unit" },
            "quantity": sum("quantity"), "net": sum("net"), "tax": sum("tax"), "total": sum("total"),
        } };
        let found = self.aggregate::<ArticleDoc>(wanted, vec![group]).await?;
        Ok(found.iter().map(single).collect::<Result<_, _>>()?)
    }
}

pub(super) fn span(store: Option<StoreId>, from: Day, to: Day) -> Document {
    let mut wanted = doc! { "day": { "$gte": i64::from(from.number()), "$lte": i64::from(to.number()) } };
    if let Some(store) = store {
        wanted.insert("store_id", store.stored());
    }
    wanted
}

fn missing(what: &str) -> Unreadable {
    Unreadable(format!("a sum of sales has no {what}"))
}

fn group_of(row: &Document) -> Result<(&Document, Currency), Unreadable> {
    let id = row.get_document("_id").map_err(|_| missing("group"))?;
    let currency = id.get_str("currency").ok().and_then(|text| text.parse().ok());
    Ok((id, currency.ok_or_else(|| missing("currency"))?))
}

fn sales_row(store_id: Option<StoreId>, row: &Document) -> Result<SalesRow, Unreadable> {
    let (id, currency) = group_of(row)?;
    let part = |name: &str| match id.get(name) {
        None | Some(Bson::Null) => Ok(None),
        Some(_) => number(id, name).map(Some).ok_or_else(|| missing(name)),
    };
    let day =
        part("day")?.map(|n| u32::try_from(n).ok().and_then(Day::from_number).ok_or_else(|| missing("day")));
    let hour = part("hour")?.map(|n| u8::try_from(n).map_err(|_| missing("hour")));
    let count = |name: &str| number(row, name).ok_or_else(|| missing(name));
    let money = |name: &str| count(name).map(Amount::new);
    let sums = SalesSums {
        sales: count("sales")?,
        refunds: count("refunds")?,
        voids: count("voids")?,
        gross: money("gross")?,
        discount: money("discount")?,
        net: money("net")?,
        tax: money("tax")?,
        total: money("total")?,
        rounding: money("rounding")?,
        refunded: money("refunded")?,
        cash: money("cash")?,
        card: money("card")?,
        qr: money("qr")?,
    };
    Ok(SalesRow { store_id, day: day.transpose()?, hour: hour.transpose()?, currency, sums })
}

/// One row a currency.
fn totals(rows: &[SalesRow]) -> Vec<SalesRow> {
    let mut totals: Vec<SalesRow> = Vec::new();
    for row in rows {
        let at = totals.iter().position(|total| total.currency == row.currency).unwrap_or_else(|| {
            totals.push(SalesRow { day: None, hour: None, sums: SalesSums::default(), ..row.clone() });
            totals.len() - 1
        });
        if let Some(total) = totals.get_mut(at) {
            total.sums += row.sums;
        }
    }
    totals
}

fn single(row: &Document) -> Result<(ArticleOf, ArticleRow), Unreadable> {
    let (id, currency) = group_of(row)?;
    let count = |name: &str| number(row, name).ok_or_else(|| missing(name));
    let text = |from: &Document, name: &str| from.get_str(name).map(str::to_owned).map_err(|_| missing(name));
    let sums = ArticleRow {
        name: text(row, "name")?,
        unit: text(row, "unit")?,
        quantity: count("quantity")?,
        net: count("net")?,
        tax: count("tax")?,
        total: count("total")?,
    };
    Ok(((text(id, "sku")?, currency.into()), sums))
}

/// Later days come later, and their words count.
fn add_up(sums: &mut Sums, key: ArticleOf, row: ArticleRow) {
    let ArticleRow { name, unit, quantity, net, tax, total } = row;
    sums.entry(key).or_default().add(&ArticleSums { name, unit, quantity, net, tax, total });
}

fn best(sums: Sums, order: ProductOrder, limit: usize) -> Vec<(ArticleOf, ArticleRow)> {
    let mut rows: Vec<_> = sums.into_iter().collect();
    rows.sort_unstable_by(|(key, row), (other_key, other)| {
        let by_total = match order {
            ProductOrder::Best => other.total.cmp(&row.total),
            ProductOrder::Least => row.total.cmp(&other.total),
        };
        by_total.then_with(|| key.cmp(other_key))
    });
    rows.truncate(limit);
    rows
}

fn product_row((sku, currency): ArticleOf, row: ArticleRow) -> Result<ProductRow, Unreadable> {
    Ok(ProductRow {
        sku,
        name: row.name,
        unit: row.unit,
        currency: code(currency.as_str(), "currency")?,
        quantity: Quantity::thousandths(row.quantity),
        net: Amount::new(row.net),
        tax: Amount::new(row.tax),
        total: Amount::new(row.total),
    })
}
