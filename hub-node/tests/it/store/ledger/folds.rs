//! Folds: what rounds have added is in the sums once, and sums that earlier builds wrote go on where they were.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actors::ingest::model::{Changes, StockMove};
use actors::ingest::pending::{Additions, Fold};
use actors::ports::{LedgerStore as _, StoreError};
use bson::{Document, doc};
use hub_node::store::{Store, TenantDb};
use messages::Version;
use messages::edge::{Amount, Quantity};
use messages::http::reports::{ProductQuery, StockRow};
use messages::version::Epoch;

use super::wire::{Break, Wire};
use super::{NOW, changes, database, inventory, journal_only, retailer, shop, slot, stored, with_retailer};
use crate::support::eventually;

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

async fn fold_of_all(store: &Store, epoch: Epoch) -> Fold {
    let journal = store.open(retailer(), epoch).await.unwrap().journal;
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
        store.write(retailer(), Epoch(1), Version(round), &journal_only()).await.unwrap();
    }
    assert_eq!((stock(&store).await, sold(&store).await), (vec![], Amount::ZERO));
    let fold = Arc::new(fold_of_all(&store, Epoch(1)).await);
    assert_eq!(fold.rounds, [Version(1), Version(2), Version(3)]);
    // Whoever is behind, or no longer the owner, changes nothing.
    for (epoch, version) in [(Epoch(1), Version(3)), (Epoch(1), Version(5)), (Epoch(0), Version(4))] {
        let refused = store.fold(retailer(), epoch, version, fold.clone()).await;
        assert_eq!(refused, Err(StoreError::Fenced), "{epoch:?} {version:?}");
    }
    assert_eq!(sold(&store).await, Amount::ZERO);
    let kept = store.open(retailer(), Epoch(1)).await.unwrap().journal;
    assert_eq!(kept.len(), 3, "what is in no sum is in the journal");
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

/// A fold that is cut off where its hub dies, and the line with it; then what the next owner finds, and makes of it.
async fn cut_off(place: Break, left: usize, total: Amount) {
    let home = with_retailer().await;
    home.open(retailer(), Epoch(1)).await.unwrap();
    for round in 1..=3 {
        home.write(retailer(), Epoch(1), Version(round), &journal_only()).await.unwrap();
    }
    let fold = Arc::new(fold_of_all(&home, Epoch(1)).await);
    let wire = Wire::to(home.server.uri()).await;
    let dying = Store::open(&wire.uri(), &home.database).await.unwrap();
    wire.break_at(place);
    tokio::select! {
        answer = dying.fold(retailer(), Epoch(1), Version(4), fold) => panic!("it was answered: {answer:?}"),
        () = wire.broken() => {}
    }
    // The fence may be held by what was cut off until the server has noticed.
    let next = eventually("the next owner", Duration::from_secs(90), || async {
        home.open(retailer(), Epoch(2)).await.ok()
    })
    .await;
    assert_eq!((next.journal.len(), sold(&home).await), (left, total), "{place:?}");
    if left > 0 {
        let rest = Arc::new(fold_of_all(&home, Epoch(2)).await);
        home.fold(retailer(), Epoch(2), next.version.next(), rest).await.unwrap();
    }
    let all = (Quantity::pieces(47), Amount::new(1_200));
    assert_eq!((stock(&home).await[0].on_hand, sold(&home).await), all, "{place:?}");
}

#[tokio::test]
async fn a_fold_whose_commit_never_arrives_leaves_its_entries_to_the_next_owner() {
    cut_off(Break::Before("commitTransaction"), 3, Amount::ZERO).await;
}

#[tokio::test]
async fn a_fold_whose_hub_dies_behind_its_commit_leaves_nothing_to_be_added_again() {
    cut_off(Break::After("commitTransaction"), 0, Amount::new(1_200)).await;
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
    store.write(retailer(), Epoch(1), Version(version + 1), &other).await.unwrap();
    store.write(retailer(), Epoch(1), Version(version + 2), &journal_only()).await.unwrap();
    let mut fold = fold_of_all(&store, Epoch(1)).await;
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
