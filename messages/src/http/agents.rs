//! Agents: making one, letting it enrol, rotating and revoking its secret.

use serde::{Deserialize, Serialize};

use super::access::yes;
use crate::plugin::{Plugin, PluginKind, check_plugins};
use crate::run::Presence;
use crate::validate::{Check, Validate};
use crate::{AgentId, RetailerId, Secret, StoreId, Timestamp, Version};

/// An agent as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentSpec {
    pub name: String,
    /// The store where it stands, if it serves one store only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_id: Option<StoreId>,
    /// While disabled, it stays connected but gets no work.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Runs that may be out with it at once; further ones wait at the hub.
    #[serde(default = "most_runs")]
    pub most_runs: u32,
}

/// As many commands as may be on their way to one agent.
#[must_use]
pub const fn most_runs() -> u32 {
    8
}

/// Whether an agent has swapped its token for a secret of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Enrolment {
    /// No token has been made, or the last one ran out.
    NotEnrolled,
    /// A token waits to be used.
    Pending,
    Enrolled,
    /// Its secret is void; a new token lets it enrol again.
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentView {
    pub id: AgentId,
    pub retailer_id: RetailerId,
    pub rev: Version,
    #[serde(flatten)]
    pub spec: AgentSpec,
    pub enrolment: Enrolment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<Timestamp>,
    pub presence: Presence,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
    /// What it said of itself when it last connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The machine an agent runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Machine {
    pub agent_version: String,
    pub os: String,
    pub host: String,
    /// Names of the connectors it has, such as `source:csv`, and of what else it can do, such as `run:mapping`.
    pub capabilities: Vec<String>,
    /// How it speaks to the hub. Absent from agents that know one way only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Programs of other people that it can run as sources and destinations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<Plugin>,
}

/// How an agent speaks to the hub, and why not otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transport {
    pub kind: TransportKind,
    /// Why it does not speak WebSocket: what it saw between itself and the hub, or that it was set so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransportKind {
    Websocket,
    /// Requests and long polls, where WebSockets are blocked.
    Https,
    /// One that a later agent knows.
    #[serde(other)]
    Other,
}

/// `POST …/agents/{agent}/enrolment`: a one-time token. Shown once, never again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolmentToken {
    pub token: Secret,
    pub expires_at: Timestamp,
    /// The command to run at the site, with the token in it.
    pub command: Secret,
}

/// `POST /enrol`, sent by the agent: swap the token for an id and a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolRequest {
    pub token: Secret,
    pub machine: Machine,
}

/// The agent's own credential. The hub keeps only its hash; no person ever sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolGrant {
    pub retailer_id: RetailerId,
    pub agent_id: AgentId,
    pub agent_name: String,
    pub retailer_name: String,
    /// Sent as `Authorization: Bearer …` when connecting to `/ws/agent`.
    pub credential: Secret,
}

impl Validate for AgentSpec {
    fn check(&self, check: &mut Check) {
        check.text("name", &self.name, 120);
        check.range("most_runs", &self.most_runs, &1, &50);
    }
}

impl Machine {
    /// Of a transport's reason: a sentence or two.
    pub const MAX_REASON: usize = 300;

    /// Has it a connector of this sort (`source`, `destination`) and kind? One that names none of the sort is not
    /// judged: it refuses what it cannot carry out.
    #[must_use]
    pub fn can(&self, sort: &str, kind: &str) -> bool {
        let split = self.capabilities.iter().filter_map(|capability| capability.split_once(':'));
        let mut of_sort = split.filter(|(named, _)| *named == sort).peekable();
        of_sort.peek().is_none() || of_sort.any(|(_, named)| named == kind)
    }

    #[must_use]
    pub fn plugin(&self, kind: PluginKind, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.kind == kind && plugin.name == name)
    }

    /// Does it say that it can do this?
    #[must_use]
    pub fn knows(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|name| name == capability)
    }
}

impl Validate for Machine {
    fn check(&self, check: &mut Check) {
        check.text("agent_version", &self.agent_version, 64);
        check.text("os", &self.os, 200);
        check.optional_text("host", &self.host, 253);
        check.ensure(self.capabilities.len() <= 100, "capabilities", "must have at most 100 entries");
        for (at, capability) in self.capabilities.iter().enumerate() {
            check.text(&format!("capabilities.{at}"), capability, 64);
        }
        if let Some(reason) = self.transport.as_ref().and_then(|transport| transport.reason.as_ref()) {
            check.optional_text("transport.reason", reason, Self::MAX_REASON);
        }
        check_plugins(check, &self.plugins);
    }
}

impl Validate for EnrolRequest {
    fn check(&self, check: &mut Check) {
        check.ensure(!self.token.is_empty(), "token", "must not be empty");
        check.nested("machine", |c| self.machine.check(c));
    }
}
