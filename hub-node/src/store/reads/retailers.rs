//! The list of retailers, with how each one does.

use std::collections::HashMap;

use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use messages::http::paging::{ListQuery, Page};
use messages::http::retailers::RetailerSummary;
use messages::validate::Check;
use messages::{Problem, RetailerId};

use super::cursor::{cut, decode, encode};
use super::search::anywhere_folded;
use crate::store::documents::TenantDocument;
use crate::store::documents::agent::AgentDoc;
use crate::store::documents::job::JobDoc;
use crate::store::documents::retailer::RetailerDoc;
use crate::store::documents::run::RunDoc;
use crate::store::documents::shop::ShopDoc;
use crate::store::documents::value::{StoredId as _, Unreadable};
use crate::store::tenant::{ScopedDb, number};

/// What the list can be sorted by: the name in queries, and the field.
const SORTS: [(&str, &str); 3] = [("name", "name_key"), ("code", "code"), ("last_run", "last_run_at")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    name: &'static str,
    field: &'static str,
    descending: bool,
}

impl Order {
    fn of(query: &ListQuery, check: &mut Check) -> Self {
        let wanted = query.sort.as_deref().unwrap_or("name");
        let (descending, name) = wanted.strip_prefix('-').map_or((false, wanted), |name| (true, name));
        let known = SORTS.iter().find(|(known, _)| *known == name);
        check.ensure(known.is_some(), "sort", "must be name, code or last_run, with - before it to reverse");
        let (name, field) = known.copied().unwrap_or(("name", "name_key"));
        Self { name, field, descending }
    }

    fn list(self) -> String {
        format!("retailers by {}{}", if self.descending { "-" } else { "" }, self.name)
    }

    fn sort(self) -> Document {
        let direction = if self.descending { -1 } else { 1 };
        doc! { self.field: direction, "_id": direction }
    }

    /// The sort value of a row, as the cursor holds it.
    fn place(self, row: &RetailerDoc) -> Place {
        match self.name {
            "code" => Place::Text(row.code.clone(), row.id),
            "last_run" => Place::Date(row.last_run_at, row.id),
            _ => Place::Text(row.name_key.clone(), row.id),
        }
    }

    fn beyond(self, place: Place) -> Document {
        let beyond = if self.descending { "$lt" } else { "$gt" };
        let (value, id): (Bson, _) = match place {
            Place::Text(text, id) => (text.into(), id),
            Place::Date(date, id) => (date.into(), id),
        };
        doc! { "$or": [
            { self.field: { beyond: value.clone() } },
            { self.field: value, "_id": { beyond: id } },
        ] }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
enum Place {
    Text(String, bson::Uuid),
    Date(bson::DateTime, bson::Uuid),
}

impl ScopedDb {
    /// One page. `agents_online` is 0: only the live actors know it.
    ///
    /// States: `enabled`, `disabled`, `failing` (a job's latest run failed). `agent_down` is known to the live actors
    /// only: ask them for the retailers, then [`ScopedDb::retailers_among`].
    pub async fn retailers(&self, query: &ListQuery) -> Result<Page<RetailerSummary>, Problem> {
        let mut check = Check::new();
        let state = match query.state.as_deref() {
            None => doc! {},
            Some("enabled") => doc! { "enabled": true },
            Some("disabled") => doc! { "enabled": false },
            Some("failing") => self.failing().await?,
            Some(_) => {
                check.fail("state", "must be enabled, disabled, failing or agent_down");
                doc! {}
            }
        };
        self.page(query, state, check).await
    }

    /// One page of those among `retailers` that are in scope; the query's state is not looked at.
    pub async fn retailers_among(
        &self,
        query: &ListQuery,
        retailers: &[RetailerId],
    ) -> Result<Page<RetailerSummary>, Problem> {
        let ids: Vec<Bson> = retailers.iter().map(|id| id.stored().into()).collect();
        self.page(query, doc! { "_id": { "$in": ids } }, Check::new()).await
    }

    async fn page(
        &self,
        query: &ListQuery,
        state: Document,
        mut check: Check,
    ) -> Result<Page<RetailerSummary>, Problem> {
        let order = Order::of(query, &mut check);
        check.finish()?;
        let mut conditions = vec![state];
        if let Some(like) = anywhere_folded(query.q.as_deref()) {
            conditions.push(doc! { "$or": [{ "name_key": like.clone() }, { "code": like }] });
        }
        let all = doc! { "$and": conditions.clone() };
        if let Some(cursor) = &query.cursor {
            conditions.push(order.beyond(decode(&order.list(), cursor)?));
        }
        let size = query.page_size();
        let (rows, total) = tokio::try_join!(
            self.find::<RetailerDoc>(doc! { "$and": conditions }, order.sort(), size + 1),
            self.count::<RetailerDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(&order.list(), order.place(last)))?;
        let ids: Vec<Bson> = rows.iter().map(|row| row.id.into()).collect();
        let counts = self.counts(doc! { "retailer_id": { "$in": ids } }).await?;
        let items = rows.into_iter().map(|row| counts.summary(row)).collect::<Result<_, _>>();
        Ok(Page { items: items.map_err(StoreError::from)?, next, total })
    }

    /// Every retailer in scope. A handful of questions however many there are.
    pub async fn all_summaries(&self) -> Result<Vec<RetailerSummary>, StoreError> {
        let counts = self.counts(doc! {}).await?;
        let mut rows = self.stream::<RetailerDoc>(doc! {}).await?;
        let mut summaries = Vec::new();
        while let Some(row) = rows.try_next().await? {
            summaries.push(counts.summary(row)?);
        }
        Ok(summaries)
    }

    /// Retailers with a job whose latest run failed, as a condition on retailers.
    async fn failing(&self) -> Result<Document, StoreError> {
        let groups = self.aggregate::<JobDoc>(doc! { "failing": true }, vec![group(doc! {})]).await?;
        let ids: Vec<Bson> = groups.into_iter().filter_map(|mut group| group.remove("_id")).collect();
        Ok(doc! { "_id": { "$in": ids } })
    }

    async fn counts(&self, wanted: Document) -> Result<Counts, StoreError> {
        let mut open = wanted.clone();
        open.insert("over", false);
        let failing = doc! { "failing": { "$sum": { "$cond": ["$failing", 1, 0] } } };
        let (stores, agents, jobs, active) = tokio::try_join!(
            self.per_retailer::<ShopDoc>(wanted.clone(), doc! {}),
            self.per_retailer::<AgentDoc>(wanted.clone(), doc! {}),
            self.per_retailer::<JobDoc>(wanted, failing),
            self.per_retailer::<RunDoc>(open, doc! {}),
        )?;
        Ok(Counts { stores, agents, jobs, active })
    }

    async fn per_retailer<T: TenantDocument>(
        &self,
        wanted: Document,
        also: Document,
    ) -> Result<HashMap<[u8; 16], Group>, StoreError> {
        let groups = self.aggregate::<T>(wanted, vec![group(also)]).await?;
        let read = |group: Document| {
            let Some(Bson::Binary(id)) = group.get("_id") else { return None };
            let id = id.to_uuid().ok()?.bytes();
            let count = |key| number(&group, key).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            Some((id, Group { count: count("count"), failing: count("failing") }))
        };
        Ok(groups.into_iter().filter_map(read).collect())
    }
}

fn group(also: Document) -> Document {
    let mut fields = doc! { "_id": "$retailer_id", "count": { "$sum": 1 } };
    fields.extend(also);
    doc! { "$group": fields }
}

#[derive(Debug, Clone, Copy, Default)]
struct Group {
    count: u32,
    failing: u32,
}

/// How many of what each retailer has.
struct Counts {
    stores: HashMap<[u8; 16], Group>,
    agents: HashMap<[u8; 16], Group>,
    jobs: HashMap<[u8; 16], Group>,
    active: HashMap<[u8; 16], Group>,
}

impl Counts {
    fn summary(&self, row: RetailerDoc) -> Result<RetailerSummary, Unreadable> {
        let key = row.id.bytes();
        let of = |groups: &HashMap<[u8; 16], Group>| groups.get(&key).copied().unwrap_or_default();
        Ok(RetailerSummary {
            id: RetailerId::read(row.id),
            code: row.code,
            name: row.name,
            enabled: row.enabled,
            stores: of(&self.stores).count,
            agents_total: of(&self.agents).count,
            agents_online: 0,
            jobs: of(&self.jobs).count,
            runs_active: of(&self.active).count,
            jobs_failing: of(&self.jobs).failing,
            last_run: row.last_run.map(TryInto::try_into).transpose()?,
        })
    }
}
