//! Stock of stores: lists, files, and how much runs out.

use bson::{Bson, Document, doc};
use messages::edge::Quantity;
use messages::http::figures::{LOW_STOCK, StockLevels};
use messages::http::paging::Page;
use messages::http::reports::{InventoryQuery, StockRow};
use messages::{Problem, StoreId};

use super::super::super::documents::value::{StoredId as _, Unreadable};
use super::super::super::reads::cursor::{cut, decode, encode};
use super::super::super::reads::search::anywhere;
use super::super::super::tenant::{TenantDb, number};
use super::super::sums_doc::StockDoc;
use super::{as_uuid, unreadable};

/// A row has a hundred bytes: a file of them stays under twenty megabytes.
const MOST_STOCK: usize = 200_000;

impl TenantDb {
    /// A store's stock, by the number of the article.
    pub async fn inventory(&self, query: &InventoryQuery) -> Result<Page<StockRow>, Problem> {
        const LIST: &str = "inventory";
        self.must_exist().await?;
        let all = stock_filter(query);
        let mut wanted = all.clone();
        if let Some(cursor) = &query.cursor {
            let (last,): (String,) = decode(LIST, cursor)?;
            wanted.insert("sku", doc! { "$gt": last });
        }
        let size = query.limit.unwrap_or(200).clamp(1, 1_000) as usize;
        let (rows, total) = tokio::try_join!(
            self.find::<StockDoc>(wanted, doc! { "sku": 1 }, size + 1),
            self.count::<StockDoc>(all),
        )?;
        let (rows, next) = cut(rows, size, |last| encode(LIST, (last.sku.clone(),)))?;
        let items = rows.into_iter().map(|row| row.row().map_err(unreadable)).collect::<Result<_, _>>()?;
        Ok(Page { items, next, total })
    }

    /// All of it, for a file.
    pub async fn whole_inventory(&self, query: &InventoryQuery) -> Result<Vec<StockRow>, Problem> {
        self.must_exist().await?;
        let rows = self.find::<StockDoc>(stock_filter(query), doc! { "sku": 1 }, MOST_STOCK).await?;
        rows.into_iter().map(|row| row.row().map_err(unreadable)).collect()
    }

    /// How much runs out in each store. Reads every article of the retailer: not for each look.
    pub async fn stock_levels(&self) -> Result<Vec<StockLevels>, Problem> {
        self.must_exist().await?;
        let up_to =
            |most: Quantity| doc! { "$sum": { "$cond": [{ "$lte": ["$on_hand", most.get()] }, 1, 0] } };
        let stages = vec![
            doc! { "$project": { "store_id": 1, "on_hand": StockDoc::on_hand() } },
            doc! { "$group": {
                "_id": "$store_id", "articles": { "$sum": 1 }, "few": up_to(LOW_STOCK), "out": up_to(Quantity::ZERO),
            } },
        ];
        let found = self.aggregate::<StockDoc>(Document::new(), stages).await?;
        found.iter().map(|row| levels(row).map_err(unreadable)).collect()
    }
}

fn levels(row: &Document) -> Result<StockLevels, Unreadable> {
    let count = |name: &str| {
        let found = number(row, name).and_then(|n| u64::try_from(n).ok());
        found.ok_or_else(|| Unreadable(format!("a count of stock has no {name}")))
    };
    let store = row.get("_id").and_then(as_uuid);
    let store = store.ok_or_else(|| Unreadable("a count of stock has no store".to_owned()))?;
    let (few, out) = (count("few")?, count("out")?);
    Ok(StockLevels {
        store_id: StoreId::read(store),
        articles: count("articles")?,
        low: few.saturating_sub(out),
        out,
    })
}

fn stock_filter(query: &InventoryQuery) -> Document {
    let mut wanted = doc! { "store_id": query.store_id.stored() };
    if let Some(text) = query.q.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        // Numbers that begin with the text, as a span of the index; names are looked through.
        let mut either =
            vec![Bson::from(doc! { "sku": { "$gte": text, "$lt": format!("{text}\u{10ffff}") } })];
        either.extend(anywhere(Some(text)).map(|like| Bson::from(doc! { "name": like })));
        wanted.insert("$or", either);
    }
    if let Some(most) = query.at_most {
        wanted.insert("$expr", doc! { "$lte": [StockDoc::on_hand(), most.get()] });
    }
    wanted
}
