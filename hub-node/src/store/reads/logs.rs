//! Pages of a run's log, from the oldest line on or from the newest back.

use bson::doc;
use messages::http::paging::Page;
use messages::http::runs::{LogOrder, LogQuery};
use messages::run::LogLine;
use messages::{Problem, RunId};

use super::cursor::{cut, decode, encode};
use super::search::anywhere;
use crate::store::documents::log::{LogDoc, rank};
use crate::store::documents::value::StoredId as _;
use crate::store::take::read_all;
use crate::store::tenant::TenantDb;

/// How each order is sorted, compared with the place of a cursor, and named in it.
struct Direction {
    list: &'static str,
    sort: i32,
    beyond: &'static str,
}

const OLDEST_FIRST: Direction = Direction { list: "log", sort: 1, beyond: "$gt" };
const NEWEST_FIRST: Direction = Direction { list: "log-newest", sort: -1, beyond: "$lt" };

const DEFAULT_LIMIT: u32 = 200;
/// Lines of up to 2,000 characters: a page stays under 2 MiB.
const MAX_LIMIT: u32 = 1_000;

impl TenantDb {
    pub async fn log(&self, run: RunId, query: &LogQuery) -> Result<Page<LogLine>, Problem> {
        self.must_exist().await?;
        let mut all = doc! { "run_id": run.stored() };
        if let Some(level) = query.level {
            all.insert("level", doc! { "$gte": rank(level) });
        }
        if let Some(like) = anywhere(query.q.as_deref()) {
            all.insert("text", like);
        }
        let mut wanted = all.clone();
        let Direction { list, sort, beyond } = match query.order.unwrap_or_default() {
            LogOrder::Oldest => OLDEST_FIRST,
            LogOrder::Newest => NEWEST_FIRST,
        };
        if let Some(cursor) = &query.cursor {
            let (at, seq): (bson::DateTime, i64) = decode(list, cursor)?;
            wanted.insert(
                "$or",
                vec![doc! { "at": { beyond: at } }, doc! { "at": at, "seq": { beyond: seq } }],
            );
        }
        let size = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT) as usize;
        let (rows, total) = tokio::try_join!(
            self.find::<LogDoc>(wanted, doc! { "at": sort, "seq": sort }, size + 1),
            self.count::<LogDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(list, (last.at, last.seq)))?;
        Ok(Page { items: read_all(rows)?, next, total })
    }
}
