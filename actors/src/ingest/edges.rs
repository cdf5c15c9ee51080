//! Places of store edges and their credentials. Pure.

use std::collections::BTreeMap;

use messages::{DeviceId, EdgeId, ErrorCode, Problem, StoreId, Timestamp};

use super::model::Edge;
use super::request::Device;
use crate::domain::{EnrolToken, SecretHash};

/// Devices of a retailer: more than any has tills.
pub(super) const MOST_EDGES: usize = 500;

type Edges = BTreeMap<EdgeId, Edge>;

fn find(edges: &Edges, id: EdgeId) -> Result<&Edge, Problem> {
    edges.get(&id).ok_or_else(|| {
        Problem::new(ErrorCode::NotFound, "there is no such store edge; it may have been deleted")
    })
}

pub(super) fn make(
    edges: &Edges,
    (id, store, name): (EdgeId, StoreId, &str),
    token: EnrolToken,
    now: Timestamp,
) -> Result<Option<Edge>, Problem> {
    if edges.contains_key(&id) {
        // The caller minted the id, so this is the same request again.
        return Ok(None);
    }
    if edges.len() >= MOST_EDGES {
        let detail = format!("a retailer can have {MOST_EDGES} store edges; delete some first");
        return Err(Problem::new(ErrorCode::LimitReached, detail));
    }
    Ok(Some(Edge {
        id,
        store,
        name: name.to_owned(),
        created_at: now,
        token: Some(token),
        credential: None,
        revoked: false,
        device: None,
        enrolled_at: None,
    }))
}

pub(super) fn offer(edges: &Edges, id: EdgeId, token: EnrolToken) -> Result<Edge, Problem> {
    Ok(Edge { token: Some(token), ..find(edges, id)?.clone() })
}

/// The places that change. A device has one place: where it was before, its credential is void.
pub(super) fn enrol(
    edges: &Edges,
    id: EdgeId,
    (token, credential): (SecretHash, SecretHash),
    device: &Device,
    now: Timestamp,
) -> Result<Vec<Edge>, Problem> {
    let wrong = || {
        let detail = "the token is wrong, used up or too old; make a new one in the console";
        Problem::new(ErrorCode::EnrolmentTokenWrong, detail)
    };
    let edge = edges.get(&id).ok_or_else(wrong)?;
    if edge.credential == Some(credential) {
        // The same request again.
        return Ok(Vec::new());
    }
    let offered = edge.token.ok_or_else(wrong)?;
    if offered.hash != token || offered.expires_at < now {
        return Err(wrong());
    }
    let elsewhere =
        |other: &&Edge| other.id != id && other.device.as_ref().is_some_and(|known| known.id == device.id);
    let mut changed: Vec<Edge> = edges.values().filter(elsewhere).map(void).collect();
    changed.push(Edge {
        token: None,
        credential: Some(credential),
        revoked: false,
        device: Some(device.clone()),
        enrolled_at: Some(now),
        ..edge.clone()
    });
    Ok(changed)
}

pub(super) fn revoke(edges: &Edges, id: EdgeId) -> Result<Edge, Problem> {
    find(edges, id).map(void)
}

fn void(edge: &Edge) -> Edge {
    Edge { token: None, credential: None, revoked: true, ..edge.clone() }
}

pub(super) fn removable(edges: &Edges, id: EdgeId) -> Result<(), Problem> {
    match find(edges, id)?.credential {
        None => Ok(()),
        Some(_) => Err(Problem::new(ErrorCode::InUse, "a device uses this place; revoke it first")),
    }
}

/// The place whose credential this is.
pub(super) fn authenticate(edges: &Edges, id: EdgeId, credential: SecretHash) -> Result<&Edge, Problem> {
    match edges.get(&id) {
        Some(edge) if edge.credential == Some(credential) => Ok(edge),
        Some(edge) if edge.revoked => {
            let detail = "this store edge was revoked in the console; enrol it again with a new token";
            Err(Problem::new(ErrorCode::EdgeRevoked, detail))
        }
        _ => {
            let detail = "the credential is not valid; enrol the store edge again with a new token";
            Err(Problem::new(ErrorCode::BadCredentials, detail))
        }
    }
}

/// The place whose credential this is, if this is the device that took it.
pub(super) fn of_device(
    edges: &Edges,
    id: EdgeId,
    credential: SecretHash,
    device: DeviceId,
) -> Result<&Edge, Problem> {
    let edge = authenticate(edges, id, credential)?;
    if edge.device.as_ref().is_some_and(|known| known.id == device) {
        return Ok(edge);
    }
    let detail = "this credential belongs to another device; enrol this one with a token of its own";
    Err(Problem::new(ErrorCode::Forbidden, detail))
}
