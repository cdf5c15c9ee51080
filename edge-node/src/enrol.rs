//! Enrolment: swaps a token from the console for this device's own credential.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use messages::edge::enrol::{EdgeEnrolGrant, EdgeEnrolRequest, PATH};
use messages::{DeviceId, Problem, Secret};

use crate::line::{Address, Dialer, HttpLine, LineFault};
use crate::place::Identity;

/// The hub may have to wait for its store.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the edge was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error("this edge is enrolled already; use --force to replace its identity")]
    Already,
    #[error(transparent)]
    Line(#[from] LineFault),
    #[error("the hub refused: {}", .0.detail)]
    Refused(Box<Problem>),
    #[error("the hub answered with something else than an identity: {0}")]
    Unexpected(String),
    #[error("the identity could not be saved: {0}; the token is used up, make a new one")]
    Save(std::io::Error),
    #[error("the identity could not be read: {0}")]
    Load(std::io::Error),
}

/// Enrols this device; the identity is on the disk when this returns.
pub async fn enrol(
    data_dir: &Path,
    (dialer, hub): (Dialer, Address),
    device_id: DeviceId,
    token: Secret,
    force: bool,
) -> Result<EdgeEnrolGrant, EnrolError> {
    if !force && Identity::load(data_dir).map_err(EnrolError::Load)?.is_some() {
        return Err(EnrolError::Already);
    }
    let device_name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let device_name: String = device_name.trim().chars().take(120).collect();
    let wish = EdgeEnrolRequest {
        token,
        device_id,
        device_name: if device_name.is_empty() { "store edge".to_owned() } else { device_name },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let unexpected = |error: &dyn std::fmt::Display| EnrolError::Unexpected(error.to_string());
    let body = serde_json::to_vec(&wish).map_err(|error| unexpected(&error))?;
    let request = Request::post(PATH)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| unexpected(&error))?;
    let shown = hub.to_string();
    let answer = HttpLine::new(dialer, hub, PATIENCE).send(request).await?;
    if !answer.status.is_success() {
        return Err(match answer.problem() {
            Ok(problem) => EnrolError::Refused(Box::new(problem)),
            Err(status) => unexpected(&status),
        });
    }
    let grant: EdgeEnrolGrant = serde_json::from_slice(&answer.body).map_err(|error| unexpected(&error))?;
    let identity =
        Identity { hub: shown, store_name: grant.store_name.clone(), credential: grant.credential.clone() };
    identity.save(data_dir).map_err(EnrolError::Save)?;
    Ok(grant)
}
