//! Lines of runs' logs.

use bson::{DateTime, doc};
use messages::ids::SpoolId;
use messages::run::{LogLevel, LogLine};
use messages::{RetailerId, RunId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::value::{StoredId, Unreadable, count, date, long, time};
use super::{Stored, TenantDocument, check_shape, index};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogDoc {
    /// `<retailer>:<spool>:<seq>`: the agent's own number of the line makes it unique. The retailer is part of it,
    /// because the spool's name comes from the agent and must not be able to meet another retailer's. A text, because
    /// the embedded server scans the collection to find a document by an `_id` that is a document itself.
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) sv: i32,
    pub(crate) run_id: bson::Uuid,
    pub(crate) seq: i64,
    pub(crate) at: DateTime,
    /// Rank of the level, so that "this level and above" is a comparison.
    pub(crate) level: i32,
    pub(crate) text: String,
}

impl Stored for LogDoc {
    const COLLECTION: &'static str = "logs";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_run", doc! { "retailer_id": 1, "run_id": 1, "at": 1, "seq": 1 })]
    }
}

impl TenantDocument for LogDoc {}

pub(crate) const fn rank(level: LogLevel) -> i32 {
    match level {
        LogLevel::Debug => 10,
        LogLevel::Info => 20,
        LogLevel::Warn => 30,
        LogLevel::Error => 40,
    }
}

impl LogDoc {
    pub(crate) fn new(retailer: RetailerId, spool: SpoolId, line: &LogLine) -> Self {
        Self {
            id: format!("{retailer}:{spool}:{}", line.seq),
            sv: Self::SHAPE,
            run_id: line.run_id.stored(),
            seq: long(line.seq),
            at: date(line.at),
            level: rank(line.level),
            text: line.text.clone(),
        }
    }
}

impl TryFrom<LogDoc> for LogLine {
    type Error = Unreadable;

    fn try_from(stored: LogDoc) -> Result<Self, Unreadable> {
        check_shape::<LogDoc>(stored.sv)?;
        let level = match stored.level {
            10 => LogLevel::Debug,
            20 => LogLevel::Info,
            30 => LogLevel::Warn,
            40 => LogLevel::Error,
            other => return Err(Unreadable(format!("{other} is no level of a log line"))),
        };
        Ok(Self {
            run_id: RunId::read(stored.run_id),
            seq: count(stored.seq, "seq")?,
            at: time(stored.at),
            level,
            text: stored.text,
        })
    }
}
