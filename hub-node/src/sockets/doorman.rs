//! Access tokens for the console's actor.

use actors::ports::{Doorman, Visitor};
use futures_util::future::BoxFuture;
use messages::{Problem, Secret};

use crate::access::Access;

/// The actors' view of [`Access`].
pub(super) struct AccessDoorman(pub(super) Access);

impl Doorman for AccessDoorman {
    fn admit<'a>(&'a self, token: &'a Secret) -> BoxFuture<'a, Result<Visitor, Problem>> {
        Box::pin(async move {
            let caller = self.0.authenticate(token.expose()).await?;
            Ok(Visitor {
                user: caller.user,
                session: caller.session,
                role: caller.role,
                scope: caller.scope,
                until: caller.until,
            })
        })
    }
}
