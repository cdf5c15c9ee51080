//! The changes of a round as the commands of one transaction: a command for each collection. Pure.

use std::collections::HashMap;

use actors::ingest::model::{Changes, PaymentRecord, SaleMark};
use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use messages::ids::BootId;
use messages::{RetailerId, TransactionId, Version};
use serde::Serialize;

use super::super::commit::plan::{Action, Plan, Step};
use super::super::documents::Stored;
use super::super::documents::value::{StoredId as _, Unreadable, date};
use super::super::tenant::{Change, Update};
use super::article_doc::{FeedDoc, FollowerDoc, GoodsDoc, OrderDoc};
use super::edge_doc::{EdgeDoc, StreamDoc};
use super::inbox_doc::InboxPartDoc;
use super::journal_doc::JournalDoc;
use super::key;
use super::letter_doc::LetterDoc;
use super::sale_doc::{PaymentDoc, SaleDoc, VoidDoc};
use super::sums_doc::SlotDoc;

/// A plan of nothing yet.
pub(super) fn fresh() -> Plan {
    Plan {
        steps: Vec::new(),
        // Of this commit and no other: it is made once, and what is repeated is the same plan.
        digest: BootId::new().as_uuid().as_bytes().to_vec(),
        retailer_lives: None,
    }
}

pub(super) fn plan(retailer: RetailerId, round: Version, changes: &Changes) -> Result<Plan, StoreError> {
    let mut plan = fresh();
    insert(&mut plan, InboxPartDoc::all(retailer, &changes.settled))?;
    let (paid, alone) = payments(changes);
    let paid_for = |id| paid.get(id).map_or(&[][..], Vec::as_slice);
    insert(&mut plan, changes.sales.iter().map(|(id, it)| SaleDoc::new(retailer, it, paid_for(id))))?;
    insert(&mut plan, alone.into_iter().map(|it| PaymentDoc::new(retailer, it)))?;
    insert(&mut plan, changes.voids.iter().map(|it| VoidDoc::new(retailer, it)))?;
    replace(&mut plan, changes.cursors.values().map(|it| StreamDoc::new(retailer, it)))?;
    replace(&mut plan, changes.edges.values().map(EdgeDoc::from))?;
    replace(&mut plan, changes.letters.values().map(|it| LetterDoc::new(retailer, it)))?;
    let marks = changes.marks.iter().map(|(id, mark)| marked(retailer, *id, *mark));
    update::<SaleDoc>(&mut plan, marks.collect());
    let slots = changes.slots.iter().map(|(key, sums)| SlotDoc::change(retailer, key, sums));
    update::<SlotDoc>(&mut plan, slots.collect());
    if !changes.added.is_empty() {
        insert(&mut plan, std::iter::once(JournalDoc::new(retailer, round, &changes.added)?))?;
    }
    replace(&mut plan, changes.feed.iter().map(|it| FeedDoc::new(retailer, it)))?;
    replace(&mut plan, changes.catalogue.values().map(|it| GoodsDoc::new(retailer, it)))?;
    replace(&mut plan, changes.followers.values().map(FollowerDoc::from))?;
    replace(&mut plan, changes.orders.values().map(|it| OrderDoc::new(retailer, it)))?;
    if !changes.edges_removed.is_empty() {
        let gone: Vec<_> = changes.edges_removed.iter().map(|id| doc! { "_id": id.stored() }).collect();
        for collection in [EdgeDoc::COLLECTION, FollowerDoc::COLLECTION] {
            plan.steps.push(Step { collection, action: Action::Delete(gone.clone()) });
        }
    }
    Ok(plan)
}

/// Those that are stored with their sale, which costs next to nothing, and those that are not: their sale is stored already,
/// or has another day.
fn payments(changes: &Changes) -> (HashMap<TransactionId, Vec<&PaymentRecord>>, Vec<&PaymentRecord>) {
    let (mut paid, mut alone) = (HashMap::<_, Vec<_>>::new(), Vec::new());
    for record in &changes.payments {
        let of = record.payment.transaction_id;
        match changes.sales.get(&of) {
            Some(sale) if record.belongs_to(sale) => paid.entry(of).or_default().push(record),
            _ => alone.push(record),
        }
    }
    (paid, alone)
}

fn serialized(document: &impl Serialize) -> Result<Document, Unreadable> {
    bson::serialize_to_document(document).map_err(unwritable)
}

fn unwritable(error: bson::error::Error) -> Unreadable {
    Unreadable(format!("a document cannot be written: {error}"))
}

fn insert<T: Stored>(plan: &mut Plan, documents: impl Iterator<Item = T>) -> Result<(), Unreadable> {
    // As bytes at once: made as values first they cost several times as much, and these are most of a round.
    let written = |document: T| bson::serialize_to_raw_document_buf(&document).map_err(unwritable);
    let documents = documents.map(written).collect::<Result<Vec<_>, _>>()?;
    if !documents.is_empty() {
        plan.steps.push(Step { collection: T::COLLECTION, action: Action::Insert(documents) });
    }
    Ok(())
}

pub(super) fn replace<T: Stored>(
    plan: &mut Plan,
    documents: impl Iterator<Item = T>,
) -> Result<(), Unreadable> {
    let updates = documents.map(|document| {
        let document = serialized(&document)?;
        let filter = doc! { "_id": document.get("_id").cloned().unwrap_or(Bson::Null) };
        Ok(Update { filter, change: Change::Replace(document), upsert: true })
    });
    let updates = updates.collect::<Result<Vec<_>, Unreadable>>()?;
    update::<T>(plan, updates);
    Ok(())
}

fn update<T: Stored>(plan: &mut Plan, updates: Vec<Update>) {
    if !updates.is_empty() {
        plan.steps.push(Step { collection: T::COLLECTION, action: Action::Update(updates, Vec::new()) });
    }
}

fn marked(retailer: RetailerId, id: TransactionId, mark: SaleMark) -> Update {
    let voided_at = mark.voided_at.map_or(Bson::Null, |at| date(at).into());
    let set = doc! { "returned": mark.returned.minor(), "voided_at": voided_at };
    let change = Change::Apply(doc! { "$set": set });
    Update { filter: doc! { "_id": key(retailer, id) }, change, upsert: false }
}
