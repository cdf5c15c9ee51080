//! News and frames on their way to sockets, wherever those are.
//!
//! What concerns everybody goes to every node. News of one retailer go from its owner to the nodes that watch it; a node
//! that is not the owner (an agent's log lines come in where its socket is) hands them to the owner, which passes them
//! on. Each notice is encoded once. What cannot be sent is not kept: the receiver catches up by itself, see
//! [`super::inbox`].

use std::sync::Arc;

use actors::agent_conn::sockets::AgentSockets;
use actors::live_hub::Consoles;
use actors::ports::{ConnAddr, Downlink, LiveFeed, Publication};
use messages::RetailerId;
use messages::agent::ToAgent;
use messages::ids::BootId;

use super::interest::Interest;
use super::others::Others;
use super::topology::Map;
use super::wire::Notice;

/// Brings publications to the consoles of all nodes. Cheap to clone.
#[derive(Clone)]
pub struct ClusterFeed {
    pub me: BootId,
    pub consoles: Consoles,
    pub map: Map,
    pub others: Others,
    pub interest: Interest,
}

impl ClusterFeed {
    /// Shows it here, and passes it on if this node is the one to do so.
    pub(super) fn receive(&self, from: BootId, publication: Publication) {
        let mine =
            publication.retailer().filter(|retailer| self.map.now().owner_of(*retailer) == Some(self.me));
        if let Some(retailer) = mine
            && !publication.is_for_all()
        {
            let watching = self.interest.of(retailer).into_iter().filter(|node| *node != from);
            self.others.tell(watching, &Notice::Published(publication.clone()));
        }
        self.consoles.publish(publication);
    }

    fn targets(&self, publication: &Publication) -> Vec<BootId> {
        if publication.is_for_all() {
            return self.others.reachable();
        }
        let Some(retailer) = publication.retailer() else { return Vec::new() };
        match self.map.now().owner_of(retailer) {
            Some(owner) if owner != self.me => vec![owner],
            _ => self.interest.of(retailer),
        }
    }
}

impl LiveFeed for ClusterFeed {
    fn publish(&self, publication: Publication) {
        if self.others.links().is_some() {
            let targets = self.targets(&publication);
            if !targets.is_empty() {
                self.others.tell(targets, &Notice::Published(publication.clone()));
            }
        }
        self.consoles.publish(publication);
    }
}

/// Brings frames to agents' sockets on all nodes.
pub struct ClusterDownlink {
    pub me: BootId,
    pub agents: AgentSockets,
    pub others: Others,
}

impl Downlink for ClusterDownlink {
    fn send(&self, to: ConnAddr, frame: ToAgent) {
        if to.node == self.me {
            self.agents.send(to, frame);
        } else {
            self.others.tell([to.node], &Notice::Deliver { to, frame });
        }
    }

    fn announce(&self, retailer: RetailerId) {
        self.agents.announce(retailer);
        if self.others.links().is_some() {
            self.others.tell(self.others.reachable(), &Notice::Announce { retailer });
        }
    }
}

/// For whoever needs it behind a pointer.
#[must_use]
pub fn shared(feed: &ClusterFeed) -> Arc<dyn LiveFeed> {
    Arc::new(feed.clone())
}
