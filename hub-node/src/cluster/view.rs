//! The cluster as an administrator sees it from this node.

use std::sync::Arc;
use std::time::Duration;

use actors::observe::Register;
use futures_util::future::{BoxFuture, join_all};
use messages::http::cluster::{
    ClusterView, LinkState, LinkView, NodeFigures, NodeState, NodeView, RoundTrip, ShardView,
};
use messages::ids::BootId;
use messages::{ErrorCode, Problem, Timestamp};

use super::inbox::Inbox;
use super::lease::LeaseTerms;
use super::link;
use super::ownership::Ownership;
use super::relay::ClusterFeed;
use super::shard::Shard;
use super::wire::{Answer, Question};
use crate::metrics::Gauges;
use crate::store::{NodeRow, OwnershipStore};

/// A node that takes longer is shown without figures.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the admin page asks. Cheap to clone.
#[derive(Clone)]
pub struct Overview {
    pub inbox: Inbox,
    pub store: Arc<OwnershipStore>,
    pub ownership: Ownership,
    /// Nobody else can join.
    pub single: bool,
}

impl Overview {
    /// What this node can tell of itself at once.
    #[must_use]
    pub fn gauges(&self, register: &Register) -> Gauges {
        let (figures, links) = (self.inbox.figures(), links(&self.inbox.feed));
        Gauges {
            agent_sockets: figures.agent_sockets,
            console_sockets: figures.console_sockets,
            retailers_active: figures.retailers_active,
            resident_bytes: figures.rss_bytes,
            shards_owned: self.ownership.changed().borrow().len() as u64,
            lease: self.ownership.is_valid(),
            links_up: links.iter().filter(|link| link.state == LinkState::Up).count() as u64,
            links_known: links.len() as u64,
            actors: register.count() as u64,
            actor_restarts: register.restarts(),
        }
    }

    pub async fn view(&self) -> Result<ClusterView, Problem> {
        let feed = &self.inbox.feed;
        let at = Timestamp::now();
        let known = self.store.known().await?;
        let map = feed.map.now();
        let asked = known.iter().map(|row| async {
            match (row.boot == feed.me, map.node(row.boot)) {
                (true, _) => Some((self.inbox.figures(), links(feed))),
                (false, Some(_)) => self.ask(row.boot).await,
                (false, None) => None,
            }
        });
        let told = join_all(asked).await;
        let mut links: Vec<LinkView> = told.iter().flatten().flat_map(|(_, links)| links.clone()).collect();
        links.sort_by_key(|link| (link.from, link.to));
        let mut nodes: Vec<NodeView> = known
            .into_iter()
            .zip(told)
            .map(|(row, told)| {
                let living = map.node(row.boot).is_some() || row.boot == feed.me;
                node(row, at, living, told.map(|(figures, _)| figures))
            })
            .collect();
        nodes.sort_by_key(|node| (node.state == NodeState::Dead, node.started_at));
        let place = |shard: Shard| {
            let place = map.place(shard);
            ShardView { shard: shard.number(), owner: place.owner, epoch: place.epoch }
        };
        Ok(ClusterView {
            at,
            this_node: feed.me,
            single: self.single,
            lease_ms: millis(LeaseTerms::default().ttl),
            nodes,
            shards: Shard::all().map(place).collect(),
            links,
            moves: feed.map.moves(),
        })
    }

    async fn ask(&self, node: BootId) -> Option<(NodeFigures, Vec<LinkView>)> {
        match self.inbox.feed.others.ask(node, &Question::Node, PATIENCE).await {
            Ok(Answer::Node { figures, links }) => Some((figures, links)),
            _ => None,
        }
    }

    /// Asks a node to give its shards away. It goes on answering, for others.
    pub async fn drain(&self, node: BootId) -> Result<(), Problem> {
        let map = self.inbox.feed.map.now();
        let stays = |row: &&NodeRow| row.boot != node && !row.leaving;
        if map.nodes().find(stays).is_none() {
            let detail = "no other node would stay to take its shards; start another one first";
            return Err(Problem::new(ErrorCode::WrongState, detail));
        }
        if !self.store.ask_to_leave(node).await? {
            return Err(Problem::new(
                ErrorCode::NotFound,
                "there is no such node; it may have stopped already",
            ));
        }
        self.inbox.keeper.look_now();
        // It would notice by itself within its next renewal.
        self.inbox.feed.others.tell([node], &super::wire::Notice::Moved);
        Ok(())
    }
}

impl crate::http::ClusterDirectory for Overview {
    fn view(&self) -> BoxFuture<'_, Result<ClusterView, Problem>> {
        Box::pin(Self::view(self))
    }

    fn has_lease(&self) -> bool {
        self.ownership.is_valid()
    }

    fn drain(&self, node: BootId) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(Self::drain(self, node))
    }
}

fn node(row: NodeRow, at: Timestamp, living: bool, figures: Option<NodeFigures>) -> NodeView {
    let left = u32::try_from(row.lease_until.0.saturating_sub(at.0)).unwrap_or(0);
    let state = match (living, row.leaving) {
        (true, false) => NodeState::Serving,
        (true, true) => NodeState::Leaving,
        (false, _) => NodeState::Dead,
    };
    NodeView {
        id: row.boot,
        name: Some(row.name).filter(|name| !name.is_empty()),
        address: row.address,
        cluster_address: row.cluster_address,
        version: row.version,
        state,
        started_at: row.started_at,
        lease_left_ms: if living { left } else { 0 },
        figures,
    }
}

/// The links of this node.
#[must_use]
pub(super) fn links(feed: &ClusterFeed) -> Vec<LinkView> {
    let shown = |view: link::LinkView| LinkView {
        from: feed.me,
        to: view.peer,
        state: match view.state {
            link::LinkState::Up => LinkState::Up,
            link::LinkState::Waiting => LinkState::Down,
            _ => LinkState::Connecting,
        },
        since: view.since,
        rtt_us: view.round_trip.map(|trip| RoundTrip { p50: micros(trip.p50), p99: micros(trip.p99) }),
        in_flight: u32::try_from(view.in_flight).unwrap_or(u32::MAX),
        queued: 0,
    };
    feed.others.views().into_iter().map(shown).collect()
}

/// Resident memory of this process; 0 where the system does not tell.
#[must_use]
pub(super) fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1_024)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
