//! HTTP or gRPC: what is wanted, what works. Pure: time is passed in.

use std::time::{Duration, Instant};

use crate::config::SyncProtocol;

/// After this long on the second choice the first one is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(300);

/// Which way batches go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    wanted: SyncProtocol,
    /// The stream did not get through; HTTP until then.
    fallen_back_until: Option<Instant>,
}

impl Choice {
    #[must_use]
    pub const fn new(wanted: SyncProtocol) -> Self {
        Self { wanted, fallen_back_until: None }
    }

    /// The way for the next batch.
    pub fn way(&mut self, now: Instant) -> SyncProtocol {
        if self.fallen_back_until.is_some_and(|until| now >= until) {
            self.fallen_back_until = None;
        }
        match self.fallen_back_until {
            Some(_) => SyncProtocol::Http,
            None => self.wanted,
        }
    }

    /// The line failed on this way. A stream falls back; where HTTP fails as well the stream is as good as it.
    /// True when another way is left to try at once.
    pub fn failed(&mut self, way: SyncProtocol, now: Instant) -> bool {
        match (self.wanted, way) {
            (SyncProtocol::Grpc, SyncProtocol::Grpc) => {
                self.fallen_back_until = Some(now + TRY_AGAIN);
                true
            }
            (SyncProtocol::Grpc, SyncProtocol::Http) => {
                self.fallen_back_until = None;
                false
            }
            (SyncProtocol::Http, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_does_not_get_through_gives_way_for_a_while() {
        use SyncProtocol::{Grpc, Http};
        let now = Instant::now();
        let mut choice = Choice::new(Grpc);
        assert_eq!(choice.way(now), Grpc);
        assert!(choice.failed(Grpc, now));
        assert_eq!(choice.way(now), Http);
        assert_eq!(choice.way(now + TRY_AGAIN), Grpc);
        assert!(choice.failed(Grpc, now));
        assert!(!choice.failed(Http, now), "both failed: wait");
        assert_eq!(choice.way(now), Grpc);
        let mut plain = Choice::new(Http);
        assert!(!plain.failed(Http, now));
        assert_eq!(plain.way(now), Http);
    }
}
