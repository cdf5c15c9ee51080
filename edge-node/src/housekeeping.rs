//! `Housekeeping`: forgets what nobody asks for any more, a little at a time. Child of the edge.

use std::time::Duration;

use actors::observe::Observable;
use messages::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};

use crate::store::Store;

/// A hub that was put back from last week's backup can still be told everything again.
const KEEP_EVENTS: Duration = Duration::from_secs(8 * 86_400);
/// A till that has not heard its answer for two days has forgotten the question.
const KEEP_ANSWERS: Duration = Duration::from_secs(2 * 86_400);
/// As long as the hub remembers their events.
const KEEP_CORRECTIONS: Duration = Duration::from_secs(400 * 86_400);
const EVERY: Duration = Duration::from_secs(60);
/// Rows at once: the writer is back at the tills' service within milliseconds.
const SLICE: u32 = 500;

pub struct Housekeeping;

pub enum HousekeepingMsg {
    Sweep,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for HousekeepingMsg {}

impl Observable for HousekeepingMsg {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

impl Actor for Housekeeping {
    type Msg = HousekeepingMsg;
    type State = Store;
    type Arguments = Store;

    async fn pre_start(
        &self,
        myself: ActorRef<HousekeepingMsg>,
        store: Store,
    ) -> Result<Store, ActorProcessingErr> {
        myself.cast(HousekeepingMsg::Sweep)?;
        Ok(store)
    }

    async fn handle(
        &self,
        myself: ActorRef<HousekeepingMsg>,
        message: HousekeepingMsg,
        store: &mut Store,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HousekeepingMsg::Sweep => {
                let store = store.clone();
                tokio::spawn(async move {
                    let now = Timestamp::now();
                    let swept = store
                        .write(move |tx| {
                            let events = tx.forget_settled(now - KEEP_EVENTS, SLICE)?;
                            let answers = tx.forget_repeats(now - KEEP_ANSWERS, SLICE)?;
                            let corrections = tx.forget_corrections(now - KEEP_CORRECTIONS, SLICE)?;
                            Ok(events.max(answers).max(corrections).max(tx.forget_generations(SLICE)?))
                        })
                        .await;
                    // A full slice means that there is more.
                    let more = swept.is_ok_and(|rows| rows >= SLICE as usize);
                    let wait = if more { Duration::from_millis(50) } else { EVERY };
                    myself.send_after(wait, || HousekeepingMsg::Sweep);
                });
            }
            HousekeepingMsg::Observe(reply) => {
                let _ignored = reply.send(json!({}));
            }
        }
        Ok(())
    }
}
