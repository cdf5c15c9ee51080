//! What is committed is what is taken; what is appended is what is read.

use actors::domain::{EntityId, Image, Write};
use actors::ports::{StoreError, TenantStore as _};
use messages::ids::SpoolId;
use messages::run::{LogLevel, RunState};
use messages::version::Epoch;
use messages::{RetailerId, RunId, Version};

use crate::support::{sample, store};

#[tokio::test]
async fn every_entity_comes_back_as_it_was() {
    let store = store().await;
    let id = RetailerId::new();
    assert_eq!(store.take(id, Epoch(1)).await.unwrap(), Image::default());
    assert!(!store.exists(id).await.unwrap());
    let (writes, image) = sample::whole(id, "fresh");
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    assert_eq!(store.take(id, Epoch(1)).await.unwrap(), image);
    assert!(store.exists(id).await.unwrap());
    let run = &image.runs[0];
    assert_eq!(store.run(id, run.id).await.unwrap().as_ref(), Some(run));
    assert_eq!(store.run(id, RunId::new()).await.unwrap(), None);
}

#[tokio::test]
async fn a_change_replaces_and_a_deletion_removes() {
    let store = store().await;
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let (writes, mut image) = sample::whole(id, "fresh");
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    let mut renamed = image.retailer.clone().unwrap();
    renamed.spec.name = "Fresher".into();
    let mut bare = image.agents[0].clone();
    (bare.machine, bare.enrolled_at, bare.last_seen_at, bare.spec.store_id) = (None, None, None, None);
    bare.access = actors::domain::AgentAccess::default();
    let second: Vec<Write> = vec![
        Write::Retailer(renamed.clone()),
        Write::Agent(bare.clone()),
        Write::Delete(EntityId::Store(image.stores[0].id)),
        Write::Delete(EntityId::Job(image.jobs[0].id)),
        Write::Delete(EntityId::Destination(image.destinations[0].id)),
        // The name is free again within the same commit.
        Write::Delete(EntityId::Agent(bare.id)),
        Write::Agent(sample::agent("TILL")),
    ];
    let Write::Agent(successor) = second[6].clone() else { unreachable!() };
    store.commit(id, Epoch(1), Version(2), second.into()).await.unwrap();
    image.version = Version(2);
    image.retailer = Some(renamed);
    image.agents = vec![successor];
    (image.stores, image.jobs, image.destinations) = (vec![], vec![], vec![]);
    assert_eq!(store.take(id, Epoch(1)).await.unwrap(), image);
}

#[tokio::test]
async fn a_retailer_is_loaded_with_all_open_runs_and_the_latest_of_the_others() {
    let store = store().await;
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let (mut writes, image) = sample::whole(id, "fresh");
    let job = &image.jobs[0];
    writes.truncate(5);
    let open: Vec<_> = (0..3).map(|_| sample::run(job, RunState::Queued)).collect();
    let over: Vec<_> = (0..60).map(|_| sample::run(job, RunState::Failed)).collect();
    writes.extend(open.iter().chain(&over).cloned().map(Write::Run));
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    let loaded: Vec<_> = store.take(id, Epoch(1)).await.unwrap().runs.into_iter().map(|run| run.id).collect();
    let expected: Vec<_> = open.iter().chain(&over[60 - Image::RECENT_RUNS..]).map(|run| run.id).collect();
    assert_eq!(loaded, expected);
}

#[tokio::test]
async fn a_deleted_retailer_is_gone_at_once_and_its_leftovers_later() {
    let store = store().await;
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let (writes, image) = sample::whole(id, "fresh");
    let run = image.runs[0].id;
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    store.append_logs(id, SpoolId::new(), vec![sample::log_line(run, 1, LogLevel::Info, "x")]).await.unwrap();
    store.append_rejects(id, vec![sample::reject(run, 2, "x")]).await.unwrap();
    let delete: Vec<Write> = vec![Write::Delete(EntityId::Retailer)];
    store.commit(id, Epoch(1), Version(2), delete.into()).await.unwrap();
    assert_eq!(store.take(id, Epoch(2)).await.unwrap(), Image { version: Version(2), ..Image::default() });
    assert!(!store.exists(id).await.unwrap());
    // Its code is free for another.
    let other = RetailerId::new();
    store.take(other, Epoch(1)).await.unwrap();
    let (writes, _) = sample::whole(other, "fresh");
    store.commit(other, Epoch(1), Version(1), writes.into()).await.unwrap();

    assert!(store.run(id, run).await.unwrap().is_some(), "left to the sweep");
    let swept = store.sweep_deleted().await.unwrap();
    assert_eq!((swept.retailers, swept.finished), (1, 0), "looked at again until no late line can come");
    assert_eq!(store.run(id, run).await.unwrap(), None);
    assert_eq!(store.latest_logs(id, run, 10).await.unwrap(), vec![]);
    assert_eq!(store.take(other, Epoch(1)).await.unwrap().runs.len(), 2, "the other one's stay");
    let late = store.commit(id, Epoch(1), Version(3), vec![].into()).await;
    assert_eq!(late, Err(StoreError::Fenced));
}

#[tokio::test]
async fn log_lines_are_kept_once_and_rejects_are_replaced() {
    let store = store().await;
    let (id, spool, run) = (RetailerId::new(), SpoolId::new(), RunId::new());
    let line = |seq| sample::log_line(run, seq, LogLevel::Warn, &format!("line {seq}"));
    store.append_logs(id, spool, vec![line(3), line(1), line(2)]).await.unwrap();
    store.append_logs(id, spool, vec![line(2), line(3), line(4)]).await.unwrap();
    store.append_logs(id, spool, vec![]).await.unwrap();
    assert_eq!(store.latest_logs(id, run, 100).await.unwrap(), [line(1), line(2), line(3), line(4)]);
    assert_eq!(store.latest_logs(id, run, 2).await.unwrap(), [line(3), line(4)]);

    store
        .append_rejects(id, vec![sample::reject(run, 5, "first"), sample::reject(run, 6, "other")])
        .await
        .unwrap();
    store.append_rejects(id, vec![sample::reject(run, 5, "second")]).await.unwrap();
    store.append_rejects(id, vec![]).await.unwrap();
    // Seen through the list, which wants the retailer to exist.
    let (writes, _) = sample::whole(id, "fresh");
    store.take(id, Epoch(1)).await.unwrap();
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    let tenant = hub_node::store::TenantDb::new(&store, id);
    let page = tenant.rejects(run, &messages::http::paging::ListQuery::default()).await.unwrap();
    assert_eq!(page.items, [sample::reject(run, 5, "second"), sample::reject(run, 6, "other")]);
}
