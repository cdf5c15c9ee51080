//! Reports: in order, stored before they are acknowledged, shown once.

use messages::agent::{Fact, FromAgent, RejectedItem, Report};
use messages::ids::SpoolId;
use messages::live::{Tick, Topic};
use messages::run::{LogLine, Progress, Reject, RunFailure, RunOutcome};
use messages::{AgentId, ErrorCode, RunId, Timestamp};

use super::{Wire, log};
use crate::domain::Run;
use crate::retailer::request::Request;
use crate::run::machine::tests::queued;
use crate::testkit::wait_until;

fn is_reports(request: &Request) -> bool {
    matches!(request, Request::Reports { .. })
}

#[tokio::test(start_paused = true)]
async fn reports_are_stored_where_they_belong_and_then_acknowledged() {
    let mut wire = Wire::welcomed().await;
    let reject =
        RejectedItem { row: 7, column: None, field: None, reason: "no price".into(), raw: "x".repeat(9_000) };
    wire.report(vec![
        (1, Fact::Started { attempt: 1 }),
        (2, log(2)),
        (3, Fact::Rejected { reject }),
        (4, Fact::Dropped { lines: 12 }),
        (5, Fact::Progress(Progress::default())),
    ]);
    assert_eq!(wire.acked().await, 5);
    assert_eq!(wire.store.lines()[0], "line 2");
    assert!(wire.store.lines()[1].starts_with("12 lines were given up"));
    assert_eq!(wire.store.rejects()[0].raw.len(), Reject::MAX_RAW, "cut, whatever the agent sends");
    let steps: Vec<_> = wire
        .router
        .asked()
        .into_iter()
        .filter_map(|request| match request {
            Request::Reports { reports, .. } => {
                Some(reports.iter().map(|report| report.seq).collect::<Vec<_>>())
            }
            _ => None,
        })
        .collect();
    assert_eq!(steps, [vec![1, 5]], "the retailer learns what moves a run");
    let shown = wire.world.ticks(|topic| matches!(topic, Topic::Run(..)));
    let [Tick::Log { lines }] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [2, 4]);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn logs_alone_do_not_trouble_the_retailer() {
    let mut wire = Wire::welcomed().await;
    wire.lines(1..=3);
    assert_eq!(wire.acked().await, 3);
    assert_eq!(wire.router.count(is_reports), 0);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_received_on_this_socket_is_not_stored_again() {
    let mut wire = Wire::welcomed().await;
    wire.lines(1..=3);
    assert_eq!(wire.acked().await, 3);
    wire.lines(2..=5);
    assert_eq!(wire.acked().await, 5);
    wire.lines(1..=5);
    wire.quiet().await;
    assert_eq!(wire.store.lines().len(), 5);
    let shown = wire.world.ticks(|_| true);
    let lines: Vec<_> = shown
        .iter()
        .flat_map(|tick| match tick {
            Tick::Log { lines } => lines.iter().map(|line| line.seq).collect(),
            _ => vec![],
        })
        .collect();
    assert_eq!(lines, [1, 2, 3, 4, 5]);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_a_foreign_spool_or_too_many_end_the_socket() {
    type Say = fn(&Wire);
    let cases: [(&str, Say); 5] = [
        ("a gap to the one before", |wire| wire.lines(2..=3)),
        ("a gap within", |wire| wire.report(vec![(1, log(1)), (3, log(3))])),
        ("no end of numbers", |wire| wire.report(vec![(u64::MAX, log(1)), (0, log(3))])),
        ("too many", |wire| wire.lines(1..=129)),
        ("a foreign spool", |wire| {
            let report = Report { seq: 1, at: Timestamp(0), run_id: RunId::new(), fact: log(1) };
            wire.say(FromAgent::Reports { spool_id: SpoolId::new(), reports: vec![report] });
        }),
    ];
    for (what, say) in cases {
        let mut wire = Wire::welcomed().await;
        say(&wire);
        assert_eq!(wire.bye().await.0, ErrorCode::UnexpectedFrame, "{what}");
        assert!(wire.store.lines().is_empty(), "{what}");
        wire.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_number_of_all_is_taken() {
    let mut wire = Wire::open().await;
    wire.hello(u64::MAX);
    wire.next().await;
    wire.lines(u64::MAX..=u64::MAX);
    assert_eq!(wire.acked().await, u64::MAX);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_acknowledged() {
    let mut wire = Wire::welcomed().await;
    wire.store.fail_next_stream();
    wire.lines(1..=3);
    let (code, retry) = wire.bye().await;
    assert_eq!((code, retry.is_some()), (ErrorCode::StoreUnavailable, true));
    assert!(wire.world.ticks(|_| true).is_empty(), "nothing is shown that is not stored");
    wire.finish().await;

    for code in [ErrorCode::StoreUnavailable, ErrorCode::NotOwner, ErrorCode::NotFound] {
        let mut wire = Wire::welcomed().await;
        wire.router.refuse_once(code, is_reports);
        wire.report(vec![(1, log(1)), (2, Fact::Started { attempt: 1 })]);
        let (said, retry) = wire.bye().await;
        assert_eq!((said, retry.is_some()), (code, true), "the agent must come back with what it still has");
        wire.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_are_stored_one_after_the_other() {
    let mut wire = Wire::welcomed().await;
    wire.router.hold();
    wire.report(vec![(1, Fact::Started { attempt: 1 })]);
    wire.report(vec![(2, log(2))]);
    wait_until("the first is asked", || wire.router.count(is_reports) == 1).await;
    wire.quiet().await;
    assert!(wire.store.lines().is_empty(), "the second waits for the first");
    wire.router.release();
    assert_eq!((wire.acked().await, wire.acked().await), (1, 2));
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn more_frames_than_the_window_end_the_socket() {
    let mut wire = Wire::welcomed().await;
    wire.router.hold();
    for seq in 1..=10 {
        wire.report(vec![(seq, Fact::Started { attempt: 1 })]);
    }
    assert_eq!(wire.bye().await.0, ErrorCode::RateLimited);
    wire.router.release();
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_retailer_that_does_not_know_the_socket_gets_the_frame_again_after_the_attach() {
    let mut wire = Wire::welcomed().await;
    wire.router.refuse_once(ErrorCode::WrongState, is_reports);
    wire.report(vec![(1, Fact::Started { attempt: 1 }), (2, log(2))]);
    wire.lines(3..=3);
    assert_eq!((wire.acked().await, wire.acked().await), (2, 3));
    let asked = wire.router.asked();
    let kinds: Vec<_> = asked
        .iter()
        .map(|request| match request {
            Request::Attach { .. } => "attach",
            Request::Reports { .. } => "reports",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["attach", "reports", "attach", "reports"]);
    assert_eq!(wire.store.lines().len(), 2);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn reports_before_the_welcome_wait_for_it() {
    let mut wire = Wire::open().await;
    wire.router.hold();
    wire.hello(1);
    wire.lines(1..=2);
    wire.quiet().await;
    assert!(wire.store.lines().is_empty());
    wire.router.release();
    wire.next().await;
    assert_eq!(wire.acked().await, 2);
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_any_length_is_cut() {
    let mut wire = Wire::welcomed().await;
    let failure = RunFailure { code: ErrorCode::SourceMissing, detail: "é".repeat(9_000) };
    let fact = Fact::Finished { progress: Progress::default(), outcome: RunOutcome::Failed(failure) };
    wire.report(vec![(1, fact)]);
    wire.acked().await;
    let detail = wire.router.asked().into_iter().find_map(|request| match request {
        Request::Reports { reports, .. } => match &reports[0].fact {
            Fact::Finished { outcome: RunOutcome::Failed(failure), .. } => Some(failure.detail.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(detail.unwrap().chars().count(), LogLine::MAX_TEXT);
    wire.finish().await;
}

fn rejected(row: u64) -> Fact {
    let reject = RejectedItem { row, column: None, field: None, reason: "no price".into(), raw: "x".into() };
    Fact::Rejected { reject }
}

#[tokio::test(start_paused = true)]
async fn of_runs_that_are_not_the_agents_nothing_is_kept_or_shown() {
    let mut wire = Wire::welcomed().await;
    let strangers = Run { agent_id: AgentId::new(), ..queued() };
    let strange = strangers.id;
    wire.store.put_run(wire.retailer, strangers);
    wire.report_of(strange, vec![(1, log(1)), (2, rejected(1))]);
    wire.report_of(RunId::new(), vec![(3, log(3)), (4, rejected(2))]);
    wire.lines(5..=5);
    assert_eq!((wire.acked().await, wire.acked().await, wire.acked().await), (2, 4, 5));
    assert_eq!((wire.store.lines(), wire.store.rejects()), (vec!["line 5".to_owned()], vec![]));
    assert_eq!(wire.world.ticks(|_| true).len(), 1, "the one line is shown");
    wire.finish().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_rejected_items_are_kept_than_a_run_may_have_on_however_many_sockets() {
    let mut wire = Wire::welcomed().await;
    let most = Reject::MAX_KEPT;
    let (mut seq, mut row) = (0, 0);
    while row < most + 300 {
        let facts = (0..100).map(|n| (seq + n + 1, rejected(row + n + 1))).collect();
        wire.report(facts);
        (seq, row) = (seq + 100, row + 100);
        assert_eq!(wire.acked().await, seq);
    }
    assert_eq!(wire.store.rejects().len() as u64, most);
    // A second attempt tells of rows again: what is there takes no second place.
    let another = Run { agent_id: wire.conn.agent, ..queued() };
    let id = another.id;
    wire.store.put_run(wire.retailer, another);
    for _attempt in 0..2 {
        for first in (0..6_000).step_by(100) {
            wire.report_of(id, (0..100).map(|n| (seq + n + 1, rejected(first + n + 1))).collect());
            seq += 100;
            assert_eq!(wire.acked().await, seq);
        }
    }
    let kept = |run| wire.store.rejects().iter().filter(|reject| reject.run_id == run).count() as u64;
    assert_eq!((kept(wire.run), kept(id)), (most, 6_000));
    wire.finish().await;
}
