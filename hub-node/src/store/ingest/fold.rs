//! Folds: what rounds have added goes into the shelves, in the one transaction that takes it out of the journal.
//!
//! The shelves are read before the transaction and outside it. That is safe because there is one writer: whoever has been
//! overtaken since fails at the fence.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use actors::ingest::model::ArticleKey;
use actors::ingest::pending::Fold;
use actors::ports::StoreError;
use bson::{Binary, Bson, Document, doc};
use messages::{RetailerId, StoreId};

use super::super::commit::plan::{Action, Plan, Step};
use super::super::documents::value::{Unreadable, bytes};
use super::super::documents::{Stored, TenantDocument};
use super::super::tenant::TenantDb;
use super::journal_doc::JournalDoc;
use super::shelf_doc::{ArticleRow, ArticleShelf, ArticleShelfDoc, StockRow, StockShelfDoc, shelf};
use super::sums_doc::StockDoc;
use super::write::{fresh, replace};

/// Documents asked for at once: some megabytes.
const AT_ONCE: usize = 1_000;

/// Which shelf of which store.
type StockShelf = (StoreId, u8);
/// What is there, as far as it is touched.
#[derive(Default)]
struct Found {
    stock: BTreeMap<StockShelf, BTreeMap<String, StockRow>>,
    articles: BTreeMap<ArticleShelf, BTreeMap<String, ArticleRow>>,
    /// Documents of single articles' stock, as builds before the shelves made them.
    single: HashMap<(StoreId, String), StockDoc>,
}

impl TenantDb {
    pub(super) async fn plan_fold(&self, fold: &Fold) -> Result<Plan, StoreError> {
        let found = self.touched(fold).await?;
        Ok(plan(self.retailer(), fold, found)?)
    }

    async fn touched(&self, fold: &Fold) -> Result<Found, StoreError> {
        let (retailer, mut found) = (self.retailer(), Found::default());
        let shelves: BTreeSet<StockShelf> =
            fold.additions.stock.keys().map(|(store, sku)| (*store, shelf(sku))).collect();
        let keys: HashMap<Vec<u8>, StockShelf> =
            shelves.into_iter().map(|of| (StockShelfDoc::key(retailer, of.0, of.1).bytes, of)).collect();
        for document in self.of_binary::<StockShelfDoc>(keys.keys()).await? {
            if let Some(of) = keys.get(&document.id.bytes) {
                found.stock.insert(*of, document.rows()?);
            }
        }
        let keys: HashMap<Vec<u8>, ArticleShelf> =
            fold.additions.articles.keys().map(shelf_of).map(|of| (of.key(retailer).bytes, of)).collect();
        for document in self.of_binary::<ArticleShelfDoc>(keys.keys()).await? {
            if let Some(of) = keys.get(&document.id.bytes) {
                found.articles.insert(*of, document.rows()?);
            }
        }
        if self.find_one::<StockDoc>(doc! {}).await?.is_some() {
            self.single_ones(fold, &mut found).await?;
        }
        Ok(found)
    }

    /// Of articles that have no place on a shelf yet.
    async fn single_ones(&self, fold: &Fold, found: &mut Found) -> Result<(), StoreError> {
        let new = fold.additions.stock.keys().filter(|(store, sku)| {
            let rows = found.stock.get(&(*store, shelf(sku)));
            rows.is_none_or(|rows| !rows.contains_key(sku))
        });
        let keys: HashMap<Vec<u8>, &(StoreId, String)> =
            new.map(|of| (StockDoc::key(self.retailer(), of.0, &of.1).bytes, of)).collect();
        for document in self.of_binary::<StockDoc>(keys.keys()).await? {
            if let Some(of) = keys.get(&document.id.bytes) {
                found.single.insert((*of).clone(), document);
            }
        }
        Ok(())
    }

    async fn of_binary<D: TenantDocument>(
        &self,
        ids: impl Iterator<Item = &Vec<u8>>,
    ) -> Result<Vec<D>, StoreError> {
        let ids: Vec<Bson> = ids.map(|id| bytes(id.clone()).into()).collect();
        let mut found = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let wanted = doc! { "_id": { "$in": some } };
            found.extend(self.find::<D>(wanted, Document::new(), AT_ONCE).await?);
        }
        Ok(found)
    }
}

fn shelf_of(key: &ArticleKey) -> ArticleShelf {
    ArticleShelf { store: key.store, day: key.day, currency: key.currency, shelf: shelf(&key.sku) }
}

/// The commands of the transaction. Pure.
fn plan(retailer: RetailerId, fold: &Fold, mut found: Found) -> Result<Plan, Unreadable> {
    let mut plan = fresh();
    let mut moved: Vec<Document> = Vec::new();
    let names: HashMap<_, _> = fold
        .additions
        .articles
        .iter()
        .map(|(key, sums)| ((key.store, key.sku.as_str()), sums.name.as_str()))
        .collect();
    for ((store, sku), change) in &fold.additions.stock {
        let rows = found.stock.entry((*store, shelf(sku))).or_default();
        let row = match rows.get_mut(sku) {
            Some(row) => row,
            None => {
                let single = found.single.remove(&(*store, sku.clone()));
                let first = match single {
                    Some(single) => {
                        moved.push(doc! { "_id": single.id.clone() });
                        single.into_row()?
                    }
                    None => StockRow::first(change),
                };
                rows.entry(sku.clone()).or_insert(first)
            }
        };
        row.add(change, names.get(&(*store, sku.as_str())).copied());
    }
    for (key, sums) in &fold.additions.articles {
        let rows = found.articles.entry(shelf_of(key)).or_default();
        match rows.get_mut(&key.sku) {
            Some(row) => row.add(sums),
            None => rows.entry(key.sku.clone()).or_default().add(sums),
        }
    }
    let stock = found.stock.iter().map(|((store, shelf), rows)| {
        StockShelfDoc::new(StockShelfDoc::key(retailer, *store, *shelf), *store, rows)
    });
    replace(&mut plan, stock.collect::<Result<Vec<_>, _>>()?.into_iter())?;
    let articles = found
        .articles
        .into_iter()
        .map(|(of, rows)| ArticleShelfDoc::new(of.key(retailer), of, &rows))
        .collect::<Result<Vec<_>, _>>()?;
    replace(&mut plan, articles.into_iter())?;
    if !moved.is_empty() {
        plan.steps.push(Step { collection: StockDoc::COLLECTION, action: Action::Delete(moved) });
    }
    let rounds: Vec<Binary> = fold.rounds.iter().map(|round| JournalDoc::key(retailer, *round)).collect();
    let folded = doc! { "_id": { "$in": rounds } };
    plan.steps.push(Step { collection: JournalDoc::COLLECTION, action: Action::Delete(vec![folded]) });
    Ok(plan)
}
