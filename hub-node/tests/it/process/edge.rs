//! A store edge that sells while everything around it is killed: what its tills were given is what the hub has.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use messages::edge::Amount;
use messages::edge::checkout::{ArticleView, ReceiptView, TransactionState};
use messages::edge::status::EdgeStatus;
use messages::http::agents::Enrolment;
use messages::http::dead_letters::LetterView;
use messages::http::edges::{EdgeToken, EdgeView};
use messages::http::figures::{StockLevels, StoreFigures};
use messages::http::paging::Page;
use messages::http::reports::{ProductReport, SaleView, SalesReport, StockRow};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::Api;
use super::hub::Hub;
use super::wait::until;

/// An edge process with its folder. It listens on one port for all its lives.
struct Edge {
    child: Option<Child>,
    data_dir: PathBuf,
    port: u16,
    protocol: &'static str,
}

/// The edge's program stands beside the hub's. `cargo xtask test` builds both.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_hub-node")).with_file_name("edge-node");
    let built = "run `cargo build -p edge-node`, or `cargo xtask test`";
    assert!(program.exists(), "{} is not built: {built}", program.display());
    program
}

impl Edge {
    async fn enrol(folder: &Path, hub: &str, token: &str, protocol: &'static str) -> Self {
        let data_dir = folder.join("edge");
        fs::create_dir_all(&data_dir).unwrap();
        let mut command = tokio::process::Command::new(program());
        command.args(["enrol", "--hub", hub, "--token", token, "--data-dir"]).arg(&data_dir);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "enrolment failed: {said}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Main street"), "the edge knows its store: {said}");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self { child: None, data_dir, port, protocol }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn start(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.data_dir.with_extension("log")).unwrap();
        let child = Command::new(program())
            .args([
                "run",
                "--sample-catalogue",
                "--log",
                "info",
                "--sync-protocol",
                self.protocol,
                "--listen",
            ])
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--data-dir")
            .arg(&self.data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("the edge to answer", || async { self.try_get::<EdgeStatus>("/v1/status").await }).await;
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url()));
        let request = request.header("x-terminal-id", "test").header("x-cashier-id", "test");
        request.send().await.ok()?.error_for_status().ok()?.json().await.ok()
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.try_get(path).await.unwrap_or_else(|| panic!("GET {path} at the edge"))
    }

    /// Customers at some tills. They go on through every death of the edge.
    fn sell(&self, customers: u32, seed: u32) -> tokio::process::Child {
        tokio::process::Command::new(program())
            .args(["simulate", "--terminals", "4", "--edge", &self.url()])
            .args(["--customers", &customers.to_string(), "--seed", &seed.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Everything told and settled.
    async fn drained(&self) -> EdgeStatus {
        until("the outbox to be empty", || async {
            let status: EdgeStatus = self.try_get("/v1/status").await?;
            let outbox = &status.outbox;
            (outbox.unsent == 0 && outbox.settled_seq == outbox.last_seq).then_some(status)
        })
        .await
    }

    fn log(&self) -> String {
        fs::read_to_string(self.data_dir.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _already_gone = child.kill();
            let _already_gone = child.wait();
        }
    }
}

struct Scene {
    folder: TempDir,
    hub: Hub,
    api: Api,
    /// Path of the retailer.
    of: String,
    store: String,
    edge: Edge,
}

impl Scene {
    async fn set(protocol: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::start(folder.path()).await;
        let api = Api::set_up(&hub.url).await;
        let zone = "Asia/Ho_Chi_Minh";
        let retailer =
            json!({"code": "freshmart", "name": "FreshMart", "currency": "EUR", "time_zone": zone});
        let retailer: Value = api.post("/retailers", retailer).await;
        let of = format!("/retailers/{}", retailer["id"].as_str().unwrap());
        let store = json!({"code": "main", "name": "Main street", "time_zone": zone});
        let store: Value = api.post(&format!("{of}/stores"), store).await;
        let store = store["id"].as_str().unwrap().to_owned();
        let place = json!({"name": "Checkout server"});
        let token: EdgeToken = api.post(&format!("{of}/stores/{store}/edges"), place).await;
        assert!(token.command.expose().contains(token.token.expose()), "the command holds the token");
        let edge = Edge::enrol(folder.path(), &hub.url, token.token.expose(), protocol).await;
        let again = tokio::process::Command::new(program())
            .args(["enrol", "--force", "--hub", &hub.url, "--token", token.token.expose(), "--data-dir"])
            .arg(folder.path().join("another"))
            .output()
            .await
            .unwrap();
        assert!(!again.status.success(), "a token is used up by its first use");
        Self { folder, hub, api, of, store, edge }
    }

    async fn all<T: DeserializeOwned>(&self, path: &str, limit: u32) -> Vec<T> {
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

    async fn place(&self) -> EdgeView {
        let page: Page<EdgeView> = self.api.get(&format!("{}/edges?store_id={}", self.of, self.store)).await;
        assert_eq!(page.total, 1);
        page.items.into_iter().next().unwrap()
    }

    /// Receipts at the edge are sales at the hub, to the cent; stock and sums are theirs.
    async fn reconcile(&self) {
        let (of, store) = (&self.of, &self.store);
        let status = self.edge.drained().await;
        let place = self.place().await;
        let stream = place.stream.unwrap();
        assert_eq!(stream.settled_seq, status.outbox.settled_seq);
        assert_eq!((stream.lost, place.dead_letters), (0, 0), "{}", self.edge.log());
        let sales: Vec<SaleView> = self.all(&format!("{of}/sales?store_id={store}"), 100).await;
        assert_eq!(sales.len() as u64, status.receipts);
        let (mut total, mut refunded, mut counted) = (Amount::ZERO, Amount::ZERO, 0);
        for sale in &sales {
            let receipt: ReceiptView = self.edge.get(&format!("/v1/receipts/{}", sale.receipt)).await;
            let there = receipt.transaction;
            assert_eq!((sale.transaction_id, &sale.lines), (there.transaction_id, &there.lines));
            assert_eq!(sale.totals, there.totals, "{}", sale.receipt);
            assert_eq!(sale.refund_of, there.refund_of);
            let voided = there.state == TransactionState::Voided;
            assert_eq!(sale.voided_at.is_some(), voided, "{}", sale.receipt);
            if !voided {
                total += sale.totals.total;
                counted += i64::from(sale.refund_of.is_none());
                if sale.refund_of.is_some() {
                    refunded += sale.totals.total;
                }
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
        let stock: Vec<StockRow> = self.all(&format!("{of}/reports/inventory?store_id={store}"), 300).await;
        assert!(stock.len() > 20, "{} articles have moved", stock.len());
        for row in &stock {
            let article: ArticleView = self.edge.get(&format!("/v1/articles/{}", row.sku)).await;
            assert_eq!(row.on_hand, article.on_hand, "{}", row.sku);
        }
        self.look_up(&stock).await;
        self.compare_figures(&sales).await;
    }

    /// Stock is found by what it is called and by how little there is.
    async fn look_up(&self, stock: &[StockRow]) {
        let list = format!("{}/reports/inventory?store_id={}", self.of, self.store);
        let named = stock.iter().find(|row| row.name.is_some()).unwrap();
        let word = named.name.as_deref().unwrap_or_default().split(' ').next().unwrap_or_default();
        let found: Vec<StockRow> = self.all(&format!("{list}&q={}", word.to_uppercase()), 300).await;
        assert!(
            found.len() < stock.len() && found.iter().any(|row| row.sku == named.sku),
            "{word}: {found:?}"
        );
        let most = stock[stock.len() / 2].on_hand;
        let few: Vec<StockRow> = self.all(&format!("{list}&at_most={most}"), 300).await;
        assert_eq!(few.len(), stock.iter().filter(|row| row.on_hand <= most).count(), "at most {most}");
        let levels: Page<StockLevels> = self.api.get(&format!("{}/reports/stock", self.of)).await;
        assert_eq!(levels.items[0].store_id.to_string(), self.store);
    }

    /// How the store does now is what its sales say.
    async fn compare_figures(&self, sales: &[SaleView]) {
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

async fn killed_all_around(protocol: &'static str) {
    let mut scene = Scene::set(protocol).await;
    scene.edge.start().await;
    let selling = scene.edge.sell(400, 7);
    until("sales at the hub", || async {
        let page: Page<SaleView> = scene.api.try_get(&format!("{}/sales", scene.of)).await?;
        (page.total > 20).then_some(())
    })
    .await;
    scene.hub.kill().await;
    scene.hub.restart().await;
    scene.edge.kill();
    scene.edge.start().await;
    scene.hub.kill_store();
    let output = selling.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "the tills' receipts are the edge's: {said}");
    scene.reconcile().await;
    assert!(!scene.hub.log().contains("panicked"), "{}", scene.hub.log());
    let Scene { hub, edge, folder, .. } = scene;
    drop(edge);
    hub.stop().await;
    drop(folder);
}

#[tokio::test]
async fn process_sales_reach_the_hub_once_while_hub_edge_and_database_are_killed() {
    killed_all_around("http").await;
}

#[tokio::test]
async fn process_sales_reach_the_hub_once_by_stream_while_hub_edge_and_database_are_killed() {
    killed_all_around("grpc").await;
}

#[tokio::test]
async fn process_a_store_edge_is_revoked_and_comes_back_with_all_it_sold() {
    let mut scene = Scene::set("grpc").await;
    scene.edge.start().await;
    assert!(scene.edge.sell(20, 1).wait().await.unwrap().success());
    scene.edge.drained().await;
    let place = scene.place().await;
    assert_eq!(place.enrolment, Enrolment::Enrolled);
    let enrolment = format!("{}/edges/{}/enrolment", scene.of, place.id);
    let remove = format!("{}/edges/{}", scene.of, place.id);
    assert_eq!(scene.api.call(Method::DELETE, &remove, None).await.0, StatusCode::CONFLICT);
    let (status, _) = scene.api.call(Method::DELETE, &enrolment, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    // Selling goes on; what is sold waits.
    assert!(scene.edge.sell(20, 2).wait().await.unwrap().success());
    let told = until("the edge to know", || async {
        let status: EdgeStatus = scene.edge.try_get("/v1/status").await?;
        status.outbox.last_error.filter(|_| status.outbox.unsent > 0)
    })
    .await;
    assert!(told.contains("revoked"), "{told}");
    let token: EdgeToken = scene.api.post(&enrolment, json!({})).await;
    scene.edge.kill();
    let output = tokio::process::Command::new(program())
        .args(["enrol", "--force", "--hub", &scene.hub.url, "--token", token.token.expose(), "--data-dir"])
        .arg(&scene.edge.data_dir)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    scene.edge.start().await;
    scene.reconcile().await;
    let letters: Page<LetterView> = scene.api.get(&format!("{}/dead-letters", scene.of)).await;
    assert_eq!(letters.total, 0);
    let Scene { hub, edge, .. } = scene;
    drop(edge);
    hub.stop().await;
}
