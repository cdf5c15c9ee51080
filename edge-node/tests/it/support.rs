//! What the tests share: an edge in this process, a till that calls it, waiting for something.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use edge_node::Edge;
use edge_node::checkout::{Article, BundlePrice};
use edge_node::config::{Config, Given, SyncProtocol};
use edge_node::line::http::Answer;
use edge_node::line::{Address, Dialer, HttpLine};
use edge_node::place::{self, Identity};
use edge_node::simulate::till::SimulatedTill;
use edge_node::simulate::{self, Report, Wish};
use edge_node::store::Store;
use edge_node::store::status::Books;
use http::{Method, Request};
use http_body_util::Full;
use messages::edge::status::EdgeStatus;
use messages::edge::{Amount, Currency, TaxRate};
use messages::{Problem, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

/// A store's machine.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let _already = rustls::crypto::ring::default_provider().install_default();
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("edge")
    }

    /// Lets the edge be known to this hub without enrolling.
    pub(crate) fn enrolled(&self, hub: &str, credential: &str) {
        place::create(&self.data_dir()).unwrap();
        let identity =
            Identity { hub: hub.into(), store_name: "Fresh Mart".into(), credential: credential.into() };
        identity.save(&self.data_dir()).unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        let given = Given {
            listen: Some(([127, 0, 0, 1], 0).into()),
            currency: Some(Currency::CHF),
            store_name: Some("Fresh Mart".into()),
            ..Given::default()
        };
        let mut config = given.resolve(self.data_dir()).unwrap();
        config.probe_every = Duration::from_millis(50);
        config.answer_patience = Duration::from_millis(700);
        config.catalogue_wait = Duration::from_secs(2);
        config.grace = Duration::from_millis(500);
        config
    }

    pub(crate) async fn start(&self) -> Edge {
        self.start_with(SyncProtocol::Http).await
    }

    pub(crate) async fn start_with(&self, protocol: SyncProtocol) -> Edge {
        let edge = Edge::start(Config { sync_protocol: protocol, ..self.config() }).await.unwrap();
        stock(&edge.store).await;
        edge
    }

    /// With the articles it has.
    pub(crate) async fn start_again(&self) -> Edge {
        Edge::start(self.config()).await.unwrap()
    }

    pub(crate) async fn books(&self) -> Books {
        Store::new(&self.data_dir()).read(|store| store.books()).await.unwrap()
    }
}

/// A few articles whose prices the tests know.
pub(crate) async fn stock(store: &Store) {
    let article = |sku: &str, name: &str, minor: i64| Article {
        sku: sku.into(),
        name: name.into(),
        barcode: None,
        category: "Food".into(),
        unit: "pcs".into(),
        price: Amount::new(minor),
        tax_rate: TaxRate(260),
        weighed: false,
        plu: None,
        blocked: None,
        bundle: None,
    };
    let milk = Article { barcode: Some("4006381333931".into()), ..article("A1", "Whole milk", 165) };
    let bundle = Some(BundlePrice { pieces: 3, price: Amount::new(500) });
    let water = Article { barcode: Some("96385074".into()), bundle, ..article("A2", "Mineral water", 195) };
    let soap = Article { tax_rate: TaxRate(810), ..article("A3", "Hand soap", 333) };
    let bananas =
        Article { weighed: true, plu: Some(4_011), unit: "kg".into(), ..article("W04011", "Bananas", 295) };
    let recalled = Article { blocked: Some("glass inside".into()), ..article("A4", "Strawberry jam", 450) };
    store
        .write(move |tx| {
            [milk, water, soap, bananas, recalled]
                .iter()
                .try_for_each(|article| tx.put_article(article, Timestamp(0)))
        })
        .await
        .unwrap();
}

pub(crate) fn line(url: &str) -> HttpLine {
    HttpLine::new(Dialer::new(None).unwrap(), Address::parse(url, true).unwrap(), Duration::from_secs(20))
}

pub(crate) fn url(edge: &Edge) -> String {
    format!("http://{}", edge.address)
}

pub(crate) fn till(url: &str, name: &str) -> SimulatedTill {
    SimulatedTill { line: line(url), terminal: name.into(), cashier: "anna".into(), token: None }
}

/// Sends exactly this and gives back whatever comes.
pub(crate) async fn raw(
    url: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    line(url).send(request.body(body).unwrap()).await.unwrap()
}

/// The headers of a write.
pub(crate) fn headers(key: &str) -> [(&str, &str); 4] {
    [
        ("x-terminal-id", "till-1"),
        ("x-cashier-id", "anna"),
        ("idempotency-key", key),
        ("content-type", "application/json"),
    ]
}

pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) fn problem(answer: &Answer) -> Problem {
    answer.problem().unwrap()
}

pub(crate) async fn status(url: &str) -> EdgeStatus {
    till(url, "office").call(Method::GET, "/v1/status", &()).await.unwrap()
}

pub(crate) fn wish(url: &str, customers: u64, seed: u64) -> Wish {
    Wish { edge: url.into(), till_token: None, ca_file: None, terminals: 5, customers, pause_ms: 0, seed }
}

/// Five tills sell.
pub(crate) async fn sell(url: &str, customers: u64, seed: u64) -> Report {
    let report = simulate::run(wish(url, customers, seed), std::future::pending(), &mut std::io::sink())
        .await
        .unwrap();
    assert!(report.agrees(), "{report:?}");
    report
}

/// Waits until `seen` gives something.
pub(crate) async fn until<T, F, Fut>(what: &str, mut seen: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = seen().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited for {what} in vain");
        tokio::time::sleep(Duration::from_millis(20)).await; // poll: what is waited for stands in another process
    }
}

/// What every store's books must say.
pub(crate) fn check_books(books: &Books) {
    let count =
        |kind: &str| books.events.iter().find(|(known, _)| known == kind).map_or(0, |(_, count)| *count);
    assert_eq!(books.sold, books.paid, "money in and goods out");
    assert_eq!(books.receipts.len() as u64, books.sales);
    assert_eq!(count("sale_recorded") + count("refund_recorded"), books.sales, "{:?}", books.events);
    assert_eq!(
        books.events.iter().map(|(_, count)| count).sum::<u64>(),
        books.last_seq,
        "no gap in the outbox"
    );
    let mut numbers = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for receipt in &books.receipts {
        let (series, number) = receipt.as_str().split_once('-').unwrap();
        numbers.entry(series.into()).or_default().push(number.parse().unwrap());
    }
    for (series, mut numbers) in numbers {
        numbers.sort_unstable();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "series {series} has gaps or repetitions");
    }
}

/// Copies a folder's files.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
