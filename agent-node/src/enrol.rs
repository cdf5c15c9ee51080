//! Enrolment: a one-time token for an identity of the agent's own, on the disk before anything is said.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use messages::http::agents::{EnrolGrant, EnrolRequest};
use messages::{Problem, Secret};

use crate::disk;
use crate::identity::Identity;
use crate::net::{Dialer, HubAddress, NetError, request};

/// Why the agent was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(
        "this machine's agent belongs to agent {0} already; remove identity.json from the data folder, or use --force, to give it another identity"
    )]
    Enrolled(messages::AgentId),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the hub refuses: {}", .0.detail)]
    Refused(Box<Problem>),
    #[error("{0} does not answer as a hub does (status {1}); is the address right?")]
    NotAHub(String, StatusCode),
    #[error("the identity could not be saved: {0}; the token is used up, make a new one in the console")]
    Unsaved(#[source] io::Error),
    #[error(
        "the data folder cannot be used: {0}; run this as the user of the agent, or name another with --data-dir"
    )]
    Folder(#[source] io::Error),
}

/// Swaps the token. The data folder is tried first: a token that is used up is gone.
pub async fn enrol(
    data_dir: &Path,
    hub: &HubAddress,
    token: Secret,
    dialer: &Dialer,
    force: bool,
) -> Result<EnrolGrant, EnrolError> {
    if let (Ok(identity), false) = (Identity::load(data_dir), force) {
        return Err(EnrolError::Enrolled(identity.agent_id));
    }
    let probe = data_dir.join("probe");
    disk::create_private_dir(data_dir)
        .and_then(|()| disk::replace(&probe, b"x"))
        .and_then(|()| disk::remove_if_there(&probe))
        .map_err(EnrolError::Folder)?;
    // Windows lets everybody read what lies below its common folder of data.
    #[cfg(windows)]
    crate::service::windows::close(data_dir, None)
        .await
        .map_err(|error| EnrolError::Folder(io::Error::other(error)))?;
    let body = EnrolRequest { token, machine: crate::machine::describe(crate::machine::Has::default()) };
    let body = serde_json::to_vec(&body).map_err(|error| EnrolError::Folder(error.into()))?;
    let request = Request::post("/api/v1/enrol")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| EnrolError::Folder(io::Error::other(error)))?;
    let answer = request::send(dialer, hub, request).await?;
    if !answer.status.is_success() {
        return Err(match answer.problem() {
            Ok(problem) => EnrolError::Refused(Box::new(problem)),
            Err(status) => EnrolError::NotAHub(hub.to_string(), status),
        });
    }
    let grant: EnrolGrant = serde_json::from_slice(&answer.body)
        .map_err(|_| EnrolError::NotAHub(hub.to_string(), answer.status))?;
    let identity = Identity {
        hub: hub.to_string(),
        retailer_id: grant.retailer_id,
        agent_id: grant.agent_id,
        credential: grant.credential.clone(),
    };
    identity.save(data_dir).map_err(EnrolError::Unsaved)?;
    // An administrator enrols, and the service has a user of its own.
    #[cfg(unix)]
    disk::as_its_folder(&Identity::path(data_dir)).map_err(EnrolError::Unsaved)?;
    Ok(grant)
}
