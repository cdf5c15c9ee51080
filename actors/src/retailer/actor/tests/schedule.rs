//! The clock of a retailer's actor: slots on time, once, through faults, take-overs and quiet hours.

use std::time::Duration;

use messages::schedule::Schedule;
use messages::{RunId, Timestamp};

use crate::domain::{EntityId, Run};
use crate::retailer::request::{Draft, Request};
use crate::testkit::bench::{Bench, Site};
use crate::testkit::samples::{conn, job_spec, update};
use crate::testkit::store::Fault;
use crate::testkit::wait_until;

const HOUR: Duration = Duration::from_secs(3_600);

/// A site whose job runs each hour of real time, its agent connected or not.
async fn hourly(bench: &Bench, connected: bool) -> Site {
    let site = bench.site().await;
    let mut spec = job_spec("Export", site.agent, site.destination);
    spec.timing.schedule = Schedule::Interval { every_s: 3_600 };
    spec.timing.overlap = messages::schedule::OverlapRule::Queue;
    let rev = bench.store.documents(bench.retailer).jobs[&site.job].stamp.rev;
    bench.ask(update(EntityId::Job(site.job), Draft::Job(spec), rev)).await.unwrap();
    if connected {
        bench.attach(conn(site.agent, 1)).await.unwrap();
    }
    site
}

fn slots(bench: &Bench) -> Vec<Timestamp> {
    bench.store.documents(bench.retailer).runs.values().filter_map(|run| run.wait.slot).collect()
}

fn runs(bench: &Bench) -> Vec<Run> {
    bench.store.documents(bench.retailer).runs.values().map(|run| (**run).clone()).collect()
}

fn next_slot(bench: &Bench, site: Site) -> Timestamp {
    bench.store.documents(bench.retailer).jobs[&site.job].cadence.next_at.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_starts_within_a_second_of_its_slot_and_goes_to_its_agent() {
    let bench = Bench::new().await;
    let site = hourly(&bench, true).await;
    let slot = next_slot(&bench, site);
    tokio::time::sleep(HOUR + Duration::from_secs(5)).await;
    let runs = runs(&bench);
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.wait.slot, Some(slot));
    assert!(run.transitions[0].at.since(slot) < Duration::from_secs(1), "{:?}", run.transitions);
    assert_eq!(bench.world.take_frames().len(), 1);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn each_slot_is_run_once_though_the_store_fails_and_the_actor_dies() {
    let bench = Bench::new().await;
    hourly(&bench, false).await;
    for fault in [Fault::Unavailable, Fault::UnknownCommitted, Fault::UnknownLost] {
        let before = slots(&bench).len();
        bench.store.fail_next(fault);
        tokio::time::sleep(HOUR).await;
        wait_until("the slot is run", || slots(&bench).len() == before + 1).await;
    }
    let mut found = slots(&bench);
    found.dedup();
    assert_eq!(found.len(), 3, "{found:?}");
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_goes_on_where_the_former_owner_was() {
    let bench = Bench::new().await;
    hourly(&bench, false).await;
    tokio::time::sleep(HOUR + Duration::from_secs(1)).await;
    assert_eq!(slots(&bench).len(), 1);
    // Nobody owns it over the next slot; then another epoch does.
    bench.own(0);
    bench.host.vacate(|_| true, Duration::from_secs(1)).await;
    tokio::time::sleep(HOUR + Duration::from_secs(20)).await;
    assert_eq!(slots(&bench).len(), 1);
    bench.own(2);
    bench.host.wake(bench.retailer, Duration::from_secs(5)).await.unwrap();
    wait_until("the slot is met late", || slots(&bench).len() == 2).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let found = slots(&bench);
    assert_eq!(found.len(), 2, "once each");
    assert_eq!(found[1].since(found[0]), HOUR);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_costs_no_commit_until_it_expires() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let before = bench.store.commits().len();
    tokio::time::sleep(HOUR * 24).await;
    assert_eq!(bench.store.commits().len(), before);
    let run = RunId::new();
    bench.ask(crate::testkit::samples::start(site.job, run)).await.unwrap();
    tokio::time::sleep(HOUR * 24).await;
    assert_eq!(bench.store.commits().len(), before + 1, "a waiting run costs no commit until it expires");
    tokio::time::sleep(HOUR * 24 * 7).await;
    assert!(bench.store.documents(bench.retailer).runs[&run].state.is_over(), "it has expired");
    let expected =
        Request::SetPaused { job: site.job, paused: true, author: crate::testkit::samples::author() };
    assert_eq!(bench.refusal(expected).await, messages::ErrorCode::WrongState);
    bench.finish().await;
}
