//! What to do after a request of a session has failed: again, again over a new connection, or end the session. Pure, but
//! for the dice.

use std::time::Duration;

use actors::backoff::Backoff;
use http::StatusCode;
use messages::{ErrorCode, Problem};

use crate::net::NetError;
use crate::uplink::session::Ending;

/// Connections in a row that have led to another node: then a new session there is the shorter way. With five nodes one
/// of so many leads to the right one in five cases of six.
const DIALS: u32 = 8;
/// A poll that was cut sooner was not cut because it took too long.
const CUT_AFTER: Duration = Duration::from_secs(3);
/// Polls are not made shorter than this.
const SHORTEST: Duration = Duration::from_secs(5);

/// What came instead of the answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Net(NetError),
    #[error("{}", .0.detail)]
    Hub(Problem),
    #[error("something between here and the hub answers with status {0}")]
    Between(StatusCode),
}

#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Again { redial: bool, pause: Duration },
    End(Ending),
}

/// See the module. One for each direction.
#[derive(Debug)]
pub(super) struct Repeater {
    pauses: Backoff,
    /// How long a poll may take.
    wait: Duration,
    dials: u32,
}

impl Repeater {
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            pauses: Backoff::new(Duration::from_millis(250), Duration::from_secs(5), 0.5),
            wait: wait.max(SHORTEST),
            dials: 0,
        }
    }

    pub(super) const fn wait(&self) -> Duration {
        self.wait
    }

    pub(super) fn succeeded(&mut self) {
        self.pauses.reset();
        self.dials = 0;
    }

    /// `after` is how long the request was under way.
    pub(super) fn after(&mut self, failure: &Failure, after: Duration) -> Next {
        let redial = match failure {
            Failure::Hub(problem) => match problem.code {
                ErrorCode::WrongNode if self.dials < DIALS => {
                    self.dials += 1;
                    return Next::Again { redial: true, pause: Duration::ZERO };
                }
                // The hub's own trouble, or ours for a moment; the session is still there.
                ErrorCode::Busy
                | ErrorCode::RateLimited
                | ErrorCode::NotOwner
                | ErrorCode::StoreUnavailable => false,
                ErrorCode::DeadlineExceeded | ErrorCode::OutcomeUnknown | ErrorCode::Internal => false,
                _ => return Next::End(Ending::Lost(format!("{}: {}", problem.code, problem.detail))),
            },
            Failure::Net(_) | Failure::Between(_) => {
                if after >= CUT_AFTER {
                    // Something in between has no patience for long requests.
                    self.wait = (self.wait / 2).max(SHORTEST);
                }
                true
            }
        };
        Next::Again { redial, pause: self.pauses.next_wait() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Stage;

    const LONG: Duration = Duration::from_secs(25);

    fn net() -> Failure {
        Failure::Net(NetError::new(Stage::Http, "reset"))
    }

    #[test]
    fn what_the_hub_says_decides() {
        for code in ErrorCode::ALL.iter().copied() {
            let next = Repeater::new(LONG).after(&Failure::Hub(code.into()), Duration::ZERO);
            let expected = match code {
                ErrorCode::WrongNode => Some(true),
                ErrorCode::Busy
                | ErrorCode::RateLimited
                | ErrorCode::NotOwner
                | ErrorCode::StoreUnavailable
                | ErrorCode::DeadlineExceeded
                | ErrorCode::OutcomeUnknown
                | ErrorCode::Internal => Some(false),
                _ => None,
            };
            let found = match next {
                Next::Again { redial, .. } => Some(redial),
                Next::End(_) => None,
            };
            assert_eq!(found, expected, "{code}");
        }
    }

    #[test]
    fn another_node_is_asked_so_many_times_in_a_row() {
        let mut repeater = Repeater::new(LONG);
        let wrong = Failure::Hub(ErrorCode::WrongNode.into());
        for round in 0..2 {
            for _ in 0..DIALS {
                let next = repeater.after(&wrong, Duration::ZERO);
                assert_eq!(next, Next::Again { redial: true, pause: Duration::ZERO }, "{round}");
            }
            assert!(matches!(repeater.after(&wrong, Duration::ZERO), Next::End(Ending::Lost(_))));
            repeater.succeeded();
        }
    }

    #[test]
    fn polls_get_shorter_where_long_ones_are_cut() {
        let mut repeater = Repeater::new(LONG);
        repeater.after(&net(), Duration::from_secs(1));
        assert_eq!(repeater.wait(), LONG);
        for expected in [12_500, 6_250, 5_000, 5_000] {
            let next = repeater.after(&Failure::Between(StatusCode::GATEWAY_TIMEOUT), CUT_AFTER);
            assert!(matches!(next, Next::Again { redial: true, pause } if pause <= Duration::from_secs(8)));
            assert_eq!(repeater.wait(), Duration::from_millis(expected));
        }
        repeater.succeeded();
        assert_eq!(repeater.wait(), SHORTEST, "the way is still the same one");
    }
}
