//! Who this installation is: its device, its stream of events, its series of receipt numbers.
//!
//! A database that was copied or put back from a backup would use numbers again. So the machine and the folder leave
//! their print in the file, and where it does not fit a new stream and a new series are begun.

use messages::edge::ReceiptNumber;
use messages::{DeviceId, StreamId, Timestamp};
use rusqlite::{OptionalExtension as _, params};
use uuid::Uuid;

use super::{Reader, StoreError, Tx};

/// Letters and digits that nobody mistakes for one another on a faded receipt.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 50 random bits: among a hundred thousand series the chance that any two are alike is one in two hundred thousand.
const SERIES_LETTERS: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    pub device_id: DeviceId,
    pub stream_id: StreamId,
    pub series: String,
}

/// A name for a series, drawn from what is random in a fresh identifier.
#[must_use]
pub fn series_name(random: StreamId) -> String {
    let bytes = random.as_uuid().into_bytes();
    // The last eight bytes of a time-ordered UUID are random but for the two bits of its variant.
    let mut number = u64::from_be_bytes([
        bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
    ]) & 0x3fff_ffff_ffff_ffff;
    let mut name = String::with_capacity(SERIES_LETTERS);
    for _ in 0..SERIES_LETTERS {
        name.push(char::from(ALPHABET[usize::try_from(number & 31).unwrap_or(0)]));
        number >>= 5;
    }
    name
}

impl Tx<'_> {
    /// Finds out who this is, and becomes somebody new where the print does not fit.
    pub fn settle_installation(
        &self,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<(Installation, Settled), StoreError> {
        let known = self
            .connection
            .query_row("select fingerprint from installation", [], |row| row.get::<_, String>(0))
            .optional()?;
        let settled = match known {
            Some(print) if print == fingerprint => Settled::AsBefore,
            Some(_) => {
                // The other copy may go on with the old numbers. The device stays: its credential is here, and what
                // both copies hold unsent has the same event ids, so the hub takes it once.
                self.connection.execute("update installation set fingerprint = ?1", [fingerprint])?;
                self.begin_stream(now)?;
                Settled::Copied
            }
            None => {
                let device = DeviceId::new();
                let stream = StreamId::new();
                let series = series_name(stream);
                self.connection.execute(
                    "insert into installation (one, device_id, stream_id, series, fingerprint, created_at) \
                     values (1, ?1, ?2, ?3, ?4, ?5)",
                    params![
                        device.as_uuid().into_bytes(),
                        stream.as_uuid().into_bytes(),
                        series,
                        fingerprint,
                        now.0
                    ],
                )?;
                self.open_series(&series, now)?;
                self.connection.execute(
                    "insert into sync (one, last_seq, settled_seq, attempts) values (1, 0, 0, 0)",
                    [],
                )?;
                Settled::New
            }
        };
        Ok((installation(self.connection)?, settled))
    }

    /// Begins a new life of the outbox, with what is unsent numbered anew, and a new series of receipts.
    pub fn begin_stream(&self, now: Timestamp) -> Result<StreamId, StoreError> {
        let stream = StreamId::new();
        let series = series_name(stream);
        self.connection.execute(
            "update installation set stream_id = ?1, series = ?2",
            params![stream.as_uuid().into_bytes(), series],
        )?;
        self.open_series(&series, now)?;
        self.renumber_outbox()?;
        Ok(stream)
    }

    fn open_series(&self, series: &str, now: Timestamp) -> Result<(), StoreError> {
        // Fails when the name was used before, which takes the whole change back.
        self.connection.execute(
            "insert into series (series, next, opened_at) values (?1, 1, ?2)",
            params![series, now.0],
        )?;
        Ok(())
    }

    /// The next receipt number; taken for good when this work is committed.
    pub fn next_receipt(&self) -> Result<ReceiptNumber, StoreError> {
        let (series, number): (String, i64) = self
            .connection
            .prepare_cached(
                "update series set next = next + 1 where series = (select series from installation) \
                 returning series, next - 1",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        format!("{series}-{number}").parse().map_err(|error| StoreError::Value(format!("{series}: {error}")))
    }
}

/// How an installation was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    New,
    AsBefore,
    /// The file came from elsewhere, or the machine has changed.
    Copied,
}

impl Reader<'_> {
    pub fn installation(&self) -> Result<Installation, StoreError> {
        installation(self.connection)
    }
}

fn installation(connection: &rusqlite::Connection) -> Result<Installation, StoreError> {
    let row = connection
        .prepare_cached("select device_id, stream_id, series from installation")?
        .query_row([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, [u8; 16]>(1)?, row.get(2)?)))?;
    Ok(Installation {
        device_id: DeviceId::from_uuid(Uuid::from_bytes(row.0)),
        stream_id: StreamId::from_uuid(Uuid::from_bytes(row.1)),
        series: row.2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_series_differ_and_can_be_read() {
        let names: std::collections::BTreeSet<String> =
            (0..10_000).map(|_| series_name(StreamId::new())).collect();
        assert_eq!(names.len(), 10_000);
        let name = names.first().unwrap();
        assert!(name.len() == SERIES_LETTERS && name.bytes().all(|b| ALPHABET.contains(&b)), "{name}");
    }
}
