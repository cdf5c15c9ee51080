//! Stores of a retailer. Called shops here, where "store" already means the database.

use actors::domain::Store;
use bson::doc;
use messages::StoreId;
use messages::http::stores::StoreSpec;
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::value::{StampDoc, StoredId, Unreadable};
use super::{Entity, Stored, TenantDocument, check_shape, unique};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShopDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) stamp: StampDoc,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) time_zone: String,
    pub(crate) enabled: bool,
}

impl Stored for ShopDoc {
    const COLLECTION: &'static str = "stores";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![unique("code_unique", doc! { "retailer_id": 1, "code": 1 })]
    }
}

impl TenantDocument for ShopDoc {}

impl Entity for ShopDoc {
    fn unique(&self) -> Vec<(&'static str, &'static str, String)> {
        vec![("code_unique", "code", self.code.clone())]
    }
}

impl From<&Store> for ShopDoc {
    fn from(shop: &Store) -> Self {
        let StoreSpec { code, name, address, time_zone, enabled } = shop.spec.clone();
        Self {
            id: shop.id.stored(),
            sv: Self::SHAPE,
            stamp: shop.stamp.into(),
            code,
            name,
            address,
            time_zone,
            enabled,
        }
    }
}

impl TryFrom<ShopDoc> for Store {
    type Error = Unreadable;

    fn try_from(stored: ShopDoc) -> Result<Self, Unreadable> {
        check_shape::<ShopDoc>(stored.sv)?;
        Ok(Self {
            id: StoreId::read(stored.id),
            stamp: stored.stamp.try_into()?,
            spec: StoreSpec {
                code: stored.code,
                name: stored.name,
                address: stored.address,
                time_zone: stored.time_zone,
                enabled: stored.enabled,
            },
        })
    }
}
