//! A ledger in memory with the real one's rules: fence, versions, identifiers that are used once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use messages::http::dead_letters::LetterState;
use messages::version::Epoch;
use messages::{EdgeId, EventId, PaymentId, RetailerId, StoreId, StreamId, TransactionId, Version};
use tokio::sync::Semaphore;

use super::super::model::{
    Article, ArticleKey, ArticleSums, Changes, Cursor, Edge, Feed, Follower, Known, Ledger, Letter,
    PaymentRecord, SaleRecord, SlotKey, SlotSums, StockOrder, Wanted,
};
use super::super::pending::{Additions, Fold, JournalEntry};
use crate::ports::{LedgerStore, StoreError};

#[derive(Default)]
pub(super) struct Books {
    pub(super) epoch: Epoch,
    pub(super) version: Version,
    pub(super) edges: BTreeMap<EdgeId, Edge>,
    pub(super) cursors: HashMap<StreamId, Cursor>,
    /// In the order of settling.
    pub(super) inbox: Vec<EventId>,
    pub(super) sales: BTreeMap<TransactionId, SaleRecord>,
    /// That came without their sale.
    pub(super) payments: HashSet<PaymentId>,
    /// Those of sales: found by their sale only.
    pub(super) paid: HashSet<(TransactionId, PaymentId)>,
    pub(super) voids: usize,
    pub(super) letters: BTreeMap<EventId, Letter>,
    /// Before, moved.
    pub(super) stock: BTreeMap<(StoreId, String), (i64, i64)>,
    pub(super) slots: BTreeMap<SlotKey, SlotSums>,
    pub(super) articles: BTreeMap<ArticleKey, ArticleSums>,
    pub(super) zones: HashMap<StoreId, String>,
    pub(super) feed: Option<Feed>,
    pub(super) catalogue: BTreeMap<String, Article>,
    pub(super) followers: BTreeMap<EdgeId, Follower>,
    pub(super) orders: BTreeMap<EventId, StockOrder>,
    pub(super) journal: BTreeMap<Version, Additions>,
    /// Rounds of each fold.
    pub(super) folds: Vec<usize>,
    /// Events of each commit.
    pub(super) commits: Vec<usize>,
    /// How the next commits end.
    pub(super) faults: VecDeque<StoreError>,
    /// How those after them end, or well.
    pub(super) weather: VecDeque<Option<StoreError>>,
    /// How the next folds end.
    pub(super) fold_faults: VecDeque<StoreError>,
    /// Commits that hold this event cannot be stored.
    pub(super) poison: Option<EventId>,
    /// Commits wait for it.
    pub(super) gate: Option<Arc<Semaphore>>,
    /// How many wait.
    pub(super) held: usize,
    /// How often something was looked up.
    pub(super) looks: usize,
}

#[derive(Clone, Default)]
pub(super) struct FakeLedger(Arc<Mutex<Books>>);

impl FakeLedger {
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }
}

impl Books {
    fn look(&self, wanted: &Wanted) -> Known {
        let inbox: HashSet<_> = self.inbox.iter().copied().collect();
        Known {
            cursors: pick(&self.cursors, &wanted.streams),
            events: wanted.events.iter().copied().filter(|id| inbox.contains(id)).collect(),
            transactions: wanted
                .transactions
                .iter()
                .copied()
                .filter(|id| self.sales.contains_key(id))
                .collect(),
            receipts: {
                let given: HashSet<_> = self.sales.values().map(|record| &record.sale.receipt).collect();
                wanted.receipts.iter().filter(|receipt| given.contains(receipt)).cloned().collect()
            },
            sales: wanted.sales.iter().filter_map(|id| Some((*id, self.sales.get(id)?.clone()))).collect(),
            payments: wanted
                .payments
                .iter()
                .filter(|of| self.payments.contains(&of.1) || self.paid.contains(of))
                .map(|(_, payment)| *payment)
                .collect(),
            letters: wanted
                .letters
                .iter()
                .filter_map(|id| Some((*id, self.letters.get(id)?.clone())))
                .collect(),
            zones: pick(&self.zones, &wanted.stores),
            catalogue: self
                .catalogue
                .iter()
                .filter(|(sku, article)| {
                    let (barcode, plu) = (&article.spec.barcode, &article.spec.plu);
                    wanted.skus.contains(*sku)
                        || barcode.as_ref().is_some_and(|it| wanted.barcodes.contains(it))
                        || plu.as_ref().is_some_and(|it| wanted.plus.contains(it))
                })
                .map(|(sku, article)| (sku.clone(), article.clone()))
                .collect(),
            orders: wanted.orders.iter().filter_map(|id| Some((*id, self.orders.get(id)?.clone()))).collect(),
        }
    }

    fn write(&mut self, round: Version, changes: &Changes) -> Result<(), StoreError> {
        let taken = |what: &str| Err(StoreError::Corrupt(format!("{what} is in use")));
        if changes.settled.iter().any(|it| Some(it.event) == self.poison) {
            return taken("poison");
        }
        if changes.settled.iter().any(|it| self.inbox.contains(&it.event)) {
            return taken("an event");
        }
        if changes.sales.keys().any(|id| self.sales.contains_key(id)) {
            return taken("a sale");
        }
        let of = |it: &PaymentRecord| (it.payment.transaction_id, it.payment.payment_id);
        let (paid, alone): (Vec<_>, Vec<_>) =
            changes.payments.iter().map(of).partition(|(sale, _)| changes.sales.contains_key(sale));
        if alone.iter().any(|(_, payment)| self.payments.contains(payment)) {
            return taken("a payment");
        }
        self.payments.extend(alone.into_iter().map(|(_, payment)| payment));
        self.paid.extend(paid);
        self.edges.extend(changes.edges.clone());
        self.edges.retain(|id, _| !changes.edges_removed.contains(id));
        self.cursors.extend(changes.cursors.clone());
        self.inbox.extend(changes.settled.iter().map(|it| it.event));
        self.sales.extend(changes.sales.clone());
        for (id, mark) in &changes.marks {
            let sale = self.sales.get_mut(id).unwrap();
            (sale.returned, sale.voided_at) = (mark.returned, mark.voided_at);
        }
        self.voids += changes.voids.len();
        self.letters.extend(changes.letters.clone());
        for (key, sums) in &changes.slots {
            add_slot(self.slots.entry(*key).or_default(), sums);
        }
        if !changes.added.is_empty() {
            self.journal.insert(round, changes.added.clone());
        }
        if let Some(feed) = &changes.feed {
            self.feed = Some(feed.clone());
        }
        self.catalogue.extend(changes.catalogue.clone());
        self.followers.extend(changes.followers.clone());
        self.followers.retain(|id, _| !changes.edges_removed.contains(id));
        self.orders.extend(changes.orders.clone());
        self.commits.push(changes.settled.len());
        Ok(())
    }
}

impl Books {
    pub(super) fn fold_all(&mut self) {
        for additions in std::mem::take(&mut self.journal).into_values() {
            self.add(&additions);
        }
    }

    fn fold(&mut self, fold: &Fold) -> Result<(), StoreError> {
        if fold.rounds.iter().any(|round| self.journal.remove(round).is_none()) {
            return Err(StoreError::Corrupt("a round is not in the journal".into()));
        }
        self.folds.push(fold.rounds.len());
        self.add(&fold.additions);
        Ok(())
    }

    fn add(&mut self, additions: &Additions) {
        for (key, moved) in &additions.stock {
            let stock = self.stock.entry(key.clone()).or_insert((moved.before.get(), 0));
            stock.1 += moved.delta.get();
        }
        for (key, sums) in &additions.articles {
            self.articles.entry(key.clone()).or_default().add(sums.clone());
        }
    }
}

fn add_slot(to: &mut SlotSums, sums: &SlotSums) {
    to.sales += sums.sales;
    to.refunds += sums.refunds;
    to.voids += sums.voids;
    to.gross += sums.gross;
    to.discount += sums.discount;
    to.net += sums.net;
    to.tax += sums.tax;
    to.total += sums.total;
    to.rounding += sums.rounding;
    to.refunded += sums.refunded;
    to.cash += sums.cash;
    to.card += sums.card;
    to.qr += sums.qr;
}

fn pick<K: Copy + Eq + std::hash::Hash + Ord, V: Clone>(
    from: &HashMap<K, V>,
    wanted: &std::collections::BTreeSet<K>,
) -> HashMap<K, V> {
    wanted.iter().filter_map(|key| Some((*key, from.get(key)?.clone()))).collect()
}

impl FakeLedger {
    async fn commit(
        &self,
        epoch: Epoch,
        expected: Version,
        fault: impl FnOnce(&mut Books) -> Option<StoreError>,
        write: impl FnOnce(&mut Books) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // The others get their turn: what waits forms the next round.
        tokio::task::yield_now().await;
        let gate = self.books().gate.clone();
        if let Some(gate) = gate {
            self.books().held += 1;
            gate.acquire().await.unwrap().forget();
            self.books().held -= 1;
        }
        let mut books = self.books();
        if books.epoch != epoch || books.version.next() != expected {
            return Err(StoreError::Fenced);
        }
        let fault = fault(&mut books);
        match fault {
            // The answer is lost after the commit.
            None | Some(StoreError::Unknown(_)) => {
                write(&mut books)?;
                books.version = expected;
                fault.map_or(Ok(()), Err)
            }
            Some(fault) => Err(fault),
        }
    }
}

impl LedgerStore for FakeLedger {
    fn open(&self, _: RetailerId, epoch: Epoch) -> BoxFuture<'_, Result<Ledger, StoreError>> {
        Box::pin(async move {
            let mut books = self.books();
            if books.epoch > epoch {
                return Err(StoreError::Fenced);
            }
            books.epoch = epoch;
            let letters =
                books.letters.values().filter(|letter| letter.state == LetterState::Open).count() as u64;
            Ok(Ledger {
                version: books.version,
                edges: books.edges.clone(),
                feed: books.feed.clone(),
                followers: books.followers.clone(),
                letters,
                journal: books
                    .journal
                    .iter()
                    .map(|(round, additions)| JournalEntry { round: *round, additions: additions.clone() })
                    .collect(),
                remembers_singly: false,
            })
        })
    }

    fn look(&self, _: RetailerId, wanted: Wanted) -> BoxFuture<'_, Result<Known, StoreError>> {
        Box::pin(async move {
            let mut books = self.books();
            books.looks += 1;
            Ok(books.look(&wanted))
        })
    }

    fn write(
        &self,
        _: RetailerId,
        epoch: Epoch,
        expected: Version,
        changes: &Changes,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (ledger, changes) = (self.clone(), changes.clone());
        Box::pin(async move {
            let fault =
                |books: &mut Books| books.faults.pop_front().or_else(|| books.weather.pop_front().flatten());
            ledger.commit(epoch, expected, fault, |books| books.write(expected, &changes)).await
        })
    }

    fn fold(
        &self,
        _: RetailerId,
        epoch: Epoch,
        expected: Version,
        fold: Arc<Fold>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.commit(epoch, expected, |books| books.fold_faults.pop_front(), |books| books.fold(&fold))
                .await
        })
    }
}
