//! One session over HTTPS: what a WebSocket's pump is to its actor, cut into posts and polls.
//!
//! Limits: one poll at a time, [`POSTS`] posts, the pace of a socket both ways, [`POLL`] a poll, [`UNPOLLED`] without
//! one. The actor sees to the rest: hello in time, frames in time, queues.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actors::agent_conn::AgentConnMsg;
use actors::domain::SecretHash;
use messages::agent::{Batch, MAX_FRAME, Taken, ToAgent};
use messages::{ErrorCode, Problem};
use ractor::ActorRef;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::window::{Window, arrived_before};
use crate::access::agent_token::{AgentProof, same};
use crate::sockets::agent::{encode, read};
use crate::sockets::pump::{Inbound, Pace};

/// Below the idle limit of every proxy we know of, and the agent may ask for less.
pub(super) const POLL: Duration = Duration::from_secs(25);
/// Three polls missed would be more; it is the silence that ends a socket, too.
const UNPOLLED: Duration = Duration::from_secs(45);
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// One that is carried out, its repetition, and two to spare.
const POSTS: usize = 4;
/// For a post to get its turn and its pace.
const POST_WITHIN: Duration = Duration::from_secs(20);

pub(super) struct Session {
    pub(super) proof: AgentProof,
    pub(super) actor: ActorRef<AgentConnMsg>,
    pub(super) opened: Instant,
    /// Asked to close by the agent, or to make room.
    pub(super) closed: CancellationToken,
    /// Nothing is left to be handed out, and nothing will come.
    pub(super) drained: CancellationToken,
    /// Hashes that have proved themselves: of the opening, and of the credential that followed it.
    proved: Mutex<[SecretHash; 2]>,
    posts: Semaphore,
    inward: tokio::sync::Mutex<Inward>,
    outward: tokio::sync::Mutex<Outward>,
    /// Counts polls; each ends the one before.
    polls: watch::Sender<u64>,
    polled: Mutex<Instant>,
}

struct Inward {
    next: u64,
    pace: Pace,
}

struct Outward {
    queue: mpsc::Receiver<ToAgent>,
    window: Window,
    pace: Pace,
}

impl Session {
    pub(super) fn new(
        proof: AgentProof,
        actor: ActorRef<AgentConnMsg>,
        queue: mpsc::Receiver<ToAgent>,
    ) -> Self {
        let outward = Outward { queue, window: Window::default(), pace: Pace::new() };
        Self {
            proof,
            actor,
            opened: Instant::now(),
            closed: CancellationToken::new(),
            drained: CancellationToken::new(),
            proved: Mutex::new([proof.hash; 2]),
            posts: Semaphore::new(POSTS),
            inward: tokio::sync::Mutex::new(Inward { next: 1, pace: Pace::new() }),
            outward: tokio::sync::Mutex::new(outward),
            polls: watch::Sender::new(0),
            polled: Mutex::new(Instant::now()),
        }
    }

    /// Has this credential proved itself to this session?
    pub(super) fn knows(&self, hash: &SecretHash) -> bool {
        self.proved().iter().any(|known| same(known, hash))
    }

    /// A credential of the same agent that the retailer has just accepted.
    pub(super) fn remember(&self, hash: SecretHash) {
        self.proved()[1] = hash;
    }

    fn proved(&self) -> std::sync::MutexGuard<'_, [SecretHash; 2]> {
        self.proved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes frames from the agent. What has arrived before is skipped.
    pub(super) async fn post(&self, batch: Batch<Box<RawValue>>) -> Result<Taken, Problem> {
        let Batch { first, frames } = batch;
        if frames.len() > Batch::<()>::MOST {
            let detail = format!("a post has at most {} frames", Batch::<()>::MOST);
            return Err(Problem::new(ErrorCode::MalformedRequest, detail));
        }
        let _turn = self.posts.try_acquire().map_err(|_| {
            Problem::new(ErrorCode::RateLimited, "send one post at a time, in the order of its frames")
        })?;
        let until = Instant::now() + POST_WITHIN;
        let mut inward =
            timeout_at(until, self.inward.lock()).await.map_err(|_| Problem::from(ErrorCode::Busy))?;
        let skipped = arrived_before(inward.next, first, frames.len())?;
        for frame in frames.into_iter().skip(skipped) {
            inward.pace.wait().await;
            inward.pace.frame();
            let text = String::from(Box::<str>::from(frame));
            let inbound = if text.len() > MAX_FRAME { Inbound::TooLarge } else { Inbound::Text(text) };
            if self.actor.cast(read(inbound)).is_err() {
                return Err(gone());
            }
            // After each, for a request may be given up in the middle.
            inward.next += 1;
        }
        Ok(Taken { next: inward.next })
    }

    /// Frames for the agent after those it has, as soon as there are any. Ends the poll before it.
    pub(super) async fn poll(&self, after: u64, wait: Duration) -> Result<String, Problem> {
        let until = Instant::now() + wait.min(POLL);
        let mut turns = self.polls.subscribe();
        let mut mine = 0;
        self.polls.send_modify(|turn| {
            *turn += 1;
            mine = *turn;
        });
        self.was_polled();
        let answer = tokio::select! {
            biased;
            _ = turns.wait_for(|turn| *turn != mine) => {
                Err(Problem::new(ErrorCode::AgentSuperseded, "another poll of this session took the place of this one"))
            }
            answer = self.next(after, until) => answer,
        };
        self.was_polled();
        answer
    }

    async fn next(&self, after: u64, until: Instant) -> Result<String, Problem> {
        // The poll before lets go at once, for it is ended.
        let mut outward = self.outward.lock().await;
        let Outward { queue, window, pace } = &mut *outward;
        pace.wait().await;
        pace.frame();
        window.acknowledge(after)?;
        if window.is_empty() {
            match timeout_at(until, queue.recv()).await {
                Ok(Some(frame)) => keep(window, frame),
                Ok(None) => {
                    self.drained.cancel();
                    return Err(gone());
                }
                Err(_) => return Ok(window.answer()),
            }
        }
        while window.has_room()
            && let Ok(frame) = queue.try_recv()
        {
            keep(window, frame);
        }
        Ok(window.answer())
    }

    fn was_polled(&self) {
        *self.polled.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ends when nobody has polled for too long.
    pub(super) async fn neglected(&self) {
        loop {
            sleep(CHECK_EVERY).await;
            let polled = *self.polled.lock().unwrap_or_else(PoisonError::into_inner);
            if polled.elapsed() > UNPOLLED {
                return;
            }
        }
    }
}

fn keep(window: &mut Window, frame: ToAgent) {
    if let Some(text) = encode(frame) {
        window.keep(text);
    }
}

/// The session was here.
pub(super) fn gone() -> Problem {
    Problem::new(ErrorCode::SessionGone, "the session has ended; open another one")
}

impl Pace {
    /// Waits while this second's frames are spent.
    async fn wait(&mut self) {
        if self.is_spent() {
            sleep_until(self.next_second()).await;
            *self = Self::new();
        }
    }
}
