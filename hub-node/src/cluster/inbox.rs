//! What other nodes ask and tell, and what is done when a link comes up or may have lost something.
//!
//! Notices are not kept by whoever sends them. Instead, whenever some may be missing, both sides put right what they
//! hold: agents' sockets attach to their owner again (which sends open commands again), consoles join their topics
//! again (and get what they missed), rows of the dashboard are told again, and so are ended sessions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actors::agent_conn::sockets::AgentSockets;
use actors::host::{Addresses, Host};
use actors::live_hub::fleet::Fleet;
use actors::ports::{Bell as _, Downlink as _, LiveFeed as _, Publication};
use actors::retailer::request::{Request, Router as _};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use messages::http::cluster::NodeFigures;
use messages::ids::BootId;
use messages::{ErrorCode, Problem, RetailerId};

use super::keeper::KeeperHandle;
use super::link::{Inbound, Lost, Trace};
use super::relay::ClusterFeed;
use super::view;
use super::wire::{self, Answer, Notice, Question};
use crate::access::{Access, Ending};
use crate::ingestion::bells::Bells;

/// Rows in one notice: some dozens of kilobytes.
const ROWS_AT_ONCE: usize = 200;
/// Ended sessions that are told again when a link comes up: more end in no quarter of an hour.
const ENDINGS_KEPT: usize = 1_024;
/// Kept this long: no token that was made before lives longer.
const ENDINGS_FOR: Duration = Duration::from_secs(20 * 60);
/// The answer has to be on its way before nobody waits for it any more.
const ON_ITS_WAY: Duration = Duration::from_millis(10);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    pub host: Arc<Host>,
    pub addresses: Addresses,
    pub agents: AgentSockets,
    pub fleet: Fleet,
    pub feed: ClusterFeed,
    pub access: Access,
    pub keeper: KeeperHandle,
    pub endings: Endings,
    pub bells: Bells,
}

/// Sessions that were ended and rights that were changed here lately.
#[derive(Clone, Default)]
pub struct Endings(Arc<Mutex<VecDeque<(Instant, Ending)>>>);

impl Endings {
    pub(super) fn put(&self, ending: Ending) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(at, _)| at.elapsed() < ENDINGS_FOR);
        if all.len() == ENDINGS_KEPT {
            all.pop_front();
        }
        all.push_back((Instant::now(), ending));
    }

    fn all(&self) -> Vec<Ending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, ending)| *ending).collect()
    }
}

/// As a notice to the other nodes.
pub(super) const fn ending_notice(ending: Ending) -> Notice {
    match ending {
        Ending::Session(session) => Notice::SessionEnded(session),
        Ending::RightsChanged(user) => Notice::RightsChanged(user),
    }
}

impl Inbox {
    #[must_use]
    pub fn figures(&self) -> NodeFigures {
        NodeFigures {
            agent_sockets: self.agents.count() as u64,
            console_sockets: self.feed.consoles.all().len() as u64,
            retailers_active: self.addresses.count() as u64,
            rss_bytes: view::rss(),
        }
    }

    async fn answer(self, from: BootId, body: Bytes, left: Duration) -> Answer {
        match wire::decode(&body) {
            Ok(Question::Retailer { retailer, request }) => {
                if matches!(request, Request::Watch { .. }) {
                    // Before the answer is made: what happens after it is told.
                    self.feed.interest.note(from, retailer, Instant::now());
                }
                Answer::Retailer(self.host.ask(retailer, request, left).await)
            }
            Ok(Question::Node) => Answer::Node { figures: self.figures(), links: view::links(&self.feed) },
            Err(problem) => Answer::Refused(problem),
        }
    }

    /// Puts right what this node holds that `peer` owns, and tells `peer` what it should know of this one.
    async fn make_good(self, peer: BootId) {
        let map = self.feed.map.clone();
        let theirs = move |retailer: RetailerId| map.now().owner_of(retailer) == Some(peer);
        self.agents.attach_again(&theirs);
        self.feed.consoles.rejoin(&(Arc::new(theirs) as actors::live_hub::Those));
        self.tell_all(peer).await;
    }

    /// What `peer` should know of this node.
    async fn tell_all(&self, peer: BootId) {
        let (topology, me) = (self.feed.map.now(), self.feed.me);
        let rows = self.fleet.rows(|retailer| topology.owner_of(retailer) == Some(me));
        for some in rows.chunks(ROWS_AT_ONCE) {
            self.feed.others.tell([peer], &Notice::Rows(some.to_vec()));
        }
        for ending in self.endings.all() {
            self.feed.others.tell([peer], &ending_notice(ending));
        }
        let watched = self.feed.consoles.watched(Duration::from_secs(5)).await;
        self.feed.others.tell([peer], &Notice::Watching(watched));
    }

    fn take(&self, from: BootId, notice: Notice) {
        match notice {
            Notice::Deliver { to, frame } => self.agents.send(to, frame),
            Notice::Announce { retailer } => self.agents.announce(retailer),
            Notice::Published(publication) => self.feed.receive(from, publication),
            Notice::Rows(rows) => {
                for row in rows {
                    self.feed.consoles.publish(Publication::Summary(row));
                }
            }
            Notice::Watching(mut watched) => {
                watched.sort_unstable();
                self.feed.interest.replace(from, &watched, Instant::now());
            }
            Notice::Moved => self.keeper.look_now(),
            Notice::Again => {
                tokio::spawn(self.clone().make_good(from));
            }
            Notice::SessionEnded(session) => self.access.note_ended(session),
            Notice::RightsChanged(user) => self.access.note_rights_changed(user),
            Notice::CatalogueChanged(retailer) => self.bells.ring(retailer),
        }
    }
}

impl Inbound for Inbox {
    fn ask(&self, from: BootId, body: Bytes, until: Instant, _: Option<Trace>) -> BoxFuture<'static, Bytes> {
        let own = self.clone();
        Box::pin(async move {
            let left = until.saturating_duration_since(Instant::now()).saturating_sub(ON_ITS_WAY);
            let answer = own.answer(from, body, left).await;
            wire::encode(&answer).unwrap_or_else(|problem| {
                tracing::error!(%problem, "an answer to another node cannot be sent");
                let refused = Answer::Refused(Problem::new(ErrorCode::Internal, problem.detail));
                wire::encode(&refused).unwrap_or_default()
            })
        })
    }

    fn tell(&self, from: BootId, body: Bytes) {
        match wire::decode(&body) {
            Ok(notice) => self.take(from, notice),
            Err(problem) => {
                tracing::warn!(node = %from, %problem, "a notice of another node is not understood")
            }
        }
    }

    fn missed(&self, from: BootId, tells: u64) {
        tracing::info!(node = %from, tells, "notices of another node are missing; catching up");
        self.feed.others.tell([from], &Notice::Again);
        tokio::spawn(self.clone().make_good(from));
    }

    fn link_up(&self, peer: BootId) {
        tracing::info!(node = %peer, "the link to a node is up");
        // The peer found the link up a moment earlier or later. What it was told, or answered with, before this moment is
        // lost, so whoever is second has the other begin again.
        self.feed.others.tell([peer], &Notice::Again);
        tokio::spawn(self.clone().make_good(peer));
    }

    fn link_down(&self, peer: BootId, why: Lost) {
        tracing::warn!(node = %peer, %why, "the link to a node is down");
        self.feed.interest.forget(peer);
        if why != Lost::Stopped {
            self.keeper.link_lost(peer);
        }
    }
}
