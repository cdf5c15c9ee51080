//! What this node remembers of sessions: who they belong to, for a few seconds, and which have been ended.
//!
//! A change made on this node counts at once; one made on another node after [`FRESH`] at the latest.
//! Ended sessions are told to the open sockets of this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use messages::{SessionId, UserId};
use tokio::sync::broadcast;

use super::token::LIFETIME_S;
use super::user::User;

/// A console asks several times a second; the store is asked once in this time.
pub(crate) const FRESH: Duration = Duration::from_secs(3);
/// Sessions at work at a time: a thousand consoles and some to spare. Past it, entries are looked up again.
const MAX_KNOWN: usize = 4_096;
/// Endings that a socket may lag behind before it must check its own session.
const BACKLOG: usize = 1_024;

/// What open sockets must know. A receiver that lags ([`broadcast::error::RecvError::Lagged`]) has missed some and
/// must authenticate again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// This session is over: say goodbye without return.
    Session(SessionId),
    /// The user's rights have changed: their sockets must say hello again with a new token.
    RightsChanged(UserId),
}

/// The memory of one node.
pub(crate) struct Directory {
    inner: Mutex<Inner>,
    endings: broadcast::Sender<Ending>,
    /// Those of them that were made on this node.
    made_here: broadcast::Sender<Ending>,
}

#[derive(Default)]
struct Inner {
    known: HashMap<SessionId, (Instant, Arc<User>)>,
    /// Until when a token of the session could still be valid.
    ended: HashMap<SessionId, Instant>,
    /// Grows with each change, so that what was read before a change is not remembered after it.
    changes: u64,
}

/// What is remembered of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recall {
    Ended,
    Known(Arc<User>),
    /// Ask the store, then [`Directory::learn`] with this mark.
    Unknown {
        mark: u64,
    },
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            endings: broadcast::channel(BACKLOG).0,
            made_here: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Directory {
    #[must_use]
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Ending> {
        self.endings.subscribe()
    }

    /// For telling the other nodes.
    #[must_use]
    pub(crate) fn subscribe_made_here(&self) -> broadcast::Receiver<Ending> {
        self.made_here.subscribe()
    }

    #[must_use]
    pub(crate) fn recall(&self, session: SessionId, now: Instant) -> Recall {
        let inner = self.lock();
        if inner.ended.contains_key(&session) {
            return Recall::Ended;
        }
        match inner.known.get(&session) {
            Some((at, user)) if now.saturating_duration_since(*at) < FRESH => Recall::Known(Arc::clone(user)),
            _ => Recall::Unknown { mark: inner.changes },
        }
    }

    /// Remembers what the store said, unless something has changed since the mark was given.
    pub(crate) fn learn(&self, session: SessionId, user: Arc<User>, mark: u64, now: Instant) {
        let mut inner = self.lock();
        if inner.changes != mark {
            return;
        }
        if inner.known.len() >= MAX_KNOWN {
            inner.known.retain(|_, (at, _)| now.saturating_duration_since(*at) < FRESH);
            if inner.known.len() >= MAX_KNOWN {
                inner.known.clear();
            }
        }
        inner.known.insert(session, (now, user));
    }

    /// A session was ended on this node. To be called after the store has it.
    pub(crate) fn end(&self, session: SessionId, now: Instant) {
        self.hear_of_end(session, now);
        // Nobody listens on a node that is the only one.
        drop(self.made_here.send(Ending::Session(session)));
    }

    /// A session is over.
    pub(crate) fn hear_of_end(&self, session: SessionId, now: Instant) {
        {
            let mut inner = self.lock();
            inner.changes += 1;
            inner.known.remove(&session);
            inner.ended.retain(|_, until| *until > now);
            // As long as a token of it could live: this bounds the map by the rate of endings.
            inner.ended.insert(session, now + Duration::from_secs(u64::from(LIFETIME_S) + 60));
        }
        self.tell(Ending::Session(session));
    }

    /// A user's rights were changed on this node. To be called after the store has it.
    pub(crate) fn rights_changed(&self, user: UserId) {
        self.hear_of_rights(user);
        drop(self.made_here.send(Ending::RightsChanged(user)));
    }

    /// A user's rights have changed.
    pub(crate) fn hear_of_rights(&self, user: UserId) {
        {
            let mut inner = self.lock();
            inner.changes += 1;
            inner.known.retain(|_, (_, known)| known.id != user);
        }
        self.tell(Ending::RightsChanged(user));
    }

    fn tell(&self, ending: Ending) {
        // No receiver means no open socket, which is fine.
        drop(self.endings.send(ending));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use messages::permission::{RetailerScope, Role};
    use messages::{Secret, Timestamp, Version};

    use super::*;

    fn user() -> Arc<User> {
        Arc::new(User {
            id: UserId::new(),
            rev: Version(1),
            login: "lan".into(),
            name: "Lan".into(),
            role: Role::Technician,
            scope: RetailerScope::default(),
            enabled: true,
            password_hash: Secret::default(),
            token_generation: 1,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_login_at: None,
        })
    }

    fn mark(recall: Recall) -> u64 {
        match recall {
            Recall::Unknown { mark } => mark,
            other => panic!("expected an unknown session, got {other:?}"),
        }
    }

    #[test]
    fn what_is_learned_is_fresh_for_a_while() {
        let (directory, session, user, now) =
            (Directory::default(), SessionId::new(), user(), Instant::now());
        let seen = mark(directory.recall(session, now));
        directory.learn(session, Arc::clone(&user), seen, now);
        assert_eq!(directory.recall(session, now), Recall::Known(user));
        assert!(matches!(directory.recall(session, now + FRESH), Recall::Unknown { .. }));
    }

    #[test]
    fn a_change_forgets_and_voids_what_is_being_read() {
        let (directory, session, user, now) =
            (Directory::default(), SessionId::new(), user(), Instant::now());
        let before = mark(directory.recall(session, now));
        directory.rights_changed(user.id);
        directory.learn(session, Arc::clone(&user), before, now);
        let after = mark(directory.recall(session, now));
        directory.learn(session, Arc::clone(&user), after, now);
        assert_eq!(directory.recall(session, now), Recall::Known(Arc::clone(&user)));
        directory.rights_changed(user.id);
        assert!(matches!(directory.recall(session, now), Recall::Unknown { .. }));
    }

    #[test]
    fn an_ended_session_is_remembered_as_long_as_its_tokens_live_and_is_told() {
        let (directory, now) = (Directory::default(), Instant::now());
        let [first, second] = [SessionId::new(), SessionId::new()];
        let mut endings = directory.subscribe();
        directory.end(first, now);
        assert_eq!(directory.recall(first, now), Recall::Ended);
        assert_eq!(endings.try_recv().unwrap(), Ending::Session(first));
        directory.end(second, now + Duration::from_secs(700));
        assert!(
            matches!(directory.recall(first, now), Recall::Unknown { .. }),
            "the list does not grow for ever"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let (directory, user, now) = (Directory::default(), user(), Instant::now());
        for _ in 0..MAX_KNOWN * 2 + 7 {
            directory.learn(SessionId::new(), Arc::clone(&user), 0, now);
        }
        assert!(directory.lock().known.len() <= MAX_KNOWN);
    }
}
