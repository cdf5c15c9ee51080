//! The part of the table that is about stores: their edges, what is set aside, articles, reports. Read by [`super`] alone.

use messages::edge::{catalogue, enrol, ingest, pulse};
use messages::http::articles::{
    ArticleQuery, ArticleSpec, ArticleView, ImportAnswer, ImportPortion, StockOrderView, StockSpec,
};
use messages::http::dead_letters::{LetterEdit, LetterQuery, LetterView};
use messages::http::edges::{EdgeSpec, EdgeToken, EdgeView};
use messages::http::figures::{StockLevels, StoreFigures, StoresToday};
use messages::http::paging::ListQuery;
use messages::http::reports::{
    InventoryQuery, ProductQuery, ProductReport, SaleListQuery, SaleView, SalesQuery, SalesReport, StockRow,
};
use messages::permission::Permission as P;

use super::super::route::Route;
use super::super::{articles, dead_letters, edges, figures, reports};

/// What stands beside the table: answered by filters of their own, and on the OpenAPI page with everything else.
#[must_use]
pub fn routes_elsewhere() -> Vec<Route> {
    vec![
        Route::post(enrol::PATH, P::Public, "swap an enrolment token for a store edge's credential")
            .carries::<enrol::EdgeEnrolRequest>()
            .answers::<enrol::EdgeEnrolGrant>(200)
            .elsewhere(),
        Route::post(
            ingest::PATH,
            P::Public,
            "take in events of a store edge: each once, in the order of its stream; the answer is by event",
        )
        .carries::<ingest::EventBatch>()
        .answers::<ingest::IngestAnswer>(200)
        .of_edge()
        .elsewhere(),
        Route::post(
            catalogue::PATH,
            P::Public,
            "what comes down to a store edge: articles, prices, corrections of stock, from its cursor on",
        )
        .carries::<catalogue::ChangesRequest>()
        .answers::<catalogue::ChangesPage>(200)
        .of_edge()
        .elsewhere(),
        Route::post(pulse::PATH, P::Public, "a store edge is there, and so much waits in it")
            .carries::<pulse::EdgePulse>()
            .answers_with("application/json")
            .of_edge()
            .elsewhere(),
    ]
}

pub(super) fn edge_routes() -> Vec<Route> {
    const OFFER: &str = "/api/v1/retailers/{retailer}/edges/{edge}/enrolment";
    const LETTERS: &str = "/api/v1/retailers/{retailer}/dead-letters";
    const LETTER: &str = "/api/v1/retailers/{retailer}/dead-letters/{event}";
    vec![
        Route::get("/api/v1/retailers/{retailer}/edges", P::ConfigRead, "list store edges")
            .query::<edges::EdgeQuery>()
            .answers_page::<EdgeView>()
            .by(edges::list),
        Route::post(
            "/api/v1/retailers/{retailer}/stores/{store}/edges",
            P::AgentEnrol,
            "make a place for a device of the store, and a one-time token with which it enrols",
        )
        .takes::<EdgeSpec>()
        .answers::<EdgeToken>(201)
        .by_body(edges::make),
        Route::post(OFFER, P::AgentEnrol, "make another one-time token")
            .answers::<EdgeToken>(201)
            .by(edges::offer),
        Route::delete(OFFER, P::AgentEnrol, "void the store edge's token and credential").by(edges::revoke),
        Route::delete(
            "/api/v1/retailers/{retailer}/edges/{edge}",
            P::AgentEnrol,
            "delete the place of a store edge that was revoked or never enrolled; its sales stay",
        )
        .by(edges::remove),
        Route::get(LETTERS, P::ConfigRead, "events that were set aside, newest first")
            .query::<LetterQuery>()
            .answers_page::<LetterView>()
            .by(dead_letters::list),
        Route::get(LETTER, P::ConfigRead, "one event that was set aside")
            .answers::<LetterView>(200)
            .guarded()
            .by(dead_letters::get),
        Route::put(LETTER, P::ConfigWrite, "change the data of an event that was set aside")
            .takes::<LetterEdit>()
            .answers::<LetterView>(200)
            .guarded()
            .by_body(dead_letters::edit),
        Route::post(
            "/api/v1/retailers/{retailer}/dead-letters/{event}/retry",
            P::ConfigWrite,
            "apply an event that was set aside; the answer says whether it went through",
        )
        .answers::<LetterView>(200)
        .guarded()
        .by(dead_letters::retry),
        Route::post(
            "/api/v1/retailers/{retailer}/dead-letters/{event}/discard",
            P::ConfigWrite,
            "decide that an event does not count",
        )
        .answers::<LetterView>(200)
        .guarded()
        .by(dead_letters::discard),
    ]
}

pub(super) fn article_routes() -> Vec<Route> {
    const ALL: &str = "/api/v1/retailers/{retailer}/articles";
    const ONE: &str = "/api/v1/retailers/{retailer}/articles/{sku}";
    const STOCK: &str = "/api/v1/retailers/{retailer}/stores/{store}/stock";
    vec![
        Route::get(ALL, P::RetailerRead, "list articles")
            .query::<ArticleQuery>()
            .answers_page::<ArticleView>()
            .by(articles::list),
        Route::post(ALL, P::ConfigWrite, "make an article; stores get it within seconds")
            .takes::<ArticleSpec>()
            .answers::<ArticleView>(201)
            .by_body(articles::create),
        Route::post(
            "/api/v1/retailers/{retailer}/articles/import",
            P::ConfigWrite,
            "apply what is different of some lines of a file; errors are told by line",
        )
        .takes::<ImportPortion>()
        .answers::<ImportAnswer>(200)
        .by_body(articles::import),
        Route::post(
            "/api/v1/retailers/{retailer}/articles/renew",
            P::ConfigWrite,
            "have every store take the whole catalogue over anew, as after restoring a hub",
        )
        .status(204)
        .by(articles::renew),
        Route::get(ONE, P::RetailerRead, "one article")
            .answers::<ArticleView>(200)
            .guarded()
            .by(articles::get),
        Route::put(ONE, P::ConfigWrite, "change an article; stores get it within seconds")
            .takes::<ArticleSpec>()
            .answers::<ArticleView>(200)
            .guarded()
            .by_body(articles::update),
        Route::delete(ONE, P::ConfigWrite, "withdraw an article: stores do not sell it any more")
            .guarded()
            .by(articles::withdraw),
        Route::get(STOCK, P::RetailerRead, "corrections of a store's stock, the latest first")
            .query::<ListQuery>()
            .answers_page::<StockOrderView>()
            .by(articles::stock_orders),
        Route::post(STOCK, P::ConfigWrite, "put a store's stock right; its device carries it out")
            .takes::<StockSpec>()
            .answers::<StockOrderView>(202)
            .by_body(articles::correct_stock),
    ]
}

pub(super) fn dashboard_routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/dashboard/stores",
            P::RetailerRead,
            "all stores in one's scope together: sold today, devices, what waits",
        )
        .answers::<StoresToday>(200)
        .by(figures::dashboard),
    ]
}

pub(super) fn report_routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/retailers/{retailer}/sales", P::RetailerRead, "sales and refunds, newest first")
            .query::<SaleListQuery>()
            .answers_page::<SaleView>()
            .by(reports::sale_list),
        Route::get(
            "/api/v1/retailers/{retailer}/sales/{transaction}",
            P::RetailerRead,
            "one sale or refund with its lines",
        )
        .answers::<SaleView>(200)
        .by(reports::sale),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/sales",
            P::RetailerRead,
            "sums of sales by day or hour of the store's clock",
        )
        .query::<SalesQuery>()
        .answers::<SalesReport>(200)
        .by(reports::sales),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/products",
            P::RetailerRead,
            "what was sold best or least",
        )
        .query::<ProductQuery>()
        .answers::<ProductReport>(200)
        .by(reports::products),
        Route::get("/api/v1/retailers/{retailer}/reports/inventory", P::RetailerRead, "stock of a store")
            .query::<InventoryQuery>()
            .answers_page::<StockRow>()
            .by(reports::inventory),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/stores",
            P::RetailerRead,
            "how each store does now: its day so far, its devices, what waits",
        )
        .query::<edges::EdgeQuery>()
        .answers_page::<StoreFigures>()
        .by(figures::stores),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/stock",
            P::RetailerRead,
            "how many articles run out in each store",
        )
        .answers_page::<StockLevels>()
        .by(figures::stock),
        Route::get("/v1/reports/sales", P::RetailerRead, "sums of a store's sales, by the store alone")
            .query::<SalesQuery>()
            .answers::<SalesReport>(200)
            .by(reports::sales_by_store),
        Route::get("/v1/reports/inventory", P::RetailerRead, "stock of a store, by the store alone")
            .query::<InventoryQuery>()
            .answers_page::<StockRow>()
            .by(reports::inventory_by_store),
    ]
}
