//! Where a device stands in what comes down to it. Pure.

use std::time::Duration;

use super::model::{Feed, Follower};
use super::request::Following;

/// A page is applied in less; a first load of a large catalogue so costs some commits and not hundreds.
const NOTED_AGAIN: Duration = Duration::from_secs(5);
/// How old "asked at" may be of a device that has nothing to say.
const SEEN_AGAIN: Duration = Duration::from_secs(60);

/// What a question comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// There is no catalogue here.
    Nothing,
    /// It gets what is behind this number; when that is not the one it named, everything.
    Behind(u64),
    /// It has changes that were never made: this database was put back from a copy. Numbers would be used again.
    SetBack,
}

pub(super) fn stand(feed: Option<&Feed>, asked: &Following) -> Stand {
    let Some(feed) = feed else { return Stand::Nothing };
    if asked.feed != Some(feed.id) {
        return Stand::Behind(0);
    }
    if asked.cursor > feed.head { Stand::SetBack } else { Stand::Behind(asked.cursor) }
}

/// Must it be written down?
pub(super) fn is_worth_noting(before: Option<&Follower>, now: &Follower, head: u64) -> bool {
    let Some(before) = before else { return true };
    let since = now.at.since(before.at);
    let elsewhere = (before.device, before.feed, before.loading) != (now.device, now.feed, now.loading);
    let arrived = before.cursor != now.cursor && (now.cursor == head || since >= NOTED_AGAIN);
    elsewhere || arrived || since >= SEEN_AGAIN
}

#[cfg(test)]
mod tests {
    use messages::{DeviceId, EdgeId, FeedId, Timestamp};

    use super::*;
    use crate::domain::SecretHash;

    fn asked(feed: Option<FeedId>, cursor: u64) -> Following {
        Following {
            edge: EdgeId::new(),
            credential: SecretHash([0; 32]),
            device: DeviceId::new(),
            feed,
            cursor,
            loading: false,
        }
    }

    #[test]
    fn a_device_goes_on_where_it_is_and_begins_anew_where_that_means_nothing() {
        let feed = Feed { id: FeedId::new(), head: 9, articles: 4 };
        let stand = |feed: Option<&Feed>, id, cursor| stand(feed, &asked(id, cursor));
        assert_eq!(stand(None, None, 0), Stand::Nothing);
        assert_eq!(stand(None, Some(feed.id), 7), Stand::Nothing);
        assert_eq!(stand(Some(&feed), None, 0), Stand::Behind(0));
        assert_eq!(stand(Some(&feed), None, 5), Stand::Behind(0));
        assert_eq!(stand(Some(&feed), Some(FeedId::new()), 5), Stand::Behind(0));
        for cursor in [0, 5, 9] {
            assert_eq!(stand(Some(&feed), Some(feed.id), cursor), Stand::Behind(cursor));
        }
        assert_eq!(stand(Some(&feed), Some(feed.id), 10), Stand::SetBack);
    }

    #[test]
    fn what_a_device_has_is_noted_when_it_has_arrived_or_now_and_then() {
        let at = |millis: i64| Timestamp(1_795_257_060_000 + millis);
        let before = Follower {
            edge: EdgeId::new(),
            device: DeviceId::new(),
            feed: Some(FeedId::new()),
            cursor: 10,
            loading: false,
            at: at(0),
        };
        let noted = |now: Follower| is_worth_noting(Some(&before), &now, 20);
        let same = before.clone();
        assert!(is_worth_noting(None, &same, 20));
        assert!(!noted(Follower { at: at(59_999), ..same.clone() }));
        assert!(noted(Follower { at: at(60_000), ..same.clone() }));
        assert!(!noted(Follower { cursor: 11, at: at(4_999), ..same.clone() }));
        assert!(noted(Follower { cursor: 11, at: at(5_000), ..same.clone() }));
        assert!(noted(Follower { cursor: 20, at: at(1), ..same.clone() }));
        assert!(noted(Follower { loading: true, ..same.clone() }));
        assert!(noted(Follower { feed: Some(FeedId::new()), ..same.clone() }));
        assert!(noted(Follower { device: DeviceId::new(), ..same }));
    }
}
