//! Counting: what the sockets of a crowd tell of themselves, put together for one step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Events not looked at yet. A few for each socket; who tells more waits.
const EVENTS: usize = 1 << 16;

enum Event {
    Ready,
    Trouble(String),
}

/// One step as it is reported.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Wave {
    pub(crate) step: &'static str,
    pub(crate) wanted: usize,
    pub(crate) ready: usize,
    pub(crate) took_ms: u64,
    /// When half of them, and 99 in a hundred, were ready; since the beginning of the step.
    pub(crate) half_ms: u64,
    pub(crate) most_ms: u64,
    /// What went wrong on the way, and how often.
    pub(crate) troubles: BTreeMap<String, usize>,
}

impl Wave {
    /// Of times since the beginning of the step.
    pub(crate) fn new(step: &'static str, wanted: usize, mut times: Vec<Duration>, took: Duration) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(index).copied().map_or(0, millis)
        };
        let (half_ms, most_ms) = (at(50), at(99));
        let ready = times.len();
        Self { step, wanted, ready, took_ms: millis(took), half_ms, most_ms, troubles: BTreeMap::new() }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Whoever gathers.
pub(crate) struct Crowd {
    tell: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    open: Arc<AtomicUsize>,
}

/// One socket's way to tell.
#[derive(Clone)]
pub(crate) struct Member {
    tell: mpsc::Sender<Event>,
    open: Arc<AtomicUsize>,
}

/// Counts a socket as open for as long as it is kept.
pub(crate) struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Member {
    /// All that was hoped for has come.
    pub(crate) async fn ready(&self) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(&self.open));
        self.say(Event::Ready).await;
        open
    }

    pub(crate) async fn trouble(&self, what: String) {
        self.say(Event::Trouble(what)).await;
    }

    async fn say(&self, event: Event) {
        // Nobody listens at the end of the program only.
        let _ended = self.tell.send(event).await;
    }
}

impl Crowd {
    pub(crate) fn new() -> Self {
        let (tell, events) = mpsc::channel(EVENTS);
        Self { tell, events, open: Arc::default() }
    }

    pub(crate) fn member(&self) -> Member {
        Member { tell: self.tell.clone(), open: Arc::clone(&self.open) }
    }

    /// Waits until so many are ready.
    pub(crate) async fn gather(&mut self, step: &'static str, wanted: usize, limit: Duration) -> Wave {
        let begun = Instant::now();
        let (mut times, mut troubles) = (Vec::with_capacity(wanted), BTreeMap::new());
        while times.len() < wanted {
            match timeout_at(begun + limit, self.events.recv()).await {
                Ok(Some(Event::Ready)) => times.push(begun.elapsed()),
                Ok(Some(Event::Trouble(what))) => *troubles.entry(what).or_default() += 1,
                Ok(None) | Err(_) => break,
            }
        }
        let wave = Wave::new(step, wanted, times, begun.elapsed());
        Wave { troubles, ..wave }
    }

    /// Looks on for a time: `ready` are those that are open at its end. What happened since the step before counts too.
    pub(crate) async fn watch(&mut self, step: &'static str, wanted: usize, time: Duration) -> Wave {
        let begun = Instant::now();
        let mut troubles = BTreeMap::new();
        while let Ok(Some(event)) = timeout_at(begun + time, self.events.recv()).await {
            if let Event::Trouble(what) = event {
                *troubles.entry(what).or_default() += 1;
            }
        }
        let ready = self.open.load(Ordering::Relaxed);
        Wave { step, wanted, ready, took_ms: millis(begun.elapsed()), troubles, ..Wave::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_most_are_times_that_were_measured() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        let wave = Wave::new("agents", 300, times, Duration::from_secs(1));
        assert_eq!((wave.ready, wave.half_ms, wave.most_ms, wave.took_ms), (200, 101, 199, 1_000));
        let nothing = Wave::new("agents", 300, Vec::new(), Duration::from_secs(1));
        assert_eq!((nothing.ready, nothing.half_ms), (0, 0));
    }

    #[tokio::test]
    async fn a_step_ends_when_all_are_ready_and_tells_the_troubles() {
        let mut crowd = Crowd::new();
        let member = crowd.member();
        member.trouble("refused".into()).await;
        let open = member.ready().await;
        let wave = crowd.gather("agents", 1, Duration::from_secs(60)).await;
        assert_eq!((wave.ready, wave.troubles["refused"]), (1, 1));
        assert_eq!(crowd.watch("held", 1, Duration::ZERO).await.ready, 1);
        drop(open);
        assert_eq!(crowd.watch("held", 1, Duration::ZERO).await.ready, 0);
        assert_eq!(crowd.gather("late", 1, Duration::ZERO).await.ready, 0);
    }
}
