//! Numbers of agents' sockets as the build before draws them, for owners of that build; see ADR 0032. To go with it.

use actors::ports::StoreError;
use messages::{AgentId, RetailerId};

use super::documents::value::count;
use super::failure;
use super::handle::Store;
use super::retry::{READ, persist};
use super::tenant::TenantDb;

impl Store {
    /// A number that is drawn and not used does no harm.
    pub async fn next_generation(&self, retailer: RetailerId, agent: AgentId) -> Result<u64, StoreError> {
        let tenant = TenantDb::new(self, retailer);
        let drawn = persist(READ, || {
            let tenant = tenant.clone();
            async move {
                match tenant.draw_generation(agent).await {
                    // Two sockets make the document at once: then it is there now.
                    Err(error) if failure::is_duplicate_key(&error) => tenant.draw_generation(agent).await,
                    other => other,
                }
            }
        });
        Ok(count(drawn.await?.generation, "generation")?)
    }
}
