//! Open transactions, kept whole, so that they survive the edge.

use messages::edge::TerminalId;
use messages::{ErrorCode, Problem, Timestamp, TransactionId};
use rusqlite::{OptionalExtension as _, params};

use super::{Reader, StoreError, Tx};
use crate::checkout::basket::Basket;

/// Open transactions of one store. Twenty tills with five parked customers each; then somebody never voids.
pub const MOST_OPEN: u64 = 1_000;

impl Tx<'_> {
    pub fn add_basket(&self, basket: &Basket, now: Timestamp) -> Result<(), StoreError> {
        let open: u64 = self
            .connection
            .prepare_cached("select count(*) from baskets")?
            .query_row([], |row| row.get(0))?;
        if open >= MOST_OPEN {
            let detail = format!("{open} transactions are open; void those that nobody will pay");
            return Err(Problem::new(ErrorCode::LimitReached, detail).into());
        }
        self.put_basket(basket, now)
    }

    pub fn put_basket(&self, basket: &Basket, now: Timestamp) -> Result<(), StoreError> {
        let body = serde_json::to_string(basket)?;
        self.connection
            .prepare_cached(
                "insert into baskets (id, terminal, body, changed_at) values (?1, ?2, ?3, ?4) \
                 on conflict (id) do update set body = excluded.body, changed_at = excluded.changed_at",
            )?
            .execute(params![basket.id.as_uuid().into_bytes(), basket.terminal.as_str(), body, now.0])?;
        Ok(())
    }

    pub fn basket(&self, id: TransactionId) -> Result<Option<Basket>, StoreError> {
        read(self.connection, id)
    }

    pub fn remove_basket(&self, id: TransactionId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("delete from baskets where id = ?1")?
            .execute([id.as_uuid().into_bytes()])?;
        Ok(())
    }
}

impl Reader<'_> {
    pub fn basket(&self, id: TransactionId) -> Result<Option<Basket>, StoreError> {
        read(self.connection, id)
    }

    /// Open transactions, of one till or of all, the latest first.
    pub fn open_baskets(&self, terminal: Option<&TerminalId>, most: u32) -> Result<Vec<Basket>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select body from baskets where ?1 is null or terminal = ?1 order by changed_at desc limit ?2",
        )?;
        let bodies: Vec<String> = statement
            .query_map(params![terminal.map(TerminalId::as_str), most], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(bodies.iter().map(|body| serde_json::from_str(body)).collect::<Result<_, _>>()?)
    }
}

fn read(connection: &rusqlite::Connection, id: TransactionId) -> Result<Option<Basket>, StoreError> {
    let body: Option<String> = connection
        .prepare_cached("select body from baskets where id = ?1")?
        .query_row([id.as_uuid().into_bytes()], |row| row.get(0))
        .optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}
