//! The Shopify destination against a simulated shop that holds to the documented rules: token, points, staged upload,
//! bulk operations and their limit, `productSet` that replaces lists, idempotent stock, user errors, paging.

mod shop;

use std::time::{Duration, Instant};

use agent_node::connector::DestinationConnector as _;
use agent_node::connector::shopify::ShopifyConnector;
use messages::ErrorCode;
use messages::connector::{Credentials, NewProducts, ShopifyDestination, UpdateFields};
use tempfile::TempDir;

use self::shop::{Admin, Variant};
use super::{Articles, Fault, Reply, Server, articles, drive, means, priced, rows};
use crate::conformance::{self, Subject, World};

const TOKEN: &str = "shpat_0123456789";

impl World for Server<Admin> {
    fn articles(&self) -> Articles {
        self.with(|shop| shop.articles())
    }

    fn refuse(&self, sku: &str) {
        self.with(|shop| shop.refused.insert(sku.to_owned()));
    }

    fn fail(&self, fault: Fault) {
        Self::fail(self, "productSet", [fault]);
    }

    fn largest(&self) -> usize {
        self.asked().iter().map(|asked| asked.body.len()).max().unwrap_or(0)
    }
}

fn connect(url: &str, token: &str, scratch: &TempDir, update: UpdateFields) -> ShopifyConnector {
    let config = ShopifyDestination {
        url: url.to_owned(),
        location_id: "5".into(),
        new_products: NewProducts::Draft,
        update,
    };
    ShopifyConnector::new(config, Some(Credentials::Token { token: token.into() }), means(scratch))
}

fn connector(server: &Server<Admin>, scratch: &TempDir) -> ShopifyConnector {
    connect(&server.url(), TOKEN, scratch, UpdateFields::Everything)
}

async fn shop() -> Server<Admin> {
    Server::start(|url| Admin::new(url, TOKEN)).await
}

#[tokio::test]
async fn shopify_conforms() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    let subject = Subject {
        connector: &connector(&server, &scratch),
        stranger: &connect(&server.url(), "shpat_wrong", &scratch, UpdateFields::Everything),
        nowhere: &connect("http://127.0.0.1:1", TOKEN, &scratch, UpdateFields::Everything),
        world: &server,
        scratch: scratch.path(),
        largest: 2_000_000,
    };
    assert_eq!(conformance::platform(&subject).await, [""; 0]);
    for asked in server.asked() {
        let to_shop = asked.path.starts_with("/admin/");
        assert!(to_shop || asked.header("x-shopify-access-token").is_empty(), "the token leaves the shop");
        assert!(!String::from_utf8_lossy(&asked.body).contains(TOKEN), "secrets go into headers only");
    }
}

#[tokio::test]
async fn it_keeps_to_the_points_that_the_shop_grants() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    server.with(|shop| shop.points.set(100, 400));
    let rows = rows(40);
    let began = Instant::now();
    let driven = drive(&connector(&server, &scratch), &rows).await.unwrap();
    assert_eq!((driven.sent, World::articles(&server)), (40, articles(&rows)));
    // 40 × 10 points, of which 100 were there.
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
    let throttled = server.with(|shop| shop.points.refused);
    assert!(throttled <= 2, "it waits before it is refused: {throttled}");
    // Somebody else takes everything: it is refused, waits and gets through.
    server.with(|shop| shop.points.steal());
    assert_eq!(drive(&connector(&server, &scratch), &rows[..1]).await.unwrap().sent, 1);
    assert!(server.with(|shop| shop.points.refused) > throttled);
}

#[tokio::test]
async fn many_articles_go_in_bulk_through_every_fault_of_it() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    server.with(|shop| {
        shop.refused.extend(["A-17".to_owned(), "A-600".to_owned()]);
        shop.bulk_ends = vec!["FAILED"];
        shop.bulk_refusals = vec!["OPERATION_IN_PROGRESS"];
    });
    server.fail("GET /results", [Fault::Instead(Reply::empty(404))]);
    server.fail("POST /upload", [Fault::CutBefore]);
    let rows = rows(700);
    let driven = drive(&connector(&server, &scratch), &rows).await.unwrap();
    assert_eq!((driven.sent, driven.notes.len()), (698, 4), "{:?}", driven.notes);
    let mut told: Vec<_> = driven.rejects.iter().map(|reject| reject.row).collect();
    told.sort_unstable();
    assert_eq!(told, [19, 602]);
    assert!(driven.rejects[0].reason.contains("not allowed"), "{:?}", driven.rejects[0]);
    let mut expected = articles(&rows);
    expected.retain(|sku, _| sku != "A-17" && sku != "A-600");
    assert_eq!(World::articles(&server), expected, "worked off several times, and there once");
    assert_eq!(server.with(|shop| shop.stock("A-3")), Some(7));
}

#[tokio::test]
async fn a_bulk_operation_is_called_off_with_the_run() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    server.with(|shop| shop.looks = usize::MAX);
    let shopify = connector(&server, &scratch);
    let run = agent_node::connector::ForRun::alone(messages::RunId::new());
    let mut sink = shopify.open(&run).await.unwrap();
    sink.write(&rows(200)).await.unwrap();
    let begun = server.until("a look at the operation", |server| {
        server.asked().iter().any(|asked| asked.body.starts_with(b"{\"query\":\"query look"))
    });
    tokio::select! {
        _ = sink.deliver() => panic!("it cannot have ended"),
        () = begun => {}
    }
    sink.abort().await;
    assert!(!server.with(|shop| shop.is_running()));
}

#[tokio::test]
async fn a_product_with_several_variants_keeps_the_others() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    server.with(|shop| {
        shop.add("Juice", &[Variant::new("A-1", "1.00"), Variant::new("OTHER", "5.00")]);
        shop.add("Curated name", &[Variant::new("a-2", "1.00")]);
    });
    let shopify = connect(&server.url(), TOKEN, &scratch, UpdateFields::PriceAndStock);
    let driven = drive(&shopify, &[priced(1, "1.20"), priced(2, "2.20")]).await.unwrap();
    assert_eq!((driven.sent, driven.rejects.len()), (2, 0));
    let expected: Articles = [("A-1", "1.20"), ("A-2", "2.20"), ("OTHER", "5.00")]
        .map(|(sku, price)| (sku.to_owned(), price.to_owned()))
        .into();
    assert_eq!(World::articles(&server), expected);
    assert_eq!(server.with(|shop| (shop.stock("A-1"), shop.stock("A-2"))), (Some(7), Some(7)));
    assert_eq!(server.with(|shop| shop.titles()), ["Juice", "Curated name"]);
}

#[tokio::test]
async fn numbers_that_several_products_have_are_rejected() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    server.with(|shop| {
        shop.add("One", &[Variant::new("A-1", "1.00")]);
        shop.add("Two", &[Variant::new("A-1", "1.00")]);
        // Found by the search, and not what was asked for.
        for number in 10..400 {
            shop.add("Other", &[Variant::new(&format!("A-1{number}"), "1.00")]);
        }
    });
    let driven =
        drive(&connector(&server, &scratch), &[priced(1, "2.00"), priced(1_399, "2.00")]).await.unwrap();
    assert_eq!((driven.sent, driven.rejects.len(), driven.rejects[0].row), (1, 1, 3));
    assert!(driven.rejects[0].reason.contains("2 variants"), "{:?}", driven.rejects);
    assert_eq!(World::articles(&server)["A-1399"], "2.00");
}

#[tokio::test]
async fn a_check_says_who_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let server = shop().await;
    assert!(connector(&server, &scratch).check().await.unwrap().contains("Corner shop"));
    let wrong =
        connect(&server.url(), "shpat_wrong", &scratch, UpdateFields::Everything).check().await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::DestinationRefused);
    assert!(!format!("{wrong:?}").contains("shpat_wrong"));
}
