//! Which agents are connected, and how long ago they were heard of. Pure: instants are passed in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use messages::run::Presence;
use messages::version::Epoch;
use messages::{AgentId, RunId, Timestamp};

use crate::ports::ConnAddr;

/// Silence after which an agent's state is not known.
pub const UNKNOWN_AFTER: Duration = Duration::from_secs(30);
/// Silence after which it counts as down.
pub const DOWN_AFTER: Duration = Duration::from_secs(120);

/// Numbers sockets of agents, on whichever nodes they are: each number is higher than all of lower epochs, and than all
/// that this process has given. Not the actor's own, which may start again within its epoch.
#[derive(Debug, Clone, Default)]
pub struct Generations(Arc<AtomicU64>);

impl Generations {
    /// Bits for the numbers of one epoch: a thousand sockets a second for thirty years.
    const BITS: u32 = 40;

    #[must_use]
    pub fn next(&self, epoch: Epoch) -> u64 {
        (epoch.0 << Self::BITS) | self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Was this socket opened after the one that is known? One of a node of the build before has no epoch in its number, and
    /// nothing can be said of it but that it says hello now.
    const fn is_later(of: u64, known: u64) -> bool {
        let foreign = of >> Self::BITS == 0 && known >> Self::BITS != 0;
        of >= known || foreign
    }
}

/// What is known of an agent since this actor started.
#[derive(Debug, Clone)]
struct Seen {
    conn: Option<ConnAddr>,
    heard: Instant,
    heard_at: Timestamp,
    active: Vec<RunId>,
    /// What was told last, to tell only changes.
    told: Presence,
}

/// All agents of a retailer that were connected since its actor started.
#[derive(Debug, Default)]
pub struct Connections {
    seen: HashMap<AgentId, Seen>,
    /// Until then an agent that was not heard of may still be about to attach, after a change of hands: nobody knows.
    settled_at: Option<Instant>,
    /// Sent away since the actor started: there is nothing to wait for.
    sent_away: HashSet<AgentId>,
}

/// Why a socket is not the agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// A newer one has taken its place.
    Superseded,
    /// This actor has not seen it yet: it shall attach.
    Unknown,
}

impl Connections {
    /// Of an actor that starts now.
    #[must_use]
    pub fn starting(now: Instant) -> Self {
        Self { settled_at: Some(now + UNKNOWN_AFTER), ..Self::default() }
    }

    /// From now on an agent that was not heard of is down. True once.
    pub fn settles(&mut self, now: Instant) -> bool {
        self.settled_at.take_if(|at| *at <= now).is_some()
    }

    /// Was this agent connected since the actor started?
    #[must_use]
    pub fn has_seen(&self, agent: AgentId) -> bool {
        self.seen.contains_key(&agent) || self.sent_away.contains(&agent)
    }

    /// A socket said hello. An older generation is refused; a replaced socket is returned, to be closed.
    pub fn attach(
        &mut self,
        conn: ConnAddr,
        active: Vec<RunId>,
        now: Instant,
        at: Timestamp,
    ) -> Result<Option<ConnAddr>, Stray> {
        let known = self.seen.get(&conn.agent).and_then(|seen| seen.conn);
        if known.is_some_and(|old| !Generations::is_later(conn.generation, old.generation)) {
            return Err(Stray::Superseded);
        }
        self.sent_away.remove(&conn.agent);
        let told = self.seen.get(&conn.agent).map_or(Presence::Never, |seen| seen.told);
        self.seen.insert(conn.agent, Seen { conn: Some(conn), heard: now, heard_at: at, active, told });
        Ok(known.filter(|old| *old != conn))
    }

    /// Any frame: the agent lives.
    pub fn alive(
        &mut self,
        conn: ConnAddr,
        active: Option<Vec<RunId>>,
        now: Instant,
        at: Timestamp,
    ) -> Result<(), Stray> {
        let seen = self.seen.get_mut(&conn.agent).ok_or(Stray::Unknown)?;
        match seen.conn {
            Some(known) if known == conn => {}
            Some(known) if known.generation > conn.generation => return Err(Stray::Superseded),
            _ => return Err(Stray::Unknown),
        }
        (seen.heard, seen.heard_at) = (now, at);
        if let Some(active) = active {
            seen.active = active;
        }
        Ok(())
    }

    /// The socket is gone; true if it was the agent's.
    pub fn detach(&mut self, conn: ConnAddr) -> bool {
        let current = self.seen.get_mut(&conn.agent).filter(|seen| seen.conn == Some(conn));
        current.map(|seen| seen.conn = None).is_some()
    }

    pub fn forget(&mut self, agent: AgentId) -> Option<ConnAddr> {
        self.sent_away.insert(agent);
        self.seen.remove(&agent).and_then(|seen| seen.conn)
    }

    #[must_use]
    pub fn conn(&self, agent: AgentId) -> Option<ConnAddr> {
        self.seen.get(&agent).and_then(|seen| seen.conn)
    }

    /// Presence and last sign of life. `stored` is what the documents say of the time before this actor.
    #[must_use]
    pub fn presence(
        &self,
        agent: AgentId,
        stored: Option<Timestamp>,
        now: Instant,
    ) -> (Presence, Option<Timestamp>) {
        match self.seen.get(&agent) {
            Some(seen) => (presence(seen, now), Some(seen.heard_at)),
            None if stored.is_some() && self.may_come(agent, now) => (Presence::Unknown, stored),
            None if stored.is_some() => (Presence::Down, stored),
            None => (Presence::Never, None),
        }
    }

    fn may_come(&self, agent: AgentId, now: Instant) -> bool {
        self.settled_at.is_some_and(|at| now < at) && !self.sent_away.contains(&agent)
    }

    #[must_use]
    pub fn online(&self, now: Instant) -> usize {
        self.seen.values().filter(|seen| presence(seen, now).is_connected()).count()
    }

    /// Agents whose presence has changed since it was told last; they are told by this call.
    pub fn changes(&mut self, now: Instant) -> Vec<(AgentId, Presence, Timestamp)> {
        let changed = self.seen.iter_mut().filter_map(|(agent, seen)| {
            let current = presence(seen, now);
            (std::mem::replace(&mut seen.told, current) != current).then_some((
                *agent,
                current,
                seen.heard_at,
            ))
        });
        changed.collect()
    }

    /// When a presence will change if nobody is heard of until then.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Duration> {
        let waits = self.seen.values().filter_map(|seen| {
            let silence = now.saturating_duration_since(seen.heard);
            let next = match presence(seen, now) {
                Presence::Online | Presence::Busy => UNKNOWN_AFTER,
                Presence::Unknown => DOWN_AFTER,
                Presence::Down | Presence::Never => return None,
            };
            Some(next.saturating_sub(silence))
        });
        waits.chain(self.settled_at.map(|at| at.saturating_duration_since(now))).min()
    }
}

fn presence(seen: &Seen, now: Instant) -> Presence {
    let silence = now.saturating_duration_since(seen.heard);
    match seen.conn {
        _ if silence >= DOWN_AFTER => Presence::Down,
        _ if silence >= UNKNOWN_AFTER => Presence::Unknown,
        // A closed socket is not yet a dead agent: it has the time of a reconnect before it is called unknown.
        None => Presence::Unknown,
        Some(_) if seen.active.is_empty() => Presence::Online,
        Some(_) => Presence::Busy,
    }
}

#[cfg(test)]
mod tests {
    use messages::ConnId;
    use messages::ids::BootId;

    use super::*;

    fn conn(agent: AgentId, generation: u64) -> ConnAddr {
        ConnAddr { node: BootId::new(), conn: ConnId::new(), agent, generation }
    }

    #[test]
    fn silence_turns_online_to_unknown_to_down() {
        let (agent, start) = (AgentId::new(), Instant::now());
        let mut connections = Connections::default();
        let socket = conn(agent, 1);
        assert_eq!(connections.attach(socket, vec![], start, Timestamp(0)), Ok(None));
        for (seconds, expected) in
            [(0, Presence::Online), (29, Presence::Online), (30, Presence::Unknown), (120, Presence::Down)]
        {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(connections.presence(agent, None, now).0, expected, "after {seconds} s");
        }
        let later = start + Duration::from_secs(60);
        connections.alive(socket, Some(vec![RunId::new()]), later, Timestamp(60_000)).unwrap();
        assert_eq!(connections.presence(agent, None, later), (Presence::Busy, Some(Timestamp(60_000))));
    }

    #[test]
    fn a_later_socket_has_a_higher_number_also_after_a_change_of_hands() {
        let (first, second) = (Generations::default(), Generations::default());
        let mut numbers: Vec<u64> = (0..3).map(|_| first.next(Epoch(7))).collect();
        // The actor starts again within its epoch, and asks the same numbers.
        numbers.push(first.clone().next(Epoch(7)));
        numbers.push(second.next(Epoch(8)));
        numbers.push(first.next(Epoch(9)));
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    /// A node of the build before numbers its sockets from one.
    #[test]
    fn a_hello_from_a_node_of_the_build_before_is_heard() {
        let (agent, now) = (AgentId::new(), Instant::now());
        let mut connections = Connections::default();
        let numbers = Generations::default();
        let (new, foreign) = (conn(agent, numbers.next(Epoch(3))), conn(agent, 41));
        assert_eq!(connections.attach(new, vec![], now, Timestamp(0)), Ok(None));
        assert_eq!(connections.attach(foreign, vec![], now, Timestamp(0)), Ok(Some(new)));
        assert_eq!(connections.attach(conn(agent, 40), vec![], now, Timestamp(0)), Err(Stray::Superseded));
        let newer = conn(agent, numbers.next(Epoch(3)));
        assert_eq!(connections.attach(newer, vec![], now, Timestamp(0)), Ok(Some(foreign)));
        // It is not heard again only because it still talks.
        assert_eq!(connections.alive(foreign, None, now, Timestamp(0)), Err(Stray::Superseded));
    }

    #[test]
    fn the_highest_generation_wins() {
        let (agent, now) = (AgentId::new(), Instant::now());
        let mut connections = Connections::default();
        let (old, new) = (conn(agent, 1), conn(agent, 2));
        assert_eq!(connections.attach(new, vec![], now, Timestamp(0)), Ok(None));
        assert_eq!(connections.attach(old, vec![], now, Timestamp(0)), Err(Stray::Superseded));
        assert_eq!(connections.alive(old, None, now, Timestamp(0)), Err(Stray::Superseded));
        let newest = conn(agent, 3);
        assert_eq!(connections.attach(newest, vec![], now, Timestamp(0)), Ok(Some(new)));
        assert!(!connections.detach(new), "the replaced socket's end changes nothing");
        assert_eq!(connections.conn(agent), Some(newest));
    }

    #[test]
    fn changes_are_told_once() {
        let (agent, start) = (AgentId::new(), Instant::now());
        let mut connections = Connections::default();
        let socket = conn(agent, 1);
        connections.attach(socket, vec![], start, Timestamp(0)).unwrap();
        assert_eq!(connections.changes(start), [(agent, Presence::Online, Timestamp(0))]);
        assert_eq!(connections.changes(start), []);
        assert_eq!(connections.next_change(start), Some(UNKNOWN_AFTER));
        connections.detach(socket);
        assert_eq!(connections.changes(start), [(agent, Presence::Unknown, Timestamp(0))]);
        assert_eq!(connections.next_change(start), Some(DOWN_AFTER));
    }

    #[test]
    fn for_a_while_nobody_knows_of_those_that_were_there_before() {
        let start = Instant::now();
        let mut connections = Connections::starting(start);
        let stored = Some(Timestamp(5));
        let later = start + UNKNOWN_AFTER;
        assert_eq!(connections.presence(AgentId::new(), stored, start), (Presence::Unknown, stored));
        assert_eq!(connections.presence(AgentId::new(), None, start), (Presence::Never, None));
        assert_eq!(connections.next_change(start), Some(UNKNOWN_AFTER));
        assert_eq!(connections.presence(AgentId::new(), stored, later), (Presence::Down, stored));
        assert!(!connections.settles(start));
        assert!(connections.settles(later) && !connections.settles(later), "told once");
        assert_eq!(connections.next_change(later), None);
    }

    #[test]
    fn before_it_is_heard_of_the_documents_count() {
        let connections = Connections::default();
        let now = Instant::now();
        assert_eq!(connections.presence(AgentId::new(), None, now), (Presence::Never, None));
        assert_eq!(
            connections.presence(AgentId::new(), Some(Timestamp(5)), now),
            (Presence::Down, Some(Timestamp(5)))
        );
    }
}
