//! Events on their way to head office: written with the sale, numbered without gaps, kept until settled and a while
//! longer, in case a hub that lost its last hour asks again.

use messages::edge::event::{EVENT_VERSION, Event, Fact};
use messages::edge::ingest::{EventBatch, EventError, MAX_BATCH_BYTES};
use messages::{EventId, Timestamp};
use rusqlite::params;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Reader, StoreError, Tx};

/// Around the events of a batch: device, stream, brackets.
const ENVELOPE: usize = 512;
/// Around the data of an event.
const EVENT_ENVELOPE: usize = 200;

/// Where the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The last number given.
    pub last_seq: u64,
    /// The hub has everything up to here.
    pub settled_seq: u64,
    /// The lowest that is still here; one above the last when nothing is.
    pub oldest_seq: u64,
}

impl Tx<'_> {
    /// Adds what happened to the end of the outbox.
    pub fn tell(&self, facts: &[Fact], now: Timestamp) -> Result<(), StoreError> {
        if facts.is_empty() {
            return Ok(());
        }
        let last: i64 = self
            .connection
            .prepare_cached("update sync set last_seq = last_seq + ?1 returning last_seq")?
            .query_row([i64::try_from(facts.len()).unwrap_or(i64::MAX)], |row| row.get(0))?;
        let first = last + 1 - i64::try_from(facts.len()).unwrap_or(i64::MAX);
        for (seq, fact) in (first..).zip(facts) {
            let data = fact.to_json()?;
            self.add_event(seq, EventId::new(), (fact.kind(), EVENT_VERSION, &data), now)?;
        }
        Ok(())
    }

    /// Adds what happened under an id that somebody else has given it.
    pub(super) fn tell_as(&self, event: EventId, fact: &Fact, now: Timestamp) -> Result<(), StoreError> {
        let seq = self.next_seq()?;
        self.add_event(seq, event, (fact.kind(), EVENT_VERSION, &fact.to_json()?), now)
    }

    fn next_seq(&self) -> Result<i64, StoreError> {
        Ok(self
            .connection
            .prepare_cached("update sync set last_seq = last_seq + 1 returning last_seq")?
            .query_row([], |row| row.get(0))?)
    }

    fn add_event(
        &self,
        seq: i64,
        event: EventId,
        (kind, version, data): (&str, u16, &str),
        occurred_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into outbox (seq, event_id, kind, version, occurred_at, data) \
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![seq, event.as_uuid().into_bytes(), kind, version, occurred_at.0, data])?;
        self.events.set(true);
        Ok(())
    }

    /// Adds an event that was set aside, once more, as it was.
    pub(super) fn tell_again(
        &self,
        event: (&str, u16, &str),
        occurred_at: Timestamp,
    ) -> Result<(), StoreError> {
        let seq = self.next_seq()?;
        self.add_event(seq, EventId::new(), event, occurred_at)
    }

    /// The hub has settled everything up to `settled`; some of it was set aside.
    pub fn settle(&self, settled: u64, errors: &[EventError], now: Timestamp) -> Result<(), StoreError> {
        for error in errors {
            self.park(error.event_id, error.code.as_str(), &error.detail, true, now)?;
        }
        self.connection
            .prepare_cached(
                "update sync set settled_seq = max(settled_seq, min(?1, last_seq)), attempts = 0, \
                 last_error = null, last_sent_at = ?2",
            )?
            .execute(params![whole(settled), now.0])?;
        Ok(())
    }

    /// The hub asks for earlier ones again.
    pub fn rewind(&self, expected: u64) -> Result<(), StoreError> {
        let settled = whole(expected.saturating_sub(1));
        self.connection
            .prepare_cached("update sync set settled_seq = min(settled_seq, ?1)")?
            .execute([settled])?;
        self.events.set(true);
        Ok(())
    }

    /// A round failed.
    pub fn note_failure(&self, attempts: u32, error: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update sync set attempts = ?1, last_error = ?2")?
            .execute(params![attempts, error])?;
        Ok(())
    }

    /// Replaces the data of an event that no hub takes by a note in its place; the data is parked here.
    pub fn withhold(&self, event: EventId, fact: &Fact, now: Timestamp) -> Result<(), StoreError> {
        let Fact::Withheld(reason) = fact else { return Ok(()) };
        self.park(event, &reason.code, &reason.detail, false, now)?;
        self.connection
            .prepare_cached("update outbox set kind = ?2, version = ?3, data = ?4 where event_id = ?1")?
            .execute(params![event.as_uuid().into_bytes(), fact.kind(), EVENT_VERSION, fact.to_json()?])?;
        self.events.set(true);
        Ok(())
    }

    /// Numbers what is unsent from 1 again, for a new stream.
    pub(super) fn renumber_outbox(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "delete from outbox where seq <= (select settled_seq from sync);
             update outbox set seq = -(seq - (select settled_seq from sync));
             update outbox set seq = -seq;
             update sync set last_seq = last_seq - settled_seq, settled_seq = 0, attempts = 0, last_error = null;",
        )?;
        self.events.set(true);
        Ok(())
    }

    /// Forgets events that were settled before `before`, some at a time; says how many.
    pub fn forget_settled(&self, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "delete from outbox where seq in (select seq from outbox \
                 where seq <= (select settled_seq from sync) and occurred_at < ?1 order by seq limit ?2)",
            )?
            .execute(params![before.0, most])?)
    }
}

impl Reader<'_> {
    pub fn position(&self) -> Result<Position, StoreError> {
        let (last, settled): (i64, i64) = self
            .connection
            .prepare_cached("select last_seq, settled_seq from sync")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let oldest: Option<i64> =
            self.connection.prepare_cached("select min(seq) from outbox")?.query_row([], |row| row.get(0))?;
        let (last, settled) = (natural(last), natural(settled));
        let oldest_seq = oldest.map_or(last + 1, natural);
        Ok(Position { last_seq: last, settled_seq: settled, oldest_seq })
    }

    /// The next batch behind what is settled: at most `most` events, and no larger than the wire takes.
    pub fn next_batch(&self, v: u16, most: usize) -> Result<EventBatch, StoreError> {
        let who = self.installation()?;
        let position = self.position()?;
        let mut statement = self.connection.prepare_cached(
            "select seq, event_id, kind, version, occurred_at, data from outbox where seq > ?1 order by seq limit ?2",
        )?;
        let mut rows =
            statement.query(params![whole(position.settled_seq), i64::try_from(most).unwrap_or(1)])?;
        let (mut events, mut bytes) = (Vec::new(), ENVELOPE);
        while let Some(row) = rows.next()? {
            let data: String = row.get(5)?;
            bytes += data.len() + EVENT_ENVELOPE;
            if bytes > MAX_BATCH_BYTES && !events.is_empty() {
                break;
            }
            events.push(Event {
                event_id: EventId::from_uuid(Uuid::from_bytes(row.get(1)?)),
                seq: natural(row.get(0)?),
                kind: row.get(2)?,
                version: row.get(3)?,
                occurred_at: Timestamp(row.get(4)?),
                data: RawValue::from_string(data)?,
            });
        }
        Ok(EventBatch {
            v,
            device_id: who.device_id,
            stream_id: who.stream_id,
            oldest_seq: position.oldest_seq,
            events,
        })
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
