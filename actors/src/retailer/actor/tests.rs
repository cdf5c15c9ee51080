//! The actor under its supervisor, against fakes of everything outside.
//!
//! Failpoints are of the whole process: these tests rely on each having one to itself, as `cargo xtask test` gives it.

mod commits;
mod faults;
mod life;
mod looks;
mod presence;
mod runs;
mod schedule;
mod week;

use std::time::Duration;

use messages::http::paging::ListQuery;

use crate::retailer::request::{ListOf, Request, Response};
use crate::testkit::bench::Bench;

/// Waits until so many requests wait behind the commit under way.
async fn until_waiting(bench: &Bench, count: u64) {
    loop {
        let actors = bench.register.list().await.actors;
        let retailer = actors.iter().find(|actor| actor.kind == "retailer").unwrap();
        if retailer.snapshot["waiting"] == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await; // poll: looked at again
    }
}

/// How many stores the actor says there are.
async fn stores(bench: &Bench) -> u64 {
    let list = Request::List { of: ListOf::Stores, query: ListQuery::default() };
    match bench.ask(list).await.unwrap() {
        Response::Page(page) => page.total,
        other => panic!("not a page: {other:?}"),
    }
}
