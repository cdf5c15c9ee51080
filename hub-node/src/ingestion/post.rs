//! `POST /v1/edges/enrol`, `POST /v1/edges/pulse`, `POST /v1/ingestion/events` and `POST /v1/catalogue/changes`.

use std::net::IpAddr;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use messages::edge::catalogue::{ChangesPage, ChangesRequest};
use messages::edge::{enrol, ingest, pulse};
use messages::validate::{Check, Validate as _};
use messages::{ErrorCode, MsgId, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::door::{Door, From};
use crate::http::{Peer, read_body, refusal};

/// Of names that a device says of itself.
const LONGEST_NAME: usize = 120;

/// All three addresses; anything else is left to others. In a task of its own: a device that goes away does not stop its
/// batch half-way.
pub(crate) fn filter(door: Door) -> BoxedFilter<(Response,)> {
    let (for_enrolment, for_pulses) = (door.clone(), door.clone());
    let enrol = warp::path!("v1" / "edges" / "enrol")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |headers: HeaderMap, peer: Option<Peer>, body| {
            let door = for_enrolment.clone();
            let peer = peer.map(|peer| peer.0.ip());
            async move {
                answer(read_body(&headers, body).await, move |bytes| take_in(door, peer, headers, bytes))
                    .await
            }
        });
    let for_changes = door.clone();
    let changes = warp::path!("v1" / "catalogue" / "changes")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |headers: HeaderMap, peer: Option<Peer>, body| {
            let door = for_changes.clone();
            let peer = peer.map(|peer| peer.0.ip());
            // In no task of its own: a device that goes away is not waited for.
            async move {
                let page = match admitted(&door, peer, &headers, body).await {
                    Ok(bytes) => send_down(door, peer, headers, bytes).await,
                    Err(problem) => Err(problem),
                };
                respond(page)
            }
        });
    let events = warp::path!("v1" / "ingestion" / "events")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |headers: HeaderMap, peer: Option<Peer>, body| {
            let door = door.clone();
            let peer = peer.map(|peer| peer.0.ip());
            async move {
                answer(admitted(&door, peer, &headers, body).await, move |bytes| {
                    apply(door, peer, headers, bytes)
                })
                .await
            }
        });
    let pulses = warp::path!("v1" / "edges" / "pulse")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |headers: HeaderMap, peer: Option<Peer>, body| {
            let door = for_pulses.clone();
            let peer = peer.map(|peer| peer.0.ip());
            async move {
                answer(admitted(&door, peer, &headers, body).await, move |bytes| {
                    listen(door, peer, headers, bytes)
                })
                .await
            }
        });
    enrol.or(events).unify().or(pulses).unify().or(changes).unify().boxed()
}

async fn answer<T, F>(body: Result<Bytes, Problem>, act: impl FnOnce(Bytes) -> F) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    let outcome = match body {
        Ok(bytes) => tokio::spawn(act(bytes)).await.unwrap_or_else(|failure| {
            tracing::error!(%failure, "a batch of events ended before its answer");
            Err(ErrorCode::Internal.into())
        }),
        Err(problem) => Err(problem),
    };
    respond(outcome)
}

fn respond<T: Serialize>(outcome: Result<T, Problem>) -> Response {
    match outcome.and_then(|value| {
        serde_json::to_vec(&value).map_err(|error| Problem::new(ErrorCode::Internal, error.to_string()))
    }) {
        Ok(body) => {
            let mut response = Response::new(body.into());
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(problem) => {
            if problem.status >= 500 {
                tracing::debug!(code = %problem.code, detail = problem.detail, "a store edge was refused");
            }
            refusal(problem, &MsgId::new().to_string())
        }
    }
}

/// The body, once it is known that a credential came with it.
async fn admitted<S, B, E>(
    door: &Door,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    body: S,
) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: Send,
{
    door.proof(&From { peer, headers })?;
    read_body(headers, body).await
}

async fn apply(
    door: Door,
    peer: Option<IpAddr>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<ingest::IngestAnswer, Problem> {
    let from = From { peer, headers: &headers };
    let proof = door.proof(&from)?;
    door.ingest_from(&from, proof, read(&bytes)?).await
}

async fn send_down(
    door: Door,
    peer: Option<IpAddr>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<ChangesPage, Problem> {
    let from = From { peer, headers: &headers };
    let proof = door.proof(&from)?;
    let asked: ChangesRequest = read(&bytes)?;
    door.changes_for(&from, proof, &asked).await
}

/// The answer has no content worth reading, and is an object so that it can get some.
async fn listen(
    door: Door,
    peer: Option<IpAddr>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<serde_json::Value, Problem> {
    let from = From { peer, headers: &headers };
    let proof = door.proof(&from)?;
    let told: pulse::EdgePulse = read(&bytes)?;
    let mut check = Check::new();
    told.check(&mut check);
    check.finish()?;
    door.pulse(&from, proof, told).await?;
    Ok(serde_json::json!({}))
}

async fn take_in(
    door: Door,
    peer: Option<IpAddr>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<enrol::EdgeEnrolGrant, Problem> {
    let wish: enrol::EdgeEnrolRequest = read(&bytes)?;
    let mut check = Check::new();
    check.text("device_name", &wish.device_name, LONGEST_NAME);
    check.text("version", &wish.version, LONGEST_NAME);
    check.finish()?;
    door.enrol(&From { peer, headers: &headers }, wish).await
}

/// The sentence names line and column, and no value: a batch has what customers bought.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body cannot be read at line {}, column {}", error.line(), error.column());
        Problem::new(ErrorCode::MalformedRequest, detail)
    })
}
