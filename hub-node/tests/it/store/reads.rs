//! Lists: complete, in order, stable while rows come and go, and strict about cursors.

use std::collections::BTreeSet;

use actors::domain::Write;
use actors::ports::{Board as _, TenantStore as _};
use futures_util::{StreamExt as _, TryStreamExt as _};
use hub_node::store::{RunFilter, ScopedDb, Store, TenantDb};
use messages::http::paging::ListQuery;
use messages::http::retailers::RetailerSummary;
use messages::http::runs::{LogOrder, LogQuery};
use messages::ids::SpoolId;
use messages::permission::RetailerScope;
use messages::run::{LogLevel, LogLine, RunState};
use messages::version::Epoch;
use messages::{AgentId, ErrorCode, RetailerId, RunId, Timestamp, Version};

use crate::support::{sample, store};

async fn make(store: &Store, code: &str, name: &str) -> RetailerId {
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let write = Write::Retailer(sample::retailer(id, code, name));
    store.commit(id, Epoch(1), Version(1), vec![write].into()).await.unwrap();
    id
}

fn query(sort: &str, q: Option<&str>, limit: u32) -> ListQuery {
    ListQuery { sort: Some(sort.into()), q: q.map(Into::into), limit: Some(limit), ..ListQuery::default() }
}

async fn walk(db: &ScopedDb, mut query: ListQuery) -> Vec<RetailerSummary> {
    let mut rows = Vec::new();
    loop {
        let page = db.retailers(&query).await.unwrap();
        assert!(page.items.len() <= query.page_size());
        rows.extend(page.items);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn five_hundred_retailers_page_by_page() {
    const MANY: usize = 500;
    let store = store().await;
    // Many of the same name: the place of the last row must tell them apart.
    let made: Vec<RetailerId> = futures_util::stream::iter(0..MANY)
        .map(|n| {
            let store = store.store.clone();
            async move { make(&store, &format!("code-{n:03}"), &format!("Shop {}", n % 7)).await }
        })
        .buffered(8)
        .collect()
        .await;
    let all: BTreeSet<_> = made.iter().copied().collect();
    let db = ScopedDb::new(&store, RetailerScope::default());
    for sort in ["name", "-name", "code", "-code", "last_run", "-last_run"] {
        let rows = walk(&db, query(sort, None, 37)).await;
        assert_eq!(rows.len(), MANY, "{sort}");
        assert_eq!(rows.iter().map(|row| row.id).collect::<BTreeSet<_>>(), all, "{sort}");
        let mut keys: Vec<_> = match sort.trim_start_matches('-') {
            "name" => rows.iter().map(|row| row.name.clone()).collect(),
            "code" => rows.iter().map(|row| row.code.clone()).collect(),
            _ => continue,
        };
        if sort.starts_with('-') {
            keys.reverse();
        }
        assert!(keys.is_sorted(), "{sort}");
    }
    assert_eq!(store.summaries().await.unwrap().len(), MANY);

    // Rows that come and go between two pages do not shift the others.
    let first = db.retailers(&query("code", None, 100)).await.unwrap();
    assert_eq!(first.total, MANY as u64);
    make(&store, "code-000a", "New").await;
    let gone = made[50];
    let delete = vec![Write::Delete(actors::domain::EntityId::Retailer)];
    store.commit(gone, Epoch(1), Version(2), delete.into()).await.unwrap();
    let mut second = query("code", None, 100);
    second.cursor = first.next;
    let second = db.retailers(&second).await.unwrap();
    assert_eq!(second.items.first().map(|row| row.code.as_str()), Some("code-100"));
}

#[tokio::test]
async fn rows_are_searched_filtered_and_counted() {
    let store = store().await;
    let db = ScopedDb::new(&store, RetailerScope::default());
    let plain = make(&store, "cho-lon", "Chợ Lớn").await;
    let dotted = make(&store, "dots", "A.B (Mart)").await;
    let full = RetailerId::new();
    store.take(full, Epoch(1)).await.unwrap();
    let (_, mut image) = sample::whole(full, "full");
    let retailer = image.retailer.as_mut().unwrap();
    (retailer.spec.name, retailer.spec.enabled) = ("Full".into(), false);
    let late = sample::run(&image.jobs[0], RunState::Failed);
    image.jobs[0].last_run = Some(late.brief());
    image.runs.push(late.clone());
    store.commit(full, Epoch(1), Version(1), sample::writes(&image).into()).await.unwrap();

    let found = |q: &'static str| {
        let db = db.clone();
        async move {
            walk(&db, query("name", Some(q), 10)).await.into_iter().map(|row| row.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(found("CHỢ").await, [plain]);
    assert_eq!(found("cho-").await, [plain]);
    assert_eq!(found("a.b (").await, [dotted]);
    assert_eq!(found("a.b.").await, []);
    for (state, expected) in [("enabled", 2), ("disabled", 1), ("failing", 1)] {
        let page =
            db.retailers(&ListQuery { state: Some(state.into()), ..ListQuery::default() }).await.unwrap();
        assert_eq!(page.total, expected, "{state}");
    }
    let newest = db.retailers(&query("-last_run", None, 1)).await.unwrap();
    let row = &newest.items[0];
    assert_eq!((row.id, newest.total), (full, 3));
    assert_eq!((row.stores, row.agents_total, row.agents_online, row.jobs), (1, 1, 0, 1));
    assert_eq!((row.runs_active, row.jobs_failing), (1, 1));
    assert_eq!(row.last_run, Some(late.brief()));

    // A change of the retailer leaves its latest run; an older run that ends late does not displace it.
    let mut renamed = image.retailer.clone().unwrap();
    renamed.spec.name = "Fuller".into();
    let mut old = image.runs[1].clone();
    old.state = RunState::Succeeded;
    let writes = vec![Write::Retailer(renamed), Write::Run(old)];
    store.commit(full, Epoch(1), Version(2), writes.into()).await.unwrap();
    let row = db.retailers(&query("-last_run", None, 1)).await.unwrap().items.remove(0);
    assert_eq!((row.name.as_str(), row.last_run, row.runs_active), ("Fuller", Some(late.brief()), 0));

    let today = store.today(RetailerScope::default()).await.unwrap();
    assert_eq!((today.runs, today.failed, today.items), (3, 1, 21));
    assert_eq!(today.latest.iter().map(|run| run.run_id).collect::<Vec<_>>()[0], late.id);
}

#[tokio::test]
async fn wrong_questions_are_refused_with_what_to_do() {
    let store = store().await;
    let id = make(&store, "a", "A").await;
    make(&store, "b", "B").await;
    let db = ScopedDb::new(&store, RetailerScope::default());
    let tenant = TenantDb::new(&store, id);
    let next = db.retailers(&query("name", None, 1)).await.unwrap().next.unwrap();
    for cursor in ["", "nonsense", &next[..next.len() - 3]] {
        let asked = ListQuery { cursor: Some(cursor.into()), ..ListQuery::default() };
        assert_eq!(db.retailers(&asked).await.unwrap_err().code, ErrorCode::InvalidCursor, "{cursor}");
        assert_eq!(
            tenant.runs(&RunFilter::default(), &asked).await.unwrap_err().code,
            ErrorCode::InvalidCursor
        );
        assert_eq!(tenant.rejects(RunId::new(), &asked).await.unwrap_err().code, ErrorCode::InvalidCursor);
        let log = LogQuery { cursor: Some(cursor.into()), ..LogQuery::default() };
        assert_eq!(tenant.log(RunId::new(), &log).await.unwrap_err().code, ErrorCode::InvalidCursor);
    }
    let mut other_order = query("-name", None, 1);
    other_order.cursor = Some(next);
    assert_eq!(db.retailers(&other_order).await.unwrap_err().code, ErrorCode::InvalidCursor);
    for asked in [query("price", None, 1), ListQuery { state: Some("odd".into()), ..ListQuery::default() }] {
        assert_eq!(db.retailers(&asked).await.unwrap_err().code, ErrorCode::InvalidField);
    }
    let nobody = TenantDb::new(&store, RetailerId::new());
    let problem = nobody.runs(&RunFilter::default(), &ListQuery::default()).await.unwrap_err();
    assert_eq!(problem.code, ErrorCode::NotFound);
}

#[tokio::test]
async fn runs_logs_and_rejects_page_by_page() {
    let store = store().await;
    let id = RetailerId::new();
    store.take(id, Epoch(1)).await.unwrap();
    let (mut writes, image) = sample::whole(id, "fresh");
    let job = &image.jobs[0];
    let states = [RunState::Failed, RunState::Succeeded];
    let more: Vec<_> = (0..23).map(|n| sample::run(job, states[n % 2])).collect();
    writes.extend(more.iter().cloned().map(Write::Run));
    store.commit(id, Epoch(1), Version(1), writes.into()).await.unwrap();
    let tenant = TenantDb::new(&store, id);

    let mut expected: Vec<_> = image.runs.iter().chain(&more).map(|run| run.id).collect();
    expected.reverse();
    let (mut seen, mut asked) = (Vec::new(), ListQuery { limit: Some(7), ..ListQuery::default() });
    loop {
        let page = tenant.runs(&RunFilter::default(), &asked).await.unwrap();
        assert_eq!(page.total, 25);
        seen.extend(page.items.into_iter().map(|run| run.id));
        let Some(next) = page.next else { break };
        asked.cursor = Some(next);
    }
    assert_eq!(seen, expected);
    let failed = RunFilter { job: Some(job.id), state: Some(RunState::Failed), ..RunFilter::default() };
    assert_eq!(tenant.runs(&failed, &ListQuery::default()).await.unwrap().total, 12);

    runs_of_a_time_and_an_agent(&tenant, &expected, job.spec.agent_id).await;

    let run = image.runs[0].id;
    let levels = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
    let lines: Vec<_> = (0..50_u64)
        .map(|n| sample::log_line(run, n, levels[n as usize % 4], &format!("Step {n}.")))
        .collect();
    store.append_logs(id, SpoolId::new(), lines.iter().rev().cloned().collect()).await.unwrap();
    let (mut seen, mut asked) = (Vec::new(), LogQuery { limit: Some(11), ..LogQuery::default() });
    loop {
        let page = tenant.log(run, &asked).await.unwrap();
        assert_eq!(page.total, 50);
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        asked.cursor = Some(next);
    }
    assert_eq!(seen, lines);
    the_newest_come_first_when_asked_for(&tenant, run, &lines).await;
    let warnings = LogQuery { level: Some(LogLevel::Warn), ..LogQuery::default() };
    assert_eq!(tenant.log(run, &warnings).await.unwrap().total, 24);
    let text = LogQuery { q: Some("STEP 7.".into()), ..LogQuery::default() };
    assert_eq!(tenant.log(run, &text).await.unwrap().items, [lines[7].clone()]);

    let rejects: Vec<_> = (1..=30).map(|row| sample::reject(run, row, "not a price")).collect();
    store.append_rejects(id, rejects.iter().rev().cloned().collect()).await.unwrap();
    let all: Vec<_> = tenant.all_rejects(run).await.unwrap().try_collect().await.unwrap();
    assert_eq!(all, rejects);
    let page = tenant.rejects(run, &ListQuery { limit: Some(20), ..ListQuery::default() }).await.unwrap();
    let rest = ListQuery { cursor: page.next, ..ListQuery::default() };
    assert_eq!(tenant.rejects(run, &rest).await.unwrap().items, rejects[20..]);
}

async fn runs_of_a_time_and_an_agent(tenant: &TenantDb, newest_first: &[RunId], agent: AgentId) {
    let made = |id: &RunId| {
        let mut at = [0; 8];
        at[2..].copy_from_slice(&id.as_uuid().into_bytes()[..6]);
        Timestamp(i64::from_be_bytes(at))
    };
    let (from, until) = (made(&newest_first[18]), made(&newest_first[3]));
    let filter =
        RunFilter { agent: Some(agent), from: Some(from), until: Some(until), ..RunFilter::default() };
    let expected: Vec<_> =
        newest_first.iter().filter(|id| (from..until).contains(&made(id))).copied().collect();
    let (mut seen, mut asked) = (Vec::new(), ListQuery { limit: Some(4), ..ListQuery::default() });
    loop {
        let page = tenant.runs(&filter, &asked).await.unwrap();
        assert_eq!(page.total, expected.len() as u64);
        seen.extend(page.items.into_iter().map(|run| run.id));
        let Some(next) = page.next else { break };
        asked.cursor = Some(next);
    }
    assert_eq!(seen, expected);
    let nobody = RunFilter { agent: Some(AgentId::new()), ..RunFilter::default() };
    assert_eq!(tenant.runs(&nobody, &ListQuery::default()).await.unwrap().total, 0);
}

/// Back from the end, page by page: no line twice, none left out, and what comes meanwhile does not shift the pages.
async fn the_newest_come_first_when_asked_for(tenant: &TenantDb, run: RunId, lines: &[LogLine]) {
    let newest = LogQuery { order: Some(LogOrder::Newest), limit: Some(11), ..LogQuery::default() };
    let (mut seen, mut asked) = (Vec::new(), newest.clone());
    loop {
        let page = tenant.log(run, &asked).await.unwrap();
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        asked.cursor = Some(next);
    }
    assert_eq!(seen, lines.iter().rev().cloned().collect::<Vec<_>>());
    let narrowed = LogQuery { level: Some(LogLevel::Error), limit: Some(1), ..newest.clone() };
    assert_eq!(tenant.log(run, &narrowed).await.unwrap().items, [lines[47].clone()]);
    // A cursor of the other order would show the wrong half.
    let oldest = LogQuery { limit: Some(11), ..LogQuery::default() };
    let cursor = tenant.log(run, &oldest).await.unwrap().next;
    let crossed = LogQuery { cursor, ..newest };
    assert_eq!(tenant.log(run, &crossed).await.unwrap_err().code, ErrorCode::InvalidCursor);
}
