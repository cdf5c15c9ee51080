//! A retailer's runs, newest first.

use actors::domain::Run;
use actors::ports::StoreError;
use bson::{Document, doc};
use messages::http::paging::{ListQuery, Page};
use messages::http::runs::RunView;
use messages::run::RunState;
use messages::{AgentId, ErrorCode, JobId, Problem, Timestamp};

use super::cursor::{cut, decode, encode};
use crate::store::documents::run::RunDoc;
use crate::store::documents::value::StoredId as _;
use crate::store::tenant::TenantDb;

const LIST: &str = "runs";

/// Which runs are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunFilter {
    pub job: Option<JobId>,
    pub state: Option<RunState>,
    pub agent: Option<AgentId>,
    /// Made at this instant or later.
    pub from: Option<Timestamp>,
    /// Made before this instant.
    pub until: Option<Timestamp>,
}

impl RunFilter {
    /// What of it is a condition on identifiers: they begin with the time of making, to the millisecond.
    fn identifiers(&self) -> Document {
        let mut bounds = doc! {};
        for (operator, at) in [("$gte", self.from), ("$lt", self.until)] {
            if let Some(at) = at {
                bounds.insert(operator, first_of(at));
            }
        }
        bounds
    }
}

/// The lowest identifier that can have been made at this instant.
fn first_of(at: Timestamp) -> bson::Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.0.max(0).to_be_bytes()[2..]);
    bson::Uuid::from_bytes(bytes)
}

impl TenantDb {
    /// One page. Identifiers of runs are in the order of making, so they are the sort key.
    pub async fn runs(&self, filter: &RunFilter, query: &ListQuery) -> Result<Page<RunView>, Problem> {
        self.must_exist().await?;
        let mut all = doc! {};
        if let Some(job) = filter.job {
            all.insert("job_id", job.stored());
        }
        if let Some(state) = filter.state {
            all.insert("state", state.as_str());
        }
        if let Some(agent) = filter.agent {
            all.insert("agent_id", agent.stored());
        }
        let mut identifiers = filter.identifiers();
        if !identifiers.is_empty() {
            all.insert("_id", identifiers.clone());
        }
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let last: (bson::Uuid,) = decode(LIST, cursor)?;
            // The last one shown was made within the time that is asked for.
            identifiers.insert("$lt", last.0);
            wanted.insert("_id", identifiers);
        }
        let size = query.page_size();
        let (rows, total) = tokio::try_join!(
            self.find::<RunDoc>(wanted, doc! { "_id": -1 }, size + 1),
            self.count::<RunDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(LIST, (last.id,)))?;
        let view = |row: RunDoc| Ok(Run::try_from(row)?.view(self.retailer()));
        let items = rows.into_iter().map(view).collect::<Result<_, StoreError>>()?;
        Ok(Page { items, next, total })
    }

    /// A deleted retailer's runs stay until they are swept away; nobody is shown them.
    pub(in crate::store) async fn must_exist(&self) -> Result<(), Problem> {
        if self.exists().await? {
            Ok(())
        } else {
            Err(Problem::new(ErrorCode::NotFound, "there is no such retailer"))
        }
    }
}
