//! Rejected items of runs.

use bson::doc;
use messages::item::ItemField;
use messages::run::Reject;
use messages::{RetailerId, RunId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::value::{StoredId, Unreadable, count, long};
use super::{Stored, TenantDocument, check_shape, index};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RejectDoc {
    /// `<retailer>:<run>:<row>`: a row is rejected once per run, however often the run was begun again.
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) sv: i32,
    pub(crate) run_id: bson::Uuid,
    pub(crate) row: i64,
    pub(crate) column: Option<String>,
    pub(crate) field: Option<String>,
    pub(crate) reason: String,
    pub(crate) raw: String,
}

impl Stored for RejectDoc {
    const COLLECTION: &'static str = "rejects";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_run", doc! { "retailer_id": 1, "run_id": 1, "row": 1 })]
    }
}

impl TenantDocument for RejectDoc {}

impl RejectDoc {
    pub(crate) fn new(retailer: RetailerId, reject: &Reject) -> Self {
        let (run, row) = (reject.run_id.stored(), long(reject.row));
        Self {
            id: format!("{retailer}:{}:{row}", reject.run_id),
            sv: Self::SHAPE,
            run_id: run,
            row,
            column: reject.column.clone(),
            field: reject.field.map(|field| field.as_str().to_owned()),
            reason: reject.reason.clone(),
            raw: reject.raw.clone(),
        }
    }
}

impl TryFrom<RejectDoc> for Reject {
    type Error = Unreadable;

    fn try_from(stored: RejectDoc) -> Result<Self, Unreadable> {
        check_shape::<RejectDoc>(stored.sv)?;
        let field = stored.field.map(|text| {
            let known = ItemField::ALL.into_iter().find(|field| field.as_str() == text);
            known.ok_or_else(|| Unreadable(format!("\"{text}\" is no field of an item")))
        });
        Ok(Self {
            run_id: RunId::read(stored.run_id),
            row: count(stored.row, "row")?,
            column: stored.column,
            field: field.transpose()?,
            reason: stored.reason,
            raw: stored.raw,
        })
    }
}
