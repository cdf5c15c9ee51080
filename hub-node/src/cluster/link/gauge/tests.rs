//! Limits at their edges.

use super::*;

const KIB: usize = 1 << 10;

#[test]
fn what_is_unconfirmed_has_a_limit_and_confirming_makes_room() {
    let flow = Flow::default();
    let taken = (0..1_000).filter(|_| flow.admit(64 * KIB, TELL_LIMIT)).count();
    assert_eq!(taken, 63);
    assert!(flow.admit(64 * KIB, ASK_LIMIT), "questions still pass");
    let mark = flow.mark();
    assert!(!flow.admit(64 * KIB, TELL_LIMIT));
    flow.confirm(mark);
    assert_eq!(flow.unconfirmed(), 0);
    assert!(flow.admit(64 * KIB, TELL_LIMIT));
}

#[test]
fn small_messages_are_not_free() {
    let flow = Flow::default();
    let taken = (0..100_000).filter(|_| flow.admit(1, TELL_LIMIT)).count();
    assert!(taken < 8_000, "{taken}");
}

#[test]
fn a_single_body_passes_whatever_its_size() {
    let flow = Flow::default();
    assert!(flow.admit(5_000 * KIB, TELL_LIMIT));
    assert!(!flow.admit(1, TELL_LIMIT));
}

#[test]
fn an_older_confirmation_takes_nothing_back() {
    let flow = Flow::default();
    flow.admit(KIB, TELL_LIMIT);
    let first = flow.mark();
    flow.admit(KIB, TELL_LIMIT);
    let second = flow.mark();
    flow.confirm(second);
    flow.confirm(first);
    assert_eq!(flow.unconfirmed(), 0);
}

#[test]
fn a_confirmation_is_asked_for_once_for_each_stretch() {
    let flow = Flow::default();
    assert!(!flow.wants_confirmation());
    flow.admit(600 * KIB, TELL_LIMIT);
    assert!(flow.wants_confirmation());
    assert!(!flow.wants_confirmation());
    flow.admit(600 * KIB, TELL_LIMIT);
    flow.mark();
    assert!(!flow.wants_confirmation(), "a heartbeat has just asked");
}

#[test]
fn beats_count_and_an_answer_starts_over() {
    let mut pulse = Pulse::default();
    assert!(!pulse.beat(3));
    assert!(!pulse.beat(3));
    pulse.answered();
    for silent in [false, false, false, true] {
        assert_eq!(pulse.beat(3), silent);
    }
}

#[test]
fn round_trips_are_of_the_latest_samples() {
    let mut trips = RoundTrips::default();
    assert_eq!(trips.summary(), None);
    for millis in 1..=1_000 {
        trips.add(Duration::from_millis(millis));
    }
    let RoundTrip { p50, p99 } = trips.summary().unwrap();
    assert_eq!(p50, Duration::from_millis(936));
    assert_eq!(p99, Duration::from_millis(998));
}
