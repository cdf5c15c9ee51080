//! Runs: starting and stopping them, their pages, logs and rejected items.

use actors::domain::EntityId;
use actors::retailer::request::Request;
use futures_util::TryStreamExt as _;
use messages::export::RunStart;
use messages::http::paging::ListQuery;
use messages::http::runs::LogQuery;
use messages::run::{Reject, RunState};
use messages::{AgentId, JobId, Problem, RetailerId, RunId, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::call::Call;
use super::config::show;
use super::reply::Reply;
use crate::store::{RunFilter, TenantDb};

/// Which runs are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct RunQuery {
    /// Only runs of this job.
    #[param(value_type = Option<String>, format = "uuid")]
    pub job: Option<JobId>,
    /// Only runs in this state.
    pub state: Option<RunState>,
    /// Only runs of this agent.
    #[param(value_type = Option<String>, format = "uuid")]
    pub agent: Option<AgentId>,
    /// Only runs made at this instant or later; milliseconds since 1970.
    #[param(value_type = Option<i64>)]
    pub from: Option<Timestamp>,
    /// Only runs made before this instant.
    #[param(value_type = Option<i64>)]
    pub until: Option<Timestamp>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// Runs a page, 1 to 200; 50 unless told.
    pub limit: Option<u32>,
}

pub(super) async fn start(call: Call, start: RunStart) -> Result<Reply, Problem> {
    let (retailer, job) = (call.retailer()?, call.id("job")?);
    let (author, idempotency) = (call.caller()?.author(), call.idempotency()?);
    let request = Request::StartRun { job, run: RunId::new(), mode: start.mode, author, idempotency };
    started(&call, retailer, request).await
}

/// Starts a run in place of one that the guard has stopped. Asked twice, it answers with the run of the first time.
pub(super) async fn approve(call: Call) -> Result<Reply, Problem> {
    let retailer = call.retailer()?;
    let (stopped, author) = (call.id("run")?, call.caller()?.author());
    started(&call, retailer, Request::ApproveRun { stopped, run: RunId::new(), author }).await
}

async fn started(call: &Call, retailer: RetailerId, request: Request) -> Result<Reply, Problem> {
    let made = call.ask_entity(retailer, request).await?;
    let path = format!("/api/v1/retailers/{retailer}/runs/{}", made.key().id);
    Ok(show(&made)?.at(&path))
}

pub(super) async fn refuse(call: Call) -> Result<Reply, Problem> {
    let request = Request::RefuseRun { stopped: call.id("run")?, author: call.caller()?.author() };
    show(&call.ask_entity(call.retailer()?, request).await?)
}

pub(super) async fn cancel(call: Call) -> Result<Reply, Problem> {
    let request = Request::CancelRun { run: call.id("run")?, author: call.caller()?.author() };
    show(&call.ask_entity(call.retailer()?, request).await?)
}

/// From the actor, which knows how far a run has come.
pub(super) async fn get(call: Call) -> Result<Reply, Problem> {
    show(&call.ask_entity(call.retailer()?, Request::Get(EntityId::Run(call.id("run")?))).await?)
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let RunQuery { job, state, agent, from, until, cursor, limit } = call.query()?;
    let paging = ListQuery { cursor, limit, ..ListQuery::default() };
    Reply::json(&tenant(&call)?.runs(&RunFilter { job, state, agent, from, until }, &paging).await?)
}

pub(super) async fn log(call: Call) -> Result<Reply, Problem> {
    Reply::json(&tenant(&call)?.log(call.id("run")?, &call.query::<LogQuery>()?).await?)
}

pub(super) async fn rejects(call: Call) -> Result<Reply, Problem> {
    Reply::json(&tenant(&call)?.rejects(call.id("run")?, &call.query::<ListQuery>()?).await?)
}

/// All of them, in the order of their rows. Bounded by what is kept of a run ([`Reject::MAX_KEPT`]).
pub(super) async fn rejects_csv(call: Call) -> Result<Reply, Problem> {
    let run: RunId = call.id("run")?;
    let mut rejects = tenant(&call)?.all_rejects(run).await?;
    let mut text = String::from("row,column,field,reason,raw\r\n");
    while let Some(reject) = rejects.try_next().await? {
        csv_line(&mut text, &reject);
    }
    Ok(Reply::file("text/csv; charset=utf-8", &format!("rejects-{run}.csv"), text.into()))
}

fn csv_line(text: &mut String, reject: &Reject) {
    text.push_str(&reject.row.to_string());
    let field = reject.field.map(messages::item::ItemField::as_str).unwrap_or_default();
    for value in [reject.column.as_deref().unwrap_or_default(), field, &reject.reason, &reject.raw] {
        text.push(',');
        csv_value(text, value);
    }
    text.push_str("\r\n");
}

/// Quoted always. What a spreadsheet would take for a formula gets a quote before it: the rows come from files that
/// anybody may have written.
pub(super) fn csv_value(text: &mut String, value: &str) {
    text.push('"');
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        text.push('\'');
    }
    text.push_str(&value.replace('"', "\"\""));
    text.push('"');
}

fn tenant(call: &Call) -> Result<TenantDb, Problem> {
    Ok(TenantDb::new(&call.state.store, call.retailer()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_quotes_and_disarms_formulas() {
        let reject = Reject {
            run_id: RunId::new(),
            row: 7,
            column: None,
            field: None,
            reason: "price \"x\" is no number".into(),
            raw: "=cmd|' /C calc'!A0,1\n2".into(),
        };
        let mut text = String::new();
        csv_line(&mut text, &reject);
        assert_eq!(text, "7,\"\",\"\",\"price \"\"x\"\" is no number\",\"'=cmd|' /C calc'!A0,1\n2\"\r\n");
    }
}
