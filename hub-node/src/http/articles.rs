//! Articles of a retailer: one by one, or a file in portions; and stock that head office puts right.

mod portion;

use actors::domain::EntityId;
use actors::ingest::request::{ArticleAct, Correct, EdgeReply, EdgeRequest};
use actors::retailer::request::Request;
use messages::http::articles::{ArticleQuery, ArticleSpec, ArticleView, ImportPortion, StockSpec, is_sku};
use messages::http::paging::ListQuery;
use messages::{ErrorCode, EventId, FieldError, Problem, StoreId};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::call::Call;
use super::reply::Reply;
use crate::store::TenantDb;

fn tenant(call: &Call) -> Result<TenantDb, Problem> {
    Ok(TenantDb::new(&call.state.store, call.retailer()?))
}

/// The number in the path: what people call an article may hold anything, so it comes percent-encoded.
fn sku(call: &Call) -> Result<String, Problem> {
    let missing = || Problem::new(ErrorCode::NotFound, "there is no such article");
    let text: String = call.id("sku")?;
    let decoded = percent_decode_str(&text).decode_utf8().map_err(|_| missing())?;
    if is_sku(&decoded) { Ok(decoded.into_owned()) } else { Err(missing()) }
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let query: ArticleQuery = call.query()?;
    Reply::json(&tenant(&call)?.articles(&query).await?)
}

pub(super) async fn get(call: Call) -> Result<Reply, Problem> {
    show(&tenant(&call)?.article(&sku(&call)?).await?)
}

pub(super) async fn create(call: Call, spec: ArticleSpec) -> Result<Reply, Problem> {
    let made = write(&call, ArticleAct::Create(spec)).await?;
    let number = utf8_percent_encode(&made.spec.sku, NON_ALPHANUMERIC).to_string();
    let path = format!("/api/v1/retailers/{}/articles/{number}", made.retailer_id);
    Ok(show(&made)?.at(&path))
}

pub(super) async fn update(call: Call, spec: ArticleSpec) -> Result<Reply, Problem> {
    let (sku, expected) = (sku(&call)?, call.expected()?);
    if spec.sku.trim() != sku {
        let detail = "cannot be changed; withdraw the article and make another".to_owned();
        return Err(Problem::invalid(vec![FieldError { field: "sku".to_owned(), detail }]));
    }
    show(&write(&call, ArticleAct::Replace { spec, expected }).await?)
}

pub(super) async fn withdraw(call: Call) -> Result<Reply, Problem> {
    let (sku, expected) = (sku(&call)?, call.expected()?);
    write(&call, ArticleAct::Withdraw { sku, expected }).await?;
    Ok(Reply::empty())
}

async fn write(call: &Call, act: ArticleAct) -> Result<ArticleView, Problem> {
    let (retailer, author) = (call.retailer()?, call.caller()?.author());
    match call.ask_edge(retailer, EdgeRequest::Article { act: Box::new(act), author }).await? {
        EdgeReply::Article(article) => Ok(article.view(retailer)),
        _ => Err(ErrorCode::Internal.into()),
    }
}

fn show(article: &ArticleView) -> Result<Reply, Problem> {
    Ok(Reply::json(article)?.with_rev(article.rev))
}

pub(super) async fn import(call: Call, body: ImportPortion) -> Result<Reply, Problem> {
    let (currency, stores) = tenant(&call)?.terms().await?;
    let portion::Read { rows, mut errors } = portion::read(&body, currency, &stores)?;
    let request = EdgeRequest::Import { rows, author: call.caller()?.author() };
    match call.ask_edge(call.retailer()?, request).await? {
        EdgeReply::Imported(mut answer) => {
            answer.errors.append(&mut errors);
            answer.errors.sort_by_key(|error| error.line);
            Reply::json(&answer)
        }
        _ => Err(ErrorCode::Internal.into()),
    }
}

pub(super) async fn renew(call: Call) -> Result<Reply, Problem> {
    let author = call.caller()?.author();
    match call.ask_edge(call.retailer()?, EdgeRequest::RenewFeed { author }).await? {
        EdgeReply::Done => Ok(Reply::empty()),
        _ => Err(ErrorCode::Internal.into()),
    }
}

pub(super) async fn correct_stock(call: Call, spec: StockSpec) -> Result<Reply, Problem> {
    let (retailer, store): (_, StoreId) = (call.retailer()?, call.id("store")?);
    call.ask_entity(retailer, Request::Get(EntityId::Store(store))).await?;
    let StockSpec { sku, delta, edge_id: edge, note } = spec;
    let order = Correct { event: EventId::new(), store, edge, sku, delta, note };
    let request = EdgeRequest::Correct { order, author: call.caller()?.author() };
    match call.ask_edge(retailer, request).await? {
        EdgeReply::Ordered(order) => Reply::json(&order),
        _ => Err(ErrorCode::Internal.into()),
    }
}

pub(super) async fn stock_orders(call: Call) -> Result<Reply, Problem> {
    let (store, query): (StoreId, ListQuery) = (call.id("store")?, call.query()?);
    Reply::json(&tenant(&call)?.stock_orders(store, &query).await?)
}
