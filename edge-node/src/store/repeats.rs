//! What each write was answered with. The answer is stored in the transaction of its effect, so a till that did not hear
//! it asks again and gets the same, and nothing happens twice.

use messages::edge::TerminalId;
use messages::{ErrorCode, Problem, Timestamp};
use rusqlite::{OptionalExtension as _, params};

use super::{StoreError, Tx};

/// An answer as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: String,
}

/// A request that must happen once.
#[derive(Debug, Clone)]
pub struct Once {
    pub terminal: TerminalId,
    pub key: String,
    /// Of method, path and body: the same key with another request is somebody's mistake.
    pub request: [u8; 32],
}

impl Tx<'_> {
    /// Does `work` unless its answer is known. A refusal is not remembered: it has changed nothing, and may pass.
    pub fn once(
        &self,
        once: &Once,
        now: Timestamp,
        work: impl FnOnce() -> Result<Answered, StoreError>,
    ) -> Result<Answered, StoreError> {
        let known = self
            .connection
            .prepare_cached("select request, status, body from repeats where terminal = ?1 and key = ?2")?
            .query_row([once.terminal.as_str(), &once.key], |row| {
                Ok((row.get::<_, [u8; 32]>(0)?, Answered { status: row.get(1)?, body: row.get(2)? }))
            })
            .optional()?;
        match known {
            Some((request, answered)) if request == once.request => return Ok(answered),
            Some(_) => {
                let detail =
                    "this idempotency key was used for another request; make a new one for each intent";
                return Err(Problem::new(ErrorCode::IdempotencyKeyReused, detail).into());
            }
            None => {}
        }
        let answered = work()?;
        self.connection
            .prepare_cached(
                "insert into repeats (terminal, key, request, status, body, at) values (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                once.terminal.as_str(),
                once.key,
                once.request,
                answered.status,
                answered.body,
                now.0
            ])?;
        Ok(answered)
    }

    /// Forgets answers given before `before`, some at a time; says how many.
    pub fn forget_repeats(&self, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "delete from repeats where (terminal, key) in \
                 (select terminal, key from repeats where at < ?1 limit ?2)",
            )?
            .execute(params![before.0, most])?)
    }
}
