//! From the changes of a commit to the commands of its transaction. Pure.
//!
//! Commands of different collections do not affect each other, so the changes are gathered by collection; within one
//! their order stays, because "delete the agent A, then make another one of that name" must work.

use actors::domain::{EntityId, Run, Write};
use bson::{Bson, Document, RawDocumentBuf, doc};
use messages::version::Epoch;
use messages::{RetailerId, Version};
use sha2::{Digest as _, Sha256};

use super::super::documents::agent::AgentDoc;
use super::super::documents::destination::DestinationDoc;
use super::super::documents::job::JobDoc;
use super::super::documents::receipt::ReceiptDoc;
use super::super::documents::retailer::{BriefDoc, RetailerDoc, never};
use super::super::documents::run::RunDoc;
use super::super::documents::shop::ShopDoc;
use super::super::documents::value::{StoredId as _, Unreadable, bytes};
use super::super::documents::{Entity, Stored};
use super::super::tenant::{Change, Update};

/// A batch, ready to be sent as often as it takes.
#[derive(Debug, PartialEq)]
pub(in crate::store) struct Plan {
    pub(in crate::store) steps: Vec<Step>,
    /// Equal for equal batches of the same epoch and version, and for no others.
    pub(in crate::store) digest: Vec<u8>,
    /// The retailer is made or changed: true; deleted: false; neither: absent.
    pub(in crate::store) retailer_lives: Option<bool>,
}

/// One command.
#[derive(Debug, PartialEq)]
pub(in crate::store) struct Step {
    pub(in crate::store) collection: &'static str,
    pub(in crate::store) action: Action,
}

#[derive(Debug, PartialEq)]
pub(in crate::store) enum Action {
    /// Documents that cannot be there yet.
    Insert(Vec<RawDocumentBuf>),
    /// With each update what it claims as unique: (index, field, value).
    Update(Vec<Update>, Vec<Vec<(&'static str, &'static str, String)>>),
    Delete(Vec<Document>),
}

/// A deleted retailer's documents that go at once, in the same transaction: few, because their number is limited where
/// they are made. Runs, logs and rejects may be many and are left to the sweep; the fence is their tombstone.
const DELETED_AT_ONCE: [&str; 5] = [
    RetailerDoc::COLLECTION,
    ShopDoc::COLLECTION,
    AgentDoc::COLLECTION,
    DestinationDoc::COLLECTION,
    JobDoc::COLLECTION,
];

pub(super) fn plan(
    retailer: RetailerId,
    epoch: Epoch,
    expected: Version,
    writes: &[Write],
) -> Result<Plan, Unreadable> {
    let mut plan = Plan { steps: Vec::new(), digest: Vec::new(), retailer_lives: None };
    for write in writes {
        plan.add(retailer, write)?;
    }
    if let Some(run) = newest_run(writes) {
        plan.update(RetailerDoc::COLLECTION, remember_run(retailer, run), Vec::new());
    }
    plan.digest = plan.digest_of(retailer, epoch, expected)?;
    Ok(plan)
}

impl Plan {
    fn add(&mut self, retailer: RetailerId, write: &Write) -> Result<(), Unreadable> {
        match write {
            Write::Retailer(retailer) => {
                self.retailer_lives = Some(true);
                let document = RetailerDoc::from(retailer);
                let mut fields = serialized(&document)?;
                fields.remove("_id");
                // Not a replacement: the latest run stays what commits of runs have made it.
                let operators = doc! { "$set": fields, "$setOnInsert": { "last_run_at": never() } };
                let filter = doc! { "_id": document.id };
                let update = Update { filter, change: Change::Apply(operators), upsert: true };
                self.update(RetailerDoc::COLLECTION, update, document.unique());
                Ok(())
            }
            Write::Store(shop) => self.put(&ShopDoc::from(shop)),
            Write::Agent(agent) => self.put(&AgentDoc::from(agent)),
            Write::Destination(destination) => self.put(&DestinationDoc::try_from(destination)?),
            Write::Job(job) => self.put(&JobDoc::try_from(job)?),
            Write::Run(run) => self.put(&RunDoc::try_from(run)?),
            Write::Receipt(receipt) => {
                let document = ReceiptDoc::new(retailer, receipt);
                let update = replace(serialized(&document)?);
                self.update(ReceiptDoc::COLLECTION, update, Vec::new());
                Ok(())
            }
            Write::Delete(id) => {
                self.remove(*id);
                Ok(())
            }
        }
    }

    fn put<T: Entity>(&mut self, document: &T) -> Result<(), Unreadable> {
        let update = replace(serialized(document)?);
        self.update(T::COLLECTION, update, document.unique());
        Ok(())
    }

    fn remove(&mut self, id: EntityId) {
        let (collection, id) = match id {
            EntityId::Retailer => {
                self.retailer_lives = Some(false);
                for collection in DELETED_AT_ONCE {
                    self.delete(collection, doc! {});
                }
                return;
            }
            EntityId::Store(id) => (ShopDoc::COLLECTION, id.stored()),
            EntityId::Agent(id) => (AgentDoc::COLLECTION, id.stored()),
            EntityId::Destination(id) => (DestinationDoc::COLLECTION, id.stored()),
            EntityId::Job(id) => (JobDoc::COLLECTION, id.stored()),
            EntityId::Run(id) => (RunDoc::COLLECTION, id.stored()),
        };
        self.delete(collection, doc! { "_id": id });
    }

    /// Joins the last command of the collection if that is of the same sort.
    fn update(
        &mut self,
        collection: &'static str,
        update: Update,
        unique: Vec<(&'static str, &'static str, String)>,
    ) {
        let last = self.steps.iter_mut().rfind(|step| step.collection == collection);
        if let Some(Step { action: Action::Update(updates, claims), .. }) = last {
            updates.push(update);
            claims.push(unique);
        } else {
            self.steps.push(Step { collection, action: Action::Update(vec![update], vec![unique]) });
        }
    }

    fn delete(&mut self, collection: &'static str, filter: Document) {
        let last = self.steps.iter_mut().rfind(|step| step.collection == collection);
        if let Some(Step { action: Action::Delete(filters), .. }) = last {
            filters.push(filter);
        } else {
            self.steps.push(Step { collection, action: Action::Delete(vec![filter]) });
        }
    }

    fn digest_of(
        &self,
        retailer: RetailerId,
        epoch: Epoch,
        expected: Version,
    ) -> Result<Vec<u8>, Unreadable> {
        let mut digest = Sha256::new();
        digest.update(retailer.as_uuid().as_bytes());
        digest.update(epoch.0.to_be_bytes());
        digest.update(expected.0.to_be_bytes());
        for step in &self.steps {
            digest.update(step.collection.as_bytes());
            let statements: Vec<Bson> = match &step.action {
                Action::Update(updates, _) => updates.iter().map(described).collect(),
                Action::Insert(documents) => {
                    documents.iter().map(|it| bytes(it.as_bytes().to_vec()).into()).collect()
                }
                Action::Delete(filters) => filters.iter().map(|filter| filter.clone().into()).collect(),
            };
            let kind = i32::from(matches!(step.action, Action::Delete(_)));
            digest.update(serialized_bytes(&doc! { "kind": kind, "statements": statements })?);
        }
        Ok(digest.finalize().to_vec())
    }
}

fn described(update: &Update) -> Bson {
    let (Change::Replace(change) | Change::Apply(change)) = &update.change;
    doc! { "q": update.filter.clone(), "u": change.clone() }.into()
}

fn replace(document: Document) -> Update {
    let filter = doc! { "_id": document.get("_id").cloned().unwrap_or(Bson::Null) };
    Update { filter, change: Change::Replace(document), upsert: true }
}

/// Runs are made in the order of their identifiers.
fn newest_run(writes: &[Write]) -> Option<&Run> {
    let runs = writes.iter().filter_map(|write| match write {
        Write::Run(run) => Some(run),
        _ => None,
    });
    runs.max_by_key(|run| run.id)
}

/// An older run that comes to its end late does not displace the latest one.
fn remember_run(retailer: RetailerId, run: &Run) -> Update {
    let brief = BriefDoc::from(&run.brief());
    let brief_bson = doc! {
        "id": brief.id, "state": brief.state, "at": brief.at, "sent": brief.sent, "rejected": brief.rejected,
    };
    Update {
        filter: doc! {
            "_id": retailer.stored(),
            "$or": [{ "last_run.id": { "$exists": false } }, { "last_run.id": { "$lte": run.id.stored() } }],
        },
        change: Change::Apply(doc! { "$set": { "last_run": brief_bson, "last_run_at": brief.at } }),
        upsert: false,
    }
}

fn serialized(document: &impl serde::Serialize) -> Result<Document, Unreadable> {
    bson::serialize_to_document(document)
        .map_err(|error| Unreadable(format!("a document cannot be written: {error}")))
}

fn serialized_bytes(document: &Document) -> Result<Vec<u8>, Unreadable> {
    bson::serialize_to_vec(document)
        .map_err(|error| Unreadable(format!("a document cannot be written: {error}")))
}
