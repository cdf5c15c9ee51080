//! A retailer's runs, newest first.

use actors::domain::Run;
use actors::ports::StoreError;
use bson::doc;
use messages::http::paging::{ListQuery, Page};
use messages::http::runs::RunView;
use messages::run::RunState;
use messages::{ErrorCode, JobId, Problem};

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
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let last: (bson::Uuid,) = decode(LIST, cursor)?;
            wanted.insert("_id", doc! { "$lt": last.0 });
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
