//! Events that were set aside: why, and what somebody decides about them.

use messages::edge::status::{ParkedEvent, ParkedList};
use messages::{ErrorCode, EventId, Problem, Timestamp};
use rusqlite::{OptionalExtension as _, params};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Reader, StoreError, Tx};

/// On one page; more than this is a defect that is looked at elsewhere.
const MOST_LISTED: u32 = 200;

impl Tx<'_> {
    /// Keeps a copy of an event with the reason. One that is gone already, or parked, is left as it is.
    pub(super) fn park(
        &self,
        event: EventId,
        code: &str,
        detail: &str,
        at_hub: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert or ignore into parked \
                 (event_id, seq, kind, version, occurred_at, parked_at, code, detail, at_hub, data) \
                 select event_id, seq, kind, version, occurred_at, ?2, ?3, ?4, ?5, data from outbox where event_id = ?1",
            )?
            .execute(params![event.as_uuid().into_bytes(), now.0, code, detail, at_hub])?;
        Ok(())
    }

    /// Sends a parked event once more, as a new event at the end of the outbox. One that head office has too is decided on
    /// there: tried again in both places, under two identifiers, it would count twice.
    pub fn retry_parked(&self, event: EventId) -> Result<(), StoreError> {
        let id = event.as_uuid().into_bytes();
        let row = self
            .connection
            .query_row(
                "select kind, version, data, occurred_at, at_hub from parked where event_id = ?1",
                [id],
                |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, u16>(1)?,
                        row.get::<_, String>(2)?,
                        Timestamp(row.get(3)?),
                        row.get::<_, bool>(4)?,
                    ))
                },
            )
            .optional()?;
        let Some((kind, version, data, occurred_at, at_hub)) = row else { return Err(no_such()) };
        if at_hub {
            let detail = "head office has this event; try it again in the console there, then forget it here";
            return Err(Problem::new(ErrorCode::WrongState, detail).into());
        }
        self.tell_again((&kind, version, &data), occurred_at)?;
        self.discard_parked(event)
    }

    pub fn discard_parked(&self, event: EventId) -> Result<(), StoreError> {
        let id = event.as_uuid().into_bytes();
        match self.connection.execute("delete from parked where event_id = ?1", [id])? {
            0 => Err(no_such()),
            _ => Ok(()),
        }
    }
}

fn no_such() -> StoreError {
    Problem::new(ErrorCode::NotFound, "there is no such parked event").into()
}

impl Reader<'_> {
    pub fn parked(&self) -> Result<ParkedList, StoreError> {
        let total = self.connection.query_row("select count(*) from parked", [], |row| row.get(0))?;
        let mut statement = self.connection.prepare_cached(
            "select event_id, seq, kind, occurred_at, parked_at, code, detail, at_hub, data from parked \
             order by parked_at, seq limit ?1",
        )?;
        let mut rows = statement.query([MOST_LISTED])?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(1)?;
            items.push(ParkedEvent {
                event_id: EventId::from_uuid(Uuid::from_bytes(row.get(0)?)),
                seq: u64::try_from(seq).unwrap_or(0),
                kind: row.get(2)?,
                occurred_at: Timestamp(row.get(3)?),
                parked_at: Timestamp(row.get(4)?),
                code: row.get(5)?,
                detail: row.get(6)?,
                at_hub: row.get(7)?,
                data: RawValue::from_string(row.get(8)?)?,
            });
        }
        Ok(ParkedList { items, total })
    }
}
