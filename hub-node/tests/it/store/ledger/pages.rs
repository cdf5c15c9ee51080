//! Pages of what comes down to a store: articles and orders in the order of their numbers, none skipped and none told twice,
//! whatever the size of a page.

use std::collections::BTreeMap;

use actors::ingest::model::{Article, Changes, Feed, StockOrder};
use actors::ports::LedgerStore as _;
use hub_node::store::TenantDb;
use messages::edge::{Amount, Quantity};
use messages::http::articles::ArticleSpec;
use messages::version::Epoch;
use messages::{EdgeId, FeedId, Version};

use super::{NOW, edge_id, event, retailer, shop, with_retailer};

fn article(seq: u64) -> Article {
    Article {
        spec: ArticleSpec::new(&format!("A{seq}"), "Article", Amount::new(100)),
        seq,
        created_at: NOW,
        updated_at: NOW,
        updated_by: "Ann".into(),
    }
}

fn order(seq: u64, edge: EdgeId) -> StockOrder {
    StockOrder {
        event: event(u128::from(seq)),
        seq,
        store: shop(),
        edge,
        sku: "A1".into(),
        delta: Quantity::pieces(1),
        note: String::new(),
        ordered_at: NOW,
        ordered_by: "Ann".into(),
        done_at: None,
    }
}

#[tokio::test]
async fn pages_go_through_all_changes_in_the_order_of_their_numbers() {
    const HEAD: u64 = 12;
    let store = with_retailer().await;
    store.open(retailer(), Epoch(1)).await.unwrap();
    // Every third change is an order for this device, and one is for another.
    let ours: Vec<u64> = (1..=HEAD).filter(|seq| *seq != 5).collect();
    let goods = (1..=HEAD).filter(|seq| seq % 3 != 0 && *seq != 5).map(article);
    let orders = (1..=HEAD).filter(|seq| seq % 3 == 0).map(|seq| order(seq, edge_id()));
    let elsewhere = order(5, EdgeId::new());
    let changes = Changes {
        feed: Some(Feed { id: FeedId::new(), head: HEAD, articles: HEAD }),
        catalogue: goods.map(|article| (article.spec.sku.clone(), article)).collect(),
        orders: orders.chain([elsewhere]).map(|order| (order.event, order)).collect::<BTreeMap<_, _>>(),
        ..Changes::default()
    };
    store.write(retailer(), Epoch(1), Version(1), &changes).await.unwrap();
    let tenant = TenantDb::new(&store, retailer());
    for limit in [1, 2, 3, 5, 11, 12, 50] {
        let (mut cursor, mut told) = (0, Vec::new());
        while cursor < HEAD {
            let page = tenant.changes((shop(), edge_id()), (cursor, HEAD), limit).await.unwrap();
            let numbers: Vec<u64> = page.changes.iter().map(|change| change.seq).collect();
            assert!(numbers.len() <= limit && page.cursor > cursor, "{limit} from {cursor}: {numbers:?}");
            assert!(numbers.iter().all(|seq| *seq > cursor && *seq <= page.cursor), "{limit}: {numbers:?}");
            told.extend(numbers);
            cursor = page.cursor;
        }
        assert_eq!((told, cursor), (ours.clone(), HEAD), "pages of {limit}");
    }
}
