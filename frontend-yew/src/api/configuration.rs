//! Configurations as files. Their content is the hub's affair: here they are passed on as they are.

use messages::RetailerId;
use messages::http::configuration::ImportReport;
use serde_json::Value;

use super::client::{Api, Call};
use super::error::ApiError;

fn of(retailer: RetailerId) -> String {
    format!("/retailers/{retailer}/configuration")
}

impl Api {
    pub async fn configuration(&self, retailer: RetailerId) -> Result<Value, ApiError> {
        self.fetch(Call::get(of(retailer))).await
    }

    /// Adds what the file has and the retailer has not, or only says what that would be.
    pub async fn import(
        &self,
        retailer: RetailerId,
        file: &Value,
        dry_run: bool,
    ) -> Result<ImportReport, ApiError> {
        self.fetch(Call::post(format!("{}?dry_run={dry_run}", of(retailer))).json(file)).await
    }

    /// Makes a retailer of it.
    pub async fn make_of(&self, file: &Value, key: String) -> Result<ImportReport, ApiError> {
        self.fetch(Call::post("/configurations").json(file).once(key)).await
    }
}
