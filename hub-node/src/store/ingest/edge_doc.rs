//! Places of store edges, and how far their streams are.

use actors::domain::EnrolToken;
use actors::ingest::model::{Cursor, Edge};
use actors::ingest::request::Device;
use bson::{Binary, DateTime, doc};
use messages::{DeviceId, EdgeId, RetailerId, StoreId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{StoredId, Unreadable, count, date, hash, long, read_hash, time};
use super::super::documents::{Stored, TenantDocument, check_shape, index};
use super::{key, read_key};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EdgeDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sv: i32,
    store_id: bson::Uuid,
    name: String,
    created_at: DateTime,
    token: Option<TokenDoc>,
    credential: Option<Binary>,
    revoked: bool,
    device: Option<DeviceDoc>,
    enrolled_at: Option<DateTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TokenDoc {
    hash: Binary,
    expires_at: DateTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DeviceDoc {
    id: bson::Uuid,
    name: String,
    version: String,
}

impl Stored for EdgeDoc {
    const COLLECTION: &'static str = "edges";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_store", doc! { "retailer_id": 1, "store_id": 1 })]
    }
}

impl TenantDocument for EdgeDoc {}

impl From<&Edge> for EdgeDoc {
    fn from(edge: &Edge) -> Self {
        let token =
            |token: &EnrolToken| TokenDoc { hash: hash(&token.hash), expires_at: date(token.expires_at) };
        let device = |device: &Device| DeviceDoc {
            id: device.id.stored(),
            name: device.name.clone(),
            version: device.version.clone(),
        };
        Self {
            id: edge.id.stored(),
            sv: Self::SHAPE,
            store_id: edge.store.stored(),
            name: edge.name.clone(),
            created_at: date(edge.created_at),
            token: edge.token.as_ref().map(token),
            credential: edge.credential.as_ref().map(hash),
            revoked: edge.revoked,
            device: edge.device.as_ref().map(device),
            enrolled_at: edge.enrolled_at.map(date),
        }
    }
}

impl TryFrom<EdgeDoc> for Edge {
    type Error = Unreadable;

    fn try_from(stored: EdgeDoc) -> Result<Self, Unreadable> {
        check_shape::<EdgeDoc>(stored.sv)?;
        let token = stored.token.map(|token| {
            Ok(EnrolToken { hash: read_hash(&token.hash)?, expires_at: time(token.expires_at) })
        });
        let device = |DeviceDoc { id, name, version }| Device { id: DeviceId::read(id), name, version };
        Ok(Self {
            id: EdgeId::read(stored.id),
            store: StoreId::read(stored.store_id),
            name: stored.name,
            created_at: time(stored.created_at),
            token: token.transpose()?,
            credential: stored.credential.as_ref().map(read_hash).transpose()?,
            revoked: stored.revoked,
            device: stored.device.map(device),
            enrolled_at: stored.enrolled_at.map(time),
        })
    }
}

/// One for each stream, `_id` being retailer and stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamDoc {
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    device_id: bson::Uuid,
    pub(super) edge_id: bson::Uuid,
    store_id: bson::Uuid,
    settled: i64,
    lost: i64,
    last_event_at: DateTime,
    last_batch_at: DateTime,
    /// Absent in what earlier builds wrote.
    #[serde(default)]
    last_sale_at: Option<DateTime>,
}

impl Stored for StreamDoc {
    const COLLECTION: &'static str = "edge_streams";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_edge", doc! { "retailer_id": 1, "edge_id": 1, "last_batch_at": -1 })]
    }
}

impl TenantDocument for StreamDoc {}

impl StreamDoc {
    pub(super) fn new(retailer: RetailerId, cursor: &Cursor) -> Self {
        Self {
            id: key(retailer, cursor.stream),
            sv: Self::SHAPE,
            device_id: cursor.device.stored(),
            edge_id: cursor.edge.stored(),
            store_id: cursor.store.stored(),
            settled: long(cursor.settled),
            lost: long(cursor.lost),
            last_event_at: date(cursor.last_event_at),
            last_batch_at: date(cursor.last_batch_at),
            last_sale_at: cursor.last_sale_at.map(date),
        }
    }
}

impl TryFrom<StreamDoc> for Cursor {
    type Error = Unreadable;

    fn try_from(stored: StreamDoc) -> Result<Self, Unreadable> {
        check_shape::<StreamDoc>(stored.sv)?;
        Ok(Self {
            stream: read_key(&stored.id)?,
            device: DeviceId::read(stored.device_id),
            edge: EdgeId::read(stored.edge_id),
            store: StoreId::read(stored.store_id),
            settled: count(stored.settled, "settled")?,
            lost: count(stored.lost, "lost")?,
            last_event_at: time(stored.last_event_at),
            last_batch_at: time(stored.last_batch_at),
            last_sale_at: stored.last_sale_at.map(time),
        })
    }
}
