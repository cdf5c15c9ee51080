//! Which devices are heard of, and what they tell of themselves beside their events. Pure: times are passed in.
//!
//! Nothing of this is stored. A new life of the actor knows nobody, and says so for as long as a device that is there
//! may take to be heard again.

use std::collections::BTreeMap;
use std::time::Duration;

use messages::edge::pulse::EdgePulse;
use messages::http::figures::DeviceCounts;
use messages::run::Presence;
use messages::{EdgeId, Timestamp};

use super::model::Edge;
use super::request::Heard;

/// As for agents (AGT-3): several pulses have been missed.
const SILENT_AFTER: Duration = Duration::from_secs(30);
const DOWN_AFTER: Duration = Duration::from_secs(120);

/// One entry a device that was heard of: as many as there are places, which are limited.
#[derive(Debug)]
pub(super) struct Pulses {
    /// When this life began to listen.
    since: Timestamp,
    heard: BTreeMap<EdgeId, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    at: Timestamp,
    pulse: Option<EdgePulse>,
    /// As it was shown last.
    shown: Presence,
}

impl Pulses {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { since: now, heard: BTreeMap::new() }
    }

    /// A device has said something. True when there is something new to show.
    pub(super) fn hear(&mut self, edge: EdgeId, pulse: Option<EdgePulse>, now: Timestamp) -> bool {
        let before = self.heard.get(&edge);
        let known = before.is_some_and(|entry| entry.shown == Presence::Online);
        let told = before.and_then(|entry| entry.pulse.clone());
        let news = !known || (pulse.is_some() && pulse != told);
        let entry = Entry { at: now, pulse: pulse.or(told), shown: Presence::Online };
        self.heard.insert(edge, entry);
        news
    }

    /// Time has passed, and places may be gone. True when a device is silent now that was not before.
    pub(super) fn look(&mut self, edges: &BTreeMap<EdgeId, Edge>, now: Timestamp) -> bool {
        let before = self.heard.len();
        // A device that was revoked and enrolled anew is another one.
        self.heard.retain(|id, _| edges.get(id).is_some_and(|edge| edge.credential.is_some()));
        let mut news = self.heard.len() != before;
        for entry in self.heard.values_mut() {
            let present = presence(now.since(entry.at));
            news |= std::mem::replace(&mut entry.shown, present) != present;
        }
        news
    }

    /// How many devices there are and how they do, and how much waits in them.
    pub(super) fn counts(&self, edges: &BTreeMap<EdgeId, Edge>, now: Timestamp) -> (DeviceCounts, u64) {
        let (mut counts, mut backlog) = (DeviceCounts::default(), 0);
        for edge in edges.values().filter(|edge| edge.credential.is_some()) {
            let heard = self.one(edge, now);
            counts.enrolled += 1;
            counts.online += u32::from(heard.presence.is_connected());
            counts.down += u32::from(heard.presence == Presence::Down);
            backlog += heard.pulse.map_or(0, |pulse| pulse.unsent);
        }
        (counts, backlog)
    }

    /// Of every place that there is.
    pub(super) fn told(&self, edges: &BTreeMap<EdgeId, Edge>, now: Timestamp) -> Vec<Heard> {
        edges.values().map(|edge| self.one(edge, now)).collect()
    }

    fn one(&self, edge: &Edge, now: Timestamp) -> Heard {
        let entry = self.heard.get(&edge.id).filter(|_| edge.credential.is_some());
        let presence = match entry {
            Some(entry) => presence(now.since(entry.at)),
            None if edge.enrolled_at.is_none() => Presence::Never,
            // Revoked: whoever may still be there is not listened to.
            None if edge.credential.is_none() => Presence::Down,
            // Nobody has listened for so long yet.
            None => presence(now.since(self.since).max(SILENT_AFTER)),
        };
        let pulse = entry.and_then(|entry| entry.pulse.clone());
        Heard { edge: edge.id, presence, last_seen_at: entry.map(|entry| entry.at), pulse }
    }
}

fn presence(silent: Duration) -> Presence {
    if silent >= DOWN_AFTER {
        Presence::Down
    } else if silent >= SILENT_AFTER {
        Presence::Unknown
    } else {
        Presence::Online
    }
}

#[cfg(test)]
mod tests {
    use messages::{StoreId, StreamId};

    use super::*;
    use crate::domain::SecretHash;

    const START: Timestamp = Timestamp(1_000_000);

    fn after(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    fn edge(enrolled: bool) -> Edge {
        Edge {
            id: EdgeId::new(),
            store: StoreId::new(),
            name: "Till".into(),
            created_at: START,
            token: None,
            credential: enrolled.then_some(SecretHash([1; 32])),
            revoked: false,
            device: None,
            enrolled_at: enrolled.then_some(START),
        }
    }

    fn pulse(stream_id: StreamId, unsent: u64) -> EdgePulse {
        EdgePulse { stream_id, unsent, oldest_unsent_at: None, version: "1".into() }
    }

    #[test]
    fn silence_is_told_once_and_a_word_ends_it() {
        let there = edge(true);
        let edges = BTreeMap::from([(there.id, there.clone())]);
        let mut pulses = Pulses::new(START);
        assert!(pulses.hear(there.id, None, after(1)), "it has come");
        assert!(!pulses.hear(there.id, None, after(2)), "it is still there");
        let mut told = Vec::new();
        for second in [10, 31, 32, 33, 121, 122, 200] {
            told.push((pulses.look(&edges, after(second)), pulses.told(&edges, after(second))[0].presence));
        }
        assert_eq!(
            told,
            [
                (false, Presence::Online),
                (false, Presence::Online),
                (true, Presence::Unknown),
                (false, Presence::Unknown),
                (false, Presence::Unknown),
                (true, Presence::Down),
                (false, Presence::Down),
            ]
        );
        assert!(pulses.hear(there.id, None, after(201)));
        assert_eq!(pulses.told(&edges, after(201))[0].presence, Presence::Online);
    }

    #[test]
    fn what_a_device_tells_is_news_when_it_differs_and_outlives_a_batch() {
        let (there, stream) = (edge(true), StreamId::new());
        let edges = BTreeMap::from([(there.id, there.clone())]);
        let mut pulses = Pulses::new(START);
        assert!(pulses.hear(there.id, Some(pulse(stream, 3)), after(1)));
        assert!(!pulses.hear(there.id, Some(pulse(stream, 3)), after(2)));
        assert!(pulses.hear(there.id, Some(pulse(stream, 0)), after(3)));
        assert!(!pulses.hear(there.id, None, after(4)));
        let told = pulses.told(&edges, after(4)).remove(0);
        assert_eq!(told.pulse, Some(pulse(stream, 0)));
        let counts = DeviceCounts { enrolled: 1, online: 1, down: 0 };
        assert_eq!(pulses.counts(&edges, after(4)), (counts, 0));
        assert_eq!(told.last_seen_at, Some(after(4)));
    }

    #[test]
    fn who_was_never_heard_is_told_apart_from_who_is_gone() {
        let (enrolled, waiting) = (edge(true), edge(false));
        let revoked = Edge { credential: None, revoked: true, ..edge(true) };
        let edges: BTreeMap<_, _> =
            [&enrolled, &waiting, &revoked].into_iter().map(|edge| (edge.id, edge.clone())).collect();
        let mut pulses = Pulses::new(START);
        pulses.hear(revoked.id, None, after(0));
        let of = |pulses: &Pulses, id, at| {
            pulses.told(&edges, at).into_iter().find(|heard| heard.edge == id).unwrap().presence
        };
        assert_eq!(of(&pulses, enrolled.id, after(1)), Presence::Unknown, "it may be heard in a moment");
        assert_eq!(of(&pulses, enrolled.id, after(120)), Presence::Down);
        assert_eq!(of(&pulses, waiting.id, after(1)), Presence::Never);
        assert_eq!(of(&pulses, revoked.id, after(1)), Presence::Down);
        assert!(pulses.look(&edges, after(1)), "the revoked one is forgotten");
    }
}
