//! The system a bench measures: one hub with its store, one retailer, one enrolled agent.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Bench;
use crate::stage::agent::AgentPlan;
use crate::stage::api::{Api, text};
use crate::stage::free_port;
use crate::stage::hub::HubPlan;
use crate::stage::service::Service;

/// An agent connects within a second; this is for a busy machine.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// The largest run of any bench.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// How often a run is asked about; also how exactly its end is seen.
const GLANCE: Duration = Duration::from_millis(20);

/// Who measures.
pub(super) const LOGIN: &str = "bench";
pub(super) const PASSWORD: &str = "a bench needs no secret";

pub(super) struct Rig {
    pub(super) api: Api,
    /// The retailer's place in the interface.
    pub(super) under: String,
    pub(super) agent_id: String,
    // In the order in which they must go.
    pub(super) agent: Service,
    pub(super) hub: Service,
}

impl Rig {
    /// Starts everything and waits until the agent is connected.
    pub(super) fn start(bench: &Bench) -> Result<Self> {
        let setup_token = "bench-setup-token-of-no-value".to_owned();
        let hub_plan = HubPlan {
            program: bench.hub.clone(),
            store_program: bench.store.clone(),
            data: bench.home.join("hub"),
            port: free_port(None)?,
            setup_token: setup_token.clone(),
            log: bench.home.join("hub.log"),
            shared: None,
        };
        let (hub, base) = hub_plan.start(&bench.stop)?;
        let mut api = Api::new(&base);
        api.sign_in(&setup_token, LOGIN, PASSWORD)?;
        let retailer = api.create(
            "/retailers",
            &json!({"code": "bench", "name": "Bench", "currency": "EUR", "time_zone": "UTC"}),
        )?;
        let under = format!("/retailers/{retailer}");
        let agent_id = api.create(&format!("{under}/agents"), &json!({"name": "bench agent"}))?;
        let enrolment = api.post(&format!("{under}/agents/{agent_id}/enrolment"), &json!({}))?;
        let plan = AgentPlan {
            name: "agent".to_owned(),
            program: bench.agent.clone(),
            data: bench.home.join("agent"),
            site: bench.home.clone(),
            log: bench.home.join("agent.log"),
        };
        plan.enrol(&base, &text(&enrolment, "token")?)?;
        let agent = plan.start()?;
        let view = format!("{under}/agents/{agent_id}");
        bench.stop.wait_for("the agent connects", CONNECT_LIMIT, || {
            Ok((text(&api.get(&view)?, "presence")? == "online").then_some(()))
        })?;
        Ok(Self { api, under, agent_id, agent, hub })
    }

    /// A job of this rig's agent.
    pub(super) fn job(
        &self,
        source: &Value,
        destination: &Value,
        credentials: Option<Value>,
    ) -> Result<String> {
        let mut body = json!({"name": "bench destination", "config": destination});
        if let Some(credentials) = credentials {
            body["credentials"] = credentials;
        }
        let destination = self.api.create(&format!("{}/destinations", self.under), &body)?;
        self.api.create(
            &format!("{}/jobs", self.under),
            &json!({"name": "bench job", "agent_id": self.agent_id, "destination_id": destination, "source": source}),
        )
    }

    /// From the request to the recorded end, as a technician would time it; gives the run as well.
    pub(super) fn run(&self, bench: &Bench, job: &str) -> Result<(Duration, Value)> {
        let begun = Instant::now();
        let run = self.api.create(&format!("{}/jobs/{job}/runs", self.under), &json!({}))?;
        let path = format!("{}/runs/{run}", self.under);
        loop {
            let view = self.api.get(&path)?;
            match text(&view, "state")?.as_str() {
                "succeeded" => return Ok((begun.elapsed(), view)),
                "queued" | "dispatched" | "running" => {}
                other => bail!("the run ended as {other}: {}", view["failure"]),
            }
            if bench.stop.asked() || begun.elapsed() > RUN_LIMIT {
                bail!("stopped after {} s of waiting for the run", begun.elapsed().as_secs());
            }
            std::thread::sleep(GLANCE);
        }
    }

    pub(super) fn stop(self) -> Result<()> {
        self.agent.stop()?;
        self.hub.stop()
    }
}
