//! Stock of stores: lists, files, and how much runs out. Shelves are read one after the other, and no more is kept than
//! is shown. Whoever asks has had the journal folded first.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::{Document, doc};
use futures_util::TryStreamExt as _;
use messages::edge::Quantity;
use messages::http::figures::{LOW_STOCK, StockLevels};
use messages::http::paging::Page;
use messages::http::reports::{InventoryQuery, StockRow};
use messages::{Problem, StoreId};

use super::super::super::documents::value::StoredId as _;
use super::super::super::reads::cursor::{cut, decode, encode};
use super::super::super::tenant::TenantDb;
use super::super::shelf_doc::StockShelfDoc;
use super::super::sums_doc::StockDoc;
use super::unreadable;

/// A row has a hundred bytes: a file of them stays under twenty megabytes.
const MOST_STOCK: usize = 200_000;
/// Nobody types more into a search box.
const LONGEST_SEARCH: usize = 100;

impl TenantDb {
    /// A store's stock, by the number of the article.
    pub async fn inventory(&self, query: &InventoryQuery) -> Result<Page<StockRow>, Problem> {
        const LIST: &str = "inventory";
        self.must_exist().await?;
        let after = match &query.cursor {
            Some(cursor) => Some(decode::<(String,)>(LIST, cursor)?.0),
            None => None,
        };
        let size = query.limit.unwrap_or(200).clamp(1, 1_000) as usize;
        let mut chosen = Chosen::new(Search::of(query), after, size + 1);
        self.stock_rows(Some(query.store_id), |_, row| chosen.see(row)).await?;
        let total = chosen.total;
        let (items, next) =
            cut(chosen.rows.into_values().collect(), size, |last| encode(LIST, (last.sku.clone(),)))?;
        Ok(Page { items, next, total })
    }

    /// All of it, for a file.
    pub async fn whole_inventory(&self, query: &InventoryQuery) -> Result<Vec<StockRow>, Problem> {
        self.must_exist().await?;
        let mut chosen = Chosen::new(Search::of(query), None, MOST_STOCK);
        self.stock_rows(Some(query.store_id), |_, row| chosen.see(row)).await?;
        Ok(chosen.rows.into_values().collect())
    }

    /// How much runs out in each store. Reads every article of the retailer: not for each look.
    pub async fn stock_levels(&self) -> Result<Vec<StockLevels>, Problem> {
        self.must_exist().await?;
        let mut stores: HashMap<StoreId, StockLevels> = HashMap::new();
        self.stock_rows(None, |store_id, row| {
            let none = StockLevels { store_id, articles: 0, low: 0, out: 0 };
            let levels = stores.entry(store_id).or_insert(none);
            levels.articles += 1;
            levels.out += u64::from(row.on_hand <= Quantity::ZERO);
            levels.low += u64::from(row.on_hand > Quantity::ZERO && row.on_hand <= LOW_STOCK);
        })
        .await?;
        Ok(stores.into_values().collect())
    }

    /// Every article of a store, or of all, once. Documents of single articles come first: one that is put on its shelf
    /// meanwhile is seen in both places, and not in neither.
    async fn stock_rows(
        &self,
        store: Option<StoreId>,
        mut see: impl FnMut(StoreId, StockRow),
    ) -> Result<(), Problem> {
        let wanted = store.map_or_else(Document::new, |store| doc! { "store_id": store.stored() });
        let mut single: HashSet<(StoreId, String)> = HashSet::new();
        let mut documents = self.stream::<StockDoc>(wanted.clone(), Document::new()).await?;
        while let Some(document) = documents.try_next().await? {
            let (store, sku) = (StoreId::read(document.store_id), document.sku.clone());
            single.insert((store, sku.clone()));
            see(store, document.into_row().map_err(unreadable)?.view(sku));
        }
        let mut shelves = self.stream::<StockShelfDoc>(wanted, Document::new()).await?;
        while let Some(shelf) = shelves.try_next().await? {
            let store = StoreId::read(shelf.store_id);
            for (sku, row) in shelf.rows().map_err(unreadable)? {
                if single.is_empty() || !single.contains(&(store, sku.clone())) {
                    see(store, row.view(sku));
                }
            }
        }
        Ok(())
    }
}

/// What is looked for. Pure.
struct Search {
    text: Option<String>,
    /// The same, to be found in names whatever their case.
    folded: String,
    at_most: Option<Quantity>,
}

impl Search {
    fn of(query: &InventoryQuery) -> Self {
        let text = query.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let text: Option<String> = text.map(|text| text.chars().take(LONGEST_SEARCH).collect());
        let folded = text.as_deref().unwrap_or_default().to_lowercase();
        Self { text, folded, at_most: query.at_most }
    }

    /// Numbers that begin with the text, or names that hold it.
    fn finds(&self, row: &StockRow) -> bool {
        let named = || row.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&self.folded));
        self.at_most.is_none_or(|most| row.on_hand <= most)
            && self.text.as_ref().is_none_or(|text| row.sku.starts_with(text.as_str()) || named())
    }
}

/// The first rows of what is found, by the number of the article, and how many there are in all. Pure.
struct Chosen {
    search: Search,
    after: Option<String>,
    most: usize,
    rows: BTreeMap<String, StockRow>,
    total: u64,
}

impl Chosen {
    const fn new(search: Search, after: Option<String>, most: usize) -> Self {
        Self { search, after, most, rows: BTreeMap::new(), total: 0 }
    }

    fn see(&mut self, row: StockRow) {
        if !self.search.finds(&row) {
            return;
        }
        self.total += 1;
        if self.after.as_ref().is_some_and(|after| row.sku <= *after) {
            return;
        }
        self.rows.insert(row.sku.clone(), row);
        if self.rows.len() > self.most {
            self.rows.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use messages::Timestamp;

    use super::*;

    fn row(sku: &str, name: &str, pieces: i64) -> StockRow {
        let on_hand = Quantity::pieces(pieces);
        let (moved, moved_at) = (Quantity::ZERO, Timestamp(0));
        StockRow { sku: sku.into(), name: Some(name.into()), on_hand, moved, moved_at }
    }

    fn chosen(q: &str, at_most: Option<i64>, after: Option<&str>, most: usize) -> (Vec<String>, u64) {
        let store_id = StoreId::new();
        let at_most = at_most.map(Quantity::pieces);
        let q = Some(q.to_owned());
        let query =
            InventoryQuery { store_id, q, at_most, cursor: None, limit: None, format: Default::default() };
        let mut chosen = Chosen::new(Search::of(&query), after.map(str::to_owned), most);
        for row in [row("C", "Chợ", 3), row("A1", "Milk", 0), row("B", "Butter", 9), row("A2", "Oat milk", 5)]
        {
            chosen.see(row);
        }
        (chosen.rows.into_keys().collect(), chosen.total)
    }

    #[test]
    fn a_page_has_the_first_rows_and_the_count_of_all() {
        let skus = |skus: &[&str], total| (skus.iter().map(|&sku| sku.to_owned()).collect::<Vec<_>>(), total);
        for (q, at_most, after, most, expected) in [
            ("", None, None, 9, skus(&["A1", "A2", "B", "C"], 4)),
            ("", None, None, 2, skus(&["A1", "A2"], 4)),
            ("", None, Some("A2"), 2, skus(&["B", "C"], 4)),
            ("A", None, None, 9, skus(&["A1", "A2"], 2)),
            (" MILK ", None, None, 9, skus(&["A1", "A2"], 2)),
            ("CHỢ", None, None, 9, skus(&["C"], 1)),
            ("a", None, None, 9, skus(&["A2"], 1)),
            ("", Some(3), None, 9, skus(&["A1", "C"], 2)),
            ("milk", Some(3), None, 9, skus(&["A1"], 1)),
        ] {
            assert_eq!(chosen(q, at_most, after, most), expected, "{q} {at_most:?} {after:?} {most}");
        }
    }
}
