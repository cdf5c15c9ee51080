//! The fence: one writer, gapless versions, unique values, and commits that happen once.

use std::sync::Arc;

use actors::domain::{Image, Write};
use actors::ports::{StoreError, TenantStore as _};
use messages::version::Epoch;
use messages::{RetailerId, Version};

use crate::support::{TestStore, sample, store};

async fn made(store: &TestStore, code: &str) -> (RetailerId, Image) {
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let (writes, image) = sample::whole(id, code);
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    (id, image)
}

fn one(write: Write) -> Arc<[Write]> {
    vec![write].into()
}

#[tokio::test]
async fn an_old_epoch_writes_nothing() {
    let store = store().await;
    let (id, image) = made(&store, "fresh").await;
    assert_eq!(store.take(id, Epoch(3)).await.unwrap(), image);
    let late = store.commit(id, Epoch(1), Version(2), one(Write::Store(sample::shop("late")))).await;
    assert_eq!(late, Err(StoreError::Fenced));
    assert_eq!(store.take(id, Epoch(2)).await, Err(StoreError::Fenced));
    assert_eq!(store.take(id, Epoch(3)).await.unwrap(), image);
    store.commit(id, Epoch(3), Version(2), one(Write::Store(sample::shop("next")))).await.unwrap();
}

#[tokio::test]
async fn a_retailer_that_nobody_has_taken_cannot_be_written() {
    let store = store().await;
    let commit =
        store.commit(RetailerId::new(), Epoch(1), Version(1), one(Write::Store(sample::shop("a")))).await;
    assert_eq!(commit, Err(StoreError::Fenced));
}

#[tokio::test]
async fn versions_have_no_gaps_and_each_is_reached_once() {
    const WRITERS: usize = 6;
    const COMMITS: u64 = 12;
    let store = store().await;
    let (id, _) = made(&store, "fresh").await;
    // Writers that all believe to be the owner under the same epoch, each trying to reach each version.
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let store = store.again().await;
        writers.push(tokio::spawn(async move {
            let mut won = Vec::new();
            let mut version = 2;
            while version < 2 + COMMITS {
                let shop = sample::shop(&format!("s{writer}-{version}"));
                match store.commit(id, Epoch(1), Version(version), vec![Write::Store(shop)].into()).await {
                    Ok(()) => won.push(version),
                    Err(StoreError::Fenced) => {}
                    Err(error) => panic!("{error}"),
                }
                version = match store.take(id, Epoch(1)).await {
                    Ok(image) => image.version.0 + 1,
                    // The others have committed in the middle of each of its loads.
                    Err(StoreError::Unavailable(_)) => version,
                    Err(error) => panic!("{error}"),
                };
            }
            won
        }));
    }
    let mut reached = Vec::new();
    for writer in writers {
        reached.extend(writer.await.unwrap());
    }
    reached.sort_unstable();
    reached.dedup();
    let image = store.take(id, Epoch(1)).await.unwrap();
    let all: Vec<u64> = (2..=image.version.0).collect();
    assert_eq!(reached, all);
    assert_eq!(image.stores.len(), 1 + all.len(), "each commit wrote its store, and no other did");
}

#[tokio::test]
async fn a_value_in_use_is_named_and_nothing_is_written() {
    let store = store().await;
    let (id, image) = made(&store, "fresh").await;
    let (_other, _) = made(&store, "corner").await;
    let mut recoded = image.retailer.clone().unwrap();
    recoded.spec.code = "corner".into();
    let job = sample::job("NIGHTLY", image.agents[0].id, image.destinations[0].id);
    let cases = [
        (Write::Retailer(recoded), "code", "corner"),
        (Write::Store(sample::shop("main")), "code", "main"),
        (Write::Agent(sample::agent("tiLL")), "name", "tiLL"),
        (Write::Destination(sample::destination(" web SHOP ")), "name", " web SHOP "),
        (Write::Job(job), "name", "NIGHTLY"),
    ];
    for (write, field, value) in cases {
        let writes = vec![Write::Store(sample::shop("before")), write, Write::Store(sample::shop("after"))];
        let refused = store.commit(id, Epoch(1), Version(2), writes.into()).await;
        assert_eq!(refused, Err(StoreError::Taken { field, value: value.into() }));
        assert_eq!(store.take(id, Epoch(1)).await.unwrap(), image, "{field} {value}");
    }
    // The same names with another retailer are no matter.
    store.commit(id, Epoch(1), Version(2), one(Write::Store(sample::shop("free")))).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_is_sent_again_happens_once() {
    let store = store().await;
    let (id, _) = made(&store, "fresh").await;
    let batch = one(Write::Store(sample::shop("once")));
    store.commit(id, Epoch(1), Version(2), batch.clone()).await.unwrap();
    // As after a lost answer: the same batch, for the same version.
    store.commit(id, Epoch(1), Version(2), batch.clone()).await.unwrap();
    let image = store.take(id, Epoch(1)).await.unwrap();
    assert_eq!((image.version, image.stores.len()), (Version(2), 2));
    // Another batch for that version comes from somebody who does not know.
    let other = store.commit(id, Epoch(1), Version(2), one(Write::Store(sample::shop("other")))).await;
    assert_eq!(other, Err(StoreError::Fenced));
    // What was committed stays acknowledged, also to a former owner who asks late.
    store.take(id, Epoch(2)).await.unwrap();
    assert_eq!(store.commit(id, Epoch(1), Version(2), batch.clone()).await, Ok(()));
    store.commit(id, Epoch(2), Version(3), one(Write::Store(sample::shop("more")))).await.unwrap();
    assert_eq!(store.commit(id, Epoch(1), Version(2), batch).await, Err(StoreError::Fenced));
}

#[tokio::test]
async fn an_empty_commit_advances_the_version() {
    let store = store().await;
    let (id, _) = made(&store, "fresh").await;
    store.commit(id, Epoch(1), Version(2), vec![].into()).await.unwrap();
    assert_eq!(store.take(id, Epoch(1)).await.unwrap().version, Version(2));
}
