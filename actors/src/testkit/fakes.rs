//! Recording and scripted stand-ins for the other ports.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use messages::agent::ToAgent;
use messages::connector::Credentials;
use messages::http::retailers::RetailerSummary;
use messages::live::{Tick, Topic};
use messages::permission::RetailerScope;
use messages::{ErrorCode, Problem, RetailerId, Secret, Timestamp};

use crate::domain::{Sealed, SecretOf};
use crate::ports::{
    Board, ConnAddr, Doorman, Downlink, LiveFeed, Publication, StoreError, Today, Unsealer, Visitor,
};

/// Records what agents' sockets and consoles are told.
#[derive(Default)]
pub(crate) struct World {
    frames: Mutex<Vec<(ConnAddr, ToAgent)>>,
    announced: Mutex<u32>,
    publications: Mutex<Vec<Publication>>,
}

impl World {
    pub(crate) fn frames(&self) -> Vec<(ConnAddr, ToAgent)> {
        self.frames.lock().unwrap().clone()
    }

    /// Frames sent since the last look, by kind.
    pub(crate) fn take_frames(&self) -> Vec<ToAgent> {
        std::mem::take(&mut *self.frames.lock().unwrap()).into_iter().map(|(_, frame)| frame).collect()
    }

    pub(crate) fn announced(&self) -> u32 {
        *self.announced.lock().unwrap()
    }

    pub(crate) fn publications(&self) -> Vec<Publication> {
        self.publications.lock().unwrap().clone()
    }

    /// The versions of the commits that consoles were told of.
    pub(crate) fn versions(&self) -> Vec<(u64, u64)> {
        let all = self.publications();
        let commits = all.iter().filter_map(|publication| match publication {
            Publication::Committed { after, version, .. } => Some((after.0, version.0)),
            _ => None,
        });
        commits.collect()
    }

    /// Ticks of one topic, in order.
    pub(crate) fn ticks(&self, of: impl Fn(Topic) -> bool) -> Vec<Tick> {
        let all = self.publications();
        let ticks = all.iter().filter_map(|publication| match publication {
            Publication::Ticked { topic, ticks } if of(*topic) => Some(ticks.to_vec()),
            _ => None,
        });
        ticks.flatten().collect()
    }

    pub(crate) fn summaries(&self) -> Vec<RetailerSummary> {
        let all = self.publications();
        let summaries = all.iter().filter_map(|publication| match publication {
            Publication::Summary(summary) => Some(summary.clone()),
            _ => None,
        });
        summaries.collect()
    }
}

impl Downlink for World {
    fn send(&self, to: ConnAddr, frame: ToAgent) {
        self.frames.lock().unwrap().push((to, frame));
    }

    fn announce(&self, _: RetailerId) {
        *self.announced.lock().unwrap() += 1;
    }
}

impl LiveFeed for World {
    fn publish(&self, publication: Publication) {
        self.publications.lock().unwrap().push(publication);
    }
}

/// Opens everything, unless it is told not to.
#[derive(Default)]
pub(crate) struct Vault {
    pub(crate) broken: Mutex<bool>,
}

impl Unsealer for Vault {
    fn open(&self, _: RetailerId, _: SecretOf, _: &Sealed) -> Result<Credentials, Problem> {
        if *self.broken.lock().unwrap() {
            return Err(Problem::new(ErrorCode::Internal, "the key is gone"));
        }
        Ok(Credentials::Password { password: Secret::new("open sesame") })
    }
}

/// Admits whoever brings a token from its list.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) visitors: Mutex<HashMap<String, Visitor>>,
}

impl Doorman for Door {
    fn admit<'a>(&'a self, token: &'a Secret) -> BoxFuture<'a, Result<Visitor, Problem>> {
        let visitor = self.visitors.lock().unwrap().get(token.expose()).cloned();
        Box::pin(async move { visitor.ok_or_else(|| ErrorCode::NotAuthenticated.into()) })
    }
}

/// A dashboard with settable figures.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) rows: Mutex<Vec<RetailerSummary>>,
    pub(crate) today: Mutex<Today>,
    pub(crate) failures: Mutex<u32>,
    pub(crate) asked: Mutex<u32>,
}

impl Figures {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }
}

impl Board for Figures {
    fn summaries(&self) -> BoxFuture<'_, Result<Vec<RetailerSummary>, StoreError>> {
        Box::pin(async { Ok(self.rows.lock().unwrap().clone()) })
    }

    fn due(&self, _: Timestamp) -> BoxFuture<'_, Result<Vec<RetailerId>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn today(&self, _: RetailerScope) -> BoxFuture<'_, Result<Today, StoreError>> {
        *self.asked.lock().unwrap() += 1;
        let mut failures = self.failures.lock().unwrap();
        let fails = *failures > 0;
        *failures = failures.saturating_sub(1);
        let today = self.today.lock().unwrap().clone();
        Box::pin(async move { if fails { Err(StoreError::Unavailable("off".into())) } else { Ok(today) } })
    }
}
