//! One link that has answered: asking, telling, and its heartbeat.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use messages::ids::BootId;
use ractor::ActorRef;
use ractor::rpc::CallResult;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::api::{AskError, LinkTerms, LinkView, Refusal, Trace};
use super::envelope::{Envelope, MAX_BODY, PROTOCOL, Ping, Pong, Raw, millis, read, read_outcome, write};
use super::gauge::{ASK_LIMIT, Flow, Pulse, RoundTrips, TELL_LIMIT};
use super::hub_link::LinkMsg;
use super::lock;

pub(super) struct Live {
    me: BootId,
    peer: BootId,
    pub(super) conn: u64,
    link: ActorRef<LinkMsg>,
    terms: LinkTerms,
    /// Cancelled when the connection is over: whoever waits on it learns so at once.
    cut: CancellationToken,
    announced: AtomicBool,
    window: Semaphore,
    flow: Flow,
    /// Wakes the heartbeat when much is unconfirmed.
    nudge: Notify,
    sent: AtomicU64,
    dropped: AtomicU64,
    trips: Mutex<RoundTrips>,
}

/// What the heartbeat has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The first ping was answered.
    Answered,
    /// Too many were not.
    Silent,
}

impl Live {
    pub(super) fn new(
        me: BootId,
        peer: BootId,
        conn: u64,
        link: ActorRef<LinkMsg>,
        terms: LinkTerms,
        cut: CancellationToken,
    ) -> Self {
        Self {
            me,
            peer,
            conn,
            link,
            terms,
            cut,
            announced: AtomicBool::new(false),
            window: Semaphore::new(terms.window),
            flow: Flow::default(),
            nudge: Notify::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            trips: Mutex::default(),
        }
    }

    pub(super) fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Acquire)
    }

    pub(super) fn announce(&self) {
        self.announced.store(true, Ordering::Release);
    }

    pub(super) fn describe(&self, view: &mut LinkView) {
        view.round_trip = lock(&self.trips).summary();
        view.in_flight = self.terms.window.saturating_sub(self.window.available_permits());
        view.unconfirmed = self.flow.unconfirmed();
        view.dropped = self.dropped.load(Ordering::Relaxed);
    }

    /// Takes room for something to send, and asks for a confirmation when much is under way.
    pub(super) fn admit(&self, body: usize, limit: u64) -> bool {
        let admitted = self.flow.admit(body, limit);
        if self.flow.wants_confirmation() {
            self.nudge.notify_one();
        }
        admitted
    }

    pub(super) async fn ask(
        &self,
        body: &Bytes,
        within: Duration,
        trace: Option<Trace>,
    ) -> Result<Bytes, AskError> {
        let _place = self.window.try_acquire().map_err(|_| AskError::Busy)?;
        if !self.admit(body.len(), ASK_LIMIT) {
            return Err(AskError::Busy);
        }
        let envelope = write(&self.envelope(body, millis(within), trace))?;
        let call = self.link.call(|reply| LinkMsg::Ask(envelope, reply), Some(within));
        let answer = tokio::select! {
            biased;
            answer = call => answer,
            () = self.cut.cancelled() => return Err(AskError::Unknown),
        };
        match answer {
            Ok(CallResult::Success(bytes)) => read_outcome(Bytes::from(bytes)).into_result(),
            Ok(CallResult::Timeout) => Err(AskError::Deadline),
            Ok(CallResult::SenderError) => Err(AskError::Unknown),
            Err(_) => Err(AskError::NotSent),
        }
    }

    /// False when it was dropped; the other node learns that with the next message.
    pub(super) fn tell(&self, body: &Bytes) -> bool {
        let told = body.len() <= MAX_BODY && self.admit(body.len(), TELL_LIMIT) && {
            let envelope = write(&self.envelope(body, 0, None));
            envelope.is_ok_and(|bytes| self.link.cast(LinkMsg::Tell(bytes)).is_ok())
        };
        if !told {
            self.dropped.fetch_add(1, Ordering::AcqRel);
        }
        told
    }

    fn envelope<'a>(&self, body: &'a Bytes, left_ms: u64, trace: Option<Trace>) -> Envelope<'a> {
        Envelope {
            protocol: PROTOCOL,
            from: self.me,
            life: self.conn,
            msg_id: self.sent.fetch_add(1, Ordering::Relaxed),
            left_ms,
            dropped: self.dropped.load(Ordering::Acquire),
            trace,
            body: Raw(body),
        }
    }

    /// Pings until the connection is over, and says what it finds.
    pub(super) async fn beat(self: Arc<Self>, tell: impl Fn(Sign)) {
        let mut beats = interval(self.terms.beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulse = Pulse::default();
        // The first beat comes at once and has nothing to judge.
        beats.tick().await;
        let mut pings = FuturesUnordered::from_iter([self.ping()]);
        let mut answered = false;
        loop {
            tokio::select! {
                () = self.cut.cancelled() => return,
                Some(outcome) = pings.next() => match outcome {
                    Ok(()) => {
                        pulse.answered();
                        if !std::mem::replace(&mut answered, true) {
                            tell(Sign::Answered);
                        }
                    }
                    Err(problem) => tracing::debug!(peer = %self.peer, problem, "a ping was not answered"),
                },
                _ = beats.tick() => {
                    if pulse.beat(self.terms.misses) {
                        return tell(Sign::Silent);
                    }
                    pings.push(self.ping());
                }
                () = self.nudge.notified() => pings.push(self.ping()),
            }
        }
    }

    async fn ping(&self) -> Result<(), String> {
        let patience = self.terms.beat * (self.terms.misses + 1);
        let (mark, began) = (self.flow.mark(), Instant::now());
        let dropped = self.dropped.load(Ordering::Acquire);
        let ping = Ping { protocol: PROTOCOL, from: self.me, life: self.conn, dropped };
        let bytes = write(&ping).map_err(|refusal: Refusal| refusal.to_string())?;
        match self.link.call(|reply| LinkMsg::Ping(bytes, reply), Some(patience)).await {
            Ok(CallResult::Success(bytes)) => match read::<Pong>(&bytes) {
                Ok(pong) if pong.boot == self.peer => {
                    self.flow.confirm(mark);
                    lock(&self.trips).add(began.elapsed());
                    Ok(())
                }
                Ok(pong) => Err(format!("{} answers in its place", pong.boot)),
                Err(_) => match read_outcome(Bytes::from(bytes)).into_result() {
                    Ok(_) => Err("the answer is not one to a ping".into()),
                    Err(error) => Err(error.to_string()),
                },
            },
            Ok(CallResult::Timeout) => Err("no answer in time".into()),
            Ok(CallResult::SenderError) | Err(_) => Err("the connection is over".into()),
        }
    }
}
