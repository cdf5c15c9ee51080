//! Retailers: the tenants.

use serde::{Deserialize, Serialize};

use super::access::yes;
use crate::run::RunState;
use crate::schedule::{MaintenanceWindow, check_windows};
use crate::validate::{Check, Validate};
use crate::{RetailerId, RunId, Timestamp, Version};

/// A retailer as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetailerSpec {
    /// Short handle, unique over all retailers, such as `freshmart`.
    pub code: String,
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// IANA name, such as `Asia/Ho_Chi_Minh`.
    pub time_zone: String,
    #[serde(default)]
    pub contact: String,
    #[serde(default)]
    pub notes: String,
    /// While disabled, no run starts.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Times during which nothing starts by itself.
    #[serde(default)]
    pub maintenance: Vec<MaintenanceWindow>,
    /// Runs that may be out with the retailer's agents at once; further ones wait.
    #[serde(default = "most_runs")]
    pub most_runs: u32,
}

/// Ten agents with a full hand each: no real retailer comes near it.
#[must_use]
pub const fn most_runs() -> u32 {
    80
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetailerView {
    pub id: RetailerId,
    pub rev: Version,
    #[serde(flatten)]
    pub spec: RetailerSpec,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One row of the retailers list: the retailer and how it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetailerSummary {
    pub id: RetailerId,
    pub code: String,
    pub name: String,
    pub enabled: bool,
    pub stores: u32,
    pub agents_total: u32,
    pub agents_online: u32,
    pub jobs: u32,
    pub runs_active: u32,
    /// Jobs whose latest run failed: what a technician looks at first.
    pub jobs_failing: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunBrief>,
}

/// The least that tells how a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunBrief {
    pub id: RunId,
    pub state: RunState,
    /// When it reached that state.
    pub at: Timestamp,
    pub sent: u64,
    pub rejected: u64,
}

impl Validate for RetailerSpec {
    fn check(&self, check: &mut Check) {
        check.handle("code", &self.code, 40);
        check.text("name", &self.name, 120);
        let currency = self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        check.ensure(currency, "currency", "must be a currency code of three capital letters, such as VND");
        check_time_zone(check, &self.time_zone);
        check.optional_text("contact", &self.contact, 500);
        check.optional_text("notes", &self.notes, 4_000);
        check_windows(check, &self.maintenance);
        check.range("most_runs", &self.most_runs, &1, &200);
    }
}

/// The form of a zone's name. Whether the zone exists is the scheduler's to say.
pub(crate) fn check_time_zone(check: &mut Check, zone: &str) {
    let shape = !zone.is_empty()
        && zone.len() <= 64
        && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b))
        && zone.starts_with(|c: char| c.is_ascii_alphabetic());
    check.ensure(shape, "time_zone", "must be a time zone name such as Asia/Ho_Chi_Minh or UTC");
}
