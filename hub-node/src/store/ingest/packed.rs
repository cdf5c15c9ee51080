//! Rows that are only ever read and written together, as one binary value: a server takes as long for a row with fields
//! of its own as for a hundred in a value. MessagePack without names; a row gets new fields at its end only.

use bson::Binary;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::documents::value::{Unreadable, bytes};

pub(super) fn pack(rows: &impl Serialize) -> Result<Binary, Unreadable> {
    let packed = rmp_serde::to_vec(rows);
    packed.map(bytes).map_err(|error| Unreadable(format!("rows cannot be written: {error}")))
}

pub(super) fn unpack<T: DeserializeOwned>(packed: &Binary) -> Result<T, Unreadable> {
    rmp_serde::from_slice(&packed.bytes).map_err(|error| Unreadable(format!("rows cannot be read: {error}")))
}
