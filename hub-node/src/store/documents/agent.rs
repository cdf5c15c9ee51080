//! Agents, with the hashes by which they prove themselves.

use actors::domain::{Agent, AgentAccess, EnrolToken};
use bson::{Binary, DateTime, doc};
use messages::http::agents::{AgentSpec, Machine, Transport, TransportKind};
use messages::{AgentId, StoreId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::value::{StampDoc, StoredId, Unreadable, date, fold, hash, read_hash, small, time};
use super::{Entity, Stored, TenantDocument, check_shape, unique};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentDoc {
    #[serde(rename = "_id")]
    pub(crate) id: bson::Uuid,
    pub(crate) sv: i32,
    pub(crate) stamp: StampDoc,
    pub(crate) name: String,
    pub(crate) name_key: String,
    pub(crate) store_id: Option<bson::Uuid>,
    pub(crate) enabled: bool,
    #[serde(default = "most_runs")]
    pub(crate) most_runs: i64,
    pub(crate) access: AccessDoc,
    pub(crate) enrolled_at: Option<DateTime>,
    pub(crate) machine: Option<MachineDoc>,
    pub(crate) last_seen_at: Option<DateTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccessDoc {
    token: Option<TokenDoc>,
    credential: Option<Binary>,
    next_credential: Option<Binary>,
    revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TokenDoc {
    hash: Binary,
    expires_at: DateTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachineDoc {
    agent_version: String,
    os: String,
    host: String,
    capabilities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport: Option<TransportDoc>,
    /// JSON text, for the reasons of `connector`: schemas of plugins have names of their own. It is told anew at each
    /// hello.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugins: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TransportDoc {
    kind: String,
    reason: Option<String>,
}

/// Of agents from before there was a limit.
fn most_runs() -> i64 {
    messages::http::agents::most_runs().into()
}

impl Stored for AgentDoc {
    const COLLECTION: &'static str = "agents";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![unique("name_unique", doc! { "retailer_id": 1, "name_key": 1 })]
    }
}

impl TenantDocument for AgentDoc {}

impl Entity for AgentDoc {
    fn unique(&self) -> Vec<(&'static str, &'static str, String)> {
        vec![("name_unique", "name", self.name.clone())]
    }
}

impl From<&Agent> for AgentDoc {
    fn from(agent: &Agent) -> Self {
        Self {
            id: agent.id.stored(),
            sv: Self::SHAPE,
            stamp: agent.stamp.into(),
            name: agent.spec.name.clone(),
            name_key: fold(&agent.spec.name),
            store_id: agent.spec.store_id.map(StoredId::stored),
            enabled: agent.spec.enabled,
            most_runs: agent.spec.most_runs.into(),
            access: (&agent.access).into(),
            enrolled_at: agent.enrolled_at.map(date),
            machine: agent.machine.as_ref().map(Into::into),
            last_seen_at: agent.last_seen_at.map(date),
        }
    }
}

impl TryFrom<AgentDoc> for Agent {
    type Error = Unreadable;

    fn try_from(stored: AgentDoc) -> Result<Self, Unreadable> {
        check_shape::<AgentDoc>(stored.sv)?;
        Ok(Self {
            id: AgentId::read(stored.id),
            stamp: stored.stamp.try_into()?,
            spec: AgentSpec {
                name: stored.name,
                store_id: stored.store_id.map(StoreId::read),
                enabled: stored.enabled,
                most_runs: small(stored.most_runs, "most_runs")?,
            },
            access: stored.access.try_into()?,
            enrolled_at: stored.enrolled_at.map(time),
            machine: stored.machine.map(Into::into),
            last_seen_at: stored.last_seen_at.map(time),
        })
    }
}

impl From<&AgentAccess> for AccessDoc {
    fn from(access: &AgentAccess) -> Self {
        Self {
            token: access
                .token
                .as_ref()
                .map(|token| TokenDoc { hash: hash(&token.hash), expires_at: date(token.expires_at) }),
            credential: access.credential.as_ref().map(hash),
            next_credential: access.next_credential.as_ref().map(hash),
            revoked: access.revoked,
        }
    }
}

impl TryFrom<AccessDoc> for AgentAccess {
    type Error = Unreadable;

    fn try_from(stored: AccessDoc) -> Result<Self, Unreadable> {
        let token = stored.token.map(|token| {
            Ok(EnrolToken { hash: read_hash(&token.hash)?, expires_at: time(token.expires_at) })
        });
        Ok(Self {
            token: token.transpose()?,
            credential: stored.credential.as_ref().map(read_hash).transpose()?,
            next_credential: stored.next_credential.as_ref().map(read_hash).transpose()?,
            revoked: stored.revoked,
        })
    }
}

impl From<&Machine> for MachineDoc {
    fn from(machine: &Machine) -> Self {
        let Machine { agent_version, os, host, capabilities, transport, plugins } = machine.clone();
        let transport = transport.map(|Transport { kind, reason }| {
            let kind = match kind {
                TransportKind::Websocket => "websocket",
                TransportKind::Https => "https",
                TransportKind::Other => "other",
            };
            TransportDoc { kind: kind.to_owned(), reason }
        });
        // Text and numbers: there is nothing in it that could not be written.
        let plugins = (!plugins.is_empty()).then(|| serde_json::to_string(&plugins).ok()).flatten();
        Self { agent_version, os, host, capabilities, transport, plugins }
    }
}

impl From<MachineDoc> for Machine {
    fn from(stored: MachineDoc) -> Self {
        let MachineDoc { agent_version, os, host, capabilities, transport, plugins } = stored;
        let transport = transport.map(|TransportDoc { kind, reason }| {
            let kind = match kind.as_str() {
                "websocket" => TransportKind::Websocket,
                "https" => TransportKind::Https,
                // Of a later version of the hub: what is only shown must not make an agent unreadable.
                _ => TransportKind::Other,
            };
            Transport { kind, reason }
        });
        let plugins = plugins.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { agent_version, os, host, capabilities, transport, plugins }
    }
}
