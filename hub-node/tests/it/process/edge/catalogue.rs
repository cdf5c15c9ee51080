//! Articles that are written at head office and sold in a store, while everything between is killed: in the end the store
//! sells exactly what the hub has for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use messages::edge::checkout::{ArticleList, ArticleView as Sold, ReceiptView};
use messages::edge::status::{CatalogueStatus, EdgeStatus};
use messages::edge::{Amount, Quantity, gtin};
use messages::http::articles::{ArticleState, ArticleView, ImportAnswer, StockOrderView};
use messages::http::paging::Page;
use messages::http::reports::StockRow;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::super::api::Api;
use super::super::cluster::nodes::Cluster;
use super::super::wait::until;
use super::machine::Edge;
use super::scene::{Office, Scene};

/// What tills show of an article, and where a store could differ.
type Shelf = BTreeMap<String, (String, i64, u32, Option<String>, Option<String>, bool)>;

fn row(
    article: &ArticleView,
    store: &str,
) -> (String, (String, i64, u32, Option<String>, Option<String>, bool)) {
    let here = article.spec.in_store(store.parse().unwrap());
    let shown = (here.name, here.price.minor(), here.tax_rate.0, here.barcode, here.blocked, here.weighed);
    (here.sku, shown)
}

/// The hub's catalogue as this store should sell it.
async fn wanted(scene: &Scene) -> Shelf {
    let all: Vec<ArticleView> =
        scene.office.all(&format!("{}/articles?state=active&sort=sku", scene.office.of), 200).await;
    all.iter().map(|article| row(article, &scene.office.store)).collect()
}

/// What the edge sells, by the names that the test has given: a hundred begin alike.
async fn sold(edge: &Edge, articles: usize) -> Shelf {
    let mut shelf = Shelf::new();
    for hundred in 0..articles.div_ceil(100) {
        let found: ArticleList = edge.get(&format!("/v1/articles?q=Item%20{hundred:03}")).await;
        for Sold { sku, name, price, tax_rate, barcode, blocked, weighed, .. } in found.items {
            shelf.insert(sku, (name, price.minor(), tax_rate.0, barcode, blocked, weighed));
        }
    }
    shelf
}

/// Waits until the edge has everything there is.
async fn arrived(scene: &Scene) -> CatalogueStatus {
    until("the catalogue to arrive", || async {
        let head = head(scene).await?;
        let now = scene.edge.try_get::<EdgeStatus>("/v1/status").await?.catalogue;
        (now.feed_id.is_some() && now.loading.is_none() && now.cursor == head).then_some(now)
    })
    .await
}

/// The number of the latest change. An import of what is so already changes nothing.
async fn head(scene: &Scene) -> Option<u64> {
    let page: Page<ArticleView> =
        scene.office.api.try_get(&format!("{}/articles?limit=1", scene.office.of)).await?;
    let first = page.items.first()?;
    let portion = json!({"format": "jsonl", "text": format!("{{\"sku\":\"{}\"}}", first.spec.sku)});
    let (status, answer) = scene
        .office
        .api
        .call(Method::POST, &format!("{}/articles/import", scene.office.of), Some(portion))
        .await;
    status.is_success().then(|| answer["head"].as_u64()).flatten()
}

/// Sends a file as the console does: some lines at a time, each until it is answered.
async fn import(scene: &Scene, lines: &[String]) -> ImportAnswer {
    let mut sum = ImportAnswer::default();
    for (at, some) in lines.chunks(500).enumerate() {
        let portion = json!({
            "format": "csv", "header": HEADER, "first_line": at * 500 + 2, "text": some.join("\n"),
        });
        let path = format!("{}/articles/import", scene.office.of);
        let answer = until("a portion to be taken", || async {
            let (status, answer) = scene.office.api.try_call(Method::POST, &path, portion.clone()).await?;
            assert!(status.is_success() || status.is_server_error(), "{status} {answer}");
            status.is_success().then(|| serde_json::from_value::<ImportAnswer>(answer).unwrap())
        })
        .await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors.first());
        (sum.added, sum.changed) = (sum.added + answer.added, sum.changed + answer.changed);
        sum.unchanged += answer.unchanged;
        sum.head = answer.head;
    }
    sum
}

const HEADER: &str = "sku;name;price;tax_rate;category;price@main;barcode";

fn lines(count: usize, cents: usize) -> Vec<String> {
    let line = |n: usize| {
        let (price, own) = (cents + n, if n.is_multiple_of(10) { "0.99" } else { "" });
        let body = format!("590{n:09}");
        let barcode = format!("{body}{}", gtin::check_digit(&body));
        format!("S{n:05};Item {n:05};{}.{:02};7;Shelf {};{own};{barcode}", price / 100, price % 100, n % 40)
    };
    (0..count).map(line).collect()
}

/// The same as the till sees it, for a message that helps.
fn differences(sold: &Shelf, wanted: &Shelf) -> String {
    let mut text = format!("{} sold, {} wanted", sold.len(), wanted.len());
    for (sku, row) in wanted {
        if sold.get(sku) != Some(row) {
            let _ = write!(text, "\n{sku}: {:?} instead of {row:?}", sold.get(sku));
        }
    }
    text.chars().take(2_000).collect()
}

async fn compare(scene: &Scene, articles: usize) {
    arrived(scene).await;
    let (sold, wanted) = (sold(&scene.edge, articles).await, wanted(scene).await);
    assert!(sold == wanted, "{}", differences(&sold, &wanted));
    let status: EdgeStatus = scene.edge.get("/v1/status").await;
    assert_eq!(status.articles, wanted.len() as u64, "nothing else is sold");
    until("the hub to know how far the device is", || async {
        let follow = scene.office.place().await.catalogue?;
        (follow.cursor == follow.head && follow.head == status.catalogue.head && !follow.loading)
            .then_some(())
    })
    .await;
}

/// A first load and changes after it; hub, edge and database killed in the middle of both.
async fn killed_all_around(protocol: &'static str, count: usize) {
    let mut scene = Scene::set(protocol).await;
    let first = import(&scene, &lines(count, 100)).await;
    assert_eq!((first.added, first.head), (count as u64, count as u64));
    let again = import(&scene, &lines(count, 100)).await;
    assert_eq!((again.unchanged, again.head), (count as u64, count as u64), "only real changes count");
    scene.edge.start().await;
    until("the load to be in its middle, or over", || async {
        let now = scene.edge.try_get::<EdgeStatus>("/v1/status").await?.catalogue;
        (now.feed_id.is_some() || now.loading.is_some_and(|load| load.cursor > 0)).then_some(())
    })
    .await;
    scene.edge.kill();
    scene.edge.start().await;
    scene.hub.kill().await;
    scene.hub.restart().await;
    compare(&scene, count).await;
    let selling = scene.edge.sell(60, 5);
    let dearer = lines(count / 2, 300);
    let changed = tokio::join!(import(&scene, &dearer), async {
        until("a change to arrive", || async {
            let now = scene.edge.try_get::<EdgeStatus>("/v1/status").await?.catalogue;
            (now.cursor > count as u64).then_some(())
        })
        .await;
    });
    assert!(changed.0.changed > 0);
    scene.edge.kill();
    scene.hub.kill_store();
    scene.edge.start().await;
    selling.all_served().await.unwrap();
    scene.edge.drained().await;
    for n in (0..count).step_by(count / 8) {
        let path = format!("{}/articles/S{n:05}", scene.office.of);
        let article: ArticleView = until("the article", || scene.office.api.try_get(&path)).await;
        let status = scene.office.api.guarded_empty(Method::DELETE, &path, article.rev).await;
        // An answer that was lost: it is withdrawn, and the revision is not what it was.
        assert!(matches!(status, StatusCode::NO_CONTENT | StatusCode::PRECONDITION_FAILED), "{status}");
    }
    compare(&scene, count).await;
    let withdrawn: Page<ArticleView> =
        scene.office.api.get(&format!("{}/articles?state=withdrawn&limit=1", scene.office.of)).await;
    assert!(withdrawn.total >= 8 && withdrawn.items[0].spec.state == ArticleState::Withdrawn);
    assert!(!scene.hub.log().contains("panicked"), "{}", scene.hub.log());
    scene.end().await;
}

#[tokio::test]
async fn process_five_thousand_articles_reach_a_store_while_hub_edge_and_database_are_killed() {
    killed_all_around("http", 5_000).await;
}

#[tokio::test]
async fn process_articles_reach_a_store_by_stream_while_hub_edge_and_database_are_killed() {
    killed_all_around("grpc", 1_500).await;
}

/// Technician and store at one node, the owner another, which is killed.
#[tokio::test]
async fn process_changes_reach_a_store_through_another_node_and_after_its_owner_was_killed() {
    let mut cluster = Cluster::start(3).await;
    let first = Api::set_up(&cluster.nodes[0].url).await;
    let view = Cluster::until_even(&first, 3).await;
    let office = Office::open(&first, "tea").await;
    let owner = cluster.owner(&view, &office.retailer);
    let (near, far) = ((owner + 1) % 3, (owner + 2) % 3);
    let there = first.at(&cluster.nodes[far].url);
    let (of, token) = (office.of.clone(), office.token().await);
    let folder = cluster.folder.path().join("edge");
    let mut edge = Edge::enrol(&folder, &cluster.nodes[near].url, &token, "http").await;
    edge.start().await;
    let tea = |price: u32| json!({"sku": "T1", "name": "Green tea", "price": price});
    let price = async |wanted: i64| {
        until("the price", || async {
            let sold: Sold = edge.try_get("/v1/articles/T1").await?;
            (sold.price == Amount::new(wanted)).then_some(())
        })
        .await;
    };
    let made: ArticleView = there.post(&format!("{of}/articles"), tea(100)).await;
    price(100).await;
    let path = format!("{of}/articles/T1");
    let changed: ArticleView = there.guarded(Method::PUT, &path, made.rev, Some(tea(200))).await;
    price(200).await;
    cluster.nodes.remove(owner).kill();
    // The answer may be lost with the owner; then the next try meets what the first has done.
    let status = there.guarded_until_answered(Method::PUT, &path, changed.rev, Some(tea(300))).await;
    assert!(matches!(status, StatusCode::OK | StatusCode::PRECONDITION_FAILED), "{status}");
    price(300).await;
    assert!(!cluster.logs().contains("panicked"));
    drop(edge);
    cluster.stop().await;
}

#[tokio::test]
async fn process_a_price_reaches_the_till_and_stock_is_put_right_once() {
    let mut scene = Scene::set("http").await;
    scene.edge.start().await;
    let own: EdgeStatus = scene.edge.get("/v1/status").await;
    assert!(own.articles > 1_000 && own.catalogue.feed_id.is_none(), "without the hub's it has its own");
    let (of, api) = (scene.office.of.clone(), scene.office.api.clone());
    let milk = json!({"sku": "M 1/2", "name": "Item 00000", "price": 165, "tax_rate": 700, "barcode": "036000291452"});
    let made: ArticleView = api.post(&format!("{of}/articles"), milk.clone()).await;
    assert_eq!((made.rev.0, made.spec.barcode.as_deref()), (1, Some("0036000291452")));
    let (status, twice) = api.call(Method::POST, &format!("{of}/articles"), Some(milk.clone())).await;
    assert_eq!((status, twice["code"].as_str()), (StatusCode::CONFLICT, Some("name_taken")));
    compare(&scene, 1).await;
    let path = format!("{of}/articles/M%201%2F2");
    let mut dearer = milk;
    dearer["price"] = 199.into();
    dearer["prices"] = json!({ &scene.office.store: 189 });
    let changed: ArticleView = api.guarded(Method::PUT, &path, made.rev, Some(dearer)).await;
    assert_eq!(changed.spec.price, Amount::new(199));
    let scanned = until("the price to reach the till", || async {
        let sold: Sold = scene.edge.try_get("/v1/articles/036000291452").await?;
        (sold.price == Amount::new(189)).then_some(sold)
    })
    .await;
    assert_eq!(scanned.sku, "M 1/2");
    let stock = format!("{of}/stores/{}/stock", scene.office.store);
    let count = json!({"sku": "M 1/2", "delta": "24", "note": "counted on Monday"});
    let order: StockOrderView = api.post(&stock, count).await;
    until("the correction to be carried out", || async {
        let orders: Page<StockOrderView> = api.try_get(&stock).await?;
        orders.items.into_iter().find(|it| it.event_id == order.event_id && it.done_at.is_some())
    })
    .await;
    let report: Page<StockRow> =
        api.get(&format!("{of}/reports/inventory?store_id={}", scene.office.store)).await;
    assert_eq!((report.total, report.items[0].on_hand), (1, Quantity::pieces(24)));
    let sold: Sold = scene.edge.get("/v1/articles/036000291452").await;
    assert_eq!(sold.on_hand, Quantity::pieces(24));
    // The device goes on from what it has, in another life too.
    scene.edge.kill();
    scene.edge.start().await;
    compare(&scene, 1).await;
    let sold: Sold = scene.edge.get("/v1/articles/036000291452").await;
    assert_eq!(sold.on_hand, Quantity::pieces(24));
    let sale = json!({"lines": [{"sku": "M 1/2"}], "payments": [{"kind": "card"}]});
    let sale: ReceiptView = scene.edge.post("/v1/sales", "one", &sale).await.json().await.unwrap();
    assert_eq!(sale.transaction.totals.total, Amount::new(189));
    scene.end().await;
}
