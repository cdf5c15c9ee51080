//! Letting store edges in, whichever way they come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::domain::EntityId;
use actors::ingest::request::{Device, EdgeReply, EdgeRequest};
use actors::retailer::request::{Request, Response, Router};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use messages::edge::enrol::{EdgeEnrolGrant, EdgeEnrolRequest};
use messages::edge::ingest::{EventBatch, IngestAnswer, MAX_UNDER_WAY};
use messages::edge::pulse::EdgePulse;
use messages::live::Entity;
use messages::{EdgeId, ErrorCode, Problem, RetailerId};

use super::batch::parcel;
use super::feed::Feeds;
use crate::access::edge_token::{self, EdgeProof};
use crate::sockets::Strangers;

/// Long enough for a shard to move, shorter than a device's patience.
const PATIENCE: Duration = Duration::from_secs(12);

/// What both ways share. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    router: Arc<dyn Router>,
    strangers: Arc<Strangers>,
    under_way: UnderWay,
    pub(super) feeds: Feeds,
    /// Devices that ask for what comes down to them.
    pub(super) waiting: UnderWay,
}

/// Where a request comes from.
pub(super) struct From<'a> {
    pub(super) peer: Option<IpAddr>,
    pub(super) headers: &'a HeaderMap,
}

impl Door {
    pub(crate) fn new(router: Arc<dyn Router>, strangers: Arc<Strangers>, feeds: Feeds) -> Self {
        let (under_way, waiting) = (UnderWay::default(), UnderWay::default());
        Self { router, strangers, under_way, feeds, waiting }
    }

    /// The proof that a request carries. Whether it is valid the retailer says.
    pub(super) fn proof(&self, from: &From<'_>) -> Result<EdgeProof, Problem> {
        self.strangers.check(from.peer, from.headers)?;
        let line = from.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let text = line.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let proof = text.and_then(|(_, text)| edge_token::parse_credential(text.trim()));
        proof.ok_or_else(|| {
            let detail = "send the credential of the store edge as Authorization: Bearer …";
            self.refused(from, Problem::new(ErrorCode::NotAuthenticated, detail))
        })
    }

    /// Counts who is not who they say, so that guessing becomes slow.
    pub(super) fn refused(&self, from: &From<'_>, problem: Problem) -> Problem {
        use ErrorCode as C;
        if matches!(
            problem.code,
            C::NotAuthenticated | C::BadCredentials | C::EnrolmentTokenWrong | C::NotFound
        ) {
            self.strangers.refused(from.peer, from.headers, &problem);
        }
        problem
    }

    pub(super) async fn ask(&self, retailer: RetailerId, request: EdgeRequest) -> Result<EdgeReply, Problem> {
        match self.router.ask(retailer, Request::Edge(Arc::new(request)), PATIENCE).await? {
            Response::Edge(reply) => Ok(reply),
            _ => Err(ErrorCode::Internal.into()),
        }
    }

    /// Is the proof valid now?
    pub(super) async fn admit(&self, from: &From<'_>, proof: EdgeProof) -> Result<(), Problem> {
        let request = EdgeRequest::Admit { edge: proof.edge, credential: proof.hash };
        let answer = self.ask(proof.retailer, request).await;
        answer.map(drop).map_err(|problem| self.refused(from, unknown(problem)))
    }

    /// Notes what a device tells of itself.
    pub(super) async fn pulse(
        &self,
        from: &From<'_>,
        proof: EdgeProof,
        pulse: EdgePulse,
    ) -> Result<(), Problem> {
        let request = EdgeRequest::Pulse { edge: proof.edge, credential: proof.hash, pulse };
        let answer = self.ask(proof.retailer, request).await;
        answer.map(drop).map_err(|problem| self.refused(from, unknown(problem)))
    }

    /// Applies a batch. The answer comes after the commit.
    pub(super) async fn ingest(&self, proof: EdgeProof, batch: EventBatch) -> Result<IngestAnswer, Problem> {
        let _place = self.under_way.enter(proof.edge)?;
        let request = EdgeRequest::Batch(Arc::new(parcel(proof.edge, proof.hash, batch)?));
        match self.ask(proof.retailer, request).await.map_err(unknown)? {
            EdgeReply::Ingested(answer) => Ok(answer),
            _ => Err(ErrorCode::Internal.into()),
        }
    }

    /// The same for a request that proves itself each time.
    pub(super) async fn ingest_from(
        &self,
        from: &From<'_>,
        proof: EdgeProof,
        batch: EventBatch,
    ) -> Result<IngestAnswer, Problem> {
        self.ingest(proof, batch).await.map_err(|problem| self.refused(from, problem))
    }

    /// Swaps a token for a credential.
    pub(super) async fn enrol(
        &self,
        from: &From<'_>,
        wish: EdgeEnrolRequest,
    ) -> Result<EdgeEnrolGrant, Problem> {
        self.strangers.check(from.peer, from.headers)?;
        self.try_enrol(wish).await.map_err(|problem| self.refused(from, problem))
    }

    async fn try_enrol(&self, wish: EdgeEnrolRequest) -> Result<EdgeEnrolGrant, Problem> {
        let wrong = || {
            let detail = "the enrolment token is wrong, used up or too old; make a new one in the console";
            Problem::new(ErrorCode::EnrolmentTokenWrong, detail)
        };
        let proof = edge_token::parse_enrolment(wish.token.expose().trim()).ok_or_else(wrong)?;
        let credential = edge_token::mint_credential(proof.retailer, proof.edge);
        let request = EdgeRequest::Enrol {
            edge: proof.edge,
            token: proof.hash,
            credential: credential.hash,
            device: Device { id: wish.device_id, name: wish.device_name, version: wish.version },
        };
        let store = match self.ask(proof.retailer, request).await {
            Ok(EdgeReply::Enrolled { store }) => store,
            Ok(_) => return Err(ErrorCode::Internal.into()),
            // Whether the retailer exists is nobody's business without a token for it.
            Err(problem) if problem.code == ErrorCode::NotFound => return Err(wrong()),
            Err(problem) => return Err(problem),
        };
        let named = self.router.ask(proof.retailer, Request::Get(EntityId::Store(store)), PATIENCE).await;
        let store_name = match named {
            Ok(Response::Entity(entity)) => match *entity {
                Entity::Store(store) => store.spec.name,
                _ => String::new(),
            },
            // The token is used up: better without a name than without the credential.
            _ => String::new(),
        };
        let (retailer_id, credential) = (proof.retailer, credential.text);
        Ok(EdgeEnrolGrant { retailer_id, store_id: store, store_name, credential })
    }
}

/// A credential for a retailer that is not there is not valid.
pub(super) fn unknown(problem: Problem) -> Problem {
    if problem.code == ErrorCode::NotFound {
        return Problem::new(
            ErrorCode::BadCredentials,
            "the credential is not valid; enrol the store edge again",
        );
    }
    problem
}

/// Batches, or questions, of each device under way on this node.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<EdgeId, usize>>>);

/// A batch's place among them.
pub(super) struct Place {
    all: UnderWay,
    edge: EdgeId,
}

impl UnderWay {
    pub(super) fn enter(&self, edge: EdgeId) -> Result<Place, Problem> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(edge).or_default();
        if *count >= MAX_UNDER_WAY {
            let detail =
                format!("{MAX_UNDER_WAY} requests of this device are under way; wait for their answers");
            return Err(Problem::new(ErrorCode::RateLimited, detail).with_retry_after(1));
        }
        *count += 1;
        Ok(Place { all: self.clone(), edge })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.edge) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.edge);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_few_batches_under_way_and_leaves_nothing_behind() {
        let under_way = UnderWay::default();
        let (one, other) = (EdgeId::new(), EdgeId::new());
        let places: Vec<_> = (0..MAX_UNDER_WAY).map(|_| under_way.enter(one).unwrap()).collect();
        let refused = under_way.enter(one).err().unwrap();
        assert_eq!((refused.code, refused.retry_after_s), (ErrorCode::RateLimited, Some(1)));
        drop(under_way.enter(other).unwrap());
        drop(places);
        drop(under_way.enter(one).unwrap());
        assert!(under_way.0.lock().unwrap().is_empty());
    }
}
