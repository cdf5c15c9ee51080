//! Sums of sales by day, hour and article. The database adds up, so a report over a year costs no memory here.

use bson::{Bson, Document, doc};
use messages::edge::{Amount, Currency, Quantity};
use messages::http::reports::{
    Day, ProductOrder, ProductQuery, ProductReport, ProductRow, SalesQuery, SalesReport, SalesRow, SalesSums,
    Step,
};
use messages::{Problem, StoreId};

use super::super::super::documents::value::{StoredId as _, Unreadable};
use super::super::super::tenant::{TenantDb, number};
use super::super::sums_doc::{ArticleDoc, SlotDoc};
use super::unreadable;

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

    pub async fn product_report(&self, query: &ProductQuery) -> Result<ProductReport, Problem> {
        self.must_exist().await?;
        let sum = |field: &str| doc! { "$sum": format!("${field}") };
        let group = doc! { "$group": {
            "_id": { "sku": "$sku", "currency": "$currency" },
            "name": { "$max": "$name" }, "unit": { "$max": "$unit" },
            "quantity": sum("quantity"), "net": sum("net"), "tax": sum("tax"), "total": sum("total"),
        } };
        let direction = match query.order {
            ProductOrder::Best => -1,
            ProductOrder::Least => 1,
        };
        let stages = vec![
            group,
            doc! { "$sort": { "total": direction, "_id.sku": 1 } },
            doc! { "$limit": i64::from(query.limit.unwrap_or(100).clamp(1, 1_000)) },
        ];
        let found = self.aggregate::<ArticleDoc>(span(query.store_id, query.from, query.to), stages).await?;
        let rows: Result<Vec<_>, _> = found.iter().map(product_row).collect();
        Ok(ProductReport { rows: rows.map_err(unreadable)? })
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

fn product_row(row: &Document) -> Result<ProductRow, Unreadable> {
    let (id, currency) = group_of(row)?;
    let count = |name: &str| number(row, name).ok_or_else(|| missing(name));
    let text = |from: &Document, name: &str| from.get_str(name).map(str::to_owned).map_err(|_| missing(name));
    Ok(ProductRow {
        sku: text(id, "sku")?,
        name: text(row, "name")?,
        unit: text(row, "unit")?,
        currency,
        quantity: Quantity::thousandths(count("quantity")?),
        net: Amount::new(count("net")?),
        tax: Amount::new(count("tax")?),
        total: Amount::new(count("total")?),
    })
}
