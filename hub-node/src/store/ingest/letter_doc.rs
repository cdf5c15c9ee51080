//! Events that were set aside, with what was decided about them.

use std::time::Duration;

use actors::ingest::model::Letter;
use bson::{Binary, DateTime, doc};
use messages::http::dead_letters::LetterState;
use messages::{DeviceId, EdgeId, ErrorCode, RetailerId, StoreId, StreamId, Version};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{StoredId, Unreadable, count, date, long, small, time};
use super::super::documents::{Stored, TenantDocument, check_shape, expiring, index};
use super::{key, read_key};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LetterDoc {
    /// Retailer and event.
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    sv: i32,
    rev: i64,
    state: String,
    store_id: bson::Uuid,
    edge_id: bson::Uuid,
    device_id: bson::Uuid,
    stream_id: bson::Uuid,
    seq: i64,
    kind: String,
    version: i64,
    occurred_at: DateTime,
    pub(super) received_at: DateTime,
    code: String,
    detail: String,
    retries: i64,
    data: String,
    edited: bool,
    decided_at: Option<DateTime>,
    decided_by: Option<String>,
}

/// Long enough to answer for a decision at the end of a quarter.
const KEPT: Duration = Duration::from_secs(100 * 24 * 3_600);

impl Stored for LetterDoc {
    const COLLECTION: &'static str = "dead_letters";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("by_state", doc! { "retailer_id": 1, "state": 1, "received_at": -1, "_id": -1 }),
            expiring("decided", "decided_at", KEPT),
        ]
    }
}

impl TenantDocument for LetterDoc {}

impl LetterDoc {
    pub(super) fn new(retailer: RetailerId, letter: &Letter) -> Self {
        Self {
            id: key(retailer, letter.event),
            sv: Self::SHAPE,
            rev: long(letter.rev.0),
            state: letter.state.as_str().to_owned(),
            store_id: letter.store.stored(),
            edge_id: letter.edge.stored(),
            device_id: letter.device.stored(),
            stream_id: letter.stream.stored(),
            seq: long(letter.seq),
            kind: letter.kind.clone(),
            version: letter.version.into(),
            occurred_at: date(letter.occurred_at),
            received_at: date(letter.received_at),
            code: letter.code.as_str().to_owned(),
            detail: letter.detail.clone(),
            retries: letter.retries.into(),
            data: letter.data.clone(),
            edited: letter.edited,
            decided_at: letter.decided_at.map(date),
            decided_by: letter.decided_by.clone(),
        }
    }
}

impl TryFrom<LetterDoc> for Letter {
    type Error = Unreadable;

    fn try_from(stored: LetterDoc) -> Result<Self, Unreadable> {
        check_shape::<LetterDoc>(stored.sv)?;
        let state = LetterState::ALL.into_iter().find(|state| state.as_str() == stored.state);
        let version = u16::try_from(stored.version);
        Ok(Self {
            event: read_key(&stored.id)?,
            rev: Version(count(stored.rev, "rev")?),
            state: state
                .ok_or_else(|| Unreadable(format!("\"{}\" is no state of a letter", stored.state)))?,
            store: StoreId::read(stored.store_id),
            edge: EdgeId::read(stored.edge_id),
            device: DeviceId::read(stored.device_id),
            stream: StreamId::read(stored.stream_id),
            seq: count(stored.seq, "seq")?,
            kind: stored.kind,
            version: version.map_err(|_| Unreadable("a letter's version is out of range".to_owned()))?,
            occurred_at: time(stored.occurred_at),
            received_at: time(stored.received_at),
            code: ErrorCode::parse(&stored.code),
            detail: stored.detail,
            retries: small(stored.retries, "retries")?,
            data: stored.data,
            edited: stored.edited,
            decided_at: stored.decided_at.map(time),
            decided_by: stored.decided_by,
        })
    }
}
