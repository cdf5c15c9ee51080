//! Destinations, with their sealed credentials.

use actors::domain::{Destination, Sealed};
use bson::{Binary, doc};
use messages::DestinationId;
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::connector::ConnectorDoc;
use super::value::{StampDoc, StoredId, Unreadable, bytes, fold};
use super::{Entity, Stored, TenantDocument, check_shape, unique};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DestinationDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) stamp: StampDoc,
    pub(crate) name: String,
    pub(crate) name_key: String,
    pub(crate) config: ConnectorDoc,
    pub(crate) enabled: bool,
    pub(crate) credentials: Option<SealedDoc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SealedDoc {
    key_id: String,
    bytes: Binary,
}

impl From<&Sealed> for SealedDoc {
    fn from(sealed: &Sealed) -> Self {
        Self { key_id: sealed.key_id.clone(), bytes: bytes(sealed.bytes.clone()) }
    }
}

impl From<SealedDoc> for Sealed {
    fn from(stored: SealedDoc) -> Self {
        Self { key_id: stored.key_id, bytes: stored.bytes.bytes }
    }
}

impl Stored for DestinationDoc {
    const COLLECTION: &'static str = "destinations";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![unique("name_unique", doc! { "retailer_id": 1, "name_key": 1 })]
    }
}

impl TenantDocument for DestinationDoc {}

impl Entity for DestinationDoc {
    fn unique(&self) -> Vec<(&'static str, &'static str, String)> {
        vec![("name_unique", "name", self.name.clone())]
    }
}

impl TryFrom<&Destination> for DestinationDoc {
    type Error = Unreadable;

    fn try_from(destination: &Destination) -> Result<Self, Unreadable> {
        Ok(Self {
            id: destination.id.stored(),
            sv: Self::SHAPE,
            stamp: destination.stamp.into(),
            name: destination.name.clone(),
            name_key: fold(&destination.name),
            config: ConnectorDoc::of_destination(&destination.config)?,
            enabled: destination.enabled,
            credentials: destination.credentials.as_ref().map(Into::into),
        })
    }
}

impl TryFrom<DestinationDoc> for Destination {
    type Error = Unreadable;

    fn try_from(stored: DestinationDoc) -> Result<Self, Unreadable> {
        check_shape::<DestinationDoc>(stored.sv)?;
        Ok(Self {
            id: DestinationId::read(stored.id),
            stamp: stored.stamp.try_into()?,
            name: stored.name,
            config: stored.config.destination()?,
            enabled: stored.enabled,
            credentials: stored.credentials.map(Into::into),
        })
    }
}
