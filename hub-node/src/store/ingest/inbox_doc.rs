//! Which events were settled. The index over them keeps each event's identifier apart: what comes a second time is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::ingest::model::Settled;
use bson::{Binary, DateTime, doc};
use messages::{RetailerId, StreamId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{bytes, date};
use super::super::documents::{Stored, TenantDocument, expiring, unique};
use super::key;

/// A device whose database was put back from a copy of the year before still finds its events known.
const REMEMBERED: Duration = Duration::from_secs(400 * 24 * 3_600);

/// What a round has settled of one stream. `_id` is the retailer, the stream and the first of the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InboxPartDoc {
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    at: DateTime,
    /// Of each event, the retailer and the event. An entry of an index costs a third of a document.
    pub(super) ids: Vec<Binary>,
}

impl Stored for InboxPartDoc {
    const COLLECTION: &'static str = "inbox_parts";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![expiring("forgotten", "at", REMEMBERED), unique("once", doc! { "ids": 1 })]
    }
}

impl TenantDocument for InboxPartDoc {}

impl InboxPartDoc {
    pub(super) fn all(retailer: RetailerId, settled: &[Settled]) -> impl Iterator<Item = Self> {
        let mut streams: BTreeMap<StreamId, Vec<&Settled>> = BTreeMap::new();
        for one in settled {
            streams.entry(one.stream).or_default().push(one);
        }
        streams.into_iter().filter_map(move |(stream, settled)| {
            let first = settled.first()?;
            Some(Self {
                id: bytes([key(retailer, stream).bytes, first.seq.to_be_bytes().to_vec()].concat()),
                sv: Self::SHAPE,
                at: date(first.at),
                ids: settled.iter().map(|one| key(retailer, one.event)).collect(),
            })
        })
    }
}

/// That one event was settled, as builds before wrote it: `_id` is retailer and event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InboxDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
}

impl Stored for InboxDoc {
    const COLLECTION: &'static str = "inbox";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![expiring("forgotten", "at", REMEMBERED)]
    }
}

impl TenantDocument for InboxDoc {}
