//! `JobRun`: watches one open run, on the node that owns its retailer.
//!
//! It holds nothing that must survive. It smooths progress for the consoles and asks its retailer to look at the run
//! again when the agent should long have reported. Limits: one progress tick each [`TICK`].

use std::sync::Arc;
use std::time::Duration;

use messages::live::{Tick, Topic};
use messages::run::Progress;
use messages::{RetailerId, RunId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};

use crate::failpoint;
use crate::observe::Observable;
use crate::ports::{LiveFeed, Publication};

/// Four changes a second are all a person can follow.
const TICK: Duration = Duration::from_millis(250);
/// How often an open run is looked at.
const REVIEW: Duration = Duration::from_secs(30);

pub struct JobRun;

pub struct Arguments {
    pub retailer: RetailerId,
    pub run: RunId,
    pub feed: Arc<dyn LiveFeed>,
    /// Asks the retailer to review the run; false when the retailer cannot be reached now.
    pub review: Arc<dyn Fn(RunId) -> bool + Send + Sync>,
}

pub enum JobRunMsg {
    Progress(Progress),
    Tick,
    Review,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for JobRunMsg {}

impl Observable for JobRunMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

pub struct State {
    args: Arguments,
    latest: Progress,
    tick_due: bool,
    ticks: u64,
}

impl Actor for JobRun {
    type Msg = JobRunMsg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<JobRunMsg>, args: Arguments) -> Result<State, ActorProcessingErr> {
        me.send_interval(REVIEW, || JobRunMsg::Review);
        Ok(State { args, latest: Progress::default(), tick_due: false, ticks: 0 })
    }

    async fn handle(
        &self,
        me: ActorRef<JobRunMsg>,
        message: JobRunMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            JobRunMsg::Progress(progress) => {
                state.latest = progress;
                if !std::mem::replace(&mut state.tick_due, true) {
                    me.send_after(TICK, || JobRunMsg::Tick);
                }
            }
            JobRunMsg::Tick => tick(state),
            JobRunMsg::Review => {
                if !(state.args.review)(state.args.run) {
                    tracing::debug!(run = %state.args.run, "the retailer is away; asking again later");
                }
            }
            JobRunMsg::Observe(reply) => {
                let snapshot = json!({
                    "run": state.args.run, "retailer": state.args.retailer,
                    "read": state.latest.read, "sent": state.latest.sent, "ticks": state.ticks,
                });
                drop(reply.send(snapshot));
            }
        }
        Ok(())
    }
}

fn tick(state: &mut State) {
    failpoint::pass("job_run.tick");
    state.tick_due = false;
    state.ticks += 1;
    let (retailer, run_id) = (state.args.retailer, state.args.run);
    let ticks: Arc<[Tick]> = Arc::new([Tick::Progress { run_id, progress: state.latest }]);
    for topic in [Topic::Retailer(retailer), Topic::Run(retailer, run_id)] {
        state.args.feed.publish(Publication::Ticked { topic, ticks: ticks.clone() });
    }
}
