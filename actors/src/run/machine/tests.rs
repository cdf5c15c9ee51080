//! The machine as a table, and by property: whatever arrives in whatever order, the record stays sound.

use messages::connector::{CsvSource, DestinationConfig, FileFormat, LocalFileDestination, SourceConfig};
use messages::http::jobs::RejectRule;
use messages::http::runs::Trigger;
use messages::run::{Presence, Progress, RunFailure, RunOutcome, RunState};
use messages::{DestinationId, ErrorCode, JobId, RunId, UserId, Version};
use proptest::prelude::*;

use super::*;
use crate::domain::{RunPlan, Stamp};

pub(crate) fn queued() -> Run {
    let by = Actor::User { id: UserId::new(), name: "Ann".into() };
    Run {
        id: RunId::new(),
        stamp: Stamp { rev: Version(1), created_at: Timestamp(0), updated_at: Timestamp(0) },
        job_id: JobId::new(),
        job_name: "Export".into(),
        agent_id: AgentId::new(),
        destination_id: DestinationId::new(),
        trigger: Trigger::Manual,
        plan: RunPlan {
            export: messages::export::ExportOrder::default(),
            source: SourceConfig::Csv(CsvSource::default()),
            destination: DestinationConfig::LocalFile(LocalFileDestination {
                path: "/tmp/x".into(),
                format: FileFormat::Csv,
            }),
            mapping: Default::default(),
            reject_rule: RejectRule::Continue,
            timeout_s: 60,
            retries: messages::schedule::RetryRule::default(),
        },
        state: RunState::Queued,
        command_id: CommandId::new(),
        cancel_id: None,
        attempt: 0,
        progress: Progress::default(),
        failure: None,
        transitions: vec![Transition { state: RunState::Queued, at: Timestamp(0), actor: by, note: None }],
        started_at: None,
        finished_at: None,
        wait: crate::domain::Wait::default(),
        survey: None,
        verdict: None,
        approves: None,
    }
}

fn agent() -> AgentId {
    AgentId::from_uuid(queued().agent_id.as_uuid())
}

fn finish(outcome: RunOutcome) -> Event {
    Event::Finished { agent: agent(), progress: Progress { sent: 7, ..Progress::default() }, outcome }
}

fn cancel_event() -> Event {
    Event::Cancel { by: Actor::User { id: UserId::new(), name: "Bo".into() }, command: CommandId::new() }
}

fn failed() -> RunOutcome {
    RunOutcome::Failed(RunFailure { code: ErrorCode::SourceMissing, detail: "no file".into() })
}

fn walk(events: Vec<Event>) -> Run {
    let mut run = queued();
    for (at, event) in (1..).zip(events) {
        run = apply(&run, event, Timestamp(at)).unwrap_or(run);
    }
    run
}

fn states(run: &Run) -> Vec<RunState> {
    run.transitions.iter().map(|t| t.state).collect()
}

#[test]
fn the_usual_way_and_its_forks() {
    use RunState as S;
    let accept = || Event::Accepted { agent: agent() };
    let start = |attempt| Event::Started { agent: agent(), attempt };
    let refuse = || Event::Refused {
        by: Actor::Agent { id: agent() },
        failure: RunFailure { code: ErrorCode::AgentRefused, detail: "no such connector".into() },
    };
    let cases: Vec<(&str, Vec<Event>, Vec<S>)> = vec![
        (
            "success",
            vec![Event::Dispatched, accept(), start(1), finish(RunOutcome::Succeeded)],
            vec![S::Queued, S::Dispatched, S::Running, S::Succeeded],
        ),
        (
            "each event twice",
            vec![
                Event::Dispatched,
                Event::Dispatched,
                accept(),
                accept(),
                finish(failed()),
                finish(failed()),
            ],
            vec![S::Queued, S::Dispatched, S::Running, S::Failed],
        ),
        (
            "the answer was lost, the start was not",
            vec![Event::Dispatched, start(1)],
            vec![S::Queued, S::Dispatched, S::Running],
        ),
        ("refused", vec![Event::Dispatched, refuse()], vec![S::Queued, S::Dispatched, S::Failed]),
        (
            "refused after acceptance means nothing",
            vec![Event::Dispatched, accept(), refuse()],
            vec![S::Queued, S::Dispatched, S::Running],
        ),
        ("cancelled before it left", vec![cancel_event()], vec![S::Queued, S::Cancelled]),
        (
            "cancelled while running",
            vec![Event::Dispatched, accept(), cancel_event(), finish(RunOutcome::Cancelled)],
            vec![S::Queued, S::Dispatched, S::Running, S::Cancelled],
        ),
        (
            "too late to cancel",
            vec![Event::Dispatched, accept(), finish(RunOutcome::Succeeded), cancel_event()],
            vec![S::Queued, S::Dispatched, S::Running, S::Succeeded],
        ),
        (
            "lost, then a late report decides",
            vec![Event::Dispatched, accept(), Event::Silent, finish(RunOutcome::Succeeded), Event::Silent],
            vec![S::Queued, S::Dispatched, S::Running, S::Lost, S::Succeeded],
        ),
        (
            "the agent's own timeout is final",
            vec![Event::Dispatched, accept(), finish(RunOutcome::TimedOut), finish(RunOutcome::Succeeded)],
            vec![S::Queued, S::Dispatched, S::Running, S::TimedOut],
        ),
    ];
    for (name, events, expected) in cases {
        assert_eq!(states(&walk(events)), expected, "{name}");
    }
}

#[test]
fn a_late_success_wipes_the_failure() {
    let run = walk(vec![Event::Dispatched, Event::Silent, finish(RunOutcome::Succeeded)]);
    assert_eq!((run.failure, run.progress.sent), (None, 7));
}

#[test]
fn a_second_attempt_is_counted_and_the_first_start_kept() {
    let start = |attempt| Event::Started { agent: agent(), attempt };
    let run = walk(vec![Event::Dispatched, start(1), start(2), start(1)]);
    assert_eq!((run.attempt, run.started_at), (2, Some(Timestamp(2))));
}

#[test]
fn the_hub_waits_longer_for_an_agent_that_is_away() {
    let run = walk(vec![Event::Dispatched]);
    assert_eq!(patience(&run, Presence::Online), Some((Duration::from_secs(120), Event::Overdue)));
    assert_eq!(patience(&run, Presence::Busy), None, "it works, or has this one in its queue");
    assert_eq!(patience(&run, Presence::Down), Some((SILENCE, Event::Silent)));
    assert_eq!(patience(&queued(), Presence::Online), None);
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Dispatched),
        Just(Event::Accepted { agent: agent() }),
        (1_u32..4).prop_map(|attempt| Event::Started { agent: agent(), attempt }),
        Just(finish(RunOutcome::Succeeded)),
        Just(finish(failed())),
        Just(finish(RunOutcome::Cancelled)),
        Just(finish(RunOutcome::TimedOut)),
        Just(cancel_event()),
        Just(Event::Overdue),
        Just(Event::Silent),
    ]
}

proptest! {
    #[test]
    fn the_record_is_sound_whatever_happens(events in prop::collection::vec(any_event(), 0..30)) {
        let run = walk(events);
        let states = states(&run);
        prop_assert_eq!(states.last(), Some(&run.state));
        prop_assert_eq!(run.state.is_over(), run.finished_at.is_some());
        for (at, state) in states.iter().enumerate() {
            prop_assert!(!states[..at].contains(state), "{:?} recorded twice", state);
            let may_be_followed = !state.is_over() || matches!(state, RunState::Lost | RunState::TimedOut);
            prop_assert!(may_be_followed || at + 1 == states.len(), "something follows {:?}", state);
        }
        prop_assert_eq!(
            run.failure.is_some(),
            matches!(run.state, RunState::Failed | RunState::TimedOut | RunState::Lost)
        );
    }
}
