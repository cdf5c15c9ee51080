//! The sink of every platform: stages items, then sends them a portion at a time, trying again what may pass.
//!
//! A platform brings [`Platform`]: how to send one portion, and what its answer means. This file decides how often
//! and when. A portion that could not be sent is kept and sent again as it is, so a platform must bear it twice.

use std::time::Duration;

use actors::backoff::Backoff;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::ErrorCode;
use messages::agent::RejectedItem;
use tokio::time::sleep;

use super::means::Pace;
use super::stage::{Room, Stage};
use super::{Answer, Delivered, Failure, ItemSink, Numbered, Receipt};

/// Of what is staged.
pub(super) const NAME: &str = "items";
/// Waits are made different by a quarter, so that agents that were refused together do not come back together.
const JITTER: f64 = 0.25;
/// So many times more tries has a platform that says itself when it wants to be asked again.
const PATIENCE: u32 = 10;

/// Rows that are to be sent together.
pub(super) struct Portion<'r> {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) rows: &'r [Numbered],
    /// No row comes after these.
    pub(super) last: bool,
}

/// A portion that the platform has dealt with.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) bytes: u64,
    pub(super) rejects: Vec<RejectedItem>,
    pub(super) notes: Vec<String>,
}

/// A portion that the platform has not taken, or of which that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setback {
    pub(super) failure: Failure,
    pub(super) next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It may pass: try again after this time, or after one of our choice.
    Again(Option<Duration>),
    /// Try again with fewer rows.
    Smaller,
    GiveUp,
}

impl Setback {
    pub(super) fn passing(failure: Failure) -> Self {
        Self { failure, next: Next::Again(None) }
    }

    /// The platform finds so much for these numbers that something may be overlooked: fewer at once.
    pub(super) fn too_much_found(host: &str) -> Self {
        let detail = format!("{host} finds too many products for these article numbers");
        Self { failure: Failure::new(ErrorCode::DestinationRejected, detail), next: Next::Smaller }
    }

    pub(super) fn final_(failure: Failure) -> Self {
        Self { failure, next: Next::GiveUp }
    }
}

/// A place that takes items a portion at a time.
pub(super) trait Platform: Send {
    /// What it takes at once.
    fn room(&self) -> Room;

    /// Does it want to hear of a run without any item?
    fn hears_of_nothing(&self) -> bool {
        false
    }

    /// Sends rows. Sent twice, they must have the same effect as sent once.
    fn send<'a>(&'a mut self, portion: Portion<'a>) -> BoxFuture<'a, Result<Taken, Setback>>;

    /// Stops what goes on there, as far as it can be stopped.
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Where the items are, in words.
    fn place(&self) -> String;
}

pub(super) struct StagedSink<P> {
    platform: P,
    pace: Pace,
    stage: Stage,
    staged: u64,
    /// Taken from the stage and not sent.
    pending: Vec<Numbered>,
    /// Nothing is left in the stage.
    drained: bool,
    /// Rows that are sent at once, when that is fewer than there is room for.
    fewer: Option<usize>,
    number: u64,
    sent: u64,
    bytes: u64,
    tries: u32,
    waits: Backoff,
    /// To be sat out before the next try.
    wait: Option<Duration>,
}

impl<P: Platform> StagedSink<P> {
    pub(super) fn new(platform: P, pace: Pace, stage: Stage) -> Self {
        let waits = Backoff::new(pace.first, pace.longest, JITTER);
        Self {
            platform,
            pace,
            stage,
            staged: 0,
            pending: Vec::new(),
            drained: false,
            fewer: None,
            number: 1,
            sent: 0,
            bytes: 0,
            tries: 0,
            waits,
            wait: None,
        }
    }

    async fn next(&mut self) -> Result<Option<Delivered>, Failure> {
        if let Some(wait) = self.wait {
            sleep(wait).await;
            self.wait = None;
        }
        if self.pending.is_empty() && !self.drained {
            (self.pending, self.drained) = self.stage.next(self.platform.room()).await?;
        }
        let first = self.number == 1 && self.staged == 0 && self.platform.hears_of_nothing();
        if self.pending.is_empty() && !first {
            return Ok(None);
        }
        let count = self.fewer.unwrap_or(usize::MAX).min(self.pending.len());
        let last = self.drained && count == self.pending.len();
        let portion = Portion { number: self.number, rows: &self.pending[..count], last };
        self.tries += 1;
        match self.platform.send(portion).await {
            Ok(taken) => Ok(Some(self.taken(count, taken))),
            Err(Setback { failure, next }) => self.set_back(count, failure, next).map(Some),
        }
    }

    fn taken(&mut self, count: usize, taken: Taken) -> Delivered {
        let refused = refused(&self.pending[..count], &taken.rejects);
        self.pending.drain(..count);
        self.number += 1;
        self.tries = 0;
        self.waits.reset();
        self.bytes += taken.bytes;
        let sent = (count as u64).saturating_sub(taken.rejects.len() as u64);
        self.sent += sent;
        Delivered { sent, bytes: self.bytes, rejects: taken.rejects, refused, notes: taken.notes }
    }

    fn set_back(&mut self, count: usize, failure: Failure, next: Next) -> Result<Delivered, Failure> {
        let mut delivered = Delivered { bytes: self.bytes, ..Delivered::default() };
        match next {
            Next::GiveUp => return Err(failure),
            Next::Smaller if count <= 1 => {
                let Some(row) = self.pending.first() else { return Err(failure) };
                delivered.rejects.push(row.rejected(failure.detail));
                delivered.refused.push(row.item.sku.clone());
                self.pending.drain(..1);
                self.tries = 0;
            }
            Next::Smaller => {
                self.fewer = Some(count / 2);
                self.tries = 0;
                delivered.notes.push(format!(
                    "{}; going on with {} items at once",
                    failure.detail,
                    count / 2
                ));
            }
            Next::Again(asked) => {
                // Who says when to come back is alive; that is borne for longer than silence and failure.
                let most =
                    if asked.is_some() { self.pace.tries.saturating_mul(PATIENCE) } else { self.pace.tries };
                if self.tries >= most {
                    let detail = format!("{}; given up after {} tries", failure.detail, self.tries);
                    return Err(Failure::new(failure.code, detail));
                }
                if let Some(asked) = asked.filter(|asked| *asked > self.pace.most_asked) {
                    let detail = format!(
                        "{}; it asks to wait {} s, which is too long",
                        failure.detail,
                        asked.as_secs()
                    );
                    return Err(Failure::new(failure.code, detail));
                }
                let own = self.waits.next_wait();
                let wait = asked.unwrap_or(own);
                self.wait = Some(wait);
                let said = format!(
                    "{}; trying again in {}.{} s",
                    failure.detail,
                    wait.as_secs(),
                    wait.subsec_millis() / 100
                );
                delivered.notes.push(said);
            }
        }
        Ok(delivered)
    }
}

/// Numbers of the articles that these rejections are about. A row alone does not say: rows of several files have the same.
fn refused(rows: &[Numbered], rejects: &[RejectedItem]) -> Vec<String> {
    let about = |reject: &RejectedItem| {
        let mut of_row = rows.iter().filter(|row| row.row == reject.row);
        of_row.find(|row| row.rejected("").raw == reject.raw).map(|row| row.item.sku.clone())
    };
    rejects.iter().filter_map(about).collect()
}

impl<P: Platform> ItemSink for StagedSink<P> {
    fn write<'a>(&'a mut self, rows: &'a [Numbered]) -> Answer<'a, u64> {
        async move {
            self.stage.append(rows).await?;
            self.staged += rows.len() as u64;
            Ok(0)
        }
        .boxed()
    }

    fn holds_back(&self) -> bool {
        true
    }

    fn deliver(&mut self) -> Answer<'_, Option<Delivered>> {
        self.next().boxed()
    }

    fn finish(&mut self) -> Answer<'_, Receipt> {
        let unsent = !self.pending.is_empty() || (self.staged > 0 && !self.drained);
        let receipt = Receipt {
            bytes: self.bytes,
            place: format!("{} took {} items", self.platform.place(), self.sent),
        };
        async move {
            if unsent {
                return Err(Failure::new(ErrorCode::Internal, "items that were staged have not been sent"));
            }
            Ok(receipt)
        }
        .boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, ()> {
        self.pending.clear();
        self.platform.stop()
    }
}
