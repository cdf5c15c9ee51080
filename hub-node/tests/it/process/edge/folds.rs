//! Sums behind the events, with the real hub: whoever asks finds what was acknowledged, and a hub that is killed between settling
//! and folding leaves a journal that the next one puts into the sums once.

use messages::edge::Quantity;
use messages::http::paging::Page;
use messages::http::reports::StockRow;
use serde_json::{Value, json};

use super::machine::Edge;
use super::scene::Scene;

const ROUNDS: usize = 4;
const SALES: usize = 5;

/// One article, one piece a sale; back when the hub has settled them.
async fn sell(edge: &Edge, round: usize) {
    for sale in 0..SALES {
        let body = json!({"lines": [{"sku": "A00007"}], "payments": [{"kind": "card"}]});
        let answer = edge.post("/v1/sales", &format!("fold-{round}-{sale}"), &body).await;
        assert_eq!(answer.status(), 201, "{}", edge.log());
    }
    edge.drained().await;
}

/// Rounds that are not in the sums yet, as the hub's own view of its actors tells.
async fn unfolded(scene: &Scene) -> u64 {
    let actors: Value = scene.office.api.get("/admin/actors").await;
    let text = actors.to_string();
    let mut counts = text.split("\"unfolded\":").skip(1);
    let count = counts.next().and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
    count.unwrap_or(0)
}

async fn moved(scene: &Scene) -> Quantity {
    let path = format!("{}/reports/inventory?store_id={}&q=A00007", scene.office.of, scene.office.store);
    let page: Page<StockRow> = scene.office.api.get(&path).await;
    page.items.first().map_or(Quantity::ZERO, |row| row.moved)
}

#[tokio::test]
async fn process_sums_are_complete_for_whoever_asks_and_exact_after_kills_before_they_are_written() {
    let mut scene = Scene::set("http").await;
    scene.edge.start().await;
    let mut caught = 0;
    for round in 0..ROUNDS {
        sell(&scene.edge, round).await;
        caught += u64::from(unfolded(&scene).await > 0);
        if round % 2 == 0 {
            // Nobody has asked: what was settled is in the journal only, if the hub was not slow.
            scene.hub.kill().await;
            scene.hub.restart().await;
        }
        let sold = i64::try_from(SALES * (round + 1)).unwrap();
        assert_eq!(moved(&scene).await, Quantity::pieces(-sold), "round {round}");
        assert_eq!(moved(&scene).await, Quantity::pieces(-sold), "and again");
    }
    assert!(caught > 0, "the hub was never seen with sums to be written");
    scene.hub.kill().await;
    scene.hub.restart().await;
    let selling = scene.edge.sell(60, 11);
    selling.all_served().await.unwrap();
    scene.office.reconcile(&scene.edge).await;
    scene.end().await;
}

/// Who reads the sums.
#[derive(Debug, Clone, Copy)]
enum Reader {
    Counts,
    Products,
    Stock,
    StockFile,
    StockByStore,
}

impl Reader {
    /// The counts come first: they are kept for half a minute.
    const ALL: [Self; 5] = [Self::Counts, Self::Products, Self::Stock, Self::StockFile, Self::StockByStore];

    fn path(self, scene: &Scene) -> String {
        let (of, store) = (&scene.office.of, &scene.office.store);
        match self {
            Self::Counts => format!("/api/v1{of}/reports/stock"),
            Self::Products => format!("/api/v1{of}/reports/products?from={}&to={}", day(-1), day(1)),
            Self::Stock => format!("/api/v1{of}/reports/inventory?store_id={store}"),
            Self::StockFile => format!("/api/v1{of}/reports/inventory?store_id={store}&format=csv"),
            Self::StockByStore => format!("/v1/reports/inventory?store_id={store}"),
        }
    }

    /// Does this answer know of so many pieces?
    fn knows(self, answer: &str, pieces: usize) -> bool {
        let json = || serde_json::from_str::<Value>(answer).unwrap();
        match self {
            Self::Counts => json()["items"][0]["articles"] == 1,
            Self::Products => {
                json()["rows"][0]["quantity"].as_str().is_some_and(|sold| sold.parse() == Ok(pieces))
            }
            Self::Stock | Self::StockByStore => json()["items"][0]["moved"] == format!("-{pieces}"),
            Self::StockFile => answer.contains(&format!(",-{pieces},")),
        }
    }
}

/// Around today, whatever the store's time zone.
fn day(from_today: i64) -> String {
    let now = messages::Timestamp::now();
    messages::Timestamp(now.0 + from_today * 86_400_000).to_string().chars().take(10).collect()
}

/// Nobody else has asked: each reader by itself has the sums brought up to date.
#[tokio::test]
async fn process_each_reader_of_the_sums_finds_all_that_was_acknowledged() {
    let mut scene = Scene::set("http").await;
    scene.edge.start().await;
    let client = reqwest::Client::new();
    let mut round = 0;
    for reader in Reader::ALL {
        let mut tries = 0;
        loop {
            sell(&scene.edge, round).await;
            round += 1;
            if unfolded(&scene).await > 0 {
                break;
            }
            tries += 1;
            assert!(tries < 20, "the hub was never seen with sums to be written");
        }
        let request = client.get(format!("{}{}", scene.hub.url, reader.path(&scene)));
        let answer = request.bearer_auth(scene.office.api.token()).send().await.unwrap();
        let answer = answer.text().await.unwrap();
        assert!(reader.knows(&answer, SALES * round), "{reader:?} after {round} rounds: {answer}");
    }
    scene.end().await;
}
