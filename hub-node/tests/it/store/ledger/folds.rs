//! Folds: what rounds have added is in the sums once, and sums that earlier builds wrote go on where they were.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::ingest::model::{Changes, StockMove};
use actors::ingest::pending::{Additions, Fold};
use actors::ports::{LedgerStore as _, StoreError};
use bson::{Document, doc};
use hub_node::store::{Store, TenantDb};
use messages::Version;
use messages::edge::{Amount, Quantity};
use messages::http::reports::{ProductQuery, StockRow};
use messages::version::Epoch;

use super::{NOW, changes, database, inventory, journal_only, retailer, shop, slot, stored, with_retailer};

async fn stock(store: &Store) -> Vec<StockRow> {
    TenantDb::new(store, retailer()).inventory(&inventory()).await.unwrap().items
}

/// Of the one article.
async fn sold(store: &Store) -> Amount {
    let day = slot().day;
    let query: ProductQuery = serde_json::from_value(serde_json::json!({ "from": day, "to": day })).unwrap();
    let rows = TenantDb::new(store, retailer()).product_report(&query).await.unwrap().rows;
    assert!(rows.len() <= 1, "{rows:?}");
    rows.first().map(|row| row.total).unwrap_or_default()
}

async fn fold_of_all(store: &Store) -> Fold {
    let journal = store.open(retailer(), Epoch(1)).await.unwrap().journal;
    let mut fold = Fold { additions: changes().added, ..Fold::default() };
    for entry in journal {
        fold.rounds.push(entry.round);
    }
    let rounds = i64::try_from(fold.rounds.len()).unwrap();
    for moved in fold.additions.stock.values_mut() {
        moved.delta = Quantity::thousandths(moved.delta.get() * rounds);
    }
    for sums in fold.additions.articles.values_mut() {
        sums.total *= rounds;
    }
    fold
}

#[tokio::test]
async fn a_fold_happens_once_or_not_at_all() {
    let store = with_retailer().await;
    store.open(retailer(), Epoch(1)).await.unwrap();
    for round in 1..=3 {
        store.write(retailer(), Epoch(1), Version(round), Arc::new(journal_only())).await.unwrap();
    }
    assert_eq!((stock(&store).await, sold(&store).await), (vec![], Amount::ZERO));
    let fold = Arc::new(fold_of_all(&store).await);
    assert_eq!(fold.rounds, [Version(1), Version(2), Version(3)]);
    // Whoever is behind, or no longer the owner, changes nothing.
    for (epoch, version) in [(Epoch(1), Version(3)), (Epoch(1), Version(5)), (Epoch(0), Version(4))] {
        let refused = store.fold(retailer(), epoch, version, fold.clone()).await;
        assert_eq!(refused, Err(StoreError::Fenced), "{epoch:?} {version:?}");
    }
    assert_eq!(sold(&store).await, Amount::ZERO);
    store.fold(retailer(), Epoch(1), Version(4), fold.clone()).await.unwrap();
    assert_eq!(
        (stock(&store).await[0].on_hand, sold(&store).await),
        (Quantity::pieces(47), Amount::new(1_200))
    );
    // The journal went with it: the next owner finds nothing to add.
    let after = store.open(retailer(), Epoch(2)).await.unwrap();
    assert_eq!((after.version, after.journal), (Version(4), vec![]));
    assert_eq!(store.fold(retailer(), Epoch(1), Version(5), fold).await, Err(StoreError::Fenced));
    assert_eq!(sold(&store).await, Amount::new(1_200));
}

#[tokio::test]
async fn sums_of_an_earlier_build_go_on_where_they_were() {
    let store = stored(include_str!("../shapes/ledger-1.txt")).await;
    let version = store.open(retailer(), Epoch(1)).await.unwrap().version.0;
    let (before, total) = (stock(&store).await, sold(&store).await);
    assert_eq!((before.len(), before[0].on_hand), (1, Quantity::pieces(49)));
    // Another article, which that build has never seen, and the one it has.
    let moved = StockMove { before: Quantity::pieces(7), delta: Quantity::pieces(-2), at: NOW };
    let stock_of = BTreeMap::from([((shop(), "BUTTER".to_owned()), moved)]);
    let added = Additions { stock: stock_of, ..Additions::default() };
    let other = Changes { added, ..Changes::default() };
    store.write(retailer(), Epoch(1), Version(version + 1), Arc::new(other.clone())).await.unwrap();
    store.write(retailer(), Epoch(1), Version(version + 2), Arc::new(journal_only())).await.unwrap();
    let mut fold = fold_of_all(&store).await;
    fold.additions = changes().added;
    fold.additions.stock.extend(other.added.stock);
    store.fold(retailer(), Epoch(1), Version(version + 3), Arc::new(fold)).await.unwrap();
    let after = stock(&store).await;
    let shown: Vec<_> = after.iter().map(|row| (row.sku.as_str(), row.on_hand, row.moved)).collect();
    let pieces = Quantity::pieces;
    assert_eq!(shown, [("BUTTER", pieces(5), pieces(-2)), ("MILK.1$", pieces(48), pieces(-2))]);
    assert_eq!(sold(&store).await, Amount::new(2 * total.minor()));
    let levels = TenantDb::new(&store, retailer()).stock_levels().await.unwrap();
    assert_eq!((levels.len(), levels[0].articles), (1, 2));
    let single = database(&store).await.collection::<Document>("inventory");
    assert_eq!(single.count_documents(doc! {}).await.unwrap(), 0, "what moved is on its shelf");
}

#[tokio::test]
async fn a_build_that_does_not_know_what_stands_behind_the_fence_stays_outside() {
    let store = with_retailer().await;
    store.open(retailer(), Epoch(1)).await.unwrap();
    let fences = database(&store).await.collection::<Document>("ledger_fences");
    let fence = fences.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(fence.get_i32("sv").unwrap(), 2, "the build before knew 1");
    fences.update_one(doc! {}, doc! { "$set": { "sv": 3 } }).await.unwrap();
    let refused = store.open(retailer(), Epoch(2)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Corrupt(why) if why.contains("later build")), "{refused:?}");
}
