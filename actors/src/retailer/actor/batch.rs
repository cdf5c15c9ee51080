//! Group commit: decide on what waits, commit it at once, then let it count.

use std::sync::Arc;

use messages::{ErrorCode, Problem};
use ractor::{ActorProcessingErr, ActorRef};

use super::super::decide::{self, Answer, Context, Decision, Effect};
use super::super::request::Response;
use super::super::state::{State as Documents, entity};
use super::effects;
use super::timer;
use super::{Asked, MOST_IN_BATCH, RetailerMsg, State, Work};
use crate::clock;
use crate::domain::Write;
use crate::failpoint;
use crate::ports::StoreError;

/// What a commit task reports.
pub struct Outcome {
    pub(super) result: Result<(), StoreError>,
}

/// A commit under way.
pub(super) struct Batch {
    /// The documents as they will be.
    staged: Documents,
    writes: Arc<[Write]>,
    members: Vec<Member>,
}

/// One request of a batch. The work is kept, to be decided on again if the batch must be taken apart.
struct Member {
    work: Work,
    answer: Result<Answer, Problem>,
    effects: Vec<Effect>,
}

/// Starts a commit with what waits, unless one is under way.
pub(super) fn begin(me: &ActorRef<RetailerMsg>, state: &mut State) {
    while state.committing.is_none() && !state.queue.is_empty() {
        let batch = gather(state);
        if batch.writes.is_empty() {
            finish(me, state, batch.members, &[]);
            continue;
        }
        failpoint::pass("retailer.before_commit");
        let (store, retailer, epoch) = (state.tools.store.clone(), state.retailer, state.epoch);
        let (expected, writes, me) = (batch.staged.version, batch.writes.clone(), me.clone());
        state.committing = Some(batch);
        tokio::spawn(async move {
            let result = store.commit(retailer, epoch, expected, writes).await;
            // A stopped actor has nobody left to answer.
            drop(me.cast(RetailerMsg::Committed(Outcome { result })));
        });
    }
    if state.queue.is_empty() && state.committing.is_none() {
        state.recalled.clear();
    }
    if state.documents.retailer.is_none() && state.committing.is_none() {
        // Nothing was made here, or it has been deleted: the next request starts afresh.
        me.stop(Some("no such retailer".into()));
    }
}

/// Decides on as much of the queue as fits. A refusal is answered at once, unless it may tell of what was decided just before
/// and is not committed yet: nobody may see that before it counts.
fn gather(state: &mut State) -> Batch {
    let version = state.documents.version.next();
    let now = (state.tools.clock)();
    let instant = clock::now();
    let mut staged = state.documents.clone();
    state.recalled.lay(&mut staged);
    let (mut writes, mut members) = (Vec::new(), Vec::new());
    let most = if state.alone > 0 { 1 } else { MOST_IN_BATCH };
    while members.len() < most {
        let Some(work) = state.queue.pop_front() else { break };
        state.alone = state.alone.saturating_sub(1);
        let cx = Context { retailer: state.retailer, version, now, instant, connections: &state.connections };
        match judge(&staged, &work, cx) {
            Ok(Some(decision)) => {
                for write in &decision.writes {
                    staged.apply(write);
                }
                writes.extend(decision.writes);
                members.push(Member { work, answer: Ok(decision.answer), effects: decision.effects });
            }
            Ok(None) => {}
            Err(problem) if writes.is_empty() => refuse(work, problem),
            Err(problem) => members.push(Member { work, answer: Err(problem), effects: Vec::new() }),
        }
    }
    // Whatever was decided, a run that is over has made room, and an agent that came is waiting.
    let cx = Context { retailer: state.retailer, version, now, instant, connections: &state.connections };
    let refill = decide::refill(&staged, cx);
    if !refill.writes.is_empty() {
        for write in &refill.writes {
            staged.apply(write);
        }
        writes.extend(refill.writes);
        members.push(Member { work: Work::Tick, answer: Ok(refill.answer), effects: refill.effects });
    }
    if !writes.is_empty() {
        staged.version = version;
    }
    Batch { staged, writes: writes.into(), members }
}

fn judge(documents: &Documents, work: &Work, cx: Context<'_>) -> Result<Option<Decision>, Problem> {
    match work {
        Work::Asked(asked) if asked.deadline <= cx.instant => Err(ErrorCode::DeadlineExceeded.into()),
        Work::Asked(asked) => decide::decide(documents, &asked.request, cx).map(Some),
        Work::Tick => Ok(Some(decide::tick(documents, cx))),
        Work::Review(run) => Ok(decide::review(documents, *run, cx)),
        Work::Impossible(run, failure) => Ok(decide::impossible(documents, *run, failure.clone(), cx)),
    }
}

fn refuse(work: Work, problem: Problem) {
    if let Work::Asked(asked) = work {
        // A caller that has gone needs no answer.
        drop(asked.reply.send(Err(problem)));
    }
}

/// The commit has ended.
pub(super) fn settle(
    me: &ActorRef<RetailerMsg>,
    state: &mut State,
    outcome: Outcome,
) -> Result<(), ActorProcessingErr> {
    let Some(batch) = state.committing.take() else { return Ok(()) };
    match outcome.result {
        Ok(()) => {
            failpoint::pass("retailer.after_commit");
            state.commits += 1;
            state.documents = carry_progress(&state.documents, batch.staged);
            finish(me, state, batch.members, &batch.writes);
        }
        Err(StoreError::Taken { .. }) if batch.members.len() > 1 => {
            state.alone = batch.members.len();
            for member in batch.members.into_iter().rev() {
                state.queue.push_front(member.work);
            }
        }
        Err(error) => return give_up(me, state, batch, error),
    }
    begin(me, state);
    timer::arm(me, state);
    Ok(())
}

/// Progress that arrived during the commit is newer than the staged copy of an open run.
fn carry_progress(before: &Documents, mut staged: Documents) -> Documents {
    for (id, run) in &mut staged.runs {
        if !run.state.is_over()
            && let Some(seen) = before.runs.get(id)
            && seen.progress != run.progress
        {
            Arc::make_mut(run).progress = seen.progress;
        }
    }
    staged
}

fn finish(me: &ActorRef<RetailerMsg>, state: &mut State, members: Vec<Member>, writes: &[Write]) {
    // Before the consoles are told: they are to see the dismissed agents without a connection.
    for effect in members.iter().flat_map(|member| &member.effects) {
        effects::dismiss(state, effect);
    }
    effects::publish(state, writes);
    for member in members {
        if let Work::Asked(asked) = member.work {
            let Asked { reply, permit, .. } = *asked;
            drop(reply.send(member.answer.and_then(|answer| response(state, answer))));
            drop(permit);
        }
        for effect in member.effects {
            effects::carry_out(me, state, effect);
        }
    }
}

fn response(state: &State, answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Done => Ok(Response::Done),
        Answer::Response(response) => Ok(response),
        Answer::Entity(id) => entity(&state.documents, id, state.retailer, &state.connections, clock::now())
            .map(|entity| Response::Entity(Box::new(entity)))
            .ok_or_else(|| Problem::new(ErrorCode::NotFound, "it has been deleted since")),
    }
}

/// Nothing of the batch counts, or nobody knows whether it does.
fn give_up(
    me: &ActorRef<RetailerMsg>,
    state: &mut State,
    batch: Batch,
    error: StoreError,
) -> Result<(), ActorProcessingErr> {
    let problem = match &error {
        StoreError::Taken { field, value } => {
            let errors = vec![messages::FieldError { field: (*field).into(), detail: "is in use".into() }];
            let detail = format!("\"{value}\" is in use; choose another {field}");
            Problem { errors, ..Problem::new(ErrorCode::NameTaken, detail) }
        }
        other => Problem::from(other.clone()),
    };
    for member in batch.members {
        refuse(member.work, problem.clone());
    }
    match error {
        StoreError::Taken { .. } | StoreError::Unavailable(_) => {
            state.timer.hold_off();
            begin(me, state);
            timer::arm(me, state);
            Ok(())
        }
        StoreError::Fenced => {
            for work in std::mem::take(&mut state.queue) {
                refuse(work, problem.clone());
            }
            me.stop(Some("fenced: another node owns the retailer".into()));
            Ok(())
        }
        // What the store has is not known: start again from what it says.
        StoreError::Unknown(_) | StoreError::Corrupt(_) => Err(Box::new(error)),
    }
}
