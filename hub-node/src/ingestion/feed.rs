//! Answering a device that asks what comes down to it: at once when there is something, else when there is, or when the
//! device has waited as long as it likes. Every round asks the retailer's owner, which knows the device and notes how
//! far it is; the changes themselves are read from the store by whichever node was asked.

use std::time::Duration;

use actors::ingest::request::{EdgeReply, EdgeRequest, Followed, Following};
use messages::edge::catalogue::{CHANGES_VERSION, ChangesPage, ChangesRequest, MAX_CHANGES, MAX_WAIT_S};
use messages::validate::Check;
use messages::{EdgeId, ErrorCode, Problem};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bells::{Bells, Ear};
use super::door::{Door, From, unknown};
use crate::access::edge_token::EdgeProof;
use crate::store::{Store, TenantDb};

/// A file that is being imported rings several times a second, and every device of the retailer asks then: each a little
/// later than the other.
const GATHER: Duration = Duration::from_millis(200);
const SPREAD_MS: u64 = 600;

/// What answering takes besides the way to the owner. Cheap to clone.
#[derive(Clone)]
pub struct Feeds {
    store: Store,
    bells: Bells,
    /// The node stops: nobody is kept waiting.
    stop: CancellationToken,
}

impl Feeds {
    #[must_use]
    pub const fn new(store: Store, bells: Bells, stop: CancellationToken) -> Self {
        Self { store, bells, stop }
    }
}

impl Door {
    /// What is behind the device's cursor.
    pub(super) async fn changes(
        &self,
        proof: EdgeProof,
        asked: &ChangesRequest,
    ) -> Result<ChangesPage, Problem> {
        check(asked)?;
        let _place = self.waiting.enter(proof.edge)?;
        let feeds = &self.feeds;
        let mut ear = feeds.bells.listen(proof.retailer);
        let until = Instant::now() + Duration::from_secs(asked.wait_s.into());
        loop {
            let told = self.stand(proof, asked).await?;
            let page = self.page(proof, asked, told).await?;
            let is_news = page.cursor != asked.cursor || page.feed_id != asked.feed_id;
            if is_news || Instant::now() >= until || !feeds.rest(&mut ear, proof.edge, until).await {
                return Ok(page);
            }
        }
    }

    /// The same for a request that proves itself each time.
    pub(super) async fn changes_for(
        &self,
        from: &From<'_>,
        proof: EdgeProof,
        asked: &ChangesRequest,
    ) -> Result<ChangesPage, Problem> {
        self.changes(proof, asked).await.map_err(|problem| self.refused(from, problem))
    }

    async fn stand(&self, proof: EdgeProof, asked: &ChangesRequest) -> Result<Followed, Problem> {
        let following = Following {
            edge: proof.edge,
            credential: proof.hash,
            device: asked.device_id,
            feed: asked.feed_id,
            cursor: asked.cursor,
            loading: asked.loading,
        };
        match self.ask(proof.retailer, EdgeRequest::Follow(following)).await.map_err(unknown)? {
            EdgeReply::Followed(told) => Ok(told),
            _ => Err(ErrorCode::Internal.into()),
        }
    }

    async fn page(
        &self,
        proof: EdgeProof,
        asked: &ChangesRequest,
        told: Followed,
    ) -> Result<ChangesPage, Problem> {
        let Followed { store, feed, from, head } = told;
        let mut page = ChangesPage {
            v: CHANGES_VERSION,
            feed_id: feed,
            currency: None,
            from,
            cursor: from,
            head,
            changes: Vec::new(),
        };
        if feed.is_some() {
            let tenant = TenantDb::new(&self.feeds.store, proof.retailer);
            let limit = asked.limit.clamp(1, MAX_CHANGES) as usize;
            let found = tenant.changes((store, proof.edge), (from, head), limit).await?;
            (page.changes, page.cursor, page.currency) = (found.changes, found.cursor, found.currency);
        }
        Ok(page)
    }
}

impl Feeds {
    /// Waits for the bell; false when it is time to answer with nothing.
    async fn rest(&self, ear: &mut Ear, edge: EdgeId, until: Instant) -> bool {
        let turn = GATHER + Duration::from_millis(turn_of(edge));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = sleep_until(until) => false,
            () = async { ear.rung().await; sleep(turn).await } => true,
        }
    }
}

/// Spreads devices evenly, and each to the same place every time.
fn turn_of(edge: EdgeId) -> u64 {
    // The end of an identifier is random.
    let [.., last, least] = edge.as_uuid().into_bytes();
    u64::from(u16::from_be_bytes([last, least])) % SPREAD_MS
}

fn check(asked: &ChangesRequest) -> Result<(), Problem> {
    if asked.v != CHANGES_VERSION {
        let detail = format!("questions of version {CHANGES_VERSION} are spoken here, not {}", asked.v);
        return Err(Problem::new(ErrorCode::UnsupportedProtocol, detail));
    }
    let mut check = Check::new();
    check.range("limit", &asked.limit, &1, &MAX_CHANGES);
    check.range("wait_s", &asked.wait_s, &0, &MAX_WAIT_S);
    check.ensure(asked.feed_id.is_some() || asked.cursor == 0, "cursor", "means nothing without a feed_id");
    check.finish()
}

#[cfg(test)]
mod tests {
    use messages::{DeviceId, FeedId};

    use super::*;

    #[test]
    fn a_question_of_a_wrong_form_is_refused() {
        let good = ChangesRequest {
            v: 1,
            device_id: DeviceId::new(),
            feed_id: Some(FeedId::new()),
            cursor: 7,
            loading: false,
            limit: 250,
            wait_s: 30,
        };
        assert_eq!(check(&good), Ok(()));
        assert_eq!(check(&ChangesRequest { feed_id: None, cursor: 0, ..good.clone() }), Ok(()));
        let version = check(&ChangesRequest { v: 2, ..good.clone() }).unwrap_err();
        assert_eq!(version.code, ErrorCode::UnsupportedProtocol);
        for (wrong, field) in [
            (ChangesRequest { limit: 0, ..good.clone() }, "limit"),
            (ChangesRequest { limit: 251, ..good.clone() }, "limit"),
            (ChangesRequest { wait_s: 31, ..good.clone() }, "wait_s"),
            (ChangesRequest { feed_id: None, ..good }, "cursor"),
        ] {
            let problem = check(&wrong).unwrap_err();
            assert_eq!((problem.code, problem.errors[0].field.as_str()), (ErrorCode::InvalidField, field));
        }
    }

    #[test]
    fn devices_come_one_after_the_other() {
        let turns: std::collections::BTreeSet<u64> = (0..500).map(|_| turn_of(EdgeId::new())).collect();
        assert!(turns.len() > 250, "{}", turns.len());
        assert!(turns.iter().all(|turn| *turn < SPREAD_MS));
    }
}
