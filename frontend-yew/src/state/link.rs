//! The live connection as a machine: what happened goes in, what to do comes out.
//! Pure: time and chance are arguments, the socket belongs to `api::live`.
//!
//! Limits: a page of summaries and what is open beside it (`MAX_TOPICS`), frames of at most
//! `SUBSCRIBE_CHUNK` topics so that none passes the hub's 16 KiB. What is asked for in one go, such as the rows of a list,
//! goes in one frame: the hub ends a socket that sends too many.

use std::collections::BTreeMap;
use std::rc::Rc;

use messages::ErrorCode;
use messages::live::{Entity, FromConsole, MAX_TOPICS, Subscription, ToConsole, Topic};

use super::topic::{Input, Outcome, TopicState};
use super::{backoff, frame};

/// A hundred subscriptions of at most 120 bytes stay under the hub's frame limit.
const SUBSCRIBE_CHUNK: usize = 100;
/// Well inside the silence after which either side gives up.
const PING_EVERY_MS: f64 = 25_000.0;
/// Two missed answers.
const SILENCE_MS: f64 = 60_000.0;
/// An answer to a ping takes no longer on any line that is worth keeping.
const PONG_MS: f64 = 10_000.0;
/// A handshake that takes longer will not succeed.
const OPENING_MS: f64 = 10_000.0;
/// Failures in a row after which the page helps itself by REST.
const FAILURES_TO_POLL: u32 = 5;
const POLL_EVERY_MS: f64 = 15_000.0;
/// A page without data does not wait for the back-off to give up.
const FIRST_POLL_MS: f64 = 2_500.0;
/// A retailer that moves to another node is there again after a few seconds.
const RETRY_MS: f64 = 3_000.0;
/// A topic nobody looks at stays this long, so that going back shows it at once.
const LINGER_MS: f64 = 10_000.0;

/// What the page shows of the connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Status {
    Idle,
    Connecting,
    /// An attempt is under way, after one that failed.
    Reconnecting,
    Live,
    /// Time of the next attempt.
    Waiting {
        until_ms: f64,
    },
    Polling,
    /// The browser says that there is no network.
    Offline,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Start,
    Stop,
    Watch(Topic),
    Unwatch(Topic),
    Opened,
    Frame(String),
    Closed,
    /// The access token was renewed.
    Renewed,
    /// The browser's network came or went.
    Network {
        up: bool,
    },
    /// Somebody pressed refresh.
    Refresh,
    /// Something was written, and the page should show it soon.
    Touched(Topic),
    Polled(Topic, Result<Vec<Entity>, (ErrorCode, String)>),
    /// What was asked for in one go is complete; answers `Effect::Gather`.
    Gathered,
    /// Time passed.
    Tick,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Open,
    Close,
    /// Send `hello` with a token that is still good.
    Hello,
    Send(FromConsole),
    /// Come back with `Event::Gathered` when what runs now is over.
    Gather,
    Poll(Topic),
    Changed(Topic),
    /// The status or the poll count changed.
    Status,
    /// The hub ended the session: find out by refreshing.
    SessionLost,
}

#[derive(Debug)]
struct Watched {
    state: Rc<TopicState>,
    watchers: u32,
    since_ms: f64,
    polled_ms: f64,
    /// The hub could not serve it for now: when to ask again.
    retry_ms: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Stopped,
    Opening { since_ms: f64 },
    Live { heard_ms: f64, pinged_ms: f64 },
    Waiting { until_ms: f64 },
}

/// The machine.
#[derive(Debug)]
pub struct Link {
    phase: Phase,
    failures: u32,
    network: bool,
    topics: BTreeMap<Topic, Watched>,
    /// To be subscribed to afresh, once all are gathered.
    asked: Vec<Topic>,
    polled_ms: f64,
    shown: Status,
    /// Counts rounds of polling and manual refreshes: lists that are not topics fetch again when it moves.
    pub rounds: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            phase: Phase::Stopped,
            failures: 0,
            network: true,
            topics: BTreeMap::new(),
            asked: Vec::new(),
            polled_ms: 0.0,
            shown: Status::Idle,
            rounds: 0,
        }
    }
}

impl Link {
    #[must_use]
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Stopped => Status::Idle,
            Phase::Live { .. } => Status::Live,
            _ if !self.network => Status::Offline,
            _ if self.failures >= FAILURES_TO_POLL => Status::Polling,
            Phase::Opening { .. } if self.failures > 0 => Status::Reconnecting,
            Phase::Opening { .. } => Status::Connecting,
            Phase::Waiting { until_ms } => Status::Waiting { until_ms },
        }
    }

    #[must_use]
    pub fn topic(&self, topic: Topic) -> Option<Rc<TopicState>> {
        self.topics.get(&topic).map(|watched| watched.state.clone())
    }

    /// The one way in. `jitter` lies between 0 and 1.
    pub fn handle(&mut self, event: Event, now_ms: f64, jitter: f64) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Start => self.start(now_ms, &mut effects),
            Event::Stop => self.stop(&mut effects),
            Event::Watch(topic) => self.watch(topic, now_ms, &mut effects),
            Event::Unwatch(topic) => self.unwatch(topic, now_ms),
            Event::Opened | Event::Renewed if self.phase == Phase::Stopped => {}
            Event::Opened => effects.push(Effect::Hello),
            Event::Renewed if self.is_live() => effects.push(Effect::Hello),
            Event::Renewed => {}
            Event::Frame(text) => self.frame(&text, now_ms, jitter, &mut effects),
            Event::Closed => self.closed(now_ms, jitter, &mut effects),
            Event::Network { up } => self.network(up, now_ms, &mut effects),
            Event::Refresh => self.refresh(now_ms, &mut effects),
            Event::Touched(topic) => {
                if !self.is_live() {
                    effects.push(Effect::Poll(topic));
                }
            }
            Event::Polled(topic, result) => self.polled(topic, result, now_ms, &mut effects),
            Event::Gathered => self.send_asked(&mut effects),
            Event::Tick => self.tick(now_ms, jitter, &mut effects),
        }
        let status = self.status();
        if status != self.shown {
            self.shown = status;
            effects.push(Effect::Status);
        }
        effects
    }

    fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    fn start(&mut self, now_ms: f64, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Stopped {
            self.failures = 0;
            self.open(now_ms, effects);
        }
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Stopped;
        // Another person may sign in next: nothing of this one stays.
        self.topics.clear();
        effects.push(Effect::Close);
    }

    fn open(&mut self, now_ms: f64, effects: &mut Vec<Effect>) {
        self.phase = Phase::Opening { since_ms: now_ms };
        effects.push(Effect::Open);
    }

    fn watch(&mut self, topic: Topic, now_ms: f64, effects: &mut Vec<Effect>) {
        let full = self.topics.len() >= MAX_TOPICS;
        if full {
            self.forget_idle(f64::INFINITY, effects);
        }
        if self.is_live() && !self.topics.contains_key(&topic) {
            self.ask(topic, effects);
        }
        let watched = self.topics.entry(topic).or_insert_with(|| Watched {
            state: Rc::default(),
            watchers: 0,
            since_ms: now_ms,
            polled_ms: f64::NEG_INFINITY,
            retry_ms: None,
        });
        watched.watchers += 1;
    }

    fn unwatch(&mut self, topic: Topic, now_ms: f64) {
        if let Some(watched) = self.topics.get_mut(&topic) {
            watched.watchers = watched.watchers.saturating_sub(1);
            watched.since_ms = now_ms;
        }
    }

    /// Drops topics that nobody has looked at since `before_ms`.
    fn forget_idle(&mut self, before_ms: f64, effects: &mut Vec<Effect>) {
        let idle: Vec<_> = self
            .topics
            .iter()
            .filter(|(_, watched)| watched.watchers == 0 && watched.since_ms < before_ms)
            .map(|(topic, _)| *topic)
            .collect();
        for topic in &idle {
            self.topics.remove(topic);
        }
        if self.is_live() {
            for chunk in idle.chunks(SUBSCRIBE_CHUNK) {
                effects.push(Effect::Send(FromConsole::Unsubscribe { topics: chunk.to_vec() }));
            }
        }
    }

    fn frame(&mut self, text: &str, now_ms: f64, jitter: f64, effects: &mut Vec<Effect>) {
        if let Phase::Live { heard_ms, .. } = &mut self.phase {
            *heard_ms = now_ms;
        }
        // A frame of another protocol or of an unknown kind is not for this build: the next delta shows the gap.
        let Some(frame) = frame::parse(text) else { return };
        match frame {
            ToConsole::Welcome { .. } => {
                if self.phase == Phase::Stopped {
                    return;
                }
                self.phase = Phase::Live { heard_ms: now_ms, pinged_ms: now_ms };
                self.failures = 0;
                self.subscribe_all(true, effects);
            }
            ToConsole::Snapshot { topic, version, entities } => {
                self.apply(topic, Input::Snapshot { version, entities }, effects);
            }
            ToConsole::Delta { topic, after, version, changes } => {
                self.apply(topic, Input::Delta { after, version, changes }, effects);
            }
            ToConsole::Tick { topic, ticks } => self.apply(topic, Input::Tick(ticks), effects),
            ToConsole::Refused { topic, code, .. } if code.retry_helps() => {
                if let Some(watched) = self.topics.get_mut(&topic) {
                    watched.retry_ms = Some(now_ms + RETRY_MS);
                }
            }
            ToConsole::Refused { topic, code, detail } => {
                self.apply(topic, Input::Refused { code, detail }, effects);
            }
            ToConsole::Error { .. } | ToConsole::Pong => {}
            ToConsole::Bye { retry_after_ms, .. } => {
                effects.push(Effect::Close);
                match retry_after_ms {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "a delay of more than 2^52 ms is not waited for"
                    )]
                    Some(wait) => self.phase = Phase::Waiting { until_ms: now_ms + wait as f64 },
                    None => {
                        self.failures += 1;
                        self.phase =
                            Phase::Waiting { until_ms: now_ms + backoff::delay_ms(self.failures, jitter) };
                        effects.push(Effect::SessionLost);
                    }
                }
            }
        }
    }

    fn apply(&mut self, topic: Topic, input: Input, effects: &mut Vec<Effect>) {
        let Some(watched) = self.topics.get_mut(&topic) else { return };
        match Rc::make_mut(&mut watched.state).apply(input) {
            Outcome::Changed => effects.push(Effect::Changed(topic)),
            Outcome::Unchanged => {}
            Outcome::Gap => self.ask(topic, effects),
        }
    }

    /// Subscribes to one topic afresh, together with others that are asked for in the same go.
    fn ask(&mut self, topic: Topic, effects: &mut Vec<Effect>) {
        if self.asked.is_empty() {
            effects.push(Effect::Gather);
        }
        if !self.asked.contains(&topic) {
            self.asked.push(topic);
        }
    }

    fn send_asked(&mut self, effects: &mut Vec<Effect>) {
        let asked = std::mem::take(&mut self.asked);
        if !self.is_live() {
            // The next welcome subscribes to everything.
            return;
        }
        let wanted = asked.into_iter().filter(|topic| self.topics.contains_key(topic));
        let topics: Vec<_> = wanted.map(|topic| Subscription { topic, since: None }).collect();
        for chunk in topics.chunks(SUBSCRIBE_CHUNK) {
            effects.push(Effect::Send(FromConsole::Subscribe { topics: chunk.to_vec() }));
        }
    }

    /// Subscribes to everything watched: from the last version, or afresh.
    fn subscribe_all(&self, resume: bool, effects: &mut Vec<Effect>) {
        let topics: Vec<_> = self
            .topics
            .iter()
            .map(|(topic, watched)| {
                // Log lines carry no version, so a run's topic cannot be resumed without losing some.
                let resumable = resume && !matches!(topic, Topic::Run(..));
                Subscription { topic: *topic, since: watched.state.version.filter(|_| resumable) }
            })
            .collect();
        for chunk in topics.chunks(SUBSCRIBE_CHUNK) {
            effects.push(Effect::Send(FromConsole::Subscribe { topics: chunk.to_vec() }));
        }
    }

    fn closed(&mut self, now_ms: f64, jitter: f64, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Opening { .. } | Phase::Live { .. }) {
            return;
        }
        self.failures += 1;
        self.phase = Phase::Waiting { until_ms: now_ms + backoff::delay_ms(self.failures, jitter) };
        if self.failures == FAILURES_TO_POLL {
            self.poll_all(now_ms, effects);
        }
    }

    fn network(&mut self, up: bool, now_ms: f64, effects: &mut Vec<Effect>) {
        self.network = up;
        if up && matches!(self.phase, Phase::Waiting { .. }) {
            self.open(now_ms, effects);
        }
    }

    fn refresh(&mut self, now_ms: f64, effects: &mut Vec<Effect>) {
        self.rounds += 1;
        effects.push(Effect::Status);
        match self.phase {
            Phase::Live { .. } => self.subscribe_all(false, effects),
            Phase::Waiting { .. } => {
                self.open(now_ms, effects);
                self.poll_all(now_ms, effects);
            }
            Phase::Opening { .. } => self.poll_all(now_ms, effects),
            Phase::Stopped => {}
        }
    }

    fn polled(
        &mut self,
        topic: Topic,
        result: Result<Vec<Entity>, (ErrorCode, String)>,
        now_ms: f64,
        effects: &mut Vec<Effect>,
    ) {
        let live = self.is_live();
        let Some(watched) = self.topics.get_mut(&topic) else { return };
        watched.polled_ms = now_ms;
        // What the socket brought meanwhile is newer.
        if live && watched.state.loaded {
            return;
        }
        match result {
            Ok(entities) => self.apply(topic, Input::Polled(entities), effects),
            Err((code @ (ErrorCode::NotFound | ErrorCode::Forbidden), detail)) => {
                self.apply(topic, Input::Refused { code, detail }, effects);
            }
            Err(_) => {}
        }
    }

    fn poll_all(&mut self, now_ms: f64, effects: &mut Vec<Effect>) {
        self.polled_ms = now_ms;
        for (topic, watched) in &mut self.topics {
            watched.polled_ms = now_ms;
            effects.push(Effect::Poll(*topic));
        }
    }

    fn tick(&mut self, now_ms: f64, jitter: f64, effects: &mut Vec<Effect>) {
        self.forget_idle(now_ms - LINGER_MS, effects);
        match &mut self.phase {
            Phase::Stopped => return,
            Phase::Opening { since_ms } if now_ms - *since_ms > OPENING_MS => {
                effects.push(Effect::Close);
                self.closed(now_ms, jitter, effects);
            }
            // A page that slept has asked nothing yet: only an unanswered ping makes silence a loss.
            Phase::Live { heard_ms, pinged_ms }
                if now_ms - *heard_ms > SILENCE_MS
                    && *pinged_ms > *heard_ms
                    && now_ms - *pinged_ms > PONG_MS =>
            {
                effects.push(Effect::Close);
                self.closed(now_ms, jitter, effects);
            }
            Phase::Live { pinged_ms, .. } if now_ms - *pinged_ms >= PING_EVERY_MS => {
                *pinged_ms = now_ms;
                effects.push(Effect::Send(FromConsole::Ping));
            }
            Phase::Waiting { until_ms } if now_ms >= *until_ms && self.network => self.open(now_ms, effects),
            _ => {}
        }
        if self.is_live() {
            self.ask_again(now_ms, effects);
            return;
        }
        if self.failures >= FAILURES_TO_POLL && now_ms - self.polled_ms >= POLL_EVERY_MS {
            self.rounds += 1;
            effects.push(Effect::Status);
            self.poll_all(now_ms, effects);
        }
        for (topic, watched) in &mut self.topics {
            let waits =
                !watched.state.loaded && watched.watchers > 0 && now_ms - watched.since_ms >= FIRST_POLL_MS;
            if waits && now_ms - watched.polled_ms >= POLL_EVERY_MS {
                watched.polled_ms = now_ms;
                effects.push(Effect::Poll(*topic));
            }
        }
    }
}

impl Link {
    /// Subscribes anew to what the hub could not serve a while ago.
    fn ask_again(&mut self, now_ms: f64, effects: &mut Vec<Effect>) {
        let due = |watched: &Watched| watched.retry_ms.is_some_and(|at| now_ms >= at);
        let again: Vec<_> =
            self.topics.iter().filter(|(_, watched)| due(watched)).map(|(topic, _)| *topic).collect();
        for topic in again {
            if let Some(watched) = self.topics.get_mut(&topic) {
                watched.retry_ms = None;
            }
            self.ask(topic, effects);
        }
    }
}

#[cfg(test)]
mod tests;
