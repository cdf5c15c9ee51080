//! What to make of a page of changes. Pure: no I/O, no clock.
//!
//! | the hub says | we |
//! |---|---|
//! | it has no catalogue | keep the store's own |
//! | the changes behind our cursor | apply them in small pieces, each with the cursor behind it |
//! | changes from the beginning, where we named a cursor | take a whole catalogue over beside the live one |
//! | nothing new | note that we have everything |
//! | something that contradicts itself, or prices of another currency | keep what we have, and say so |

use std::time::Duration;

use messages::edge::Currency;
use messages::edge::catalogue::{
    CHANGES_VERSION, Changed, ChangesPage, ChangesRequest, MAX_CHANGES, MAX_WAIT_S,
};
use messages::{DeviceId, ErrorCode, FeedId};

use crate::line::LineFault;
use crate::relay::plan::{REFUSED_WAIT, SendFault};

/// Changes in one piece of work for the writer: some milliseconds, after which a waiting sale has its turn.
pub const PIECE: usize = 50;
/// A hub that knows nothing of catalogues will not learn it within minutes.
pub const OLDER_HUB: Duration = Duration::from_secs(600);

/// Where the edge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Absent while the store has a catalogue of its own.
    pub feed: Option<FeedId>,
    /// Tills see everything up to here.
    pub cursor: u64,
    /// A whole catalogue that is being taken over.
    pub load: Option<Load>,
    /// The whole catalogue is wanted once more.
    pub renew: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    pub feed: FeedId,
    pub cursor: u64,
    /// At this number it is whole enough to be sold from.
    pub until: u64,
}

/// Which catalogue changes go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Live,
    Load,
}

impl Standing {
    /// What to ask for.
    #[must_use]
    pub fn question(&self, device: DeviceId, wait: Duration) -> ChangesRequest {
        let wait_s = u32::try_from(wait.as_secs()).unwrap_or(MAX_WAIT_S).min(MAX_WAIT_S);
        let (feed_id, cursor) = match (self.load, self.feed) {
            (Some(load), _) => (Some(load.feed), load.cursor),
            (None, Some(feed)) if !self.renew => (Some(feed), self.cursor),
            (None, _) => (None, 0),
        };
        let loading = self.load.is_some();
        ChangesRequest {
            v: CHANGES_VERSION,
            device_id: device,
            feed_id,
            cursor,
            loading,
            limit: MAX_CHANGES,
            wait_s,
        }
    }

    /// Where the next change would go, in this catalogue.
    #[must_use]
    pub fn place(&self, target: Target) -> Option<(FeedId, u64)> {
        match target {
            Target::Live => self.feed.map(|feed| (feed, self.cursor)),
            Target::Load => self.load.map(|load| (load.feed, load.cursor)),
        }
    }
}

/// Some changes, and where they begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub target: Target,
    pub feed: FeedId,
    pub from: u64,
    pub cursor: u64,
    pub changes: Vec<Changed>,
    /// Changes that are not understood here.
    pub left_out: u32,
}

/// What to do with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Follow(Box<Course>),
    /// Nothing to do with it, and not before this long.
    Wait {
        least: Duration,
        why: String,
    },
    /// The hub has no catalogue: ask again, patiently.
    Own,
}

/// Pieces in their order, and what goes before and behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// A whole catalogue begins.
    pub begin: Option<(FeedId, u64)>,
    pub pieces: Vec<Piece>,
    /// The catalogue that was taken over is whole.
    pub finish: bool,
    pub head: u64,
    /// With this tills see everything that the hub has.
    pub is_all: bool,
    /// For the log: what is not understood.
    pub unknown: Vec<String>,
}

/// Reads the answer to `asked`.
#[must_use]
pub fn after(
    standing: &Standing,
    asked: &ChangesRequest,
    outcome: Result<&ChangesPage, &SendFault>,
    currency: Currency,
) -> Step {
    match outcome {
        Ok(page) => answered(standing, asked, page, currency),
        Err(SendFault::Line(LineFault { detail, .. })) => {
            Step::Wait { least: Duration::ZERO, why: detail.clone() }
        }
        Err(SendFault::Refused(problem)) => {
            let told = Duration::from_secs(problem.retry_after_s.unwrap_or(0).into());
            let least = match problem.code {
                ErrorCode::NotFound | ErrorCode::MethodNotAllowed => OLDER_HUB,
                _ if problem.retry => told,
                _ => REFUSED_WAIT.max(told),
            };
            Step::Wait { least, why: problem.to_string() }
        }
    }
}

fn answered(standing: &Standing, asked: &ChangesRequest, page: &ChangesPage, currency: Currency) -> Step {
    let keep = |why: String| Step::Wait { least: REFUSED_WAIT, why };
    let Some(feed) = page.feed_id else {
        return match standing.feed {
            None => Step::Own,
            Some(_) => keep("the hub has no catalogue any more; the last one is kept".to_owned()),
        };
    };
    if let Some(why) = contradiction(page) {
        return keep(format!("the hub's answer contradicts itself: {why}"));
    }
    if let Some(theirs) = page.currency
        && theirs != currency
        && !page.changes.is_empty()
    {
        return keep(format!(
            "the hub's prices are in {theirs}, this store sells in {currency}; set the currency right here or there"
        ));
    }
    let goes_on = asked.feed_id == Some(feed) && page.from == asked.cursor;
    let begin = if goes_on {
        None
    } else if page.from == 0 {
        Some((feed, page.head))
    } else {
        return keep("the hub answers with changes that were not asked for".to_owned());
    };
    let load = match begin {
        Some((feed, until)) => Some(Load { feed, cursor: 0, until }),
        None => standing.load,
    };
    let target = if load.is_some() { Target::Load } else { Target::Live };
    let mut unknown = Vec::new();
    let pieces = pieces(page, feed, target, &mut unknown);
    let finish = load.is_some_and(|load| page.cursor >= load.until);
    let is_all = (finish || target == Target::Live) && page.cursor == page.head;
    Step::Follow(Box::new(Course { begin, pieces, finish, head: page.head, is_all, unknown }))
}

fn contradiction(page: &ChangesPage) -> Option<&'static str> {
    if page.cursor < page.from || page.cursor > page.head {
        return Some("its cursor lies outside what it tells");
    }
    let mut last = page.from;
    for change in &page.changes {
        if change.seq <= last || change.seq > page.cursor {
            return Some("its changes are not in order");
        }
        last = change.seq;
    }
    None
}

/// The cursor of each piece is the number of its last change; that of the last one is the page's.
fn pieces(page: &ChangesPage, feed: FeedId, target: Target, unknown: &mut Vec<String>) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(page.changes.len() / PIECE + 1);
    let mut from = page.from;
    for some in page.changes.chunks(PIECE) {
        let mut piece = Piece { target, feed, from, cursor: from, changes: Vec::new(), left_out: 0 };
        for change in some {
            piece.cursor = change.seq;
            match Changed::read(change) {
                Ok(changed) => piece.changes.push(changed),
                Err(fault) => {
                    piece.left_out += 1;
                    unknown.push(format!("change {}: {fault}", change.seq));
                }
            }
        }
        from = piece.cursor;
        pieces.push(piece);
    }
    match pieces.last_mut() {
        Some(last) => last.cursor = page.cursor,
        None if page.cursor > page.from => {
            let (cursor, changes) = (page.cursor, Vec::new());
            pieces.push(Piece { target, feed, from, cursor, changes, left_out: 0 });
        }
        None => {}
    }
    pieces
}

#[cfg(test)]
mod tests;
