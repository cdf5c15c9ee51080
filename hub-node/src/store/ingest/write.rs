//! The changes of a round as the commands of one transaction: a command for each collection. Pure.

use std::collections::HashMap;

use actors::ingest::model::{Changes, SaleMark};
use actors::ports::StoreError;
use bson::{Bson, Document, doc};
use messages::ids::BootId;
use messages::{RetailerId, TransactionId};
use serde::Serialize;

use super::super::commit::plan::{Action, Plan, Step};
use super::super::documents::Stored;
use super::super::documents::value::{StoredId as _, Unreadable, date};
use super::super::tenant::{Change, Update};
use super::article_doc::{FeedDoc, FollowerDoc, GoodsDoc, OrderDoc};
use super::edge_doc::{EdgeDoc, InboxDoc, StreamDoc};
use super::key;
use super::letter_doc::LetterDoc;
use super::sale_doc::{PaymentDoc, SaleDoc, VoidDoc};
use super::sums_doc::{ArticleDoc, SlotDoc, StockDoc};

pub(super) fn plan(retailer: RetailerId, changes: &Changes) -> Result<Plan, StoreError> {
    let mut plan = Plan {
        steps: Vec::new(),
        // Of this commit and no other: it is made once, and what is repeated is the same plan.
        digest: BootId::new().as_uuid().as_bytes().to_vec(),
        retailer_lives: None,
    };
    let settled = changes.settled.iter().map(|it| InboxDoc::new(retailer, it));
    insert(&mut plan, settled)?;
    insert(&mut plan, changes.sales.values().map(|it| SaleDoc::new(retailer, it)))?;
    insert(&mut plan, changes.payments.iter().map(|it| PaymentDoc::new(retailer, it)))?;
    insert(&mut plan, changes.voids.iter().map(|it| VoidDoc::new(retailer, it)))?;
    replace(&mut plan, changes.cursors.values().map(|it| StreamDoc::new(retailer, it)))?;
    replace(&mut plan, changes.edges.values().map(EdgeDoc::from))?;
    replace(&mut plan, changes.letters.values().map(|it| LetterDoc::new(retailer, it)))?;
    let marks = changes.marks.iter().map(|(id, mark)| marked(retailer, *id, *mark));
    update::<SaleDoc>(&mut plan, marks.collect());
    let names: HashMap<_, _> = changes
        .articles
        .iter()
        .map(|(key, sums)| ((key.store, key.sku.as_str()), sums.name.as_str()))
        .collect();
    let stock = changes.stock.iter().map(|((store, sku), it)| {
        let article = (*store, sku.as_str());
        StockDoc::change(retailer, article, names.get(&article).copied(), it)
    });
    update::<StockDoc>(&mut plan, stock.collect());
    let slots = changes.slots.iter().map(|(key, sums)| SlotDoc::change(retailer, key, sums));
    update::<SlotDoc>(&mut plan, slots.collect());
    let articles = changes.articles.iter().map(|(key, sums)| ArticleDoc::change(retailer, key, sums));
    update::<ArticleDoc>(&mut plan, articles.collect());
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

fn serialized(document: &impl Serialize) -> Result<Document, Unreadable> {
    bson::serialize_to_document(document)
        .map_err(|error| Unreadable(format!("a document cannot be written: {error}")))
}

fn insert<T: Stored>(plan: &mut Plan, documents: impl Iterator<Item = T>) -> Result<(), Unreadable> {
    let documents = documents.map(|document| serialized(&document)).collect::<Result<Vec<_>, _>>()?;
    if !documents.is_empty() {
        plan.steps.push(Step { collection: T::COLLECTION, action: Action::Insert(documents) });
    }
    Ok(())
}

fn replace<T: Stored>(plan: &mut Plan, documents: impl Iterator<Item = T>) -> Result<(), Unreadable> {
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
