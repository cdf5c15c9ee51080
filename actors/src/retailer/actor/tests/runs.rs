//! Runs from the button to the result, and the actors that watch them.

use std::time::Duration;

use messages::agent::{Fact, Report, ToAgent};
use messages::ids::SpoolId;
use messages::live::{Change, Entity, Tick, Topic};
use messages::run::{Progress, RunOutcome, RunState};
use messages::{DestinationId, ErrorCode, JobId, RunId, Timestamp, Version};

use super::until_waiting;
use crate::domain::EntityId;
use crate::failpoint;
use crate::ports::{ConnAddr, Publication};
use crate::retailer::request::{Draft, Request};
use crate::testkit::bench::{Bench, Site};
use crate::testkit::samples::{author, conn, create, create_store, job_spec, sealed, sftp};
use crate::testkit::store::Fault;
use crate::testkit::wait_until;

fn reports(conn: ConnAddr, run: RunId, facts: Vec<Fact>) -> Request {
    let report = |(seq, fact)| Report { seq, at: Timestamp(0), run_id: run, fact };
    Request::Reports { conn, spool: SpoolId::new(), reports: (1..).zip(facts).map(report).collect() }
}

fn sent(count: u64) -> Progress {
    Progress { sent: count, ..Progress::default() }
}

fn finished(count: u64) -> Fact {
    Fact::Finished { progress: sent(count), outcome: RunOutcome::Succeeded }
}

fn progress_ticks(bench: &Bench, run: RunId) -> Vec<u64> {
    let ticks = bench.world.ticks(|topic| matches!(topic, Topic::Run(_, of) if of == run));
    let counts = ticks.iter().filter_map(|tick| match tick {
        Tick::Progress { progress, .. } => Some(progress.sent),
        _ => None,
    });
    counts.collect()
}

/// A run at work, and the socket of its agent.
async fn working(bench: &Bench) -> (Site, ConnAddr, RunId) {
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let run = bench.start_run(site).await;
    bench.ask(reports(socket, run, vec![Fact::Started { attempt: 1 }])).await.unwrap();
    (site, socket, run)
}

#[tokio::test]
async fn a_run_waits_for_its_agent_and_ends_with_its_report() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let run = bench.start_run(site).await;
    assert_eq!(bench.run_state(run).await, RunState::Queued);
    assert_eq!(bench.world.take_frames(), []);
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let frames = bench.world.take_frames();
    let [ToAgent::Run(command)] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!((command.run_id, command.epoch.0), (run, 1));
    assert_eq!(bench.run_state(run).await, RunState::Dispatched);
    bench.ask(Request::Accepted { conn: socket, command: command.command_id }).await.unwrap();
    assert_eq!(bench.run_state(run).await, RunState::Running);
    wait_until("it is watched", || bench.watchers() == 1).await;
    bench.ask(reports(socket, run, vec![Fact::Started { attempt: 1 }, finished(7)])).await.unwrap();
    assert_eq!(bench.run_state(run).await, RunState::Succeeded);
    wait_until("it is watched no longer", || bench.watchers() == 0).await;
    let version = bench.version();
    bench.ask(reports(socket, run, vec![finished(7)])).await.unwrap();
    assert_eq!(bench.version(), version, "a report that is repeated changes nothing");
    bench.finish().await;
}

#[tokio::test]
async fn a_run_that_starts_and_ends_in_one_report_is_not_watched_afterwards() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let run = bench.start_run(site).await;
    bench.ask(reports(socket, run, vec![Fact::Started { attempt: 1 }, finished(1)])).await.unwrap();
    wait_until("it is watched no longer", || bench.watchers() == 0).await;
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_smoothed_and_never_shown_after_the_result() {
    let bench = Bench::new().await;
    let (_, socket, run) = working(&bench).await;
    wait_until("it is watched", || bench.watchers() == 1).await;
    for count in 1..=20 {
        bench.ask(reports(socket, run, vec![Fact::Progress(sent(count))])).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(progress_ticks(&bench, run), [20], "one tick for twenty reports");
    let commits = bench.store.commits().len();
    bench.ask(reports(socket, run, vec![Fact::Progress(sent(21))])).await.unwrap();
    assert_eq!(bench.store.commits().len(), commits, "progress is not committed");
    bench.ask(reports(socket, run, vec![finished(22)])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(progress_ticks(&bench, run), [20], "the run is over");
    bench.finish().await;
}

#[tokio::test]
async fn progress_that_arrives_during_a_commit_is_kept() {
    let bench = Bench::new().await;
    let (_, socket, run) = working(&bench).await;
    bench.store.hold();
    let begun = bench.store.begun();
    let other = bench.ask_later(crate::testkit::samples::create_store("a"));
    wait_until("a commit is under way", || bench.store.begun() > begun).await;
    let progress = bench.ask_later(reports(socket, run, vec![Fact::Progress(sent(9))]));
    super::until_waiting(&bench, 1).await;
    bench.store.release();
    other.await.unwrap().unwrap();
    progress.await.unwrap().unwrap();
    bench.ask(Request::CancelRun { run, author: author() }).await.unwrap();
    assert_eq!(bench.store.documents(bench.retailer).runs[&run].progress.sent, 9);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_panics_comes_back_and_shows_what_follows() {
    let bench = Bench::new().await;
    let (_, socket, run) = working(&bench).await;
    wait_until("it is watched", || bench.watchers() == 1).await;
    failpoint::arm("job_run.tick", 1);
    bench.ask(reports(socket, run, vec![Fact::Progress(sent(1))])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(progress_ticks(&bench, run).is_empty(), "the panic took it");
    bench.ask(reports(socket, run, vec![Fact::Progress(sent(2))])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(progress_ticks(&bench, run), [2]);
    let actors = bench.register.list().await.actors;
    let watcher = actors.iter().find(|actor| actor.kind == "job_run").unwrap();
    assert_eq!(watcher.restarts, 1);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_whose_run_ended_in_an_earlier_life_is_released() {
    let bench = Bench::new().await;
    let (_, socket, run) = working(&bench).await;
    bench.store.fail_next(Fault::UnknownCommitted);
    let refusal = bench.refusal(reports(socket, run, vec![finished(3)])).await;
    assert_eq!(refusal, ErrorCode::OutcomeUnknown);
    assert_eq!(bench.run_state(run).await, RunState::Succeeded, "it was committed");
    assert_eq!(bench.watchers(), 1, "and nobody has told its watcher");
    tokio::time::sleep(Duration::from_secs(31)).await;
    wait_until("the watcher has asked and been let go", || bench.watchers() == 0).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_run_that_cannot_be_sent_fails_and_says_why() {
    let bench = Bench::new().await;
    let mut site = bench.site().await;
    (site.destination, site.job) = (DestinationId::new(), JobId::new());
    let draft = sftp("Shop", Some(sealed()));
    bench.ask(create(EntityId::Destination(site.destination), draft)).await.unwrap();
    let job = job_spec("To the shop", site.agent, site.destination);
    bench.ask(create(EntityId::Job(site.job), Draft::Job(job))).await.unwrap();
    bench.attach(conn(site.agent, 1)).await.unwrap();
    let good = bench.start_run(site).await;
    let frames = bench.world.take_frames();
    let [ToAgent::Run(command)] = &frames[..] else { panic!("{frames:?}") };
    assert!(command.run_id == good && command.credentials.is_some());
    *bench.vault.broken.lock().unwrap() = true;
    let bad = bench.start_run(site).await;
    wait_until("it has failed", || {
        bench.store.documents(bench.retailer).runs.get(&bad).is_some_and(|run| run.state == RunState::Failed)
    })
    .await;
    let run = bench.store.documents(bench.retailer).runs[&bad].clone();
    assert_eq!(run.failure.as_ref().unwrap().detail, "the key is gone");
    assert_eq!(bench.world.take_frames(), []);
    bench.finish().await;
}

#[tokio::test]
async fn consoles_are_told_every_commit_once_in_order_and_runs_on_their_own_topic() {
    let bench = Bench::new().await;
    let (_, socket, run) = working(&bench).await;
    bench.ask(reports(socket, run, vec![finished(7)])).await.unwrap();
    let versions = bench.world.versions();
    assert!(versions.iter().zip(0..).all(|(pair, after)| *pair == (after, after + 1)), "{versions:?}");
    assert_eq!(versions.len(), bench.store.commits().len());
    let all = bench.world.publications();
    let states: Vec<_> = told(&bench, run).iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [RunState::Dispatched, RunState::Running, RunState::Succeeded]);
    let last = all.iter().rev().find_map(|publication| match publication {
        Publication::Committed { changes, .. } => Some(changes.clone()),
        _ => None,
    });
    let run_told =
        |change: &Change| matches!(change, Change::Put { entity: Entity::Run(view) } if view.id == run);
    assert!(last.unwrap().iter().any(run_told));
    bench.finish().await;
}

/// What those who watch the run have been told: versions and states.
fn told(bench: &Bench, run: RunId) -> Vec<(Version, RunState)> {
    let publications = bench.world.publications().into_iter();
    publications
        .filter_map(|publication| match publication {
            Publication::Run { run: view, .. } if view.id == run => Some((view.rev, view.state)),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn who_watches_a_run_is_told_how_a_commit_leaves_it() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let run = bench.start_run(site).await;
    bench.store.hold();
    let begun = bench.store.begun();
    let filler = bench.ask_later(create_store("a"));
    wait_until("the commit has begun", || bench.store.begun() == begun + 1).await;
    let started = bench.ask_later(reports(socket, run, vec![Fact::Started { attempt: 1 }]));
    until_waiting(&bench, 1).await;
    let ended = bench.ask_later(reports(socket, run, vec![finished(7)]));
    until_waiting(&bench, 2).await;
    bench.store.release();
    for asked in [filler, started, ended] {
        asked.await.unwrap().unwrap();
    }
    let told = told(&bench, run);
    assert_eq!(told.last().map(|(_, state)| *state), Some(RunState::Succeeded));
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "one change of each version: {told:?}");
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_left_memory_is_still_found_and_its_late_report_still_decides() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    let old = bench.start_run(site).await;
    bench.ask(reports(socket, old, vec![Fact::Started { attempt: 1 }])).await.unwrap();
    bench.ask(Request::Detach { conn: socket }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(26 * 3600)).await;
    assert_eq!(bench.run_state(old).await, RunState::Lost);

    let socket = conn(site.agent, 2);
    bench.attach(socket).await.unwrap();
    for _ in 0..=crate::domain::Image::RECENT_RUNS {
        let run = bench.start_run(site).await;
        bench.ask(reports(socket, run, vec![Fact::Started { attempt: 1 }, finished(1)])).await.unwrap();
    }
    assert_eq!(bench.run_state(old).await, RunState::Lost, "read from the store");
    bench.ask(reports(socket, old, vec![finished(9)])).await.unwrap();
    assert_eq!(bench.run_state(old).await, RunState::Succeeded);
    let version = bench.version();
    let unknown = RunId::new();
    bench.ask(reports(socket, unknown, vec![finished(9)])).await.unwrap();
    assert_eq!(bench.version(), version, "a run that nobody knows changes nothing");
    bench.finish().await;
}
