//! Runs, their logs and rejected items; agents' enrolment; the running system.

use messages::export::{RunMode, RunStart};
use messages::http::admin::ActorList;
use messages::http::agents::EnrolmentToken;
use messages::http::cluster::ClusterView;
use messages::http::paging::{ListQuery, Page};
use messages::http::runs::{LogQuery, QueueOrder, RunView};
use messages::ids::BootId;
use messages::live::Totals;
use messages::run::{LogLine, Reject};
use messages::schedule::{Preview, PreviewRequest};
use messages::{AgentId, JobId, RetailerId, RunId, Timestamp};

use super::client::{Api, Call};
use super::error::ApiError;
use crate::state::query::with_query;

/// Which runs are wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunsAsked {
    pub job: Option<JobId>,
    pub agent: Option<AgentId>,
    /// Made at this instant or later.
    pub from: Option<Timestamp>,
}

impl Api {
    pub async fn start_run(
        &self,
        retailer: RetailerId,
        job: JobId,
        mode: RunMode,
        key: String,
    ) -> Result<RunView, ApiError> {
        let path = format!("/retailers/{retailer}/jobs/{job}/runs");
        self.fetch(Call::post(path).json(&RunStart { mode }).once(key)).await
    }

    /// Starts a run in place of one that the guard has stopped.
    pub async fn approve_run(&self, retailer: RetailerId, run: RunId) -> Result<RunView, ApiError> {
        self.fetch(Call::post(format!("/retailers/{retailer}/runs/{run}/approval"))).await
    }

    pub async fn refuse_run(&self, retailer: RetailerId, run: RunId) -> Result<RunView, ApiError> {
        self.fetch(Call::post(format!("/retailers/{retailer}/runs/{run}/refusal"))).await
    }

    pub async fn next_times(&self, request: &PreviewRequest) -> Result<Preview, ApiError> {
        self.fetch(Call::post("/schedule/preview").json(request)).await
    }

    pub async fn pause_job(&self, retailer: RetailerId, job: JobId) -> Result<(), ApiError> {
        self.perform(Call::post(format!("/retailers/{retailer}/jobs/{job}/pause"))).await
    }

    pub async fn resume_job(&self, retailer: RetailerId, job: JobId) -> Result<(), ApiError> {
        self.perform(Call::post(format!("/retailers/{retailer}/jobs/{job}/resume"))).await
    }

    /// What waits, in its order.
    pub async fn queue(&self, retailer: RetailerId) -> Result<Page<RunView>, ApiError> {
        self.page(Call::get(format!("/retailers/{retailer}/queue"))).await
    }

    pub async fn put_first(&self, retailer: RetailerId, run: RunId) -> Result<(), ApiError> {
        let order = QueueOrder { runs: vec![run] };
        self.perform(Call::put(format!("/retailers/{retailer}/queue")).json(&order)).await
    }

    /// Cancels all that waits.
    pub async fn purge(&self, retailer: RetailerId) -> Result<(), ApiError> {
        self.perform(Call::delete(format!("/retailers/{retailer}/queue"))).await
    }

    pub async fn cancel_run(&self, retailer: RetailerId, run: RunId) -> Result<RunView, ApiError> {
        self.fetch(Call::post(format!("/retailers/{retailer}/runs/{run}/cancel"))).await
    }

    pub async fn run(&self, retailer: RetailerId, run: RunId) -> Result<RunView, ApiError> {
        self.fetch(Call::get(format!("/retailers/{retailer}/runs/{run}"))).await
    }

    /// Newest first.
    pub async fn runs(
        &self,
        retailer: RetailerId,
        which: &RunsAsked,
        query: &ListQuery,
    ) -> Result<Page<RunView>, ApiError> {
        let parts = [
            ("job", which.job.map(|id| id.to_string())),
            ("agent", which.agent.map(|id| id.to_string())),
            ("from", which.from.map(|at| at.0.to_string())),
            ("state", query.state.clone()),
            ("cursor", query.cursor.clone()),
            ("limit", query.limit.map(|n| n.to_string())),
        ];
        self.page(Call::get(with_query(&format!("/retailers/{retailer}/runs"), &parts))).await
    }

    pub async fn log(
        &self,
        retailer: RetailerId,
        run: RunId,
        query: &LogQuery,
    ) -> Result<Page<LogLine>, ApiError> {
        let parts = [
            ("q", query.q.clone()),
            ("level", query.level.map(|level| level.as_str().to_owned())),
            ("order", query.order.map(|order| order.as_str().to_owned())),
            ("cursor", query.cursor.clone()),
            ("limit", query.limit.map(|n| n.to_string())),
        ];
        self.page(Call::get(with_query(&format!("/retailers/{retailer}/runs/{run}/log"), &parts))).await
    }

    pub async fn rejects(
        &self,
        retailer: RetailerId,
        run: RunId,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<Page<Reject>, ApiError> {
        let parts = [("cursor", cursor), ("limit", Some(limit.to_string()))];
        self.page(Call::get(with_query(&format!("/retailers/{retailer}/runs/{run}/rejects"), &parts))).await
    }

    pub async fn rejects_csv(&self, retailer: RetailerId, run: RunId) -> Result<String, ApiError> {
        self.text(Call::get(format!("/retailers/{retailer}/runs/{run}/rejects.csv"))).await
    }

    /// A one-time token; any earlier one is void.
    pub async fn make_enrolment(
        &self,
        retailer: RetailerId,
        agent: AgentId,
    ) -> Result<EnrolmentToken, ApiError> {
        self.fetch(Call::post(format!("/retailers/{retailer}/agents/{agent}/enrolment"))).await
    }

    pub async fn revoke_agent(&self, retailer: RetailerId, agent: AgentId) -> Result<(), ApiError> {
        self.perform(Call::delete(format!("/retailers/{retailer}/agents/{agent}/enrolment"))).await
    }

    pub async fn rotate_agent(&self, retailer: RetailerId, agent: AgentId) -> Result<(), ApiError> {
        self.perform(Call::post(format!("/retailers/{retailer}/agents/{agent}/rotation"))).await
    }

    pub async fn actors(&self) -> Result<ActorList, ApiError> {
        self.fetch(Call::get("/admin/actors")).await
    }

    pub async fn cluster(&self) -> Result<ClusterView, ApiError> {
        self.fetch(Call::get("/admin/cluster")).await
    }

    /// Asks a node to hand over its shards.
    pub async fn drain(&self, node: BootId) -> Result<(), ApiError> {
        self.perform(Call::post(format!("/admin/cluster/nodes/{node}/drain"))).await
    }

    pub async fn totals(&self) -> Result<Totals, ApiError> {
        self.fetch(Call::get("/dashboard")).await
    }
}
