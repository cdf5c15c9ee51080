//! What `ractor_cluster` says of its sessions, as messages to the keeper.

use ractor::ActorRef;
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeEventSubscription, NodeSessionMessage};

use super::keeper::KeeperMsg;
use super::socket;

/// What `ractor_cluster` says of a session.
pub(super) enum SessionEvent {
    Opened { session: ActorRef<NodeSessionMessage>, node_id: u64 },
    Ready,
    Ended,
}

/// Turns `ractor_cluster`'s calls into messages. A session without our label came in through its own listener, which
/// no node uses.
pub(super) struct Sessions {
    pub(super) keeper: ActorRef<KeeperMsg>,
}

impl Sessions {
    fn pass(&self, session: NodeServerSessionInformation, event: impl FnOnce() -> SessionEvent) {
        match socket::of_label(&session.peer_addr) {
            Some(conn) => {
                if self.keeper.cast(KeeperMsg::Session { conn, event: event() }).is_err() {
                    tracing::debug!("a session has changed after the keeper of links has ended");
                }
            }
            None => session.actor.stop(Some("not through our door".into())),
        }
    }
}

impl NodeEventSubscription for Sessions {
    fn node_session_opened(&self, session: NodeServerSessionInformation) {
        let (actor, node_id) = (session.actor.clone(), session.node_id);
        self.pass(session, || SessionEvent::Opened { session: actor, node_id });
    }

    fn node_session_authenticated(&self, _: NodeServerSessionInformation) {}

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        self.pass(session, || SessionEvent::Ready);
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        self.pass(session, || SessionEvent::Ended);
    }
}
