//! The only ways to documents of retailers.
//!
//! [`TenantDb`] is for one retailer: it adds the retailer to every filter and every document. [`ScopedDb`] is for
//! lists over retailers: it adds the reader's scope to every filter. Neither gives its collection away.

use actors::ports::StoreError;
use bson::raw::{CStr, cstr};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, RawArrayBuf, RawDocumentBuf, doc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use messages::permission::RetailerScope;
use messages::{AgentId, RetailerId};
use mongodb::ClientSession;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ReadConcern, ReturnDocument};
use tokio::sync::SemaphorePermit;

use super::documents::fence::FenceDoc;
use super::documents::generation::GenerationDoc;
use super::documents::retailer::RetailerDoc;
use super::documents::value::{StoredId as _, Unreadable};
use super::documents::{Stored as _, TenantDocument};
use super::failure;
use super::handle::{Store, durable, durable_document};
use super::retry::{READ, persist};

/// Opens collections of tenants' documents. Made in this file only.
pub(super) struct Key(());

const KEY: Key = Key(());
/// Every document of a retailer has it.
const OWNER: &str = "retailer_id";
const OWNER_KEY: &CStr = cstr!("retailer_id");

/// The documents of one retailer. Cheap to make and to clone.
#[derive(Clone, Debug)]
pub struct TenantDb {
    store: Store,
    retailer: RetailerId,
}

/// The documents of all retailers in somebody's scope, to read.
#[derive(Clone, Debug)]
pub struct ScopedDb {
    store: Store,
    scope: RetailerScope,
}

/// Which of a retailer's two fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fence {
    /// Of what people configure and what agents report.
    Retailer,
    /// Of what store edges bring.
    Ledger,
}

impl Fence {
    pub(super) const fn collection(self) -> &'static str {
        match self {
            Self::Retailer => FenceDoc::COLLECTION,
            Self::Ledger => "ledger_fences",
        }
    }

    /// Of what stands behind it. A build that does not know it does not get in, whatever the documents there look like.
    pub(super) const fn shape(self) -> i32 {
        match self {
            Self::Retailer => FenceDoc::SHAPE,
            // 2: events are settled in parts, and sums have a journal.
            Self::Ledger => 2,
        }
    }
}

/// One statement of an `update` command; the retailer is added when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Update {
    pub(super) filter: Document,
    pub(super) change: Change,
    pub(super) upsert: bool,
}

/// What an update does to the document it finds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// The whole document is replaced.
    Replace(Document),
    /// Operators such as `$set`.
    Apply(Document),
}

/// One statement of a write command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Which statement, counted from 0.
    pub(super) index: usize,
    pub(super) code: i32,
    pub(super) message: String,
}

impl TenantDb {
    #[must_use]
    pub fn new(store: &Store, retailer: RetailerId) -> Self {
        Self { store: store.clone(), retailer }
    }

    #[must_use]
    pub const fn retailer(&self) -> RetailerId {
        self.retailer
    }

    /// Written last, so that nothing in `wanted` can stand in its place.
    fn filter(&self, mut wanted: Document) -> Document {
        wanted.insert(OWNER, self.retailer.stored());
        wanted
    }

    pub(super) async fn find<T: TenantDocument>(
        &self,
        wanted: Document,
        sort: Document,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        persist(READ, || {
            let find = collection.find(self.filter(wanted.clone())).sort(sort.clone()).limit(limit);
            async { find.await?.try_collect().await }
        })
        .await
    }

    pub(super) async fn find_one<T: TenantDocument>(
        &self,
        wanted: Document,
    ) -> Result<Option<T>, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        persist(READ, || {
            let find = collection.find_one(self.filter(wanted.clone()));
            async { find.await }
        })
        .await
    }

    /// The retailer's own document. By its identifier: for its owner alone the server would look through all retailers.
    pub(super) async fn own_document(&self) -> Result<Option<RetailerDoc>, StoreError> {
        self.find_one(doc! { "_id": self.retailer.stored() }).await
    }

    pub(super) async fn count<T: TenantDocument>(&self, wanted: Document) -> Result<u64, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        persist(READ, || {
            let count = collection.count_documents(self.filter(wanted.clone()));
            async { count.await }
        })
        .await
    }

    /// Groups of the documents that `wanted` finds; the stages come after the filter.
    pub(super) async fn aggregate<T: TenantDocument>(
        &self,
        wanted: Document,
        stages: Vec<Document>,
    ) -> Result<Vec<Document>, StoreError> {
        aggregate(&self.store, T::COLLECTION, self.filter(wanted), stages).await
    }

    /// Documents one by one, for lists too long to hold.
    pub(super) async fn stream<T: TenantDocument>(
        &self,
        wanted: Document,
        sort: Document,
    ) -> Result<BoxStream<'static, Result<T, StoreError>>, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        let cursor = persist(READ, || {
            let find = collection.find(self.filter(wanted.clone())).sort(sort.clone());
            async { find.await }
        });
        let documents = cursor.await?.map_err(|error| failure::to_store_error(&error));
        Ok(documents.boxed())
    }

    /// A document with the retailer in it, ready to be sent.
    pub(super) fn owned(&self, document: &impl serde::Serialize) -> Result<Document, Unreadable> {
        let mut document = bson::serialize_to_document(document)
            .map_err(|error| Unreadable(format!("a document cannot be written: {error}")))?;
        document.insert(OWNER, self.retailer.stored());
        Ok(document)
    }

    /// Inserts what is not there yet; what is there already stays as it is.
    pub(super) async fn insert_new<T: TenantDocument>(&self, documents: Vec<Document>) -> Result<(), Error> {
        if documents.is_empty() {
            return Ok(());
        }
        let collection = self.store.tenants_untyped(&KEY, T::COLLECTION);
        match collection.insert_many(documents).ordered(false).await {
            Ok(_) => Ok(()),
            Err(error) if only_duplicates(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Inserts documents that are not there; one that is, is refused.
    pub(super) async fn insert(
        &self,
        collection: &str,
        documents: &[RawDocumentBuf],
        session: &mut ClientSession,
    ) -> Result<Result<(), Refusal>, Error> {
        let mut owned = RawArrayBuf::new();
        for document in documents {
            let mut document = document.clone();
            document.append(OWNER_KEY, Binary::from(self.retailer.stored()));
            owned.push(document);
        }
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("insert"), collection);
        command.append(cstr!("documents"), owned);
        let reply = self.store.database().run_raw_command(command).session(session).await?;
        Ok(first_refusal(&reply).map_or(Ok(()), Err))
    }

    /// Carries out updates in their order, within `session`'s transaction if there is one; without, each by itself.
    pub(super) async fn update(
        &self,
        collection: &str,
        updates: &[Update],
        session: Option<&mut ClientSession>,
    ) -> Result<Result<(), Refusal>, Error> {
        let statements: Vec<Bson> = updates.iter().map(|update| self.statement(update).into()).collect();
        self.write(doc! { "update": collection, "updates": statements }, session).await
    }

    /// Deletes everything that each filter finds.
    pub(super) async fn delete(
        &self,
        collection: &str,
        filters: &[Document],
        session: Option<&mut ClientSession>,
    ) -> Result<Result<(), Refusal>, Error> {
        let statement = |filter: &Document| Bson::from(doc! { "q": self.filter(filter.clone()), "limit": 0 });
        let statements: Vec<Bson> = filters.iter().map(statement).collect();
        self.write(doc! { "delete": collection, "deletes": statements }, session).await
    }

    fn statement(&self, update: &Update) -> Document {
        let keyed = is_key_of(self.retailer, &update.filter);
        let change = match &update.change {
            Change::Replace(document) => {
                let mut document = document.clone();
                document.insert(OWNER, self.retailer.stored());
                document
            }
            Change::Apply(operators) if keyed && update.upsert => {
                let mut operators = operators.clone();
                let mut once = operators.get_document("$setOnInsert").cloned().unwrap_or_default();
                once.insert(OWNER, self.retailer.stored());
                operators.insert("$setOnInsert", once);
                operators
            }
            // On an upsert the server takes the retailer from the filter.
            Change::Apply(operators) => operators.clone(),
        };
        // With a second condition a server may look at every index that begins with it: measured, half as much again.
        let wanted = if keyed { update.filter.clone() } else { self.filter(update.filter.clone()) };
        doc! { "q": wanted, "u": change, "upsert": update.upsert, "multi": false }
    }

    async fn write(
        &self,
        mut command: Document,
        session: Option<&mut ClientSession>,
    ) -> Result<Result<(), Refusal>, Error> {
        let database = self.store.database();
        let reply = match session {
            Some(session) => database.run_command(command).session(session).await?,
            None => {
                command.insert("writeConcern", durable_document());
                database.run_command(command).await?
            }
        };
        Ok(first_refusal(&reply).map_or(Ok(()), Err))
    }

    /// A transaction. Dropped before it is committed, it is aborted.
    pub(super) async fn begin(&self) -> Result<ClientSession, Error> {
        let mut session = self.store.client().start_session().await?;
        let start =
            session.start_transaction().read_concern(ReadConcern::snapshot()).write_concern(durable());
        start.await?;
        Ok(session)
    }

    pub(super) async fn turn_to_load(&self) -> Option<SemaphorePermit<'_>> {
        self.store.turn_to_load().await
    }

    pub(super) async fn turn_to_commit(&self) -> Option<SemaphorePermit<'_>> {
        self.store.turn_to_commit().await
    }

    /// Changes the fence if it is as `wanted`; answers with what it is then. With `make`, it is made if absent.
    pub(super) async fn move_fence(
        &self,
        of: Fence,
        wanted: Document,
        change: Document,
        make: bool,
        session: Option<&mut ClientSession>,
    ) -> Result<Option<FenceDoc>, Error> {
        let mut wanted = self.filter(wanted);
        wanted.insert("_id", self.retailer.stored());
        let fences = self.fences(of);
        let action =
            fences.find_one_and_update(wanted, change).upsert(make).return_document(ReturnDocument::After);
        match session {
            Some(session) => action.session(session).await,
            None => action.await,
        }
    }

    /// Counts a socket of an agent.
    pub(super) async fn draw_generation(&self, agent: AgentId) -> Result<GenerationDoc, Error> {
        let wanted = self.filter(doc! { "_id": agent.stored() });
        let change = doc! { "$inc": { "generation": 1_i64 }, "$setOnInsert": { "sv": GenerationDoc::SHAPE } };
        let generations = self.store.tenants::<GenerationDoc>(&KEY);
        let drawn = generations
            .find_one_and_update(wanted, change)
            .upsert(true)
            .return_document(ReturnDocument::After);
        drawn.await?.ok_or_else(|| {
            ErrorKind::Custom(std::sync::Arc::new("an upsert answered with no document".to_owned())).into()
        })
    }

    fn fences(&self, of: Fence) -> mongodb::Collection<FenceDoc> {
        self.store.tenants_untyped(&KEY, of.collection()).clone_with_type()
    }

    pub(super) async fn fence(&self, of: Fence) -> Result<Option<FenceDoc>, Error> {
        self.fences(of).find_one(self.filter(doc! { "_id": self.retailer.stored() })).await
    }
}

impl ScopedDb {
    #[must_use]
    pub fn new(store: &Store, scope: RetailerScope) -> Self {
        Self { store: store.clone(), scope }
    }

    #[must_use]
    pub const fn scope(&self) -> &RetailerScope {
        &self.scope
    }

    /// As a condition of its own beside `wanted`, so that nothing in there can stand in its place.
    fn filter(&self, wanted: Document) -> Document {
        let ids = |list: &[RetailerId]| list.iter().map(|id| id.stored().into()).collect::<Vec<Bson>>();
        let mut conditions = Vec::with_capacity(3);
        if let Some(allow) = &self.scope.allow {
            conditions.push(doc! { OWNER: { "$in": ids(allow) } });
        }
        if !self.scope.deny.is_empty() {
            conditions.push(doc! { OWNER: { "$nin": ids(&self.scope.deny) } });
        }
        if conditions.is_empty() {
            return wanted;
        }
        if !wanted.is_empty() {
            conditions.push(wanted);
        }
        doc! { "$and": conditions }
    }

    pub(super) async fn find<T: TenantDocument>(
        &self,
        wanted: Document,
        sort: Document,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        persist(READ, || {
            let find = collection.find(self.filter(wanted.clone())).sort(sort.clone()).limit(limit);
            async { find.await?.try_collect().await }
        })
        .await
    }

    pub(super) async fn count<T: TenantDocument>(&self, wanted: Document) -> Result<u64, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        persist(READ, || {
            let count = collection.count_documents(self.filter(wanted.clone()));
            async { count.await }
        })
        .await
    }

    pub(super) async fn stream<T: TenantDocument>(
        &self,
        wanted: Document,
    ) -> Result<BoxStream<'static, Result<T, StoreError>>, StoreError> {
        let collection = self.store.tenants::<T>(&KEY);
        let cursor = persist(READ, || {
            let find = collection.find(self.filter(wanted.clone()));
            async { find.await }
        });
        let documents = cursor.await?.map_err(|error| failure::to_store_error(&error));
        Ok(documents.boxed())
    }

    /// Groups of the documents that `wanted` finds; the stages come after the filter.
    pub(super) async fn aggregate<T: TenantDocument>(
        &self,
        wanted: Document,
        stages: Vec<Document>,
    ) -> Result<Vec<Document>, StoreError> {
        aggregate(&self.store, T::COLLECTION, self.filter(wanted), stages).await
    }
}

/// The one way into the database for stages: the tenant's filter stands before them.
async fn aggregate(
    store: &Store,
    collection: &str,
    filter: Document,
    stages: Vec<Document>,
) -> Result<Vec<Document>, StoreError> {
    let collection = store.tenants_untyped(&KEY, collection);
    let mut pipeline = vec![doc! { "$match": filter }];
    pipeline.extend(stages);
    persist(READ, || {
        let aggregate = collection.aggregate(pipeline.clone());
        async { aggregate.await?.try_collect().await }
    })
    .await
}

/// Whether an identifier says by itself whose document it is: one from outside is stored with the retailer before it, so no
/// other retailer's document has it.
fn is_key_of(retailer: RetailerId, wanted: &Document) -> bool {
    let Some(Bson::Binary(id)) = wanted.get("_id") else { return false };
    let whole = id.subtype == BinarySubtype::Generic && id.bytes.len() > 16;
    wanted.len() == 1 && whole && id.bytes.starts_with(retailer.as_uuid().as_bytes())
}

/// For the sweep: fences of deleted retailers that have left something behind.
pub(super) async fn tombstones(store: &Store, limit: i64) -> Result<Vec<FenceDoc>, StoreError> {
    let fences = store.tenants::<FenceDoc>(&KEY);
    let wanted = doc! { "swept": false, "deleted_at": { "$type": "date" } };
    persist(READ, || {
        let find = fences.find(wanted.clone()).limit(limit);
        async { find.await?.try_collect().await }
    })
    .await
}

/// The first statement that a write command's reply says was refused.
fn first_refusal(reply: &Document) -> Option<Refusal> {
    let error = reply.get_array("writeErrors").ok()?.first()?.as_document()?;
    Some(Refusal {
        index: number(error, "index").and_then(|index| usize::try_from(index).ok()).unwrap_or(0),
        code: number(error, "code").and_then(|code| i32::try_from(code).ok()).unwrap_or(0),
        message: error.get_str("errmsg").unwrap_or("a write was refused").to_owned(),
    })
}

/// A whole number, in whichever of its types the server sends it.
pub(super) fn number(document: &Document, key: &str) -> Option<i64> {
    match document.get(key)? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "a sum of whole numbers, sent as a double")]
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}

pub(super) fn only_duplicates(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(failure) => {
            failure.write_concern_error.is_none()
                && failure
                    .write_errors
                    .as_ref()
                    .is_some_and(|errors| errors.iter().all(|error| error.code == failure::DUPLICATE_KEY))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_that_begins_with_the_retailer_stands_for_it() {
        let (ours, theirs) = (RetailerId::new(), RetailerId::new());
        let key = |retailer: RetailerId, subtype| {
            let mut bytes = retailer.as_uuid().as_bytes().to_vec();
            bytes.extend_from_slice(b"milk");
            doc! { "_id": Binary { subtype, bytes } }
        };
        assert!(is_key_of(ours, &key(ours, BinarySubtype::Generic)));
        assert!(!is_key_of(ours, &key(theirs, BinarySubtype::Generic)));
        assert!(!is_key_of(ours, &key(ours, BinarySubtype::Uuid)));
        let mut more = key(ours, BinarySubtype::Generic);
        more.insert("rev", 1);
        assert!(!is_key_of(ours, &more));
        for other in [doc! {}, doc! { "_id": ours.stored() }, doc! { "_id": "x" }] {
            assert!(!is_key_of(ours, &other), "{other}");
        }
    }
}
