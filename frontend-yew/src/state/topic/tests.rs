//! The reducer of a topic as a table of situations.

use messages::Timestamp;
use messages::run::{Presence, Progress};

use super::*;

fn run_id() -> RunId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn run() -> Entity {
    let id = run_id();
    Entity::Run(
        serde_json::from_value(serde_json::json!({
            "id": id, "retailer_id": id.to_string(), "rev": 1, "job_id": id.to_string(), "job_name": "Prices",
            "agent_id": id.to_string(), "state": "running", "trigger": "manual", "progress": {}, "attempt": 1,
            "cancelling": false, "transitions": [], "timeout_s": 60, "created_at": 5
        }))
        .unwrap(),
    )
}

fn log(seq: u64) -> LogLine {
    LogLine {
        run_id: run_id(),
        seq,
        at: Timestamp(1),
        level: messages::run::LogLevel::Info,
        text: format!("line {seq}"),
    }
}

fn at(version: u64) -> TopicState {
    let mut topic = TopicState::default();
    assert_eq!(
        topic.apply(Input::Snapshot { version: Version(version), entities: vec![run()] }),
        Outcome::Changed
    );
    topic
}

fn delta(after: u64, version: u64, changes: Vec<Change>) -> Input {
    Input::Delta { after: Version(after), version: Version(version), changes }
}

#[test]
fn a_delta_that_follows_is_applied() {
    let mut topic = at(7);
    let mut changed = run();
    if let Entity::Run(run) = &mut changed {
        run.cancelling = true;
    }
    assert_eq!(topic.apply(delta(7, 8, vec![Change::Put { entity: changed }])), Outcome::Changed);
    assert!(topic.run(run_id()).unwrap().cancelling);
    assert_eq!(topic.version, Some(Version(8)));
    assert_eq!(topic.apply(delta(8, 9, vec![])), Outcome::Unchanged);
    assert_eq!(topic.version, Some(Version(9)));
}

#[test]
fn a_gap_is_told_and_changes_nothing() {
    for after in [6, 8, 99] {
        let mut topic = at(7);
        let before = topic.clone();
        assert_eq!(topic.apply(delta(after, 100, vec![Change::Remove { key: run().key() }])), Outcome::Gap);
        assert_eq!(topic, before);
    }
    assert_eq!(TopicState::default().apply(delta(0, 1, vec![])), Outcome::Gap);
}

#[test]
fn a_removal_removes() {
    let mut topic = at(1);
    topic.apply(delta(1, 2, vec![Change::Remove { key: run().key() }]));
    assert!(topic.runs().is_empty());
}

#[test]
fn a_tick_before_the_snapshot_is_nothing() {
    let mut topic = TopicState::default();
    let tick = Input::Tick(vec![Tick::Log { lines: vec![log(1)] }]);
    assert_eq!(topic.apply(tick), Outcome::Unchanged);
    assert_eq!(topic, TopicState::default());
}

#[test]
fn ticks_update_in_place_and_unknown_things_are_left_alone() {
    let mut topic = at(3);
    let progress = Progress { sent: 42, ..Progress::default() };
    assert_eq!(
        topic.apply(Input::Tick(vec![Tick::Progress { run_id: run_id(), progress }])),
        Outcome::Changed
    );
    assert_eq!(topic.run(run_id()).unwrap().progress.sent, 42);
    assert_eq!(topic.version, Some(Version(3)));
    let agent_id = run_id().to_string().parse().unwrap();
    let presence = Tick::Presence { agent_id, presence: Presence::Online, last_seen_at: Timestamp(1) };
    assert_eq!(topic.apply(Input::Tick(vec![presence])), Outcome::Unchanged);
}

#[test]
fn a_snapshot_forgets_what_was_known_and_polling_forgets_the_version() {
    let mut topic = at(3);
    topic.apply(Input::Snapshot { version: Version(9), entities: vec![] });
    assert!(topic.runs().is_empty());
    topic.apply(Input::Polled(vec![run()]));
    assert_eq!((topic.version, topic.runs().len()), (None, 1));
}

#[test]
fn the_log_is_ordered_and_bounded() {
    let mut topic = at(1);
    let many = (0..MAX_LOG as u64 + 10).rev().map(log).collect();
    topic.apply(Input::Tick(vec![Tick::Log { lines: many }]));
    let seqs: Vec<_> = topic.log().map(|line| line.seq).collect();
    assert_eq!(seqs.len(), MAX_LOG);
    assert_eq!((seqs[0], seqs[MAX_LOG - 1]), (10, MAX_LOG as u64 + 9));
}

#[test]
fn a_refusal_is_kept_until_something_comes_again() {
    let mut topic = at(1);
    topic.apply(Input::Refused { code: ErrorCode::NotFound, detail: "gone".into() });
    assert_eq!(topic.refused.as_ref().unwrap().0, ErrorCode::NotFound);
    topic.apply(Input::Snapshot { version: Version(2), entities: vec![] });
    assert_eq!(topic.refused, None);
}

#[test]
fn lines_of_the_log_can_be_removed_and_no_lines_change_nothing() {
    let mut topic = at(7);
    let lines = vec![log(1), log(2)];
    assert_eq!(topic.apply(Input::Tick(vec![Tick::Log { lines }])), Outcome::Changed);
    assert_eq!(topic.apply(Input::Tick(vec![Tick::Log { lines: Vec::new() }])), Outcome::Unchanged);
    let gone = |kind: &str| Change::Remove { key: EntityKey { kind: kind.into(), id: "1".into() } };
    topic.apply(delta(7, 8, vec![gone("run")]));
    assert_eq!(topic.log().count(), 2, "a run of the same number is no line");
    topic.apply(delta(8, 9, vec![gone("log")]));
    assert_eq!(topic.log().map(|line| line.seq).collect::<Vec<_>>(), [2]);
}

#[test]
fn an_agent_is_found_by_its_own_id() {
    let agent = |n: u8| {
        let id = format!("01890a5d-ac96-774b-bcce-b302099a805{n}");
        let view = serde_json::json!({"id": id, "retailer_id": id, "rev": 1, "name": format!("agent {n}"), "enabled": true,
            "enrolment": "pending", "presence": "never", "created_at": 1, "updated_at": 1});
        Entity::Agent(serde_json::from_value(view).unwrap())
    };
    let mut topic = TopicState::default();
    topic.apply(Input::Snapshot { version: Version(1), entities: vec![agent(1), agent(2)] });
    let second = topic.agent("01890a5d-ac96-774b-bcce-b302099a8052".parse().unwrap()).unwrap();
    assert_eq!(second.spec.name, "agent 2");
    assert!(topic.agent("01890a5d-ac96-774b-bcce-b302099a8053".parse().unwrap()).is_none());
}
