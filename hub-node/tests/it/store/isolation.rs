//! A handle for one retailer sees nothing of another, whatever it is asked.

use actors::domain::EntityId;
use actors::domain::Write;
use actors::ports::{Board as _, StoreError, TenantStore as _};
use futures_util::TryStreamExt as _;
use hub_node::store::{RunFilter, ScopedDb, TenantDb};
use messages::http::paging::ListQuery;
use messages::http::runs::LogQuery;
use messages::ids::SpoolId;
use messages::permission::RetailerScope;
use messages::run::LogLevel;
use messages::version::Epoch;
use messages::{RetailerId, Version};

use crate::support::{sample, store};

#[tokio::test]
async fn one_retailer_sees_nothing_of_another() {
    let store = store().await;
    let [ours, theirs] = [RetailerId::new(), RetailerId::new()];
    let spool = SpoolId::new();
    let mut images = Vec::new();
    for (id, code) in [(ours, "ours"), (theirs, "theirs")] {
        store.take(id, Epoch(1)).await.unwrap();
        let (writes, image) = sample::whole(id, code);
        store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
        let run = image.runs[0].id;
        // Both spools have the same name, as a copied agent's would.
        store.append_logs(id, spool, vec![sample::log_line(run, 1, LogLevel::Info, code)]).await.unwrap();
        store.append_rejects(id, vec![sample::reject(run, 1, code)]).await.unwrap();
        images.push(image);
    }
    let their_run = images[1].runs[0].id;
    let tenant = TenantDb::new(&store, ours);
    let (list, log) = (ListQuery::default(), LogQuery::default());
    assert_eq!(store.run(ours, their_run).await.unwrap(), None);
    assert_eq!(store.latest_logs(ours, their_run, 10).await.unwrap(), []);
    assert_eq!(tenant.log(their_run, &log).await.unwrap().total, 0);
    assert_eq!(tenant.rejects(their_run, &list).await.unwrap().total, 0);
    let all: Vec<_> = tenant.all_rejects(their_run).await.unwrap().try_collect().await.unwrap();
    assert_eq!(all, []);
    let filter = RunFilter { job: Some(images[1].jobs[0].id), ..RunFilter::default() };
    assert_eq!(tenant.runs(&filter, &list).await.unwrap().total, 0);
    let seen: Vec<_> = tenant.runs(&RunFilter::default(), &list).await.unwrap().items;
    assert!(seen.len() == 2 && seen.iter().all(|run| run.retailer_id == ours));
    assert_eq!(store.take(ours, Epoch(1)).await.unwrap(), images[0]);
    // The log line under the same spool and number is each one's own.
    assert_eq!(store.latest_logs(theirs, their_run, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_retailer_cannot_write_into_another() {
    let store = store().await;
    let [ours, theirs] = [RetailerId::new(), RetailerId::new()];
    let mut images = Vec::new();
    for (id, code) in [(ours, "ours"), (theirs, "theirs")] {
        store.take(id, Epoch(1)).await.unwrap();
        let (writes, image) = sample::whole(id, code);
        store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
        images.push(image);
    }
    // Deleting under their identifier finds nothing of ours to delete.
    let delete = vec![Write::Delete(EntityId::Agent(images[1].agents[0].id))];
    store.commit(ours, Epoch(1), Version(2), delete.into()).await.unwrap();
    // Writing under it meets theirs, and is refused.
    let mut stolen = images[1].agents[0].clone();
    stolen.spec.name = "stolen".into();
    let refused = store.commit(ours, Epoch(1), Version(3), vec![Write::Agent(stolen)].into()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(store.take(theirs, Epoch(1)).await.unwrap(), images[1]);
}

#[tokio::test]
async fn lists_over_retailers_keep_to_the_scope() {
    let store = store().await;
    let ids: Vec<_> = (0..4).map(|_| RetailerId::new()).collect();
    for (at, id) in ids.iter().enumerate() {
        store.take(*id, Epoch(1)).await.unwrap();
        let (writes, _) = sample::whole(*id, &format!("code-{at}"));
        store.commit(*id, Epoch(1), Version(1), writes.into()).await.unwrap();
    }
    let cases = [
        (RetailerScope::default(), vec![0, 1, 2, 3]),
        (RetailerScope { allow: Some(vec![ids[1], ids[2]]), deny: vec![] }, vec![1, 2]),
        (RetailerScope { allow: Some(vec![ids[1], ids[2]]), deny: vec![ids[2]] }, vec![1]),
        (RetailerScope { allow: None, deny: vec![ids[0]] }, vec![1, 2, 3]),
        (RetailerScope { allow: Some(vec![]), deny: vec![] }, vec![]),
    ];
    for (scope, expected) in cases {
        let db = ScopedDb::new(&store, scope.clone());
        let expected: Vec<_> = expected.into_iter().map(|at: usize| ids[at]).collect();
        let query = ListQuery { sort: Some("code".into()), ..ListQuery::default() };
        let page = db.retailers(&query).await.unwrap();
        assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
        assert_eq!(page.total, expected.len() as u64);
        let among = db.retailers_among(&query, &ids).await.unwrap();
        assert_eq!(among.total, expected.len() as u64);
        assert_eq!(db.all_summaries().await.unwrap().len(), expected.len());
        let today = store.today(scope).await.unwrap();
        assert_eq!(today.runs, 2 * expected.len() as u64);
        assert!(today.latest.iter().all(|run| expected.contains(&run.retailer_id)));
        assert_eq!(today.latest.len(), 2 * expected.len());
    }
}
