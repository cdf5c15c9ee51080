//! Brings a request to the retailer's actor, on this node or another, and follows it when it moves.
//!
//! What was certainly not carried out is asked again until the caller's deadline, because a retailer that moves or
//! whose node has died is served again within seconds. What may have been carried out is asked again only if twice is
//! as good as once.

use std::sync::Arc;
use std::time::Duration;

use actors::host::Host;
use actors::retailer::request::{Request, Response, Router};
use futures_util::future::BoxFuture;
use messages::ids::BootId;
use messages::{ErrorCode, Problem, RetailerId};
use tokio::time::{Instant, timeout};

use super::keeper::KeeperHandle;
use super::link::{AskError, Refusal};
use super::others::{Others, Unanswered};
use super::topology::Map;
use super::wire::{Answer, Question};

/// Between two attempts, growing: a shard that is handed over is away for some milliseconds, one whose owner has died
/// for some seconds. A new map ends the wait.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// See the module.
pub struct ClusterRouter {
    me: BootId,
    host: Arc<Host>,
    map: Map,
    others: Others,
    keeper: KeeperHandle,
}

/// What has come of one attempt.
enum Tried {
    Answered(Result<Response, Problem>),
    /// It has had no effect.
    Not(Problem),
    /// It may have had its effect.
    Unknown(Problem),
}

impl ClusterRouter {
    #[must_use]
    pub const fn new(me: BootId, host: Arc<Host>, map: Map, others: Others, keeper: KeeperHandle) -> Self {
        Self { me, host, map, others, keeper }
    }

    async fn try_once(&self, retailer: RetailerId, request: &Request, left: Duration) -> Tried {
        match self.map.now().owner_of(retailer) {
            Some(owner) if owner == self.me => match self.host.ask(retailer, request.clone(), left).await {
                Err(problem) if problem.code == ErrorCode::NotOwner => Tried::Not(problem),
                answer => Tried::Answered(answer),
            },
            Some(owner) => {
                let question = Question::Retailer { retailer, request: request.clone() };
                judge(self.others.ask(owner, &question, left).await)
            }
            None => Tried::Not(ErrorCode::NotOwner.into()),
        }
    }

    async fn follow(
        &self,
        retailer: RetailerId,
        request: Request,
        deadline: Duration,
    ) -> Result<Response, Problem> {
        let until = Instant::now() + deadline;
        let harmless = request.is_read() || request.is_repeatable();
        let mut map = self.map.watch();
        let mut wait = FIRST_WAIT;
        loop {
            map.mark_unchanged();
            let left = until.saturating_duration_since(Instant::now());
            let problem = match self.try_once(retailer, &request, left).await {
                Tried::Answered(answer) => return answer,
                Tried::Not(problem) => problem,
                Tried::Unknown(problem) if harmless => problem,
                Tried::Unknown(problem) => return Err(problem),
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(problem);
            }
            self.keeper.look_soon();
            // Whichever comes first; both mean another attempt.
            drop(timeout(wait.min(left), map.changed()).await);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

fn judge(outcome: Result<Answer, Unanswered>) -> Tried {
    let error = match outcome {
        Ok(Answer::Retailer(Err(problem))) if problem.code == ErrorCode::NotOwner => {
            return Tried::Not(problem);
        }
        Ok(Answer::Retailer(answer)) => return Tried::Answered(answer),
        Ok(Answer::Refused(problem)) | Err(Unanswered::Words(problem)) => {
            return Tried::Answered(Err(problem));
        }
        Ok(Answer::Node { .. }) => return Tried::Answered(Err(ErrorCode::Internal.into())),
        Err(Unanswered::Link(error)) => error,
    };
    let text = error.to_string();
    match error {
        AskError::NoLink | AskError::NotSent => Tried::Not(Problem::new(ErrorCode::NotOwner, text)),
        AskError::Busy => Tried::Not(Problem::new(ErrorCode::Busy, text)),
        AskError::Deadline => Tried::Unknown(Problem::new(ErrorCode::DeadlineExceeded, text)),
        AskError::Unknown => Tried::Unknown(Problem::new(ErrorCode::OutcomeUnknown, text)),
        AskError::Refused(Refusal::UnsupportedProtocol(_)) => {
            Tried::Answered(Err(Problem::new(ErrorCode::UnsupportedProtocol, text)))
        }
        AskError::Refused(_) => Tried::Answered(Err(Problem::new(ErrorCode::Internal, text))),
    }
}

impl Router for ClusterRouter {
    fn ask(
        &self,
        retailer: RetailerId,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Response, Problem>> {
        Box::pin(self.follow(retailer, request, deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_had_no_effect_is_asked_again_without_a_thought() {
        let link = |error| judge(Err(Unanswered::Link(error)));
        for error in [AskError::NoLink, AskError::NotSent, AskError::Busy] {
            assert!(error.had_no_effect());
            assert!(matches!(link(error), Tried::Not(_)));
        }
        for error in [AskError::Deadline, AskError::Unknown] {
            assert!(!error.had_no_effect());
            assert!(matches!(link(error), Tried::Unknown(_)));
        }
        let moved = judge(Ok(Answer::Retailer(Err(ErrorCode::NotOwner.into()))));
        assert!(matches!(moved, Tried::Not(_)), "it follows the retailer");
        let refused = judge(Ok(Answer::Retailer(Err(ErrorCode::NotFound.into()))));
        assert!(matches!(refused, Tried::Answered(Err(problem)) if problem.code == ErrorCode::NotFound));
        let large = link(AskError::Refused(Refusal::TooLarge { bytes: 2, limit: 1 }));
        assert!(matches!(large, Tried::Answered(Err(_))), "asking again is pointless");
    }
}
