//! The book of connections: who is dialled, when, and what becomes of each connection. Pure: times are passed in, and
//! what is to be done comes out.
//!
//! Of two nodes the one with the smaller boot id dials, so that they never have two connections with each other. A node
//! has at most one connection that counts; a newer one from the same process replaces it, because whoever dials again
//! knows that the old one is dead, while we may not know yet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actors::backoff::Backoff;
use messages::ids::BootId;

use super::api::{LinkState, LinkTerms, Lost, Peer};

/// Nodes in the book. A cluster of more is a mistake.
pub(super) const MAX_NODES: usize = 128;
/// Waits before dialling vary by this share, so that nodes do not dial a returning one all at once.
const JITTER: f64 = 0.33;
/// A link that was good for so long is dialled again soon when it is lost; one that flaps waits longer each time.
const SOUND: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Do {
    Dial {
        boot: BootId,
        address: String,
    },
    /// The connection is used from now on.
    Open {
        conn: u64,
    },
    /// End the connection by all means, whatever state it is in.
    Cut {
        conn: u64,
    },
    /// Tell those who use links.
    Up {
        boot: BootId,
        conn: u64,
    },
    Down {
        boot: BootId,
        why: Lost,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Greeted, and on its way to be answered.
    Settling,
    Answered,
    /// Cut by us; its end was not reported yet.
    Ending,
}

#[derive(Debug)]
struct Link {
    conn: u64,
    phase: Phase,
    since: Instant,
    announced: bool,
}

#[derive(Debug)]
struct Entry {
    /// While it is listed as living.
    address: Option<String>,
    /// What it says of itself.
    said: Option<String>,
    dialling: bool,
    due: Instant,
    waits: Backoff,
    link: Option<Link>,
    /// Connection that waits for the end of the one that it replaces.
    parked: Option<u64>,
    since: Instant,
    losses: u64,
    problem: Option<String>,
}

/// What the admin page shows of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) boot: BootId,
    pub(super) address: Option<String>,
    pub(super) state: LinkState,
    pub(super) since: Instant,
    pub(super) losses: u64,
    pub(super) problem: Option<String>,
}

pub(super) struct Book {
    me: BootId,
    terms: LinkTerms,
    entries: BTreeMap<BootId, Entry>,
}

impl Book {
    pub(super) const fn new(me: BootId, terms: LinkTerms) -> Self {
        Self { me, terms, entries: BTreeMap::new() }
    }

    /// The nodes that live, from now on.
    pub(super) fn list(&mut self, now: Instant, peers: &[Peer]) -> Vec<Do> {
        let mut todo = Vec::new();
        for (boot, entry) in &mut self.entries {
            if entry.address.is_some() && !peers.iter().any(|peer| peer.boot == *boot) {
                entry.address = None;
                entry.since = now;
                entry.cut(*boot, now, Lost::Unlisted, &mut todo);
            }
        }
        let me = self.me;
        for peer in peers.iter().filter(|peer| peer.boot != me) {
            let Some(entry) = self.entry(now, peer.boot) else { continue };
            if entry.address.is_none() {
                entry.due = now;
                entry.since = now;
            }
            entry.address = Some(peer.address.clone());
            entry.announce(peer.boot, &mut todo);
        }
        todo.extend(self.tick(now));
        todo
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Do> {
        let mut todo = Vec::new();
        let (me, terms) = (self.me, self.terms);
        for (boot, entry) in &mut self.entries {
            if let Some(link) = &entry.link {
                let (phase, age) = (link.phase, now.saturating_duration_since(link.since));
                match phase {
                    Phase::Settling if age >= terms.settle => {
                        entry.problem = Some(Lost::Unready.to_string());
                        entry.cut(*boot, now, Lost::Unready, &mut todo);
                    }
                    Phase::Ending if age >= terms.settle => entry.ended(*boot, now, &mut todo),
                    Phase::Answered if entry.address.is_none() && age >= terms.stranger => {
                        entry.cut(*boot, now, Lost::Unlisted, &mut todo);
                    }
                    _ => {}
                }
            }
            let free = entry.link.is_none() && entry.parked.is_none() && !entry.dialling;
            if let Some(address) = &entry.address
                && me < *boot
                && free
                && now >= entry.due
            {
                entry.dialling = true;
                todo.push(Do::Dial { boot: *boot, address: address.clone() });
            }
        }
        self.entries.retain(|_, entry| entry.is_needed());
        todo
    }

    /// Dialling has led to a connection.
    pub(super) fn dialled(&mut self, now: Instant, boot: BootId, conn: u64) -> Vec<Do> {
        let Some(entry) = self.entries.get_mut(&boot) else { return vec![Do::Cut { conn }] };
        entry.dialling = false;
        if entry.address.is_none() || entry.link.is_some() {
            return vec![Do::Cut { conn }];
        }
        entry.link = Some(Link::new(conn, now));
        vec![Do::Open { conn }]
    }

    /// Dialling has failed. True when that is news for the log.
    pub(super) fn not_dialled(&mut self, now: Instant, boot: BootId, problem: String) -> bool {
        let Some(entry) = self.entries.get_mut(&boot) else { return false };
        entry.dialling = false;
        entry.due = now + entry.waits.next_wait();
        let news = entry.problem.as_ref() != Some(&problem);
        entry.problem = Some(problem);
        news
    }

    /// Another node has connected.
    pub(super) fn accepted(&mut self, now: Instant, boot: BootId, said: String, conn: u64) -> Vec<Do> {
        if self.me <= boot {
            // We are the one to dial; two connections would only confuse both sides.
            return vec![Do::Cut { conn }];
        }
        let Some(entry) = self.entry(now, boot) else { return vec![Do::Cut { conn }] };
        entry.said = Some(said);
        let mut todo = Vec::new();
        if entry.link.is_some() {
            if let Some(older) = entry.parked.replace(conn) {
                todo.push(Do::Cut { conn: older });
            }
            entry.cut(boot, now, Lost::Replaced, &mut todo);
        } else {
            entry.link = Some(Link::new(conn, now));
            todo.push(Do::Open { conn });
        }
        todo
    }

    /// The first ping was answered.
    pub(super) fn answered(&mut self, now: Instant, conn: u64) -> Vec<Do> {
        let mut todo = Vec::new();
        if let Some((boot, entry)) = self.of(conn)
            && let Some(link) = &mut entry.link
            && link.phase == Phase::Settling
        {
            link.phase = Phase::Answered;
            link.since = now;
            entry.since = now;
            entry.problem = None;
            entry.announce(boot, &mut todo);
        }
        todo
    }

    /// Heartbeats were not answered.
    pub(super) fn silent(&mut self, now: Instant, conn: u64) -> Vec<Do> {
        let mut todo = Vec::new();
        if let Some((boot, entry)) = self.of(conn) {
            entry.cut(boot, now, Lost::Silent, &mut todo);
        }
        todo
    }

    /// The connection is no more.
    pub(super) fn ended(&mut self, now: Instant, conn: u64) -> Vec<Do> {
        let mut todo = Vec::new();
        if let Some((boot, entry)) = self.of(conn) {
            entry.ended(boot, now, &mut todo);
        } else if let Some(entry) = self.entries.values_mut().find(|entry| entry.parked == Some(conn)) {
            entry.parked = None;
        }
        self.entries.retain(|_, entry| entry.is_needed());
        todo
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let me = self.me;
        let row = |(boot, entry): (&BootId, &Entry)| Row {
            boot: *boot,
            address: entry.address.clone().or_else(|| entry.said.clone()),
            state: entry.state(me < *boot),
            since: entry.since,
            losses: entry.losses,
            problem: entry.problem.clone(),
        };
        self.entries.iter().map(row).collect()
    }

    fn of(&mut self, conn: u64) -> Option<(BootId, &mut Entry)> {
        let mut entries = self.entries.iter_mut();
        entries
            .find(|(_, entry)| entry.link.as_ref().is_some_and(|link| link.conn == conn))
            .map(|(boot, entry)| (*boot, entry))
    }

    fn entry(&mut self, now: Instant, boot: BootId) -> Option<&mut Entry> {
        if !self.entries.contains_key(&boot) && self.entries.len() >= MAX_NODES {
            return None;
        }
        let waits = || Backoff::new(self.terms.first_wait, self.terms.longest_wait, JITTER);
        Some(self.entries.entry(boot).or_insert_with(|| Entry {
            address: None,
            said: None,
            dialling: false,
            due: now,
            waits: waits(),
            link: None,
            parked: None,
            since: now,
            losses: 0,
            problem: None,
        }))
    }
}

impl Link {
    const fn new(conn: u64, now: Instant) -> Self {
        Self { conn, phase: Phase::Settling, since: now, announced: false }
    }
}

impl Entry {
    fn is_needed(&self) -> bool {
        self.address.is_some() || self.link.is_some() || self.parked.is_some() || self.dialling
    }

    fn announce(&mut self, boot: BootId, todo: &mut Vec<Do>) {
        if let Some(link) = &mut self.link
            && self.address.is_some()
            && link.phase == Phase::Answered
            && !link.announced
        {
            link.announced = true;
            todo.push(Do::Up { boot, conn: link.conn });
        }
    }

    fn cut(&mut self, boot: BootId, now: Instant, why: Lost, todo: &mut Vec<Do>) {
        let Some(link) = &mut self.link else { return };
        if link.phase == Phase::Ending {
            return;
        }
        if link.phase == Phase::Answered && now.saturating_duration_since(link.since) >= SOUND {
            self.waits.reset();
        }
        link.phase = Phase::Ending;
        link.since = now;
        todo.push(Do::Cut { conn: link.conn });
        if std::mem::take(&mut link.announced) {
            self.since = now;
            self.losses += 1;
            todo.push(Do::Down { boot, why });
        }
    }

    fn ended(&mut self, boot: BootId, now: Instant, todo: &mut Vec<Do>) {
        let Some(link) = self.link.take() else { return };
        match link.phase {
            Phase::Answered if now.saturating_duration_since(link.since) >= SOUND => self.waits.reset(),
            Phase::Settling => self.problem = Some("the connection ended before the node was ready".into()),
            _ => {}
        }
        if link.announced {
            self.since = now;
            self.losses += 1;
            todo.push(Do::Down { boot, why: Lost::Closed });
        }
        self.due = now + self.waits.next_wait();
        if let Some(conn) = self.parked.take() {
            self.link = Some(Link::new(conn, now));
            todo.push(Do::Open { conn });
        }
    }

    fn state(&self, we_dial: bool) -> LinkState {
        match &self.link {
            Some(link) if link.announced => LinkState::Up,
            Some(link) if link.phase == Phase::Answered => LinkState::Stranger,
            Some(_) => LinkState::Settling,
            None if self.dialling => LinkState::Dialling,
            None if we_dial => LinkState::Waiting,
            None => LinkState::Expecting,
        }
    }
}

#[cfg(test)]
mod tests;
