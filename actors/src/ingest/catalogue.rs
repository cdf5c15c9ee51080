//! Changes of articles: what may be, what is really different, and the number that each change gets. Pure.
//!
//! An article is kept at its latest change only, with that change's number. Numbers are given in the order of commits and
//! without gaps, so whoever reads all articles above a number in the order of numbers misses nothing and repeats nothing.

use std::collections::{HashMap, HashSet};

use messages::http::articles::{ArticleSpec, ArticleState, ImportAnswer, RowError};
use messages::validate::Validate as _;
use messages::{ErrorCode, FeedId, FieldError, Problem, RetailerId, StoreId, Timestamp, Version};

use super::model::{Article, Changes, Feed};
use super::request::{ArticlePatch, ArticleRow, Put};

/// Twice the largest catalogue a grocer has: withdrawn articles are kept.
pub(super) const MOST_ARTICLES: u64 = 200_000;

/// The articles that a round is about, and by which numbers they are known.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) feed: Option<Feed>,
    articles: HashMap<String, Article>,
    barcodes: HashMap<String, String>,
    plus: HashMap<u32, String>,
    /// Stores that there are, of those that have a price of their own.
    stores: HashSet<StoreId>,
}

/// Who changes something, whose it is, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand<'a> {
    pub(super) by: &'a str,
    pub(super) retailer: RetailerId,
    pub(super) now: Timestamp,
}

impl Catalogue {
    pub(super) fn new(
        feed: Option<Feed>,
        known: HashMap<String, Article>,
        stores: impl IntoIterator<Item = StoreId>,
    ) -> Self {
        let stores = stores.into_iter().collect();
        let mut catalogue = Self { feed, stores, ..Self::default() };
        known.into_values().for_each(|article| catalogue.shelve(article));
        catalogue
    }

    fn shelve(&mut self, article: Article) {
        let sku = article.spec.sku.clone();
        if let Some(before) = self.articles.remove(&sku) {
            if let Some(barcode) = &before.spec.barcode
                && self.barcodes.get(barcode) == Some(&sku)
            {
                self.barcodes.remove(barcode);
            }
            if let Some(plu) = &before.spec.plu
                && self.plus.get(plu) == Some(&sku)
            {
                self.plus.remove(plu);
            }
        }
        if article.spec.state == ArticleState::Active {
            if let Some(barcode) = &article.spec.barcode {
                self.barcodes.insert(barcode.clone(), sku.clone());
            }
            if let Some(plu) = article.spec.plu {
                self.plus.insert(plu, sku.clone());
            }
        }
        self.articles.insert(sku, article);
    }

    /// The number of the next change of anything that comes down to the stores.
    pub(super) fn number(&mut self, changes: &mut Changes) -> u64 {
        let feed = self.feed.get_or_insert_with(|| Feed { id: FeedId::new(), head: 0, articles: 0 });
        feed.head += 1;
        let number = feed.head;
        changes.feed = Some(feed.clone());
        number
    }

    pub(super) fn create(
        &mut self,
        spec: ArticleSpec,
        hand: Hand<'_>,
        changes: &mut Changes,
    ) -> Result<Article, Problem> {
        let spec = spec.tidy();
        if let Some(there) = self.articles.get(&spec.sku) {
            let how = there.spec.state.as_str();
            let detail = format!("there is an {how} article {} already; change that one", spec.sku);
            return Err(Problem::new(ErrorCode::NameTaken, detail));
        }
        self.write(spec, None, hand, changes)
    }

    pub(super) fn replace(
        &mut self,
        spec: ArticleSpec,
        expected: Version,
        hand: Hand<'_>,
        changes: &mut Changes,
    ) -> Result<Article, Problem> {
        let spec = spec.tidy();
        let before = self.unchanged(&spec.sku, expected, hand.retailer)?.clone();
        if before.spec == spec {
            return Ok(before);
        }
        self.write(spec, Some(&before), hand, changes)
    }

    pub(super) fn withdraw(
        &mut self,
        sku: &str,
        expected: Version,
        hand: Hand<'_>,
        changes: &mut Changes,
    ) -> Result<Article, Problem> {
        let before = self.unchanged(sku, expected, hand.retailer)?.clone();
        if before.spec.state == ArticleState::Withdrawn {
            return Ok(before);
        }
        let spec = ArticleSpec { state: ArticleState::Withdrawn, ..before.spec.clone() };
        self.write(spec, Some(&before), hand, changes)
    }

    fn unchanged(&self, sku: &str, expected: Version, retailer: RetailerId) -> Result<&Article, Problem> {
        let missing = || Problem::new(ErrorCode::NotFound, format!("there is no article {sku}"));
        let article = self.articles.get(sku).ok_or_else(missing)?;
        if article.rev() == expected {
            return Ok(article);
        }
        let detail =
            format!("you changed revision {expected}, but revision {} is the present one", article.rev());
        let current = serde_json::to_value(article.clone().view(retailer)).unwrap_or_default();
        Err(Problem::new(ErrorCode::Conflict, detail).with_current(current))
    }

    /// Applies what is different; what cannot be is told by its line.
    pub(super) fn import(
        &mut self,
        rows: &[ArticleRow],
        hand: Hand<'_>,
        changes: &mut Changes,
    ) -> ImportAnswer {
        let mut answer = ImportAnswer::default();
        for row in rows {
            let before = self.articles.get(&row.sku).cloned();
            let spec = match merged(before.as_ref(), row) {
                Ok(spec) => spec.tidy(),
                Err(problem) => {
                    answer.errors.extend(row_errors(row, &problem));
                    continue;
                }
            };
            if before.as_ref().is_some_and(|before| before.spec == spec) {
                answer.unchanged += 1;
                continue;
            }
            match spec.validate().and_then(|()| self.write(spec, before.as_ref(), hand, changes)) {
                Ok(_) if before.is_some() => answer.changed += 1,
                Ok(_) => answer.added += 1,
                Err(problem) => answer.errors.extend(row_errors(row, &problem)),
            }
        }
        answer.head = self.feed.as_ref().map_or(0, |feed| feed.head);
        answer
    }

    fn write(
        &mut self,
        spec: ArticleSpec,
        before: Option<&Article>,
        hand: Hand<'_>,
        changes: &mut Changes,
    ) -> Result<Article, Problem> {
        self.check_numbers(&spec)?;
        self.check_stores(&spec, before)?;
        if before.is_none() && self.feed.as_ref().is_some_and(|feed| feed.articles >= MOST_ARTICLES) {
            let detail = format!("a retailer can have {MOST_ARTICLES} articles, withdrawn ones among them");
            return Err(Problem::new(ErrorCode::LimitReached, detail));
        }
        let seq = self.number(changes);
        if before.is_none()
            && let Some(feed) = &mut self.feed
        {
            feed.articles += 1;
            changes.feed = Some(feed.clone());
        }
        let article = Article {
            created_at: before.map_or(hand.now, |before| before.created_at),
            updated_at: hand.now,
            updated_by: hand.by.to_owned(),
            spec,
            seq,
        };
        self.shelve(article.clone());
        changes.catalogue.insert(article.spec.sku.clone(), article.clone());
        Ok(article)
    }

    /// What a till scans or types must mean one article.
    fn check_numbers(&self, spec: &ArticleSpec) -> Result<(), Problem> {
        if spec.state != ArticleState::Active {
            return Ok(());
        }
        let taken = |field: &str, shown: &str, owner: Option<&String>| match owner {
            Some(owner) if *owner != spec.sku => {
                let detail = format!("{shown} belongs to article {owner}; take it from there first");
                let mut problem = Problem::new(ErrorCode::NameTaken, detail.clone());
                problem.errors = vec![FieldError { field: field.to_owned(), detail }];
                Err(problem)
            }
            _ => Ok(()),
        };
        if let Some(barcode) = &spec.barcode {
            taken("barcode", &format!("barcode {barcode}"), self.barcodes.get(barcode))?;
        }
        if let Some(plu) = &spec.plu {
            taken("plu", &format!("PLU {plu}"), self.plus.get(plu))?;
        }
        Ok(())
    }

    /// A price of a store that was deleted meanwhile stays where it is; a new one needs its store.
    fn check_stores(&self, spec: &ArticleSpec, before: Option<&Article>) -> Result<(), Problem> {
        let known = |store: &StoreId| {
            self.stores.contains(store) || before.is_some_and(|before| before.spec.prices.contains_key(store))
        };
        let missing: Vec<_> = spec.prices.keys().filter(|store| !known(store)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let error =
            |store: &&StoreId| FieldError { field: format!("prices.{store}"), detail: NO_STORE.to_owned() };
        Err(Problem::invalid(missing.iter().map(error).collect()))
    }
}

const NO_STORE: &str = "there is no such store";

/// What an article is to be, from what it is and what a row says.
fn merged(before: Option<&Article>, row: &ArticleRow) -> Result<ArticleSpec, Problem> {
    let ArticlePatch {
        name,
        barcode,
        category,
        unit,
        price,
        tax_rate,
        weighed,
        plu,
        blocked,
        bundle,
        prices,
        state,
    } = row.patch.clone();
    let mut spec = match (before, &name, &price) {
        (Some(before), _, _) => before.spec.clone(),
        (None, Put::Set(name), Put::Set(price)) => ArticleSpec::new(&row.sku, name, *price),
        (None, name, price) => {
            let missing = |field: &str| FieldError {
                field: field.to_owned(),
                detail: "is needed: this article is not there yet".to_owned(),
            };
            let mut errors = Vec::new();
            if matches!(name, Put::Keep) {
                errors.push(missing("name"));
            }
            if matches!(price, Put::Keep) {
                errors.push(missing("price"));
            }
            return Err(Problem::invalid(errors));
        }
    };
    name.over(&mut spec.name);
    barcode.over(&mut spec.barcode);
    category.over(&mut spec.category);
    unit.over(&mut spec.unit);
    price.over(&mut spec.price);
    tax_rate.over(&mut spec.tax_rate);
    weighed.over(&mut spec.weighed);
    plu.over(&mut spec.plu);
    blocked.over(&mut spec.blocked);
    bundle.over(&mut spec.bundle);
    state.over(&mut spec.state);
    for (store, price) in prices {
        match price {
            Some(price) => drop(spec.prices.insert(store, price)),
            None => drop(spec.prices.remove(&store)),
        }
    }
    Ok(spec)
}

fn row_errors(row: &ArticleRow, problem: &Problem) -> Vec<RowError> {
    let error = |field: &str, detail: &str| RowError {
        line: row.line,
        sku: Some(row.sku.clone()),
        field: field.to_owned(),
        code: problem.code,
        detail: detail.to_owned(),
    };
    if problem.errors.is_empty() {
        return vec![error("", &problem.detail)];
    }
    problem.errors.iter().map(|it| error(&it.field, &it.detail)).collect()
}

#[cfg(test)]
mod tests;
