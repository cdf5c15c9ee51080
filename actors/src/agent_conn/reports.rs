//! Numbered reports: stored in order, shown, acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use messages::agent::{Fact, Report, ToAgent};
use messages::ids::SpoolId;
use messages::live::{Tick, Topic};
use messages::run::{LogLevel, LogLine, Reject, RunOutcome};
use messages::{ErrorCode, Problem, RunId};
use ractor::ActorRef;

use super::known::{Known, Place};
use super::{AgentConnMsg, MOST_PENDING, PATIENCE, State, attach, goodbye, write};
use crate::ports::{ConnAddr, Publication};
use crate::retailer::request::{Request, Router};

/// A frame of reports is stored, or could not be.
pub struct Stored {
    spool: SpoolId,
    reports: Vec<Report>,
    known: Known,
    result: Result<(), Problem>,
}

pub(super) fn receive(
    me: &ActorRef<AgentConnMsg>,
    state: &mut State,
    spool: SpoolId,
    mut reports: Vec<Report>,
) {
    let known = state.hello.as_ref().is_some_and(|hello| hello.spool_id == spool);
    let in_order = reports.windows(2).all(|pair| pair[0].seq.checked_add(1) == Some(pair[1].seq));
    let joins = reports.first().is_none_or(|first| first.seq <= state.next_seq);
    if !known || !in_order || !joins || reports.len() > messages::agent::MAX_REPORTS {
        let detail = format!(
            "reports must be numbered without gaps within the spool of the hello; {} was expected next",
            state.next_seq
        );
        goodbye(me, state, &Problem::new(ErrorCode::UnexpectedFrame, detail));
        return;
    }
    if state.pending.len() >= MOST_PENDING {
        let detail = "more report frames than the window allows; wait for acknowledgements";
        goodbye(me, state, &Problem::new(ErrorCode::RateLimited, detail));
        return;
    }
    // What was received on this socket already is on its way.
    reports.retain(|report| report.seq >= state.next_seq);
    if let Some(last) = reports.last() {
        state.next_seq = last.seq.saturating_add(1);
        state.pending.push_back((spool, reports));
        store_next(me, state);
    }
}

/// Stores one frame at a time, so that what is acknowledged has no gaps; and none before the retailer knows the
/// socket, for it would not take the steps of a run from it.
pub(super) fn store_next(me: &ActorRef<AgentConnMsg>, state: &mut State) {
    if state.storing || !state.attached || state.attaching {
        return;
    }
    let Some((spool, reports)) = state.pending.pop_front() else { return };
    state.storing = true;
    let (store, router) = (state.args.store.clone(), state.args.router.clone());
    let (retailer, conn, me) = (state.args.retailer, state.args.conn, me.clone());
    let mut known = std::mem::take(&mut state.known);
    tokio::spawn(async move {
        let at = Place { store: &*store, retailer, agent: conn.agent };
        let result = store_frame(&at, &mut known, &*router, conn, spool, &reports).await;
        let stored = Stored { spool, reports, known, result };
        drop(me.cast(AgentConnMsg::Stored(stored)));
    });
}

/// Lines and rejected items of runs that are not the agent's are left out; steps of such runs the retailer ignores.
async fn store_frame(
    at: &Place<'_>,
    known: &mut Known,
    router: &dyn Router,
    conn: ConnAddr,
    spool: SpoolId,
    reports: &[Report],
) -> Result<(), Problem> {
    let Sorted { lines, rejects, steps } = sort(reports);
    let lines = known.own_lines(at, lines).await?;
    let rejects = known.own_rejects(at, rejects).await?;
    if !lines.is_empty() {
        at.store.append_logs(at.retailer, spool, lines).await?;
    }
    if !rejects.is_empty() {
        at.store.append_rejects(at.retailer, rejects).await?;
    }
    if !steps.is_empty() {
        router.ask(at.retailer, Request::Reports { conn, spool, reports: steps }, PATIENCE).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Sorted {
    lines: Vec<LogLine>,
    rejects: Vec<Reject>,
    /// What the retailer's actor has to know.
    steps: Vec<Report>,
}

fn sort(reports: &[Report]) -> Sorted {
    let mut sorted = Sorted::default();
    for report in reports {
        let run_id = report.run_id;
        match &report.fact {
            Fact::Rejected { reject } => {
                let mut reject = reject.clone().of_run(run_id);
                cut(&mut reject.reason, LogLine::MAX_TEXT);
                cut(&mut reject.raw, Reject::MAX_RAW);
                sorted.rejects.push(reject);
            }
            Fact::Started { .. } | Fact::Progress(_) => sorted.steps.push(report.clone()),
            Fact::Surveyed { survey } => {
                let fact = Fact::Surveyed { survey: Box::new(survey.as_ref().clone().bounded()) };
                sorted.steps.push(Report { fact, ..*report });
            }
            Fact::Finished { progress, outcome } => {
                let mut outcome = outcome.clone();
                if let RunOutcome::Failed(failure) = &mut outcome {
                    cut(&mut failure.detail, LogLine::MAX_TEXT);
                }
                let fact = Fact::Finished { progress: *progress, outcome };
                sorted.steps.push(Report { fact, ..*report });
            }
            Fact::Log { .. } | Fact::Dropped { .. } => sorted.lines.extend(line(report)),
        }
    }
    sorted
}

/// The log line that a report is, if it is one.
fn line(report: &Report) -> Option<LogLine> {
    let (level, mut text) = match &report.fact {
        Fact::Log { level, text } => (*level, text.clone()),
        Fact::Dropped { lines } => {
            let text = format!("{lines} lines were given up at the agent because its spool was full");
            (LogLevel::Warn, text)
        }
        _ => return None,
    };
    cut(&mut text, LogLine::MAX_TEXT);
    Some(LogLine { run_id: report.run_id, seq: report.seq, at: report.at, level, text })
}

/// Agents cut what they send; one that does not is not to fill the store.
pub(super) fn cut(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}

pub(super) fn stored(me: &ActorRef<AgentConnMsg>, state: &mut State, stored: Stored) {
    state.storing = false;
    let Stored { spool, reports, known, result } = stored;
    state.known = known;
    if let Err(problem) = result {
        if problem.code == ErrorCode::WrongState {
            // The retailer has a new actor, which does not know this socket yet.
            state.pending.push_front((spool, reports));
            attach(me, state);
            return;
        }
        // Not acknowledged, so the agent keeps it and sends it again when it is back.
        let again = Problem { retry: true, ..problem };
        goodbye(me, state, &again);
        return;
    }
    state.stored += reports.len() as u64;
    let mut by_run: BTreeMap<RunId, Vec<LogLine>> = BTreeMap::new();
    for line in reports.iter().filter_map(line).filter(|line| state.known.is_own(line.run_id)) {
        by_run.entry(line.run_id).or_default().push(line);
    }
    for (run, lines) in by_run {
        let topic = Topic::Run(state.args.retailer, run);
        let ticks: Arc<[Tick]> = Arc::new([Tick::Log { lines }]);
        state.args.feed.publish(Publication::Ticked { topic, ticks });
    }
    let through = reports.last().map_or(0, |last| last.seq);
    write(me, state, ToAgent::Ack { spool_id: spool, through });
    store_next(me, state);
}
