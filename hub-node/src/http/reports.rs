//! Reports of sales and stock, as JSON or as a file.

use actors::ingest::request::EdgeRequest;
use messages::http::reports::{
    Form, InventoryQuery, ProductQuery, SaleListQuery, SalesQuery, SalesRow, check_span,
};
use messages::{ErrorCode, Problem, RetailerId, StoreId, TransactionId};

use super::call::Call;
use super::reply::Reply;
use super::runs::csv_value;
use crate::store::{ScopedDb, TenantDb};

const CSV: &str = "text/csv; charset=utf-8";

fn tenant(call: &Call, retailer: RetailerId) -> TenantDb {
    TenantDb::new(&call.state.store, retailer)
}

pub(super) async fn sales(call: Call) -> Result<Reply, Problem> {
    let retailer = call.retailer()?;
    sales_of(&call, retailer, call.query()?).await
}

/// Under the address that names no retailer: the store does.
pub(super) async fn sales_by_store(call: Call) -> Result<Reply, Problem> {
    let query: SalesQuery = call.query()?;
    let store = query.store_id.ok_or_else(|| {
        let detail = "must be given".to_owned();
        Problem::invalid(vec![messages::FieldError { field: "store_id".into(), detail }])
    })?;
    let retailer = owner(&call, store).await?;
    sales_of(&call, retailer, query).await
}

/// Has all that was acknowledged put into the sums of stock and of articles, which are about to be read.
pub(super) async fn summed(call: &Call, retailer: RetailerId) -> Result<(), Problem> {
    match call.ask_edge(retailer, EdgeRequest::Fold).await {
        Ok(_) => Ok(()),
        // An owner of the release before, which writes its sums at once.
        Err(problem) if problem.code == ErrorCode::UnsupportedProtocol => Ok(()),
        Err(problem) => Err(problem),
    }
}

async fn owner(call: &Call, store: StoreId) -> Result<RetailerId, Problem> {
    ScopedDb::new(&call.state.store, call.caller()?.scope.clone()).retailer_of(store).await
}

async fn sales_of(call: &Call, retailer: RetailerId, query: SalesQuery) -> Result<Reply, Problem> {
    check_span(query.from, query.to)?;
    let report = tenant(call, retailer).sales_report(&query).await?;
    match query.format {
        Form::Json => Reply::json(&report),
        Form::Csv => {
            let mut text = String::from(
                "day,hour,currency,sales,refunds,voids,gross,discount,net,tax,total,rounding,refunded,cash,card,qr\r\n",
            );
            report.rows.iter().for_each(|row| sales_line(&mut text, row));
            let name = format!("sales-{}-{}.csv", query.from, query.to);
            Ok(Reply::file(CSV, &name, text.into()))
        }
    }
}

/// Amounts as people write them, in the currency of the row.
fn sales_line(text: &mut String, row: &SalesRow) {
    let show = |amount| row.currency.show(amount);
    let sums = &row.sums;
    let day = row.day.map(|day| day.to_string()).unwrap_or_default();
    let hour = row.hour.map(|hour| hour.to_string()).unwrap_or_default();
    let mut fields = vec![day, hour, row.currency.to_string()];
    fields.extend([sums.sales, sums.refunds, sums.voids].map(|count| count.to_string()));
    fields.extend(
        [sums.gross, sums.discount, sums.net, sums.tax, sums.total, sums.rounding, sums.refunded].map(show),
    );
    fields.extend([sums.cash, sums.card, sums.qr].map(show));
    text.push_str(&fields.join(","));
    text.push_str("\r\n");
}

pub(super) async fn products(call: Call) -> Result<Reply, Problem> {
    let query: ProductQuery = call.query()?;
    check_span(query.from, query.to)?;
    let retailer = call.retailer()?;
    summed(&call, retailer).await?;
    let report = tenant(&call, retailer).product_report(&query).await?;
    match query.format {
        Form::Json => Reply::json(&report),
        Form::Csv => {
            let mut text = String::from("sku,name,unit,currency,quantity,net,tax,total\r\n");
            for row in &report.rows {
                for value in [&row.sku, &row.name, &row.unit] {
                    csv_value(&mut text, value);
                    text.push(',');
                }
                let show = |amount| row.currency.show(amount);
                let amounts = [row.net, row.tax, row.total].map(show).join(",");
                text.push_str(&format!("{},{},{amounts}\r\n", row.currency, row.quantity));
            }
            Ok(Reply::file(CSV, &format!("products-{}-{}.csv", query.from, query.to), text.into()))
        }
    }
}

pub(super) async fn inventory(call: Call) -> Result<Reply, Problem> {
    let retailer = call.retailer()?;
    inventory_of(&call, retailer, call.query()?).await
}

pub(super) async fn inventory_by_store(call: Call) -> Result<Reply, Problem> {
    let query: InventoryQuery = call.query()?;
    let retailer = owner(&call, query.store_id).await?;
    inventory_of(&call, retailer, query).await
}

async fn inventory_of(call: &Call, retailer: RetailerId, query: InventoryQuery) -> Result<Reply, Problem> {
    summed(call, retailer).await?;
    let db = tenant(call, retailer);
    match query.format {
        Form::Json => Reply::json(&db.inventory(&query).await?),
        Form::Csv => {
            let mut text = String::from("sku,on_hand,moved,moved_at\r\n");
            for row in db.whole_inventory(&query).await? {
                csv_value(&mut text, &row.sku);
                text.push_str(&format!(",{},{},{}\r\n", row.on_hand, row.moved, row.moved_at));
            }
            Ok(Reply::file(CSV, &format!("inventory-{}.csv", query.store_id), text.into()))
        }
    }
}

pub(super) async fn sale_list(call: Call) -> Result<Reply, Problem> {
    let query: SaleListQuery = call.query()?;
    Reply::json(&tenant(&call, call.retailer()?).sales(&query).await?)
}

pub(super) async fn sale(call: Call) -> Result<Reply, Problem> {
    let transaction: TransactionId = call.id("transaction")?;
    Reply::json(&tenant(&call, call.retailer()?).sale(transaction).await?)
}
