//! Whether the line is up, from what was heard of it. Pure: times are passed in.

use messages::Timestamp;
use messages::edge::status::{Connectivity, LinkState, OfflineCause};

use crate::line::LineFault;

/// One failure is a hiccup; three in a row are an outage, noticed within half a minute.
pub const FAILURES: u32 = 3;

/// Something heard of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The hub answers.
    Reached,
    /// The hub has taken events of ours.
    Accepted,
    /// The hub answers and does not want us.
    Refused(String),
    Fault(LineFault),
}

/// What is known of the line.
#[derive(Debug)]
pub struct Judge {
    present: Connectivity,
    failures: u32,
    /// Reaching the hub does not mend it; only an accepted batch does.
    refused: Option<String>,
}

impl Judge {
    #[must_use]
    pub const fn new(present: Connectivity) -> Self {
        Self { present, failures: 0, refused: None }
    }

    #[must_use]
    pub const fn present(&self) -> &Connectivity {
        &self.present
    }

    /// Takes the news in; true when what is shown changes.
    pub fn hear(&mut self, news: News, now: Timestamp) -> bool {
        match news {
            News::Fault(fault) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < FAILURES && self.present.state != LinkState::Offline {
                    return false;
                }
                return self.show(LinkState::Offline, Some(fault.cause), fault.detail, now);
            }
            News::Refused(detail) => self.refused = Some(detail),
            News::Accepted => self.refused = None,
            News::Reached => {}
        }
        self.failures = 0;
        self.present.last_contact = Some(now);
        match self.refused.clone() {
            Some(detail) => self.show(LinkState::Offline, Some(OfflineCause::Refused), detail, now),
            None => self.show(LinkState::Online, None, String::new(), now),
        }
    }

    fn show(
        &mut self,
        state: LinkState,
        cause: Option<OfflineCause>,
        detail: String,
        now: Timestamp,
    ) -> bool {
        let changed = self.present.state != state || self.present.cause != cause;
        if self.present.state != state {
            self.present.since = now;
        }
        self.present = Connectivity { state, cause, detail, ..self.present.clone() };
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge() -> Judge {
        Judge::new(Connectivity {
            state: LinkState::Unknown,
            cause: None,
            detail: String::new(),
            since: Timestamp(0),
            last_contact: None,
        })
    }

    fn fault(cause: OfflineCause) -> News {
        News::Fault(LineFault::new(cause, "x"))
    }

    fn shown(judge: &Judge) -> (LinkState, Option<OfflineCause>, i64) {
        (judge.present().state, judge.present().cause, judge.present().since.0)
    }

    #[test]
    fn a_hiccup_is_no_outage_and_one_answer_ends_one() {
        use OfflineCause::{Dns, HubDown};
        let mut judge = judge();
        assert!(judge.hear(News::Reached, Timestamp(1)));
        assert!(!judge.hear(fault(HubDown), Timestamp(2)));
        assert!(!judge.hear(News::Reached, Timestamp(3)));
        for at in 4..6 {
            assert!(!judge.hear(fault(HubDown), Timestamp(at)));
        }
        assert!(judge.hear(fault(HubDown), Timestamp(6)));
        assert_eq!(shown(&judge), (LinkState::Offline, Some(HubDown), 6));
        assert!(!judge.hear(fault(HubDown), Timestamp(7)), "said once");
        assert!(judge.hear(fault(Dns), Timestamp(8)), "another cause is news");
        assert_eq!(shown(&judge), (LinkState::Offline, Some(Dns), 6));
        assert!(judge.hear(News::Reached, Timestamp(9)));
        assert_eq!(shown(&judge), (LinkState::Online, None, 9));
        assert_eq!(judge.present().last_contact, Some(Timestamp(9)));
    }

    #[test]
    fn a_refusal_is_believed_at_once_and_until_a_batch_is_taken() {
        let mut judge = judge();
        judge.hear(News::Reached, Timestamp(1));
        assert!(judge.hear(News::Refused("revoked".into()), Timestamp(2)));
        assert!(!judge.hear(News::Reached, Timestamp(3)));
        assert_eq!(shown(&judge), (LinkState::Offline, Some(OfflineCause::Refused), 2));
        assert!(judge.hear(News::Accepted, Timestamp(4)));
        assert_eq!(shown(&judge), (LinkState::Online, None, 4));
    }
}
