//! Cases. Every order of what several nodes and the server do is looked at in `tests/it/model.rs`, on this same lease.

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

#[test]
fn validity_counts_from_before_the_call() {
    let mut lease = Lease::new(LeaseTerms::default());
    assert_eq!(lease.next(at(0)), Act::Register);
    lease.confirmed(at(1_000));
    assert!(lease.holds(at(6_499)) && !lease.holds(at(6_500)));
    assert_eq!(lease.next(at(2_499)), Act::Wait(at(2_500)));
    assert_eq!(lease.next(at(2_500)), Act::Renew);
}

#[test]
fn a_late_answer_takes_nothing_back() {
    let mut lease = Lease::new(LeaseTerms::default());
    lease.confirmed(at(5_000));
    lease.confirmed(at(1_000));
    assert_eq!(lease.valid_until(), at(10_500));
    assert_eq!(lease.next(at(6_000)), Act::Wait(at(6_500)));
}

#[test]
fn silence_ends_the_right_to_act_but_not_the_asking() {
    let mut lease = Lease::new(LeaseTerms::default());
    lease.confirmed(at(0));
    lease.failed(at(1_500));
    assert_eq!(lease.next(at(1_750)), Act::Renew);
    lease.failed(at(7_000));
    assert!(!lease.holds(at(7_000)));
    assert_eq!(lease.next(at(7_250)), Act::Renew, "the server decides whether the lease is alive");
}

#[test]
fn a_lost_lease_is_replaced_at_once() {
    let mut lease = Lease::new(LeaseTerms::default());
    lease.confirmed(at(0));
    lease.lost(at(100));
    assert!(!lease.holds(at(100)));
    assert_eq!(lease.next(at(100)), Act::Register);
}
