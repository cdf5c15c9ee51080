//! Frames between console and hub on `/ws/live`: JSON text, `{"v":1,"t":"…",…}`.
//!
//! A topic is a set of entities. Subscribing yields a snapshot of it at a version, then each change with the version
//! it leads to. Versions of a retailer's topics are those of its commits and have no gaps, so a console that
//! comes back names the last version it has and gets what it missed, or a fresh snapshot.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::http::agents::AgentView;
use crate::http::destinations::DestinationView;
use crate::http::jobs::JobView;
use crate::http::retailers::{RetailerSummary, RetailerView};
use crate::http::runs::RunView;
use crate::http::stores::StoreView;
use crate::run::{LogLine, Presence, Progress};
use crate::version::Epoch;
use crate::{AgentId, ErrorCode, RetailerId, RunId, Secret, Timestamp, Version};

/// A console's frame is never larger.
pub const MAX_CLIENT_FRAME: usize = 16 * 1024;
/// Topics of one socket: a page of summaries, and what is open beside it.
pub const MAX_TOPICS: usize = 256;

/// What can be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Totals over the retailers in one's scope.
    Dashboard,
    /// One row of the retailers list.
    Summary(RetailerId),
    /// A retailer with its stores, agents, destinations, jobs and latest runs.
    Retailer(RetailerId),
    /// A run of a retailer, with its latest log lines.
    Run(RetailerId, RunId),
    /// How far the ledger of a retailer's store edges is: what shows any of it reads again when it moves.
    Stores(RetailerId),
}

impl Topic {
    #[must_use]
    pub const fn retailer(self) -> Option<RetailerId> {
        match self {
            Self::Dashboard => None,
            Self::Summary(id) | Self::Retailer(id) | Self::Run(id, _) | Self::Stores(id) => Some(id),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dashboard => f.write_str("dashboard"),
            Self::Summary(id) => write!(f, "summary:{id}"),
            Self::Retailer(id) => write!(f, "retailer:{id}"),
            Self::Run(retailer, run) => write!(f, "run:{retailer}:{run}"),
            Self::Stores(id) => write!(f, "stores:{id}"),
        }
    }
}

/// The text names no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no topic: dashboard, summary:<retailer>, retailer:<retailer>, stores:<retailer> and run:<retailer>:<run> are"
)]
pub struct UnknownTopic(pub String);

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        let unknown = || UnknownTopic(text.chars().take(100).collect());
        let mut parts = text.split(':');
        let topic = match (parts.next(), parts.next(), parts.next()) {
            (Some("dashboard"), None, None) => Self::Dashboard,
            (Some("summary"), Some(id), None) => Self::Summary(id.parse().map_err(|_| unknown())?),
            (Some("retailer"), Some(id), None) => Self::Retailer(id.parse().map_err(|_| unknown())?),
            (Some("stores"), Some(id), None) => Self::Stores(id.parse().map_err(|_| unknown())?),
            (Some("run"), Some(id), Some(run)) => {
                Self::Run(id.parse().map_err(|_| unknown())?, run.parse().map_err(|_| unknown())?)
            }
            _ => return Err(unknown()),
        };
        if parts.next().is_some() { Err(unknown()) } else { Ok(topic) }
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a console says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromConsole {
    /// First frame on a socket, and again whenever the access token is renewed.
    Hello {
        token: Secret,
    },
    Subscribe {
        topics: Vec<Subscription>,
    },
    Unsubscribe {
        topics: Vec<Topic>,
    },
    Ping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub topic: Topic,
    /// The last version this console has of the topic, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Version>,
}

/// What the hub says to a console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToConsole {
    /// Answer to `hello`.
    Welcome {
        server_time: Timestamp,
    },
    /// The whole topic; forget what was known of it.
    Snapshot {
        topic: Topic,
        version: Version,
        entities: Vec<Entity>,
    },
    /// Leads from the version `after` to `version`. With another version at hand, subscribe again without `since`.
    Delta {
        topic: Topic,
        after: Version,
        version: Version,
        changes: Vec<Change>,
    },
    /// Values that are not kept in the store and carry no version; the latest one counts.
    Tick {
        topic: Topic,
        ticks: Vec<Tick>,
    },
    /// The topic cannot be watched, or no longer.
    Refused {
        topic: Topic,
        code: ErrorCode,
        detail: String,
    },
    Error {
        code: ErrorCode,
        detail: String,
    },
    Pong,
    /// The hub will close now. Come back after `retry_after_ms`; sign in again, when it is absent.
    Bye {
        code: ErrorCode,
        detail: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// One thing of a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entity {
    Totals(Totals),
    Summary(RetailerSummary),
    Retailer(RetailerView),
    Store(StoreView),
    Agent(AgentView),
    Destination(DestinationView),
    Job(JobView),
    Run(RunView),
    Log(LogLine),
    Ledger(LedgerMark),
}

/// How far a ledger is. Two that are equal stand for the same figures; which of two is newer does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerMark {
    pub epoch: Epoch,
    /// Of the ledger's latest commit.
    pub version: Version,
    /// Counts what is not committed: devices that came and went, and what they tell of themselves.
    pub pulse: u64,
}

/// Kind and identifier of an entity: what a removal names, and the key under which a console keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityKey {
    pub kind: String,
    pub id: String,
}

impl Entity {
    #[must_use]
    pub fn key(&self) -> EntityKey {
        let (kind, id) = match self {
            Self::Totals(_) => ("totals", String::new()),
            Self::Summary(x) => ("summary", x.id.to_string()),
            Self::Retailer(x) => ("retailer", x.id.to_string()),
            Self::Store(x) => ("store", x.id.to_string()),
            Self::Agent(x) => ("agent", x.id.to_string()),
            Self::Destination(x) => ("destination", x.id.to_string()),
            Self::Job(x) => ("job", x.id.to_string()),
            Self::Run(x) => ("run", x.id.to_string()),
            Self::Ledger(_) => ("ledger", String::new()),
            // Padded, so that text order is number order.
            Self::Log(x) => ("log", format!("{:020}", x.seq)),
        };
        EntityKey { kind: kind.to_owned(), id }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    Put { entity: Entity },
    Remove { key: EntityKey },
}

/// A value that changes too often to be committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tick {
    Presence {
        agent_id: AgentId,
        presence: Presence,
        last_seen_at: Timestamp,
    },
    Progress {
        run_id: RunId,
        progress: Progress,
    },
    /// New lines of the run's log.
    Log {
        lines: Vec<LogLine>,
    },
    Summary {
        summary: RetailerSummary,
    },
    Totals {
        totals: Totals,
    },
    Ledger {
        mark: LedgerMark,
    },
}

/// What the dashboard shows at the top.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Totals {
    pub retailers: u64,
    pub agents_total: u64,
    pub agents_online: u64,
    pub runs_active: u64,
    /// Since midnight UTC.
    pub runs_today: u64,
    pub failed_today: u64,
    pub items_today: u64,
    /// Retailers with a failing job or an agent that is down, worst first; at most 20.
    pub attention: Vec<RetailerSummary>,
    /// The latest runs over all retailers, newest first; at most 20.
    pub latest: Vec<LatestRun>,
}

/// A run in the dashboard's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LatestRun {
    pub retailer_id: RetailerId,
    pub retailer_name: String,
    pub run_id: RunId,
    pub job_name: String,
    pub state: crate::run::RunState,
    pub at: Timestamp,
    pub sent: u64,
    pub rejected: u64,
}
