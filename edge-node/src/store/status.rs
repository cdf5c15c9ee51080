//! What the status page counts, and what a reconciliation compares.

use messages::edge::status::{CatalogueStatus, Outbox};
use messages::edge::{Amount, ReceiptNumber};
use messages::{StreamId, Timestamp};
use rusqlite::OptionalExtension as _;

use super::installation::Installation;
use super::{Reader, StoreError};

/// Figures of the whole store.
#[derive(Debug, Clone)]
pub struct Figures {
    pub installation: Installation,
    pub outbox: Outbox,
    pub articles: u64,
    pub catalogue: CatalogueStatus,
    pub receipts: u64,
    pub open: u64,
}

/// What waits to be sent, for the hub to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsent {
    pub stream_id: StreamId,
    pub unsent: u64,
    pub oldest_unsent_at: Option<Timestamp>,
}

/// Everything that must agree with everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    pub receipts: Vec<ReceiptNumber>,
    /// Sum of what transactions that count came to.
    pub sold: Amount,
    /// Sum of the money that changed hands.
    pub paid: Amount,
    pub sales: u64,
    pub lines: u64,
    /// Events by type.
    pub events: Vec<(String, u64)>,
    pub last_seq: u64,
}

impl Reader<'_> {
    pub fn unsent(&self) -> Result<Unsent, StoreError> {
        let (stream_id, position) = (self.installation()?.stream_id, self.position()?);
        let unsent = position.last_seq.saturating_sub(position.settled_seq);
        Ok(Unsent { stream_id, unsent, oldest_unsent_at: self.oldest_unsent_at()? })
    }

    fn oldest_unsent_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let found: Option<i64> = self
            .connection
            .prepare_cached(
                "select occurred_at from outbox where seq > (select settled_seq from sync) order by seq limit 1",
            )?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(found.map(Timestamp))
    }

    pub fn figures(&self) -> Result<Figures, StoreError> {
        let installation = self.installation()?;
        let position = self.position()?;
        let oldest_unsent_at = self.oldest_unsent_at()?;
        let count = |sql: &str| -> Result<u64, StoreError> {
            Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        };
        let (attempts, last_error, last_sent_at) = self
            .connection
            .prepare_cached("select attempts, last_error, last_sent_at from sync")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?)))?;
        let outbox = Outbox {
            stream_id: installation.stream_id,
            unsent: position.last_seq.saturating_sub(position.settled_seq),
            oldest_unsent_at,
            parked: count("select count(*) from parked")?,
            last_seq: position.last_seq,
            settled_seq: position.settled_seq,
            transport: String::new(),
            attempts,
            last_error,
            last_sent_at: last_sent_at.map(Timestamp),
        };
        // Each receipt took one number of some series: no need to count the sales themselves.
        let receipts = count("select coalesce(sum(next - 1), 0) from series")?;
        Ok(Figures {
            installation,
            outbox,
            articles: self.article_count()?,
            catalogue: self.catalogue()?.status,
            receipts,
            open: count("select count(*) from baskets")?,
        })
    }

    /// Reads everything; for tests and reconciliations of small stores.
    pub fn books(&self) -> Result<Books, StoreError> {
        let mut receipts = Vec::new();
        let mut statement = self.connection.prepare("select receipt from transactions order by receipt")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = row.get::<_, String>(0)?;
            receipts.push(text.parse().map_err(|_| StoreError::Value(text))?);
        }
        let sum = |sql: &str| -> Result<i64, StoreError> {
            Ok(self.connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        };
        let natural = |number: i64| u64::try_from(number).unwrap_or(0);
        let mut events =
            self.connection.prepare("select kind, count(*) from outbox group by kind order by kind")?;
        Ok(Books {
            sales: natural(sum("select count(*) from transactions")?),
            lines: natural(sum("select count(*) from lines")?),
            sold: Amount::new(sum(
                "select coalesce(sum(total + rounding), 0) from transactions where state = 'finalised'",
            )?),
            paid: Amount::new(sum("select coalesce(sum(amount), 0) from payments")?),
            events: events.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?,
            last_seq: natural(sum("select last_seq from sync")?),
            receipts,
        })
    }
}
