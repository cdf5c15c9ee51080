//! What rounds add to the sums of stock and of articles, and what of it is not in the sums yet. Pure.
//!
//! A round's transaction holds what proves its events, and one journal entry with what is to be added. Later many entries
//! are added up here and written once, in the transaction that removes them (ADR 0028).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::time::{Duration, Instant};

use messages::{StoreId, Version};

use super::model::{ArticleKey, ArticleSums, StockMove};

/// As old as entries get while there is nothing else to do: the longer, the more falls together. Readers do not wait for
/// it, they ask.
pub(super) const REST: Duration = Duration::from_secs(2);
/// The same while there is always something else to do.
const LONGEST: Duration = Duration::from_secs(10);
/// Entries that are kept: what the next owner has to read before it serves is some megabytes.
pub(super) const MOST_ROUNDS: usize = 256;
/// Sums that change by one fold, so that its transaction stays below a second.
const MOST_SUMS: usize = 20_000;

/// What is added to the sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    pub stock: BTreeMap<(StoreId, String), StockMove>,
    pub articles: BTreeMap<ArticleKey, ArticleSums>,
}

/// What one round adds, by the version of its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    pub round: Version,
    pub additions: Additions,
}

/// Entries that go into the sums together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// In their order; never empty.
    pub rounds: Vec<Version>,
    pub additions: Additions,
}

impl Additions {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stock.is_empty() && self.articles.is_empty()
    }

    fn len(&self) -> usize {
        self.stock.len() + self.articles.len()
    }

    /// `later` has come after what is here.
    fn add(&mut self, later: Self) {
        for (key, moved) in later.stock {
            match self.stock.entry(key) {
                Place::Vacant(place) => drop(place.insert(moved)),
                Place::Occupied(mut known) => known.get_mut().add(moved),
            }
        }
        for (key, sums) in later.articles {
            match self.articles.entry(key) {
                Place::Vacant(place) => drop(place.insert(sums)),
                Place::Occupied(mut known) => known.get_mut().add(sums),
            }
        }
    }
}

/// All that is not in the sums yet, of one retailer.
#[derive(Debug, Default)]
pub(super) struct Pending {
    fold: Fold,
    since: Option<Instant>,
}

impl Pending {
    pub(super) fn found(journal: Vec<JournalEntry>, now: Instant) -> Self {
        let mut pending = Self::default();
        for entry in journal {
            pending.add(entry, now);
        }
        pending
    }

    /// Entries come in their order.
    pub(super) fn add(&mut self, entry: JournalEntry, now: Instant) {
        self.since.get_or_insert(now);
        self.fold.rounds.push(entry.round);
        self.fold.additions.add(entry.additions);
    }

    /// A fold could not be written: it comes before what has been added since.
    pub(super) fn put_back(&mut self, fold: Fold, now: Instant) {
        let later = std::mem::replace(&mut self.fold, fold);
        self.fold.rounds.extend(later.rounds);
        self.fold.additions.add(later.additions);
        // As if it were new: it is tried again after a rest.
        self.since = Some(now);
    }

    pub(super) fn take(&mut self) -> Option<Fold> {
        self.since = None;
        let fold = std::mem::take(&mut self.fold);
        (!fold.rounds.is_empty()).then_some(fold)
    }

    pub(super) fn rounds(&self) -> usize {
        self.fold.rounds.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fold.rounds.is_empty()
    }

    /// No further round before the fold.
    pub(super) fn is_full(&self) -> bool {
        self.rounds() >= MOST_ROUNDS || self.fold.additions.len() >= MOST_SUMS
    }

    /// Will it be time, whatever else there is to do, when the round that is under way has been added?
    pub(super) fn is_due_after_another(&self, now: Instant) -> bool {
        self.rounds() + 1 >= MOST_ROUNDS || self.is_due(false, now)
    }

    /// Is it time? `idle`: no round waits.
    pub(super) fn is_due(&self, idle: bool, now: Instant) -> bool {
        let age = self.since.map(|since| now.saturating_duration_since(since));
        self.is_full() || age.is_some_and(|age| age >= LONGEST || (idle && age >= REST))
    }
}

#[cfg(test)]
mod tests;
