//! One session on one line, be it a socket or HTTPS, as a pure machine: what came in and what the clock says go in, what to do comes out.
//!
//! Opening → (welcome) → Live. Reports are fetched while fewer than the window's frames are unacknowledged.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use messages::agent::{FromAgent, ToAgent};
use messages::ids::SpoolId;
use messages::{ErrorCode, Secret};

use crate::spool::MAX_UNACKED_FRAMES;

/// The hub answers `hello` from memory; longer means that nobody is there.
const WELCOME_DEADLINE: Duration = Duration::from_secs(20);
/// Three heartbeats without a sign of life, as the hub counts as well.
const SILENCE: Duration = Duration::from_secs(45);
/// A hub that asks for more would be flooded, one that asks for less would take the agent for dead.
const HEARTBEAT_RANGE: (u32, u32) = (1, 20);

/// What the session wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Send(FromAgent),
    /// Heartbeat with the runs at work, and a ping.
    Beat,
    /// Fetch the next reports from the spool and tell [`Session::fetched`].
    Fetch,
    Acknowledge {
        spool_id: SpoolId,
        through: u64,
    },
    /// A run, its cancellation or a look, for the runner.
    Command(Box<ToAgent>),
    /// Save it, then answer `credential_saved`.
    SaveCredential(Secret),
    End(Ending),
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The line broke, or the hub said something that cannot be.
    Lost(String),
    /// The line is there, and nobody speaks.
    Silent(String),
    /// The agent's own trouble, or its own wish.
    Own(String),
    Bye {
        code: ErrorCode,
        detail: String,
        retry_after_ms: Option<u64>,
    },
}

#[derive(Debug)]
enum Phase {
    Opening { until: Instant },
    Live { beat: Duration, next_beat: Instant },
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    heard: Instant,
    /// Last number of each frame that is not acknowledged.
    unacked: VecDeque<u64>,
    fetching: bool,
    told_while_fetching: bool,
    more: bool,
}

impl Session {
    /// The line is open and `hello` is on its way.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let phase = Phase::Opening { until: now + WELCOME_DEADLINE };
        Self {
            phase,
            heard: now,
            unacked: VecDeque::new(),
            fetching: false,
            told_while_fetching: false,
            more: true,
        }
    }

    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// Anything arrived, be it a pong or an empty answer to a poll.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    pub fn frame(&mut self, frame: ToAgent, now: Instant) -> Vec<Action> {
        match frame {
            ToAgent::Welcome { heartbeat_s, .. } => {
                let beat =
                    Duration::from_secs(heartbeat_s.clamp(HEARTBEAT_RANGE.0, HEARTBEAT_RANGE.1).into());
                self.phase = Phase::Live { beat, next_beat: now + beat };
                self.fetch_if_due()
            }
            ToAgent::Bye { code, detail, retry_after_ms } => {
                vec![Action::End(Ending::Bye { code, detail, retry_after_ms })]
            }
            ToAgent::Error { code, detail } => {
                let detail = format!("the hub did not accept a frame: {code}: {detail}");
                vec![Action::End(Ending::Lost(detail))]
            }
            other if !self.is_live() => {
                drop(other);
                vec![Action::End(Ending::Lost("the hub did not begin with welcome".to_owned()))]
            }
            ToAgent::Ack { spool_id, through } => {
                self.unacked.retain(|last| *last > through);
                let mut actions = vec![Action::Acknowledge { spool_id, through }];
                actions.extend(self.fetch_if_due());
                actions
            }
            ToAgent::Credential { credential } => vec![Action::SaveCredential(credential)],
            command @ (ToAgent::Run(_) | ToAgent::Cancel { .. } | ToAgent::Inspect(_)) => {
                vec![Action::Command(Box::new(command))]
            }
        }
    }

    /// The spool may have something new.
    pub fn facts_waiting(&mut self) -> Vec<Action> {
        self.more = true;
        self.told_while_fetching = self.fetching;
        self.fetch_if_due()
    }

    /// The answer to [`Action::Fetch`]: the frame to send, or nothing when the spool has no more.
    pub fn fetched(&mut self, frame: Option<(FromAgent, u64)>) -> Vec<Action> {
        self.fetching = false;
        let Some((frame, last)) = frame else {
            // What was told of while the fetch was under way came after its answer was made.
            self.more = std::mem::take(&mut self.told_while_fetching);
            return self.fetch_if_due().into_iter().collect();
        };
        self.told_while_fetching = false;
        self.unacked.push_back(last);
        let mut actions = vec![Action::Send(frame)];
        actions.extend(self.fetch_if_due());
        actions
    }

    /// To be called when [`Session::wake_at`] has come.
    pub fn tick(&mut self, now: Instant) -> Vec<Action> {
        if now >= self.heard + SILENCE {
            return vec![Action::End(Ending::Silent(format!(
                "the hub was silent for {} s",
                SILENCE.as_secs()
            )))];
        }
        match &mut self.phase {
            Phase::Opening { until } if now >= *until => {
                vec![Action::End(Ending::Silent("the hub does not answer hello".to_owned()))]
            }
            Phase::Live { beat, next_beat } if now >= *next_beat => {
                *next_beat = now + *beat;
                vec![Action::Beat]
            }
            _ => Vec::new(),
        }
    }

    /// When the clock has something to say next.
    #[must_use]
    pub fn wake_at(&self) -> Instant {
        let own = match self.phase {
            Phase::Opening { until } => until,
            Phase::Live { next_beat, .. } => next_beat,
        };
        own.min(self.heard + SILENCE)
    }

    fn fetch_if_due(&mut self) -> Vec<Action> {
        let room = self.unacked.len() < MAX_UNACKED_FRAMES;
        if !self.is_live() || self.fetching || !self.more || !room {
            return Vec::new();
        }
        self.fetching = true;
        vec![Action::Fetch]
    }
}

#[cfg(test)]
mod tests;
