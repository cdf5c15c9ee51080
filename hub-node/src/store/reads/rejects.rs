//! Rejected items of a run, in the order of rows: by page for the console, all of them for the download.

use actors::ports::StoreError;
use bson::doc;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use messages::http::paging::{ListQuery, Page};
use messages::run::Reject;
use messages::{Problem, RunId};

use super::cursor::{cut, decode, encode};
use super::search::anywhere;
use crate::store::documents::reject::RejectDoc;
use crate::store::documents::value::StoredId as _;
use crate::store::take::read_all;
use crate::store::tenant::TenantDb;

const LIST: &str = "rejects";

impl TenantDb {
    /// One page; `q` looks into reasons and rows.
    pub async fn rejects(&self, run: RunId, query: &ListQuery) -> Result<Page<Reject>, Problem> {
        self.must_exist().await?;
        let mut all = doc! { "run_id": run.stored() };
        if let Some(like) = anywhere(query.q.as_deref()) {
            all.insert("$or", vec![doc! { "reason": like.clone() }, doc! { "raw": like }]);
        }
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let last: (i64,) = decode(LIST, cursor)?;
            wanted.insert("row", doc! { "$gt": last.0 });
        }
        let size = query.page_size();
        let (rows, total) = tokio::try_join!(
            self.find::<RejectDoc>(wanted, doc! { "row": 1 }, size + 1),
            self.count::<RejectDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(LIST, (last.row,)))?;
        Ok(Page { items: read_all(rows)?, next, total })
    }

    /// How many are kept.
    pub(in crate::store) async fn count_rejects(&self, run: RunId) -> Result<u64, StoreError> {
        self.count::<RejectDoc>(doc! { "run_id": run.stored() }).await
    }

    /// All of them, one by one.
    pub async fn all_rejects(
        &self,
        run: RunId,
    ) -> Result<BoxStream<'static, Result<Reject, StoreError>>, Problem> {
        self.must_exist().await?;
        let rows = self.stream::<RejectDoc>(doc! { "run_id": run.stored() }, doc! { "row": 1 }).await?;
        Ok(rows.and_then(|row| async { Ok(Reject::try_from(row)?) }).boxed())
    }
}
