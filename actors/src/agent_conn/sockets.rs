//! The agents' sockets of this node, by connection and by retailer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use messages::agent::ToAgent;
use messages::{ConnId, RetailerId};
use ractor::ActorRef;

use super::AgentConnMsg;
use crate::ports::{ConnAddr, Downlink};

/// Finds agents' sockets. Cheap to clone.
#[derive(Clone, Default)]
pub struct AgentSockets {
    all: Arc<Mutex<HashMap<ConnId, (RetailerId, ActorRef<AgentConnMsg>)>>>,
}

impl AgentSockets {
    pub fn put(&self, conn: ConnId, retailer: RetailerId, actor: ActorRef<AgentConnMsg>) {
        self.lock().insert(conn, (retailer, actor));
    }

    pub fn remove(&self, conn: ConnId) {
        self.lock().remove(&conn);
    }

    /// Makes the sockets of these retailers known to their owner again: it is another one, or may have missed something.
    pub fn attach_again(&self, wanted: impl Fn(RetailerId) -> bool) {
        let theirs: Vec<_> = {
            let all = self.lock();
            all.values().filter(|(of, _)| wanted(*of)).map(|(_, actor)| actor.clone()).collect()
        };
        for actor in theirs {
            // A socket that is closing needs no new owner.
            drop(actor.cast(AgentConnMsg::Attach));
        }
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnId, (RetailerId, ActorRef<AgentConnMsg>)>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Downlink for AgentSockets {
    fn send(&self, to: ConnAddr, frame: ToAgent) {
        let actor = self.lock().get(&to.conn).map(|(_, actor)| actor.clone());
        if actor.is_none_or(|actor| actor.cast(AgentConnMsg::Deliver(frame)).is_err()) {
            tracing::debug!(agent = %to.agent, "the socket is gone; commands are sent again at the next hello");
        }
    }

    fn announce(&self, retailer: RetailerId) {
        self.attach_again(|of| of == retailer);
    }
}
