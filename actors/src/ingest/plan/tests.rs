//! Numbers of a stream: a table of cases, and that no way of delivering changes what is applied.

use std::collections::HashSet;

use messages::Timestamp;
use proptest::prelude::*;

use super::*;

fn id(n: u64) -> EventId {
    EventId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 1))
}

fn events(span: impl Iterator<Item = u64>) -> Vec<Sent> {
    let event = |seq| Sent {
        event_id: id(seq),
        seq,
        kind: "withheld".into(),
        version: 1,
        occurred_at: Timestamp(0),
        data: "{}".into(),
    };
    span.map(event).collect()
}

fn ids(span: impl Iterator<Item = u64>) -> Vec<EventId> {
    span.map(id).collect()
}

#[test]
fn each_case_of_the_contract() {
    let plan_of = |settled, oldest, span: std::ops::RangeInclusive<u64>, known: &[u64]| {
        let known: HashSet<EventId> = known.iter().map(|n| id(*n)).collect();
        plan(settled, oldest, &events(span), |event| known.contains(&event))
    };
    let next = plan_of(40, 1, 41..=43, &[40]).unwrap();
    assert_eq!(next, Plan { fresh: vec![0, 1, 2], settled: 43, ..Plan::default() });

    let again = plan_of(43, 1, 42..=44, &[42, 43]).unwrap();
    assert_eq!((again.duplicates, again.fresh, again.settled), (ids(42..=43), vec![2], 44));

    let reset = plan_of(43, 1, 42..=44, &[42]).unwrap_err();
    assert_eq!(reset, Reset { seq: 43 });

    let gap = plan_of(40, 1, 43..=44, &[]).unwrap();
    assert_eq!(gap, Plan { settled: 40, expected: Some(41), ..Plan::default() });

    let lost = plan_of(40, 43, 43..=44, &[]).unwrap();
    assert_eq!(lost, Plan { fresh: vec![0, 1], settled: 44, lost: 2, ..Plan::default() });

    let lost_and_gap = plan_of(40, 43, 45..=46, &[]).unwrap();
    assert_eq!(
        lost_and_gap,
        Plan { settled: 42, lost: 2, expected: Some(43), ..Plan::default() },
        "not yet at 43"
    );

    let first = plan_of(0, 1, 1..=2, &[]).unwrap();
    assert_eq!((first.fresh, first.settled), (vec![0, 1], 2));

    // Brought by another stream before: a duplicate, and settled.
    let elsewhere = plan_of(40, 1, 41..=43, &[42]).unwrap();
    assert_eq!((elsewhere.fresh, elsewhere.duplicates, elsewhere.settled), (vec![0, 2], ids(42..=42), 43));
}

#[test]
fn an_event_that_comes_twice_in_a_batch_is_applied_once() {
    let mut twice = events(1..=3);
    twice[2].event_id = twice[0].event_id;
    let plan = plan(0, 1, &twice, |_| false).unwrap();
    assert_eq!((plan.fresh, plan.duplicates, plan.settled), (vec![0, 1], ids(1..=1), 3));
}

proptest! {
    /// Whatever is delivered first, again, or in pieces: at the end each event was applied once, in order.
    #[test]
    fn no_way_of_delivering_changes_what_is_applied(
        length in 1..60_u64,
        elsewhere in proptest::collection::hash_set(1..60_u64, 0..10),
        pieces in proptest::collection::vec((1..60_u64, 1..50_u64), 0..40),
    ) {
        let mut known: HashSet<EventId> = elsewhere.iter().map(|n| id(*n)).collect();
        let (mut settled, mut applied) = (0, Vec::new());
        let mut deliver = |first: u64, last: u64| {
            let batch = events(first..=last);
            let plan = plan(settled, 1, &batch, |event| known.contains(&event)).unwrap();
            prop_assert_eq!(plan.lost, 0);
            prop_assert_eq!(plan.expected.is_some(), first > settled + 1);
            for at in &plan.fresh {
                applied.push(batch[*at].seq);
                known.insert(batch[*at].event_id);
            }
            prop_assert!(plan.settled >= settled, "what is settled stays settled");
            settled = plan.settled;
            Ok(())
        };
        for (first, size) in pieces {
            if first <= length {
                deliver(first, (first + size - 1).min(length))?;
            }
        }
        deliver(1, length)?;
        prop_assert_eq!(settled, length);
        let expected: Vec<u64> = (1..=length).filter(|seq| !elsewhere.contains(seq)).collect();
        prop_assert_eq!(applied, expected);
    }
}
