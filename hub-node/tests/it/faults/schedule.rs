//! What goes wrong when: drawn from a seed, the same for ever. Pure.
//!
//! Faults overlap, as they do in life, but no process is paused and killed at once, and no line is cut twice: then the
//! end of one fault would heal another.

use std::fmt;
use std::time::Duration;

use super::draw::Draw;

/// Hub nodes in a cluster: the fewest of which a majority is not everybody.
pub(super) const NODES: usize = 3;
/// Between the first fault and the first moment without a new one, in the short form of continuous integration.
pub(super) const SHORT: Duration = Duration::from_secs(5);
/// A lease is 6 seconds: what is shorter must not move a shard, what is longer must.
const PAUSE_MS: (u64, u64) = (2_000, 12_000);
const SHORT_PAUSE_MS: (u64, u64) = (2_000, 8_500);

/// Longer than a lease and its take-over, shorter than a commit is tried.
const PAUSE_WRITING_MS: (u64, u64) = (8_300, 9_200);
pub(super) const HELD_BACK: Duration = Duration::from_millis(300);

/// One end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Node(usize),
    Database,
}

/// What a node's clock shows when it starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Right,
    HourAhead,
    HourBehind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Ended without a word; started again on its data folder when the time is over.
    Kill { node: usize, clock: Clock },
    /// Stopped by the kernel, and woken.
    Pause { node: usize },
    /// The same with writes under way: answers of the database are held back for [`HELD_BACK`] before. When the node is
    /// woken another one owns its shards, but the time for those writes is not over.
    PauseWriting { node: usize },
    /// What `from` sends does not reach `to`; with `both`, nor the other way.
    Cut { from: Place, to: Place, both: bool },
    /// What a node sends trickles.
    Slow { node: usize },
    /// The database process ends without a word, and is started again.
    KillDatabase,
    /// Everybody waits for the database, which then does all it was asked meanwhile.
    PauseDatabase,
    /// Told to stop; a new process with an empty data folder takes its place.
    Drain { node: usize },
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

/// What a fault keeps busy while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Busy {
    Process(Place),
    Line(Place, Place),
    Speed(usize),
}

/// Draws the faults of a seed. New ones begin within `span`.
pub(super) fn schedule(seed: u64, span: Duration) -> Schedule {
    let mut draw = Draw::new(seed);
    let mut events: Vec<Event> = Vec::new();
    let mut at = Duration::from_millis(draw.between(300, 900));
    while at < span {
        let fault = fault(&mut draw);
        let lasts = lasts(&mut draw, &fault, span);
        let event = Event { at, lasts, fault };
        let free = events.iter().all(|other| other.ends() + REST <= at || !both_use(&other.fault, &fault));
        if free {
            events.push(event);
        }
        at += Duration::from_millis(draw.between(300, 2_000));
    }
    Schedule { seed, events }
}

/// A process needs a moment to start before it is ended again.
const REST: Duration = Duration::from_secs(1);

fn fault(draw: &mut Draw) -> Fault {
    let node = draw.below(NODES);
    match draw.below(20) {
        0..=2 => Fault::Kill { node, clock: Clock::Right },
        3 => Fault::Kill { node, clock: Clock::HourAhead },
        4 => Fault::Kill { node, clock: Clock::HourBehind },
        5..=6 => Fault::Pause { node },
        7..=8 => Fault::PauseWriting { node },
        9..=10 => {
            let other = (node + 1 + draw.below(NODES - 1)) % NODES;
            Fault::Cut { from: Place::Node(node), to: Place::Node(other), both: draw.below(2) == 0 }
        }
        11..=13 => match draw.below(3) {
            0 => Fault::Cut { from: Place::Database, to: Place::Node(node), both: false },
            1 => Fault::Cut { from: Place::Node(node), to: Place::Database, both: false },
            _ => Fault::Cut { from: Place::Node(node), to: Place::Database, both: true },
        },
        14..=15 => Fault::Slow { node },
        16..=17 => Fault::KillDatabase,
        18 => Fault::PauseDatabase,
        _ => Fault::Drain { node },
    }
}

fn lasts(draw: &mut Draw, fault: &Fault, span: Duration) -> Duration {
    let long = if span > SHORT { PAUSE_MS } else { SHORT_PAUSE_MS };
    let (least, most) = match fault {
        Fault::Kill { .. } => (100, 3_000),
        Fault::Pause { .. } | Fault::Cut { .. } => long,
        Fault::PauseWriting { .. } => PAUSE_WRITING_MS,
        Fault::Slow { .. } => (1_000, 5_000),
        Fault::KillDatabase => (0, 2_000),
        Fault::PauseDatabase => (500, 7_000),
        // As long as it takes; this is only when the next fault of this node may come.
        Fault::Drain { .. } => (5_000, 5_000),
    };
    Duration::from_millis(draw.between(least, most))
}

fn both_use(one: &Fault, other: &Fault) -> bool {
    busy(one).iter().any(|thing| busy(other).contains(thing))
}

fn busy(fault: &Fault) -> Vec<Busy> {
    match *fault {
        Fault::Kill { node, .. } | Fault::Pause { node } | Fault::Drain { node } => {
            vec![Busy::Process(Place::Node(node))]
        }
        Fault::PauseWriting { node } => {
            vec![Busy::Process(Place::Node(node)), Busy::Line(Place::Node(node), Place::Database)]
        }
        Fault::KillDatabase | Fault::PauseDatabase => vec![Busy::Process(Place::Database)],
        Fault::Cut { from, to, .. } => vec![Busy::Line(from.min(to), from.max(to))],
        Fault::Slow { node } => vec![Busy::Speed(node)],
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "hub-{node}"),
            Self::Database => f.write_str("database"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { node, clock: Clock::Right } => write!(f, "hub-{node} killed, started again"),
            Self::Kill { node, clock: Clock::HourAhead } => {
                write!(f, "hub-{node} killed, started again with its clock an hour ahead")
            }
            Self::Kill { node, clock: Clock::HourBehind } => {
                write!(f, "hub-{node} killed, started again with its clock an hour behind")
            }
            Self::Pause { node } => write!(f, "hub-{node} paused"),
            Self::PauseWriting { node } => write!(f, "hub-{node} paused with writes under way"),
            Self::Cut { from, to, both: true } => write!(f, "{from} and {to} cut off from each other"),
            Self::Cut { from, to, both: false } => write!(f, "what {from} sends to {to} is lost"),
            Self::Slow { node } => write!(f, "what hub-{node} sends trickles"),
            Self::KillDatabase => f.write_str("the database killed, started again"),
            Self::PauseDatabase => f.write_str("the database paused"),
            Self::Drain { node } => write!(f, "hub-{node} told to stop, a new one in its place"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        for event in &self.events {
            let (at, ends) = (event.at.as_secs_f32(), event.ends().as_secs_f32());
            writeln!(f, "  {at:5.1} s to {ends:5.1} s  {}", event.fault)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_a_seed_means_the_same_for_ever() {
        for seed in 0..50 {
            assert_eq!(schedule(seed, SHORT), schedule(seed, SHORT));
        }
        assert_ne!(schedule(1, SHORT).events, schedule(2, SHORT).events);
        let first = schedule(1, SHORT).to_string();
        assert!(first.starts_with("seed 1:\n"), "{first}");
    }

    #[test]
    fn faults_every_kind_comes_up_in_the_seeds_of_continuous_integration() {
        let all: Vec<Event> = (1..=20).flat_map(|seed| schedule(seed, SHORT).events).collect();
        let wanted: [(&str, fn(&Event) -> bool); 10] = [
            ("kill", |event| matches!(event.fault, Fault::Kill { clock: Clock::Right, .. })),
            ("clock", |event| {
                matches!(event.fault, Fault::Kill { clock: Clock::HourAhead | Clock::HourBehind, .. })
            }),
            ("pause", |event| matches!(event.fault, Fault::Pause { .. })),
            ("pause amid writes", |event| matches!(event.fault, Fault::PauseWriting { .. })),
            ("one-way cut", |event| matches!(event.fault, Fault::Cut { both: false, .. })),
            ("cut from the database", |event| {
                matches!(event.fault, Fault::Cut { from: Place::Node(_), to: Place::Database, both: true })
            }),
            ("slow", |event| matches!(event.fault, Fault::Slow { .. })),
            ("database killed", |event| event.fault == Fault::KillDatabase),
            ("database paused", |event| event.fault == Fault::PauseDatabase),
            ("drain", |event| matches!(event.fault, Fault::Drain { .. })),
        ];
        for (name, is) in wanted {
            assert!(all.iter().any(is), "no {name} within twenty seeds");
        }
    }

    #[test]
    fn faults_of_one_process_or_line_do_not_overlap() {
        for seed in 0..500 {
            let events = schedule(seed, Duration::from_secs(30)).events;
            for (n, event) in events.iter().enumerate() {
                for later in &events[n + 1..] {
                    let apart = event.ends() <= later.at;
                    assert!(
                        apart || !both_use(&event.fault, &later.fault),
                        "seed {seed}: {event:?} {later:?}"
                    );
                }
            }
        }
    }
}
