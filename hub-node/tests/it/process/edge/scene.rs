//! Head office as a store edge has it: one hub, a retailer, a store; and the comparison of what both have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use messages::edge::Amount;
use messages::edge::checkout::{ArticleView, ReceiptView, TransactionState};
use messages::http::edges::{EdgeToken, EdgeView};
use messages::http::figures::{StockLevels, StoreFigures};
use messages::http::paging::Page;
use messages::http::reports::{ProductReport, SaleView, SalesReport, StockRow};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::api::Api;
use super::super::hub::Hub;
use super::super::wait::until;
use super::machine::{self, Edge};

/// Receipts that are asked for at once.
const AT_ONCE: usize = 16;

/// A store as it is known at the hub.
pub(in crate::process) struct Office {
    pub(in crate::process) api: Api,
    /// Path of the retailer.
    pub(super) of: String,
    pub(super) retailer: String,
    pub(super) store: String,
}

impl Office {
    pub(in crate::process) async fn open(api: &Api, code: &str) -> Self {
        let zone = "Asia/Ho_Chi_Minh";
        let retailer = json!({"code": code, "name": code, "currency": "EUR", "time_zone": zone});
        let retailer: Value = api.post("/retailers", retailer).await;
        let retailer = retailer["id"].as_str().unwrap().to_owned();
        let of = format!("/retailers/{retailer}");
        let store = json!({"code": "main", "name": "Main street", "time_zone": zone});
        let store: Value = api.post(&format!("{of}/stores"), store).await;
        let store = store["id"].as_str().unwrap().to_owned();
        Self { api: api.clone(), of, retailer, store }
    }

    /// A place for a device; gives the token.
    pub(in crate::process) async fn token(&self) -> String {
        let place = json!({"name": "Checkout server"});
        let token: EdgeToken =
            self.api.post(&format!("{}/stores/{}/edges", self.of, self.store), place).await;
        assert!(token.command.expose().contains(token.token.expose()), "the command holds the token");
        token.token.expose().to_owned()
    }

    pub(super) async fn all<T: DeserializeOwned>(&self, path: &str, limit: u32) -> Vec<T> {
        let mut all = Vec::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut next = format!("{path}{separator}limit={limit}");
        loop {
            let page: Page<T> = self.api.get(&next).await;
            all.extend(page.items);
            let Some(cursor) = page.next else {
                assert_eq!(all.len() as u64, page.total, "{path}");
                return all;
            };
            next = format!("{path}{separator}limit={limit}&cursor={cursor}");
        }
    }

    pub(super) async fn places(&self) -> Vec<EdgeView> {
        let path = format!("{}/edges?store_id={}", self.of, self.store);
        self.api.get::<Page<EdgeView>>(&path).await.items
    }

    pub(super) async fn place(&self) -> EdgeView {
        let places = self.places().await;
        assert_eq!(places.len(), 1);
        places.into_iter().next().unwrap()
    }

    pub(super) async fn sales(&self) -> Vec<SaleView> {
        self.all(&format!("{}/sales?store_id={}", self.of, self.store), 100).await
    }

    /// Waits for more than so many sales at the hub.
    pub(in crate::process) async fn until_sales(&self, count: u64) {
        until("sales at the hub", || async {
            let page: Page<SaleView> = self.api.try_get(&format!("{}/sales?limit=1", self.of)).await?;
            (page.total > count).then_some(())
        })
        .await;
    }

    /// Receipts at the edge are sales at the hub, to the cent; stock and sums are theirs.
    pub(in crate::process) async fn reconcile(&self, edge: &Edge) {
        let status = edge.drained().await;
        let place = self.place().await;
        let stream = place.stream.unwrap();
        assert_eq!(stream.settled_seq, status.outbox.settled_seq);
        assert_eq!((stream.lost, place.dead_letters), (0, 0), "{}", edge.log());
        let sales = self.sales().await;
        assert_eq!(sales.len() as u64, status.receipts);
        let receipts: BTreeSet<_> = sales.iter().map(|sale| sale.receipt.as_str()).collect();
        assert_eq!(receipts.len(), sales.len(), "a receipt is there twice");
        stream::iter(&sales).for_each_concurrent(AT_ONCE, |sale| same(edge, sale)).await;
        self.sums_agree(&sales).await;
        self.stock_agrees(edge).await;
        self.figures_agree(&sales).await;
    }

    async fn sums_agree(&self, sales: &[SaleView]) {
        let (of, store) = (&self.of, &self.store);
        let (mut total, mut refunded, mut counted) = (Amount::ZERO, Amount::ZERO, 0);
        for sale in sales.iter().filter(|sale| sale.voided_at.is_none()) {
            total += sale.totals.total;
            counted += i64::from(sale.refund_of.is_none());
            if sale.refund_of.is_some() {
                refunded += sale.totals.total;
            }
        }
        let days = || sales.iter().map(|sale| sale.day);
        let span = format!("from={}&to={}", days().min().unwrap(), days().max().unwrap());
        for step in ["day", "hour", "hour_of_day"] {
            let path = format!("{of}/reports/sales?store_id={store}&{span}&by={step}");
            let report: SalesReport = self.api.get(&path).await;
            let sums = report.totals[0].sums;
            assert_eq!((sums.total, sums.refunded, sums.sales), (total, refunded, counted), "{step}");
            let (paid, due) = (sums.cash + sums.card + sums.qr, sums.total + sums.rounding);
            assert_eq!(paid, due, "what was paid is what was due");
        }
        let products: ProductReport = self.api.get(&format!("{of}/reports/products?{span}&limit=1000")).await;
        assert_eq!(products.rows.iter().map(|row| row.total).sum::<Amount>(), total);
    }

    async fn stock_agrees(&self, edge: &Edge) {
        let path = format!("{}/reports/inventory?store_id={}", self.of, self.store);
        let stock: Vec<StockRow> = self.all(&path, 300).await;
        assert!(stock.len() > 20, "{} articles have moved", stock.len());
        stream::iter(&stock)
            .for_each_concurrent(AT_ONCE, async |row| {
                let article: ArticleView = edge.get(&format!("/v1/articles/{}", row.sku)).await;
                assert_eq!(row.on_hand, article.on_hand, "{}", row.sku);
            })
            .await;
        // It is found by what it is called and by how little there is.
        let named = stock.iter().find(|row| row.name.is_some()).unwrap();
        let word = named.name.as_deref().unwrap_or_default().split(' ').next().unwrap_or_default();
        let found: Vec<StockRow> = self.all(&format!("{path}&q={}", word.to_uppercase()), 300).await;
        let has = found.iter().any(|row| row.sku == named.sku);
        assert!(found.len() < stock.len() && has, "{word}: {found:?}");
        let most = stock[stock.len() / 2].on_hand;
        let few: Vec<StockRow> = self.all(&format!("{path}&at_most={most}"), 300).await;
        assert_eq!(few.len(), stock.iter().filter(|row| row.on_hand <= most).count(), "at most {most}");
        let levels: Page<StockLevels> = self.api.get(&format!("{}/reports/stock", self.of)).await;
        assert_eq!(levels.items[0].store_id.to_string(), self.store);
    }

    /// How the store does now is what its sales say.
    async fn figures_agree(&self, sales: &[SaleView]) {
        let path = format!("{}/reports/stores?store_id={}", self.of, self.store);
        let figures = until("the device to be heard of, with nothing left", || async {
            let page: Page<StoreFigures> = self.api.try_get(&path).await?;
            let found = page.items.into_iter().next()?;
            (found.devices.online == 1 && found.backlog == 0).then_some(found)
        })
        .await;
        let counts = |sale: &&SaleView| sale.voided_at.is_none() && sale.day == figures.day;
        let sold: Amount = sales.iter().filter(counts).map(|sale| sale.totals.total).sum();
        assert_eq!(figures.today.iter().map(|day| day.total).sum::<Amount>(), sold);
        assert!(figures.last_sale_at.is_some() && figures.dead_letters == 0, "{figures:?}");
    }
}

/// A sale at the hub says what the receipt at the edge says.
async fn same(edge: &Edge, sale: &SaleView) {
    let receipt: ReceiptView = edge.get(&format!("/v1/receipts/{}", sale.receipt)).await;
    let there = receipt.transaction;
    assert_eq!((sale.transaction_id, &sale.lines), (there.transaction_id, &there.lines));
    assert_eq!(sale.totals, there.totals, "{}", sale.receipt);
    assert_eq!(sale.refund_of, there.refund_of);
    assert_eq!(sale.voided_at.is_some(), there.state == TransactionState::Voided, "{}", sale.receipt);
}

/// One hub, one store, one edge.
pub(super) struct Scene {
    pub(super) folder: PathBuf,
    /// Absent when the folder is somebody else's.
    own: Option<TempDir>,
    pub(super) hub: Hub,
    pub(super) office: Office,
    pub(super) edge: Edge,
}

impl Scene {
    pub(super) async fn set(protocol: &'static str) -> Self {
        let own = tempfile::tempdir().unwrap();
        let scene = Self::set_in(own.path(), protocol).await;
        Self { own: Some(own), ..scene }
    }

    /// The same in this folder; the edge's own is `edge` in it.
    pub(super) async fn set_in(folder: &Path, protocol: &'static str) -> Self {
        let hub = Hub::start(folder).await;
        let office = Office::open(&Api::set_up(&hub.url).await, "freshmart").await;
        let token = office.token().await;
        let edge = Edge::enrol(&folder.join("edge"), &hub.url, &token, protocol).await;
        used_up(folder, &hub.url, &token).await;
        for route in hub_node::http::routes_elsewhere() {
            let ask =
                reqwest::Client::new().request(route.method.clone(), format!("{}{}", hub.url, route.path));
            let status = ask.json(&json!({})).send().await.unwrap().status();
            let known = [StatusCode::UNAUTHORIZED, StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
            assert!(known.contains(&status), "{}: {status}", route.path);
        }
        Self { folder: folder.to_owned(), own: None, hub, office, edge }
    }

    /// An orderly end.
    pub(super) async fn end(self) {
        let Self { hub, edge, own, .. } = self;
        assert!(!hub.log().contains("panicked"), "{}", hub.log());
        drop(edge);
        hub.stop().await;
        drop(own);
    }
}

async fn used_up(folder: &Path, hub: &str, token: &str) {
    let (done, _) = machine::enrol(&folder.join("another"), hub, token).await;
    assert!(!done, "a token is used up by its first use");
}
