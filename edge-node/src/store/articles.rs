//! The catalogue and the stock: what can be sold, by what it is scanned, how much there is.

use messages::edge::checkout::ArticleView;
use messages::edge::event::{Adjustment, AdjustmentReason, Movement};
use messages::edge::{Amount, Quantity, TaxRate};
use messages::{Timestamp, TransactionId};
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Reader, StoreError, Tx};
use crate::checkout::{Article, BundlePrice};

/// Articles a search shows.
const MOST_FOUND: i64 = 100;
const COLUMNS: &str = "a.sku, a.name, a.category, a.unit, a.price, a.tax_rate, a.weighed, a.plu, a.blocked, \
    a.bundle_pieces, a.bundle_price, a.barcode";

/// The catalogue that tills sell from.
const LIVE: &str = "(select live from catalogue)";

/// By what an article is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Sku(String),
    Barcode(String),
    Plu(u32),
}

fn read(row: &Row<'_>) -> rusqlite::Result<Article> {
    let bundle: (Option<u32>, Option<i64>) = (row.get(9)?, row.get(10)?);
    Ok(Article {
        sku: row.get(0)?,
        name: row.get(1)?,
        category: row.get(2)?,
        unit: row.get(3)?,
        price: Amount::new(row.get(4)?),
        tax_rate: TaxRate(row.get(5)?),
        weighed: row.get(6)?,
        plu: row.get(7)?,
        blocked: row.get(8)?,
        bundle: match bundle {
            (Some(pieces), Some(price)) => Some(BundlePrice { pieces, price: Amount::new(price) }),
            _ => None,
        },
        barcode: row.get(11)?,
    })
}

fn find(connection: &rusqlite::Connection, key: &Key) -> Result<Option<Article>, StoreError> {
    let sql = match key {
        Key::Sku(_) => format!("select {COLUMNS} from articles a where a.generation = {LIVE} and a.sku = ?1"),
        Key::Barcode(_) => format!(
            "select {COLUMNS} from barcodes b join articles a on a.generation = b.generation and a.sku = b.sku \
             where b.generation = {LIVE} and b.barcode = ?1"
        ),
        Key::Plu(_) => format!("select {COLUMNS} from articles a where a.generation = {LIVE} and a.plu = ?1"),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let found = match key {
        Key::Sku(text) | Key::Barcode(text) => statement.query_row([text], read),
        Key::Plu(plu) => statement.query_row([plu], read),
    };
    Ok(found.optional()?)
}

fn view(article: Article, on_hand: Quantity) -> ArticleView {
    ArticleView {
        sku: article.sku,
        name: article.name,
        barcode: article.barcode,
        category: article.category,
        unit: article.unit,
        price: article.price,
        tax_rate: article.tax_rate,
        weighed: article.weighed,
        blocked: article.blocked,
        on_hand,
    }
}

impl Tx<'_> {
    pub fn article(&self, key: &Key) -> Result<Option<Article>, StoreError> {
        find(self.connection, key)
    }

    /// Writes an article and the number it is scanned by, whether it was there or not.
    pub fn put_article(&self, article: &Article, now: Timestamp) -> Result<(), StoreError> {
        let live = self
            .connection
            .prepare_cached("select live from catalogue")?
            .query_row([], |row| row.get::<_, i64>(0))?;
        self.put_article_in(live, article, now)
    }

    /// The same in some generation. A number that another article had is this one's from now on.
    pub(super) fn put_article_in(
        &self,
        generation: i64,
        article: &Article,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(plu) = article.plu {
            self.connection
                .prepare_cached(
                    "update articles set plu = null where generation = ?1 and plu = ?2 and sku <> ?3",
                )?
                .execute(params![generation, plu, article.sku])?;
        }
        self.connection
            .prepare_cached(
                "insert into articles (generation, sku, name, category, unit, price, tax_rate, weighed, plu, blocked, \
                 bundle_pieces, bundle_price, barcode, updated_at) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
                 on conflict (generation, sku) do update set name = excluded.name, category = excluded.category, \
                 unit = excluded.unit, price = excluded.price, tax_rate = excluded.tax_rate, \
                 weighed = excluded.weighed, plu = excluded.plu, blocked = excluded.blocked, \
                 bundle_pieces = excluded.bundle_pieces, bundle_price = excluded.bundle_price, \
                 barcode = excluded.barcode, updated_at = excluded.updated_at",
            )?
            .execute(params![
                generation,
                article.sku,
                article.name,
                article.category,
                article.unit,
                article.price.minor(),
                article.tax_rate.0,
                article.weighed,
                article.plu,
                article.blocked,
                article.bundle.map(|bundle| bundle.pieces),
                article.bundle.map(|bundle| bundle.price.minor()),
                article.barcode,
                now.0
            ])?;
        self.connection
            .prepare_cached("delete from barcodes where generation = ?1 and sku = ?2")?
            .execute(params![generation, article.sku])?;
        if let Some(barcode) = &article.barcode {
            self.connection
                .prepare_cached(
                    "insert or replace into barcodes (generation, barcode, sku) values (?1, ?2, ?3)",
                )?
                .execute(params![generation, barcode, article.sku])?;
        }
        Ok(())
    }

    pub(super) fn remove_article_in(&self, generation: i64, sku: &str) -> Result<(), StoreError> {
        for table in ["articles", "barcodes"] {
            self.connection
                .prepare_cached(&format!("delete from {table} where generation = ?1 and sku = ?2"))?
                .execute(params![generation, sku])?;
        }
        Ok(())
    }

    /// Moves stock and says what head office is to be told.
    pub fn move_stock(
        &self,
        reason: AdjustmentReason,
        transaction: Option<TransactionId>,
        moves: &[(String, Quantity)],
        now: Timestamp,
    ) -> Result<Adjustment, StoreError> {
        // One movement an article, in the order in which the articles first appear.
        let mut sums: Vec<(&str, Quantity)> = Vec::with_capacity(moves.len());
        for (sku, delta) in moves {
            match sums.iter_mut().find(|(known, _)| known == sku) {
                Some((_, sum)) => *sum = *sum + *delta,
                None => sums.push((sku, *delta)),
            }
        }
        let id = transaction.map(|id| id.as_uuid().into_bytes());
        let mut movements = Vec::with_capacity(sums.len());
        for (sku, delta) in sums {
            let on_hand: i64 = self
                .connection
                .prepare_cached(
                    "insert into inventory (sku, on_hand) values (?1, ?2) \
                     on conflict (sku) do update set on_hand = on_hand + excluded.on_hand returning on_hand",
                )?
                .query_row(params![sku, delta.get()], |row| row.get(0))?;
            self.connection
                .prepare_cached(
                    "insert into stock_movements (sku, delta, reason, transaction_id, at) values (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![sku, delta.get(), reason.as_str(), id, now.0])?;
            let on_hand = Quantity::thousandths(on_hand);
            movements.push(Movement { sku: sku.to_owned(), delta, on_hand });
        }
        Ok(Adjustment { reason, transaction_id: transaction, movements })
    }
}

impl Reader<'_> {
    pub fn article_count(&self) -> Result<u64, StoreError> {
        let sql = format!("select count(*) from articles where generation = {LIVE}");
        Ok(self.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
    }

    /// One article as tills show it.
    pub fn article(&self, key: &Key) -> Result<Option<ArticleView>, StoreError> {
        let Some(article) = find(self.connection, key)? else { return Ok(None) };
        let on_hand = self
            .connection
            .query_row("select on_hand from inventory where sku = ?1", [&article.sku], |row| row.get(0))
            .optional()?;
        Ok(Some(view(article, Quantity::thousandths(on_hand.unwrap_or(0)))))
    }

    /// Articles whose name holds the text, by name.
    pub fn search(&self, text: &str) -> Result<Vec<ArticleView>, StoreError> {
        let escaped: String = text
            .chars()
            .flat_map(|c| if matches!(c, '%' | '_' | '\\') { vec!['\\', c] } else { vec![c] })
            .collect();
        let sql = format!(
            "select {COLUMNS}, coalesce(i.on_hand, 0) from articles a left join inventory i on i.sku = a.sku \
             where a.generation = {LIVE} and a.name like ?1 escape '\\' order by a.name collate nocase limit {MOST_FOUND}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([format!("%{escaped}%")], |row| {
            Ok(view(read(row)?, Quantity::thousandths(row.get(12)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The whole catalogue, for reconciliations.
    pub fn catalogue_articles(&self) -> Result<Vec<Article>, StoreError> {
        let sql = format!("select {COLUMNS} from articles a where a.generation = {LIVE} order by a.sku");
        let mut statement = self.connection.prepare(&sql)?;
        Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Everything there is of every article, for reconciliations.
    pub fn stock(&self) -> Result<Vec<(String, Quantity)>, StoreError> {
        let mut statement = self.connection.prepare("select sku, on_hand from inventory order by sku")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, Quantity::thousandths(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Articles for the simulator to buy: their scanned numbers, and the short ones of weighed goods.
    pub fn assortment(&self, most: u32) -> Result<Vec<Article>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from articles a where a.generation = {LIVE} and a.blocked is null \
             order by a.sku limit ?1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_map([most], read)?.collect::<Result<_, _>>()?)
    }
}
