//! A child: how to start it, and what to do when it ends.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorRef, SpawnErr};

use super::policy::RestartPolicy;
use crate::observe::{Observable, Observe, observer};

/// Called when a child has failed too often; it gets the child's id.
pub type GiveUp = Arc<dyn Fn(&str) + Send + Sync>;
/// Called when a life that was announced has ended, however it ended.
pub type OnEnd = Arc<dyn Fn(ActorId) + Send + Sync>;

type Start = Arc<dyn Fn(ActorCell) -> BoxFuture<'static, Result<Started, SpawnErr>> + Send + Sync>;

/// A child that runs.
pub struct Started {
    pub(super) cell: ActorCell,
    pub(super) observe: Observe,
    /// Publishes the address. The supervisor calls it, so that nothing is announced that it has given up meanwhile.
    pub(super) announce: Box<dyn FnOnce() + Send>,
}

/// What `pre_start` fails with when there is nothing to do: the child is removed instead of being tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWanted(pub String);

/// One entry of a supervisor's list.
#[derive(Clone)]
pub struct ChildSpec {
    /// Unique among its siblings; the last part of its path.
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) policy: RestartPolicy,
    pub(super) start: Start,
    pub(super) give_up: Option<GiveUp>,
    pub(super) end: Option<OnEnd>,
}

impl ChildSpec {
    /// `make` is called for every start, so that each life begins with fresh arguments.
    pub fn new<A>(
        id: impl Into<String>,
        kind: &'static str,
        policy: RestartPolicy,
        make: impl Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    ) -> Self
    where
        A: Actor,
        A::Msg: Observable,
    {
        Self::announced(id, kind, policy, make, |_| {})
    }

    /// Like [`ChildSpec::new`]; `announce` is told each new life, to publish its address, before anyone who waits for
    /// the child is answered. [`ChildSpec::on_end`] takes the address back.
    pub fn announced<A>(
        id: impl Into<String>,
        kind: &'static str,
        policy: RestartPolicy,
        make: impl Fn() -> (A, A::Arguments) + Send + Sync + 'static,
        announce: impl Fn(ActorRef<A::Msg>) + Send + Sync + 'static,
    ) -> Self
    where
        A: Actor,
        A::Msg: Observable,
    {
        let announce = Arc::new(announce);
        let start: Start = Arc::new(move |supervisor| {
            let (actor, arguments) = make();
            let announce = announce.clone();
            Box::pin(async move {
                let (child, _) = Actor::spawn_linked(None, actor, arguments, supervisor).await?;
                let cell = child.get_cell();
                let observe = observer(child.clone());
                Ok(Started { cell, observe, announce: Box::new(move || announce(child)) })
            })
        });
        Self { id: id.into(), kind, policy, start, give_up: None, end: None }
    }

    #[must_use]
    pub fn on_give_up(self, give_up: GiveUp) -> Self {
        Self { give_up: Some(give_up), ..self }
    }

    pub(super) fn tell_end(&self, actor: ActorId) {
        if let Some(end) = &self.end {
            end(actor);
        }
    }

    #[must_use]
    pub fn on_end(self, end: OnEnd) -> Self {
        Self { end: Some(end), ..self }
    }
}
