//! The other nodes, as the rest of this one speaks to them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use messages::Problem;
use messages::ids::BootId;

use super::link::{AskError, LinkView, Links};
use super::wire::{self, Answer, Notice, Question};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Unanswered {
    Link(AskError),
    /// One of the two could not be put into words.
    Words(Problem),
}

/// Cheap to clone. Without links every other node is out of reach.
#[derive(Clone, Default)]
pub struct Others {
    links: Arc<OnceLock<Links>>,
}

impl Others {
    /// Once, when the links are there.
    pub fn connect(&self, links: Links) {
        if self.links.set(links).is_err() {
            tracing::error!("the links of this node were started twice");
        }
    }

    #[must_use]
    pub fn links(&self) -> Option<&Links> {
        self.links.get()
    }

    pub async fn ask(&self, to: BootId, question: &Question, within: Duration) -> Result<Answer, Unanswered> {
        let links = self.links.get().ok_or(Unanswered::Link(AskError::NoLink))?;
        let body = wire::encode(question).map_err(Unanswered::Words)?;
        let answer = links.ask(to, body, within, None).await.map_err(Unanswered::Link)?;
        wire::decode(&answer).map_err(Unanswered::Words)
    }

    /// Encodes once, whoever is told.
    pub fn tell(&self, to: impl IntoIterator<Item = BootId>, notice: &Notice) {
        let Some(links) = self.links.get() else { return };
        let mut encoded: Option<Bytes> = None;
        for node in to {
            let body = match &encoded {
                Some(body) => body.clone(),
                None => match wire::encode(notice) {
                    Ok(body) => body,
                    Err(problem) => {
                        tracing::error!(%problem, "a notice to other nodes is not sent");
                        return;
                    }
                },
            };
            if !links.tell(node, &body) {
                tracing::debug!(%node, "a notice was not sent; the node catches up when its link is well again");
            }
            encoded = Some(body);
        }
    }

    /// The nodes that can be reached now.
    #[must_use]
    pub fn reachable(&self) -> Vec<BootId> {
        self.links.get().map(Links::up).unwrap_or_default()
    }

    #[must_use]
    pub fn views(&self) -> Vec<LinkView> {
        self.links.get().map(Links::views).unwrap_or_default()
    }
}
