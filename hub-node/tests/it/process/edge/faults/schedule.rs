//! What goes wrong when between a till and head office: drawn from a seed, the same for ever. Pure.

use std::fmt;
use std::time::Duration;

use super::super::line::State;
use crate::faults::draw::Draw;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The edge's process ends without a word, and is started again when the time is over.
    KillEdge,
    /// The hub's, and its database with it.
    KillHub,
    /// The database alone; the hub starts it again.
    KillDatabase,
    Line(State),
    /// The edge's disk takes nothing more.
    FullDisk,
}

/// What a fault keeps busy while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Busy {
    Edge,
    Hub,
    Line,
}

impl Fault {
    fn busy(self) -> Busy {
        match self {
            Self::KillEdge | Self::FullDisk => Busy::Edge,
            Self::KillHub | Self::KillDatabase => Busy::Hub,
            Self::Line(_) => Busy::Line,
        }
    }
}

/// A fault, when it begins and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) lasts: Duration,
    pub(super) fault: Fault,
}

impl Event {
    pub(super) fn ends(&self) -> Duration {
        self.at + self.lasts
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) events: Vec<Event>,
}

/// A process needs a moment to start before it is ended again.
const REST: Duration = Duration::from_millis(600);

/// New faults begin within `span`.
pub(super) fn schedule(seed: u64, span: Duration) -> Schedule {
    // Twice: draws of neighbouring seeds are one sequence, begun at neighbouring places.
    let mut draw = Draw::new(Draw::new(seed).next());
    let mut events: Vec<Event> = Vec::new();
    let mut at = Duration::from_millis(draw.between(300, 900));
    while at < span {
        let fault = fault(&mut draw);
        let lasts = Duration::from_millis(match fault {
            Fault::KillEdge | Fault::KillHub => draw.between(0, 1_500),
            Fault::KillDatabase => 0,
            // Longer than the edge's patience with one answer, now and then.
            Fault::Line(_) => draw.between(200, 4_000),
            Fault::FullDisk => draw.between(500, 2_000),
        });
        let event = Event { at, lasts, fault };
        let free = |other: &Event| other.ends() + REST <= at || other.fault.busy() != fault.busy();
        if events.iter().all(free) {
            events.push(event);
        }
        at += Duration::from_millis(draw.between(150, 1_200));
    }
    Schedule { seed, events }
}

fn fault(draw: &mut Draw) -> Fault {
    match draw.below(12) {
        0..=2 => Fault::KillEdge,
        3..=4 => Fault::KillHub,
        5 => Fault::KillDatabase,
        6..=9 => Fault::Line([State::Cut, State::Silent, State::OneWay, State::Slow][draw.below(4)]),
        _ => Fault::FullDisk,
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        for event in &self.events {
            writeln!(f, "  {:>6?} for {:?}: {:?}", event.at, event.lasts, event.fault)?;
        }
        Ok(())
    }
}

#[test]
fn a_seed_means_the_same_for_ever_and_all_faults_come() {
    let span = Duration::from_secs(6);
    assert_eq!(schedule(7, span), schedule(7, span));
    for event in &schedule(7, Duration::from_secs(30)).events {
        let next = schedule(8, Duration::from_secs(30)).events;
        assert!(next.iter().all(|other| other.lasts != event.lasts || event.lasts.is_zero()), "{event:?}");
    }
    let all: Vec<Event> = (1..=60).flat_map(|seed| schedule(seed, span).events).collect();
    for wanted in [Fault::KillEdge, Fault::KillHub, Fault::KillDatabase, Fault::FullDisk] {
        assert!(all.iter().any(|event| event.fault == wanted), "{wanted:?}");
    }
    for state in [State::Cut, State::Silent, State::OneWay, State::Slow] {
        assert!(all.iter().any(|event| event.fault == Fault::Line(state)), "{state:?}");
    }
    assert!(all.iter().all(|event| event.at < span));
}
