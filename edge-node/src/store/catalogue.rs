//! How far what comes down from the hub is, and its changes: each piece of work brings some of them and the cursor behind
//! them, together, so that a page that is sent again changes nothing.
//!
//! A whole catalogue is taken over into a generation of its own, in pieces, and becomes the live one by one value; what
//! was live before goes in slices later.

use messages::edge::catalogue::{Changed, Correction, StoreArticle};
use messages::edge::event::{AdjustmentReason, Fact};
use messages::edge::status::{CatalogueLoad, CatalogueStatus};
use messages::{FeedId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::{Reader, StoreError, Tx};
use crate::checkout::{Article, BundlePrice};
use crate::follow::plan::{Load, Piece, Standing, Target};

/// Where the catalogue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub standing: Standing,
    pub status: CatalogueStatus,
}

impl From<StoreArticle> for Article {
    fn from(article: StoreArticle) -> Self {
        let StoreArticle {
            sku,
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
        } = article;
        let bundle = bundle.map(|bundle| BundlePrice { pieces: bundle.pieces, price: bundle.price });
        Self { sku, name, barcode, category, unit, price, tax_rate, weighed, plu, blocked, bundle }
    }
}

impl Reader<'_> {
    pub fn catalogue(&self) -> Result<Position, StoreError> {
        position(self.connection)
    }
}

fn position(connection: &Connection) -> Result<Position, StoreError> {
    let feed = |bytes: Option<[u8; 16]>| bytes.map(|bytes| FeedId::from_uuid(Uuid::from_bytes(bytes)));
    let mut statement = connection.prepare_cached(
        "select feed, cursor, head, loading, load_feed, load_cursor, load_until, changed_at, confirmed_at, left_out, \
         last_error, renew from catalogue",
    )?;
    Ok(statement.query_row([], |row| {
        let load_feed = feed(row.get(4)?);
        let load = match (row.get::<_, Option<i64>>(3)?, load_feed) {
            (Some(_), Some(feed)) => {
                Some(Load { feed, cursor: natural(row.get(5)?), until: natural(row.get(6)?) })
            }
            _ => None,
        };
        let (feed, cursor, renew) = (feed(row.get(0)?), natural(row.get(1)?), row.get(11)?);
        let standing = Standing { feed, cursor, load, renew };
        let status = CatalogueStatus {
            feed_id: standing.feed,
            cursor: standing.cursor,
            head: natural(row.get(2)?),
            loading: load.map(|load| CatalogueLoad { cursor: load.cursor, until: load.until }),
            changed_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
            confirmed_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
            left_out: natural(row.get(9)?),
            last_error: row.get(10)?,
        };
        Ok(Position { standing, status })
    })?)
}

impl Tx<'_> {
    /// Begins a catalogue of its own beside the live one; one that was begun before is given up.
    pub fn begin_load(&self, feed: FeedId, until: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update catalogue set last_generation = last_generation + 1, loading = last_generation + 1, \
                 load_feed = ?1, load_cursor = 0, load_until = ?2, renew = 0",
            )?
            .execute(params![feed.as_uuid().into_bytes(), whole(until)])?;
        Ok(())
    }

    /// Applies a piece if the catalogue stands where the piece begins; says whether it did.
    pub fn apply_piece(&self, piece: &Piece, now: Timestamp) -> Result<bool, StoreError> {
        let standing = position(self.connection)?.standing;
        if standing.place(piece.target) != Some((piece.feed, piece.from)) {
            return Ok(false);
        }
        let column = match piece.target {
            Target::Live => "live",
            Target::Load => "loading",
        };
        let generation: i64 = self
            .connection
            .prepare_cached(&format!("select {column} from catalogue"))?
            .query_row([], |row| row.get(0))?;
        for change in &piece.changes {
            match change {
                Changed::Article(article) => {
                    self.put_article_in(generation, &article.clone().into(), now)?;
                }
                Changed::ArticleWithdrawn(gone) => self.remove_article_in(generation, &gone.sku)?,
                Changed::StockCorrected(order) => self.correct_stock(order, now)?,
            }
        }
        let cursor = match piece.target {
            Target::Live => "cursor = ?1, head = max(head, ?1), changed_at = ?2",
            Target::Load => "load_cursor = ?1",
        };
        self.connection
            .prepare_cached(&format!(
                "update catalogue set {cursor}, left_out = left_out + ?3 where ?2 = ?2"
            ))?
            .execute(params![whole(piece.cursor), now.0, piece.left_out])?;
        Ok(true)
    }

    /// What was taken over is what tills sell from now on.
    pub fn finish_load(&self, now: Timestamp) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update catalogue set live = loading, feed = load_feed, cursor = load_cursor, head = load_cursor, \
                 loading = null, load_feed = null, load_cursor = 0, load_until = 0, changed_at = ?1 \
                 where loading is not null",
            )?
            .execute([now.0])?;
        Ok(())
    }

    /// This edge may understand what one before it has left out: then it needs everything once more.
    pub fn renew_catalogue(&self) -> Result<bool, StoreError> {
        let sql = "update catalogue set renew = 1, left_out = 0 where left_out > 0";
        Ok(self.connection.prepare_cached(sql)?.execute([])? > 0)
    }

    /// The hub was heard: this is its latest change.
    pub fn hear_catalogue(&self, head: u64, is_all: bool, now: Timestamp) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update catalogue set head = ?1, last_error = null, \
                 confirmed_at = case when ?2 then ?3 else confirmed_at end",
            )?
            .execute(params![whole(head), is_all, now.0])?;
        Ok(())
    }

    pub fn note_catalogue_error(&self, error: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached("update catalogue set last_error = ?1")?.execute([error])?;
        Ok(())
    }

    /// Moves stock as head office says, once for each order.
    fn correct_stock(&self, order: &Correction, now: Timestamp) -> Result<(), StoreError> {
        let event = order.event_id.as_uuid().into_bytes();
        let known = self
            .connection
            .prepare_cached("select 1 from corrections where event_id = ?1")?
            .query_row([event], |_| Ok(()))
            .optional()?;
        if known.is_some() {
            return Ok(());
        }
        self.connection
            .prepare_cached("insert into corrections (event_id, at) values (?1, ?2)")?
            .execute(params![event, now.0])?;
        let moves = [(order.sku.clone(), order.delta)];
        let adjustment = self.move_stock(AdjustmentReason::Count, None, &moves, now)?;
        self.tell_as(order.event_id, &Fact::InventoryAdjusted(adjustment), now)
    }

    /// Forgets corrections of long ago, some at a time; says how many.
    pub fn forget_corrections(&self, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        let sql = "delete from corrections where event_id in \
            (select event_id from corrections where at < ?1 limit ?2)";
        Ok(self.connection.prepare_cached(sql)?.execute(params![before.0, most])?)
    }

    /// Forgets some of what belongs to no catalogue any more; says how much.
    pub fn forget_generations(&self, most: u32) -> Result<usize, StoreError> {
        let (live, loading): (i64, Option<i64>) = self
            .connection
            .prepare_cached("select live, loading from catalogue")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut gone = 0;
        for (table, key) in [("articles", "sku"), ("barcodes", "barcode")] {
            // From one generation to the next by the index: there are two or three.
            let mut at = -1;
            while let Some(generation) = self.next_generation(table, at)? {
                at = generation;
                if generation == live || Some(generation) == loading {
                    continue;
                }
                gone += self
                    .connection
                    .prepare_cached(&format!(
                        "delete from {table} where generation = ?1 and {key} in \
                         (select {key} from {table} where generation = ?1 limit ?2)"
                    ))?
                    .execute(params![generation, most])?;
            }
        }
        Ok(gone)
    }

    fn next_generation(&self, table: &str, behind: i64) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!("select min(generation) from {table} where generation > ?1"))?
            .query_row([behind], |row| row.get(0))?)
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
