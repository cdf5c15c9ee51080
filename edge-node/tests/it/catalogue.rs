//! What comes down from a hub that keeps to the contract: into the database, beside tills that sell, over lines that break.

use std::collections::BTreeMap;

use edge_node::Edge;
use edge_node::checkout::Article;
use edge_node::config::SyncProtocol;
use edge_node::follow::plan::{Piece, Standing, Target};
use edge_node::store::Store;
use http::Method;
use messages::edge::catalogue::{Changed, Correction, StoreArticle, Withdrawn};
use messages::edge::checkout::TransactionView;
use messages::edge::event::{AdjustmentReason, Fact};
use messages::edge::status::CatalogueStatus;
use messages::edge::{Amount, Currency, Quantity, TaxRate};
use messages::{ErrorCode, EventId, FeedId, Timestamp};
use serde_json::json;

use crate::hub::{CREDENTIAL, Hub};
use crate::support::{Shop, sell, status, till, until, url};

pub(crate) fn article(sku: &str, minor: i64) -> StoreArticle {
    StoreArticle {
        sku: sku.into(),
        name: format!("Article {sku}"),
        barcode: None,
        category: "Food".into(),
        unit: "pcs".into(),
        price: Amount::new(minor),
        tax_rate: TaxRate(260),
        weighed: false,
        plu: None,
        blocked: None,
        bundle: None,
    }
}

fn gone(sku: &str) -> Changed {
    Changed::ArticleWithdrawn(Withdrawn { sku: sku.into() })
}

/// What tills can sell.
async fn sold(store: &Store) -> Vec<Article> {
    store.read(|store| store.catalogue_articles()).await.unwrap()
}

async fn standing(store: &Store) -> Standing {
    store.read(|store| Ok(store.catalogue()?.standing)).await.unwrap()
}

/// The hub's catalogue as the store sells it.
fn expected(hub: &Hub) -> Vec<Article> {
    hub.seen().shelf().into_values().map(Into::into).collect()
}

/// Waits until tills see what the hub has.
async fn arrived(edge: &Edge, hub: &Hub) -> CatalogueStatus {
    let url = url(edge);
    until("the catalogue", || async {
        let now = status(&url).await.catalogue;
        let head = hub.seen().head();
        (now.feed_id.is_some() && now.loading.is_none() && now.cursor == head).then_some(now)
    })
    .await
}

#[tokio::test]
async fn changes_reach_the_tills_and_an_open_basket_keeps_its_price() {
    for protocol in [SyncProtocol::Http, SyncProtocol::Grpc] {
        let (hub, shop) = (Hub::start().await, Shop::new());
        shop.enrolled(&hub.url(), CREDENTIAL);
        let edge = shop.start_with(protocol).await;
        let (at, till) = (url(&edge), till(&url(&edge), "till-1"));
        assert_eq!(status(&at).await.catalogue.feed_id, None, "its own, as the hub has none");
        let milk = StoreArticle { barcode: Some("4006381333931".into()), ..article("A1", 165) };
        hub.change([Changed::Article(milk.clone()), Changed::Article(article("A9", 99))]);
        arrived(&edge, &hub).await;
        assert_eq!(sold(&edge.store).await, expected(&hub), "the store's own articles are gone");
        let open: TransactionView = till.call(Method::POST, "/v1/transactions", &json!({})).await.unwrap();
        let lines = format!("/v1/transactions/{}/lines", open.transaction_id);
        let scan = json!({"barcode": "4006381333931"});
        till.call::<TransactionView>(Method::POST, &lines, &scan).await.unwrap();
        hub.change([Changed::Article(StoreArticle { price: Amount::new(199), ..milk }), gone("A9")]);
        let now = arrived(&edge, &hub).await;
        assert_eq!((now.cursor, now.head, now.last_error), (4, 4, None));
        assert!(now.confirmed_at.is_some() && now.changed_at.is_some());
        let basket: TransactionView =
            till.call(Method::GET, &format!("/v1/transactions/{}", open.transaction_id), &()).await.unwrap();
        assert_eq!(basket.totals.total, Amount::new(165), "as it was scanned");
        let basket: TransactionView = till.call(Method::POST, &lines, &scan).await.unwrap();
        let prices: Vec<_> = basket.lines.iter().map(|line| line.unit_price.minor()).collect();
        assert_eq!(prices, [165, 199], "what is scanned now costs what it costs now");
        let missing =
            till.call::<TransactionView>(Method::POST, &lines, &json!({"sku": "A9"})).await.unwrap_err();
        assert!(missing.to_string().contains(ErrorCode::UnknownBarcode.as_str()), "{missing}");
        edge.stop().await;
        let ways = hub.seen().questions;
        assert!(ways[usize::from(protocol == SyncProtocol::Grpc)] > 0, "{protocol:?} {ways:?}");
    }
}

#[tokio::test]
async fn a_large_catalogue_is_taken_over_while_tills_sell_and_lines_break() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    hub.seen().cut_pages = 4;
    hub.change((0..3_000).map(|n| Changed::Article(article(&format!("B{n:05}"), 100 + n))));
    let at = url(&edge);
    let selling = sell(&at, 20, 3);
    let changing = async {
        for n in 0..30 {
            hub.change([
                Changed::Article(article(&format!("B{n:05}"), 7)),
                gone(&format!("B{:05}", n + 100)),
            ]);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(selling, changing);
    arrived(&edge, &hub).await;
    assert_eq!(sold(&edge.store).await, expected(&hub));
    edge.stop().await;
}

#[tokio::test]
async fn a_line_that_is_cut_or_goes_silent_delays_changes_and_loses_none() {
    use crate::proxy::{Line, Proxy};

    for protocol in [SyncProtocol::Http, SyncProtocol::Grpc] {
        let (hub, shop) = (Hub::start().await, Shop::new());
        let proxy = Proxy::before(hub.port).await;
        shop.enrolled(&proxy.url(), CREDENTIAL);
        let edge = shop.start_with(protocol).await;
        let url = url(&edge);
        hub.change((0..300).map(|n| Changed::Article(article(&format!("B{n:05}"), 100))));
        for (price, line) in [(1, Line::Silent), (2, Line::Cut), (3, Line::OneWay)] {
            arrived(&edge, &hub).await;
            proxy.set(line);
            hub.change([Changed::Article(article("B00007", price)), gone(&format!("B{price:05}"))]);
            until("the line to be missed", || async { status(&url).await.catalogue.last_error }).await;
            proxy.set(Line::Whole);
        }
        arrived(&edge, &hub).await;
        // What had arrived on the half-open line already may be told again only after the next question.
        let mended = || async { status(&url).await.catalogue.last_error.is_none().then_some(()) };
        until("the line to be good again", mended).await;
        assert_eq!(sold(&edge.store).await, expected(&hub));
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_hub_that_was_put_back_is_followed_from_the_beginning() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    hub.change((0..10).map(|n| Changed::Article(article(&format!("B{n}"), n + 1))));
    let before = arrived(&edge, &hub).await;
    hub.seen().put_back();
    hub.change([Changed::Article(article("C1", 1))]);
    let after = arrived(&edge, &hub).await;
    assert_ne!(before.feed_id, after.feed_id);
    assert_eq!(sold(&edge.store).await.len(), 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_correction_moves_stock_once_and_is_told_under_its_own_id() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    let order = Correction { event_id: EventId::new(), sku: "A1".into(), delta: Quantity::pieces(12) };
    hub.change([Changed::Article(article("A1", 100)), Changed::StockCorrected(order.clone())]);
    hub.until("the correction", |seen| seen.applied.iter().any(|event| event.event_id == order.event_id))
        .await;
    // Everything comes again, the order too, for the hub has not noted that it was done.
    hub.seen().put_back();
    hub.change([Changed::Article(article("A1", 100)), Changed::StockCorrected(order.clone())]);
    arrived(&edge, &hub).await;
    let stock = edge.store.read(|store| store.stock()).await.unwrap();
    assert_eq!(stock, [("A1".to_owned(), Quantity::pieces(12))]);
    let told: Vec<_> = hub.seen().facts().collect();
    let [Fact::InventoryAdjusted(adjustment)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(adjustment.reason, AdjustmentReason::Count);
    assert_eq!(adjustment.movements[0].on_hand, Quantity::pieces(12));
    edge.stop().await;
}

#[tokio::test]
async fn prices_of_another_currency_are_not_taken() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    hub.seen().currency = Some(Currency::VND);
    hub.change([Changed::Article(article("A1", 25_000))]);
    let edge = shop.start().await;
    let url = url(&edge);
    let told = until("the reason", || async { status(&url).await.catalogue.last_error }).await;
    assert!(told.contains("VND") && told.contains("CHF"), "{told}");
    assert!(sold(&edge.store).await.iter().any(|article| article.price == Amount::new(165)));
    edge.stop().await;
}

/// An edge of a later version starts where one before it has left something out.
#[tokio::test]
async fn what_was_left_out_is_asked_for_again_at_the_next_start() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    hub.change([Changed::Article(article("A1", 100)), Changed::Article(article("A2", 200))]);
    hub.seen().strange = Some("A2");
    hub.change([Changed::Article(article("A2", 300))]);
    let now = arrived(&edge, &hub).await;
    edge.stop().await;
    hub.seen().strange = None;
    let edge = shop.start_again().await;
    let url = url(&edge);
    until("nothing to be left out", || async {
        let then = status(&url).await.catalogue;
        (then.left_out == 0 && then.changed_at > now.changed_at && then.loading.is_none()).then_some(())
    })
    .await;
    assert_eq!(sold(&edge.store).await, expected(&hub));
    assert!(now.left_out > 0, "{now:?}");
    edge.stop().await;
}

/// The database fails at each commit in its turn while changes come down: what the cursor says to be here is here.
#[tokio::test]
async fn a_commit_that_fails_loses_no_change() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let edge = shop.start().await;
    hub.change([Changed::Article(article("A1", 1))]);
    arrived(&edge, &hub).await;
    for failing in 1..=5_i64 {
        actors::failpoint::arm("edge_writer.before_commit", u32::try_from(failing).unwrap());
        hub.change((0..120).map(|n| Changed::Article(article(&format!("B{n:05}"), 1_000 * failing + n))));
        arrived(&edge, &hub).await;
        assert_eq!(sold(&edge.store).await, expected(&hub), "commit {failing} failed");
    }
    edge.stop().await;
}

/// Pieces that were written are written; those that come again are not; whatever is cut off goes on.
#[tokio::test]
async fn a_piece_counts_once_and_a_load_goes_on_where_it_was() {
    let shop = Shop::new();
    let edge = shop.start().await;
    let (feed, now) = (FeedId::new(), Timestamp::now());
    let piece = |target, from: u64, articles: &[StoreArticle]| Piece {
        target,
        feed,
        from,
        cursor: from + articles.len() as u64,
        changes: articles.iter().cloned().map(Changed::Article).collect(),
        left_out: 0,
    };
    let own = sold(&edge.store).await.len();
    let apply = |piece: Piece| edge.store.write(move |tx| tx.apply_piece(&piece, now));
    let first = piece(Target::Load, 0, &[article("A1", 1), article("A2", 2)]);
    assert!(!apply(first.clone()).await.unwrap(), "nothing was begun");
    edge.store.write(move |tx| tx.begin_load(feed, 3)).await.unwrap();
    assert!(apply(first.clone()).await.unwrap());
    assert!(!apply(first).await.unwrap(), "it was written before");
    assert!(!apply(piece(Target::Live, 0, &[article("A3", 3)])).await.unwrap());
    assert_eq!(sold(&edge.store).await.len(), own, "tills still sell from their own");
    edge.stop().await;
    let edge = shop.start().await;
    let load = standing(&edge.store).await.load.unwrap();
    assert_eq!((load.feed, load.cursor, load.until), (feed, 2, 3));
    let last = piece(Target::Load, 2, &[StoreArticle { plu: Some(7), ..article("A3", 3) }]);
    assert!(edge.store.write(move |tx| tx.apply_piece(&last, now)).await.unwrap());
    edge.store.write(move |tx| tx.finish_load(now)).await.unwrap();
    let whole = Standing { feed: Some(feed), cursor: 3, load: None, renew: false };
    assert_eq!(standing(&edge.store).await, whole);
    let skus: Vec<_> = sold(&edge.store).await.into_iter().map(|article| article.sku).collect();
    assert_eq!(skus, ["A1", "A2", "A3"]);
    // A short number moves from one article to another, and the one that had it is told later.
    let takes = piece(Target::Live, 3, &[StoreArticle { plu: Some(7), ..article("A1", 1) }]);
    assert!(edge.store.write(move |tx| tx.apply_piece(&takes, now)).await.unwrap());
    let plus: BTreeMap<_, _> =
        sold(&edge.store).await.into_iter().map(|article| (article.sku, article.plu)).collect();
    assert_eq!((plus["A1"], plus["A3"]), (Some(7), None));
    let mut swept = 0;
    while let slice @ 1.. = edge.store.write(|tx| tx.forget_generations(2)).await.unwrap() {
        swept += slice;
    }
    assert!(swept >= own, "{swept} of {own} articles that nobody sells any more");
    assert_eq!(sold(&edge.store).await.len(), 3);
    edge.stop().await;
}
