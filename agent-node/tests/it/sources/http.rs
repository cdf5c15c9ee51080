//! JSON over HTTP: a server of articles that demands a sign-in and pages in each way, with faults on demand.

use std::fmt::Write as _;
use std::time::Duration;

use agent_node::connector::Means;
use agent_node::connector::http_json::HttpJsonConnector;
use messages::ErrorCode;
use messages::connector::{ColumnName, Credentials, HttpAuth, HttpJsonSource, Paging, SourceConfig};
use messages::item::ItemField;
use tempfile::TempDir;

use super::read;
use crate::conformance;
use crate::platform::{Asked, Fault, Reply, Server, Shop, TRIES, means};

/// Hands out articles by pages of at most this.
const PAGE: usize = 100;

/// A server as points of sale and wholesalers have them.
struct Till {
    own: String,
    articles: usize,
    /// What the `authorization` or key header must be.
    demanded: Option<(&'static str, String)>,
}

impl Till {
    fn article(number: usize) -> String {
        // A price with more digits than a float would keep, as text and as number in turn.
        format!(
            r#"{{"id":{number},"text":{{"vi":"Sữa {number}"}},"prices":{{"retail":{}.{:02}}},"stock":"{}","codes":[]}}"#,
            number % 90,
            number % 100,
            number % 7
        )
    }

    fn page(&self, from: usize, count: usize) -> String {
        let mut list = String::from("[");
        for number in from.min(self.articles)..(from + count.min(PAGE)).min(self.articles) {
            let comma = if list.len() > 1 { "," } else { "" };
            write!(list, "{comma}{}", Self::article(number)).unwrap();
        }
        list + "]"
    }
}

fn number(asked: &Asked, name: &str) -> Option<usize> {
    asked.parameter(name)?.parse().ok()
}

impl Shop for Till {
    fn answer(&mut self, asked: &Asked) -> Reply {
        if let Some((header, value)) = &self.demanded
            && asked.header(header) != value
        {
            return Reply::json(401, &serde_json::json!({"message": "who are you?"}));
        }
        let body = |status: u16, text: String| Reply { body: text.into(), ..Reply::empty(status) };
        match asked.path.as_str() {
            "/all" => body(200, self.page(0, PAGE)),
            "/page" => {
                let page = number(asked, "page").unwrap_or(1);
                body(
                    200,
                    format!(
                        r#"{{"total":{},"data":{{"items":{}}}}}"#,
                        self.articles,
                        self.page((page - 1) * PAGE, PAGE)
                    ),
                )
            }
            "/offset" => {
                let (from, limit) = (number(asked, "skip").unwrap_or(0), number(asked, "take").unwrap_or(10));
                if from >= self.articles {
                    body(404, String::new())
                } else {
                    body(200, self.page(from, limit))
                }
            }
            "/cursor" => {
                let from =
                    asked.parameter("after").map_or(0, |text| text.trim_start_matches("№ ").parse().unwrap());
                let next = from + PAGE;
                let next = if next < self.articles { format!("\"№ {next}\"") } else { "null".into() };
                body(200, format!(r#"{{"next":{next},"items":{}}}"#, self.page(from, PAGE)))
            }
            "/url" | "/link" => {
                let from = number(asked, "from").unwrap_or(0);
                let next = format!("{}{}?from={}", self.own, asked.path, from + PAGE);
                let more = from + PAGE < self.articles;
                let shown = if more { format!("\"{next}\"") } else { "\"\"".into() };
                let reply =
                    body(200, format!(r#"{{"items":{},"links":{{"next":{shown}}}}}"#, self.page(from, PAGE)));
                if more { reply.with("link", &format!("<{next}>; rel=\"next\"")) } else { reply }
            }
            "/broken" => body(200, r#"{"items":[{"id":1,"text":{"vi":"a"}}"#.into()),
            "/nothing" => body(200, r#"{"error":"none today"}"#.into()),
            "/mixed" => body(
                200,
                r#"[{"id":"1","text":{"vi":"Milk"},"prices":{"retail":1.10}},
                    {"id":"2","text":{"vi":"Tea"},"prices":{"retail":"free"}},
                    17,
                    {"id":"3","text":"Salt","prices":{"retail":1}},
                    {"id":"4","text":{"vi":"Rice"},"prices":{"retail":2e1},"stock":{"hall":3}},
                    {"id":"1","text":{"vi":"Milk again"},"prices":{"retail":1.2}},
                    {"id":5,"text":{"vi":"Oil"},"prices":{"retail":0.3000}}]"#
                    .into(),
            ),
            _ => body(404, "<h1>Not here</h1>".into()),
        }
    }
}

async fn till(articles: usize, demanded: Option<(&'static str, String)>) -> Server<Till> {
    Server::start(|own| Till { own: own.to_owned(), articles, demanded }).await
}

fn config(server: &Server<Till>, path: &str) -> HttpJsonSource {
    let column = |field, header: &str| ColumnName { field, header: header.into() };
    HttpJsonSource {
        url: format!("{}{path}", server.url()),
        items: if matches!(path, "/all" | "/offset" | "/mixed") { "" } else { "items" }.into(),
        columns: vec![
            column(ItemField::Sku, "id"),
            column(ItemField::Name, "text.vi"),
            column(ItemField::Price, "prices.retail"),
        ],
        ..HttpJsonSource::default()
    }
}

fn connector(config: HttpJsonSource, means: Means) -> HttpJsonConnector {
    HttpJsonConnector::new(config, None, means)
}

fn ways() -> [(&'static str, Paging); 5] {
    [
        ("/page", Paging::Page { parameter: "page".into(), first: 1 }),
        ("/offset", Paging::Offset { parameter: "skip".into(), limit_parameter: "take".into(), limit: 500 }),
        ("/cursor", Paging::Cursor { parameter: "after".into(), path: "next".into() }),
        ("/url", Paging::NextUrl { path: "links.next".into() }),
        ("/link", Paging::Link),
    ]
}

fn paged(server: &Server<Till>, path: &str, paging: Paging) -> HttpJsonSource {
    let mut config = HttpJsonSource { paging, ..config(server, path) };
    if path == "/page" {
        config.items = "data.items".into();
    }
    config
}

#[tokio::test]
async fn every_way_of_paging_brings_every_article_once_over_a_bad_line() {
    let (server, scratch) = (till(350, None).await, TempDir::new().unwrap());
    for (path, paging) in ways() {
        let soon = Reply::empty(429).with("retry-after", "0");
        server.fail(
            path,
            [Fault::CutBefore, Fault::Instead(soon), Fault::CutAfter, Fault::Instead(Reply::empty(503))],
        );
        let read = read(&connector(paged(&server, path, paging), means(&scratch))).await.unwrap();
        let expected: Vec<_> = (0..350).map(|number| number.to_string()).collect();
        assert_eq!(
            (read.skus(), read.rejects.len()),
            (expected.iter().map(String::as_str).collect(), 0),
            "{path}"
        );
        assert_eq!(read.items[101].price.to_string(), "11.01");
        assert_eq!(read.notes.len(), 4, "what was got over is told: {:?}", read.notes);
        assert_eq!(server.unused_faults(), 0);
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "pages leave nothing on the disk");
}

#[tokio::test]
async fn each_way_of_signing_in_opens_the_server_and_nothing_else_does() {
    let scratch = TempDir::new().unwrap();
    let token = || Credentials::Token { token: "t0k3n".into() };
    let password = || Credentials::Password { password: "s3cr:et".into() };
    for (auth, credentials, demanded) in [
        (HttpAuth::Bearer, token(), ("authorization", "Bearer t0k3n")),
        (HttpAuth::Basic { user: "shop".into() }, password(), ("authorization", "Basic c2hvcDpzM2NyOmV0")),
        (HttpAuth::Header { name: "X-Api-Key".into() }, token(), ("x-api-key", "t0k3n")),
    ] {
        let server = till(3, Some((demanded.0, demanded.1.to_owned()))).await;
        let config = HttpJsonSource { auth, ..config(&server, "/all") };
        let with = |credentials: Option<Credentials>| {
            HttpJsonConnector::new(config.clone(), credentials, means(&scratch))
        };
        assert_eq!(read(&with(Some(credentials))).await.unwrap().items.len(), 3);
        let wrong = match &config.auth {
            HttpAuth::Basic { .. } => Credentials::Password { password: "guess".into() },
            _ => Credentials::Token { token: "guess".into() },
        };
        for stranger in [with(Some(wrong)), with(None)] {
            let failure = read(&stranger).await.unwrap_err();
            assert_eq!(failure.code, ErrorCode::SourceRefused);
            assert!(!failure.detail.contains("guess"), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_broken_item_costs_itself_and_numbers_stay_exact() {
    let (server, scratch) = (till(0, None).await, TempDir::new().unwrap());
    let mut config = config(&server, "/mixed");
    config.columns.push(ColumnName { field: ItemField::Stock, header: "stock".into() });
    let read = read(&connector(config, means(&scratch))).await.unwrap();
    assert_eq!(read.skus(), ["1", "5"]);
    assert_eq!([read.items[0].price, read.items[1].price].map(|price| price.to_string()), ["1.10", "0.3000"]);
    assert_eq!(
        read.rejects,
        [
            "2 prices.retail: \"free\" is not a decimal number such as 12.90",
            "3 -: the item is a single value and not an object",
            "4 text.vi: is missing",
            "5 stock: is an object; name one of its values, as in prices.retail",
            "6 id: \"1\" stands in an earlier row already; that one is kept",
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_told() {
    let (server, scratch) = (till(250, None).await, TempDir::new().unwrap());
    let pages = |path, most_pages| HttpJsonSource { most_pages, ..paged(&server, path, Paging::Link) };
    let circle = HttpJsonSource {
        paging: Paging::Page { parameter: "p".into(), first: 1 },
        ..config(&server, "/all")
    };
    for (config, code, words) in [
        (config(&server, "/broken"), ErrorCode::SourceMalformed, "ends in the middle"),
        (config(&server, "/nothing"), ErrorCode::SourceMalformed, "no list at \"items\"; it has \"error\""),
        (config(&server, "/gone"), ErrorCode::SourceMalformed, "nothing at this address"),
        (pages("/link", 2), ErrorCode::SourceMalformed, "more than 2 pages"),
        (circle, ErrorCode::SourceMalformed, "the same items as the one before"),
    ] {
        let failure = read(&connector(config, means(&scratch))).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.detail.contains(words), "{failure}");
        assert!(!failure.code.retry_helps());
    }
    let large = HttpJsonSource { page_mb: 1, ..config(&server, "/large") };
    server
        .fail("/large", [Fault::Instead(Reply { body: vec![b' '; 1_100_000].into(), ..Reply::empty(200) })]);
    assert!(read(&connector(large, means(&scratch))).await.unwrap_err().detail.contains("more than 1 MB"));
    server.fail("/all", (0..TRIES).map(|_| Fault::Instead(Reply::empty(500))));
    let down = read(&connector(config(&server, "/all"), means(&scratch))).await.unwrap_err();
    assert!(down.code.retry_helps() && down.detail.contains("given up after"), "{down}");
    let long = Reply::empty(503).with("retry-after", "9999");
    server.fail("/all", [Fault::Instead(long)]);
    assert!(
        read(&connector(config(&server, "/all"), means(&scratch)))
            .await
            .unwrap_err()
            .detail
            .contains("too long")
    );
    server.fail("/all", (0..TRIES).map(|_| Fault::Silence));
    let silent = HttpJsonSource { answer_s: 1, ..config(&server, "/all") };
    let mut hasty = means(&scratch);
    hasty.pace.tries = 2;
    hasty.pace.longest = Duration::from_millis(1);
    assert!(read(&connector(silent, hasty)).await.unwrap_err().code.retry_helps());
}

#[tokio::test]
async fn http_json_conforms() {
    let (server, scratch) = (till(1_000, None).await, TempDir::new().unwrap());
    let good = |path: &str, paging| connector(paged(&server, path, paging), means(&scratch));
    let nowhere = HttpJsonSource { url: "http://127.0.0.1:1/items".into(), ..HttpJsonSource::default() };
    let nowhere = connector(nowhere, means(&scratch));
    let malformed = connector(config(&server, "/nothing"), means(&scratch));
    for (path, paging) in ways() {
        let config = SourceConfig::HttpJson(Box::new(paged(&server, path, paging.clone())));
        let breaches = conformance::source(&good(path, paging), (1_000, 0), &nowhere, &malformed).await;
        assert_eq!(breaches, [""; 0], "{path}");
        assert_eq!(conformance::mapped(config, None, &means(&scratch)).await, [""; 0], "{path}");
    }
}
