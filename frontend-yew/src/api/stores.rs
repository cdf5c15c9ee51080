//! Stores and their edges: figures, devices, dead letters, sales, stock, reports.

use messages::http::articles::{ArticleQuery, ArticleView, StockOrderView, StockSpec};
use messages::http::dead_letters::{LetterEdit, LetterQuery, LetterView};
use messages::http::edges::{EdgeSpec, EdgeToken, EdgeView};
use messages::http::figures::{StockLevels, StoreFigures, StoresToday};
use messages::http::paging::Page;
use messages::http::reports::{
    Day, InventoryQuery, ProductOrder, ProductReport, SaleView, SalesReport, Step, StockRow,
};
use messages::{EdgeId, EventId, RetailerId, StoreId, Version};

use super::client::{Api, Call};
use super::error::ApiError;
use crate::state::query::with_query;

/// Rows of a report of products.
pub const PRODUCTS: u32 = 25;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub store: Option<StoreId>,
    pub from: Day,
    pub to: Day,
}

impl Span {
    fn parts(self) -> [(&'static str, Option<String>); 3] {
        [
            ("store_id", self.store.map(|id| id.to_string())),
            ("from", Some(self.from.to_string())),
            ("to", Some(self.to.to_string())),
        ]
    }
}

fn of(retailer: RetailerId, rest: &str) -> String {
    format!("/retailers/{retailer}/{rest}")
}

/// A query with more than its span.
fn report(retailer: RetailerId, name: &str, span: Span, more: &[(&str, Option<String>)]) -> Call {
    let parts: Vec<_> = span.parts().into_iter().chain(more.iter().cloned()).collect();
    Call::get(with_query(&of(retailer, &format!("reports/{name}")), &parts))
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn stock(query: &InventoryQuery) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("store_id", Some(query.store_id.to_string())),
        ("q", query.q.clone()),
        ("at_most", query.at_most.map(|most| most.to_string())),
    ]
}

impl Api {
    /// Of all retailers that one may see.
    pub async fn stores_today(&self) -> Result<StoresToday, ApiError> {
        self.fetch(Call::get("/dashboard/stores")).await
    }

    /// All stores of a retailer, or one of them.
    pub async fn figures(
        &self,
        retailer: RetailerId,
        store: Option<StoreId>,
    ) -> Result<Vec<StoreFigures>, ApiError> {
        let parts = [("store_id", store.map(|id| id.to_string()))];
        let path = with_query(&of(retailer, "reports/stores"), &parts);
        self.page(Call::get(path)).await.map(|page| page.items)
    }

    pub async fn stock_levels(&self, retailer: RetailerId) -> Result<Vec<StockLevels>, ApiError> {
        self.page(Call::get(of(retailer, "reports/stock"))).await.map(|page| page.items)
    }

    pub async fn articles(
        &self,
        retailer: RetailerId,
        query: &ArticleQuery,
    ) -> Result<Page<ArticleView>, ApiError> {
        let parts = [
            ("q", query.q.clone()),
            ("state", query.state.map(|state| state.as_str().to_owned())),
            ("cursor", query.cursor.clone()),
            ("limit", query.limit.map(|n| n.to_string())),
        ];
        self.page(Call::get(with_query(&of(retailer, "articles"), &parts))).await
    }

    /// The answer tells that it is on its way.
    pub async fn correct_stock(
        &self,
        retailer: RetailerId,
        store: StoreId,
        spec: &StockSpec,
    ) -> Result<StockOrderView, ApiError> {
        self.fetch(Call::post(of(retailer, &format!("stores/{store}/stock"))).json(spec)).await
    }

    pub async fn edges(&self, retailer: RetailerId, store: StoreId) -> Result<Vec<EdgeView>, ApiError> {
        let path = with_query(&of(retailer, "edges"), &[("store_id", Some(store.to_string()))]);
        self.page(Call::get(path)).await.map(|page| page.items)
    }

    pub async fn make_edge(
        &self,
        retailer: RetailerId,
        store: StoreId,
        name: String,
    ) -> Result<EdgeToken, ApiError> {
        let path = of(retailer, &format!("stores/{store}/edges"));
        self.fetch(Call::post(path).json(&EdgeSpec { name })).await
    }

    /// A new token for a place; any earlier one is void.
    pub async fn offer_edge(&self, retailer: RetailerId, edge: EdgeId) -> Result<EdgeToken, ApiError> {
        self.fetch(Call::post(of(retailer, &format!("edges/{edge}/enrolment")))).await
    }

    pub async fn revoke_edge(&self, retailer: RetailerId, edge: EdgeId) -> Result<(), ApiError> {
        self.perform(Call::delete(of(retailer, &format!("edges/{edge}/enrolment")))).await
    }

    pub async fn remove_edge(&self, retailer: RetailerId, edge: EdgeId) -> Result<(), ApiError> {
        self.perform(Call::delete(of(retailer, &format!("edges/{edge}")))).await
    }

    /// Newest first.
    pub async fn letters(
        &self,
        retailer: RetailerId,
        query: &LetterQuery,
    ) -> Result<Page<LetterView>, ApiError> {
        let parts = [
            ("state", query.state.map(|state| state.as_str().to_owned())),
            ("store_id", query.store_id.map(|id| id.to_string())),
            ("cursor", query.cursor.clone()),
            ("limit", query.limit.map(|n| n.to_string())),
        ];
        self.page(Call::get(with_query(&of(retailer, "dead-letters"), &parts))).await
    }

    pub async fn edit_letter(
        &self,
        retailer: RetailerId,
        letter: (EventId, Version),
        edit: &LetterEdit,
    ) -> Result<LetterView, ApiError> {
        let path = of(retailer, &format!("dead-letters/{}", letter.0));
        self.fetch(Call::put(path).if_match(letter.1).json(edit)).await
    }

    pub async fn retry_letter(
        &self,
        retailer: RetailerId,
        letter: (EventId, Version),
    ) -> Result<LetterView, ApiError> {
        let path = of(retailer, &format!("dead-letters/{}/retry", letter.0));
        self.fetch(Call::post(path).if_match(letter.1)).await
    }

    pub async fn discard_letter(
        &self,
        retailer: RetailerId,
        letter: (EventId, Version),
    ) -> Result<LetterView, ApiError> {
        let path = of(retailer, &format!("dead-letters/{}/discard", letter.0));
        self.fetch(Call::post(path).if_match(letter.1)).await
    }

    /// Newest first.
    pub async fn sales(
        &self,
        retailer: RetailerId,
        store: StoreId,
        limit: u32,
    ) -> Result<Page<SaleView>, ApiError> {
        let parts = [("store_id", Some(store.to_string())), ("limit", Some(limit.to_string()))];
        self.page(Call::get(with_query(&of(retailer, "sales"), &parts))).await
    }

    pub async fn inventory(
        &self,
        retailer: RetailerId,
        query: &InventoryQuery,
    ) -> Result<Page<StockRow>, ApiError> {
        let mut parts = stock(query);
        parts.push(("cursor", query.cursor.clone()));
        parts.push(("limit", query.limit.map(|n| n.to_string())));
        self.page(Call::get(with_query(&of(retailer, "reports/inventory"), &parts))).await
    }

    pub async fn inventory_csv(
        &self,
        retailer: RetailerId,
        query: &InventoryQuery,
    ) -> Result<String, ApiError> {
        let mut parts = stock(query);
        parts.push(("format", text("csv")));
        self.text(Call::get(with_query(&of(retailer, "reports/inventory"), &parts))).await
    }

    pub async fn sales_report(
        &self,
        retailer: RetailerId,
        span: Span,
        by: Step,
    ) -> Result<SalesReport, ApiError> {
        self.fetch(report(retailer, "sales", span, &[("by", text(step(by)))])).await
    }

    pub async fn sales_csv(&self, retailer: RetailerId, span: Span, by: Step) -> Result<String, ApiError> {
        let more = [("by", text(step(by))), ("format", text("csv"))];
        self.text(report(retailer, "sales", span, &more)).await
    }

    pub async fn product_report(
        &self,
        retailer: RetailerId,
        span: Span,
        order: ProductOrder,
    ) -> Result<ProductReport, ApiError> {
        let more = [("order", text(rank(order))), ("limit", Some(PRODUCTS.to_string()))];
        self.fetch(report(retailer, "products", span, &more)).await
    }

    pub async fn product_csv(
        &self,
        retailer: RetailerId,
        span: Span,
        order: ProductOrder,
    ) -> Result<String, ApiError> {
        let more = [("order", text(rank(order))), ("limit", text("1000")), ("format", text("csv"))];
        self.text(report(retailer, "products", span, &more)).await
    }
}

const fn step(by: Step) -> &'static str {
    match by {
        Step::Day => "day",
        Step::Hour => "hour",
        Step::HourOfDay => "hour_of_day",
    }
}

const fn rank(order: ProductOrder) -> &'static str {
    match order {
        ProductOrder::Best => "best",
        ProductOrder::Least => "least",
    }
}
