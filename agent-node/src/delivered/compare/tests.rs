//! The walk and the guard, as tables and by property against sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::record::sample;
use super::*;

fn record(sku: &str, price: &str, stock: Option<&str>) -> Record {
    Record::of(&sample(sku, price, stock), &mut Vec::new()).unwrap()
}

fn tally(old: &[Record], new: &[Record], guard: &HarmGuard) -> Tally {
    let mut tally = Tally::default();
    let entries = new.iter().zip(0..).map(|(record, place)| Ok(Entry { record: record.clone(), place }));
    walk(old.iter().cloned().map(Ok), entries, |found| {
        tally.count(&found, guard);
        Ok(())
    })
    .unwrap();
    tally
}

/// A shop of `n` articles in stock, their numbers in order.
fn shop(n: usize) -> Vec<Record> {
    (0..n).map(|sku| record(&format!("{sku:05}"), "1.00", Some("5"))).collect()
}

#[test]
fn each_article_is_counted_once_as_what_it_is() {
    let old = [record("a", "1", Some("1")), record("b", "2", Some("1")), record("d", "4", None)];
    let new = [
        record("a", "1", Some("1")),
        record("b", "2.50", Some("0")),
        record("c", "3", None),
        record("e", "5", None),
    ];
    let tally = tally(&old, &new, &HarmGuard::default());
    assert_eq!((tally.new, tally.changed, tally.unchanged, tally.known()), (2, 1, 1, 3));
    assert_eq!(tally.harm, Harm { vanished: 1, zeroed: 1, repriced: 1 });
    let samples: Vec<_> = tally.samples.iter().map(|s| (s.kind, s.sku.as_str(), s.after.as_str())).collect();
    assert_eq!(
        samples,
        [(HarmKind::Zeroed, "b", "0"), (HarmKind::Repriced, "b", "2.50"), (HarmKind::Vanished, "d", "")]
    );
}

#[test]
fn an_article_in_doubt_counts_as_changed_and_not_as_repriced() {
    let old = [Record { print: IN_DOUBT, ..record("a", "1", None) }];
    let tally = tally(&old, &[record("a", "1", None)], &HarmGuard::default());
    assert_eq!((tally.changed, tally.harm), (1, Harm::default()));
}

#[test]
fn of_an_article_that_was_read_twice_the_last_one_counts_and_both_are_sent() {
    let old = [record("a", "1", None)];
    let new = [record("a", "1", None), record("a", "2", None)];
    let entries = new.iter().zip(7..).map(|(record, place)| Ok(Entry { record: record.clone(), place }));
    let mut seen = Vec::new();
    walk(old.into_iter().map(Ok), entries, |found| {
        let Found::Both { new, places, .. } = &found else { panic!("{found:?}") };
        seen.push((new.shown_price(), places.to_vec(), found.is_unchanged()));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [("2.00".to_owned(), vec![7, 8], false)]);
}

#[test]
fn a_side_that_cannot_be_read_ends_the_walk() {
    let broken = || Err(io::Error::other("no"));
    let whole = || vec![Ok(record("a", "1", None))].into_iter();
    let old_broken = walk(std::iter::once(broken()), whole().map(entry), |_| Ok(()));
    let new_broken = walk(whole(), std::iter::once(Err(io::Error::other("no"))), |_| Ok(()));
    assert!(old_broken.is_err() && new_broken.is_err());
}

fn entry(record: io::Result<Record>) -> io::Result<Entry> {
    record.map(|record| Entry { record, place: 0 })
}

#[test]
fn prices_count_beyond_their_margin_only() {
    for (old, new, by, counts) in [
        (1_000, 1_000, 0, false),
        (1_000, 1_001, 0, true),
        (1_000, 1_100, 10, false),
        (1_000, 1_101, 10, true),
        (1_000, 899, 10, true),
        (1_000, 900, 10, false),
        (0, 1, 100, true),
        (1, 0, 100, false),
        (1, 0, 99, true),
        (i64::MAX, 0, 10_000, false),
    ] {
        assert_eq!(is_repriced(old, new, by), counts, "{old} to {new} by {by}");
    }
}

#[test]
fn an_alarm_needs_more_than_its_share_and_its_floor() {
    let shop = shop(100);
    for (left, percent, floor, alarm) in [
        (60, Some(40), 0, false),
        (59, Some(40), 0, true),
        (59, Some(40), 41, true),
        (59, Some(40), 42, false),
        (59, None, 0, false),
        (0, Some(100), 0, false),
        (0, Some(99), 0, true),
        (99, Some(0), 0, true),
        (100, Some(0), 0, false),
    ] {
        let guard = HarmGuard { vanished_percent: percent, floor, ..HarmGuard::default() };
        let alarms = tally(&shop, &shop[..left], &guard).alarms(&guard);
        assert_eq!(!alarms.is_empty(), alarm, "{left} left, {percent:?} %, floor {floor}");
    }
}

#[test]
fn shares_are_of_what_could_be_harmed() {
    let mut old = shop(10);
    old[0] = record("00000", "1.00", Some("0"));
    let new: Vec<_> = (0..10).map(|sku| record(&format!("{sku:05}"), "1.05", Some("0"))).collect();
    let guard = HarmGuard {
        zeroed_percent: Some(50),
        repriced_percent: Some(50),
        repriced_by_percent: 4,
        ..HarmGuard::default()
    };
    let alarms = tally(&old, &new, &guard).alarms(&guard);
    let counts: Vec<_> = alarms.iter().map(|alarm| (alarm.kind, alarm.count, alarm.of)).collect();
    assert_eq!(counts, [(HarmKind::Zeroed, 9, 9), (HarmKind::Repriced, 10, 10)]);
    let text = told(&alarms);
    assert!(text.starts_with("9 of 9 articles in stock would drop to zero (100 %), and the job allows 50 %"));
    assert!(text.ends_with("nothing was sent"), "{text}");
}

#[test]
fn an_approval_covers_the_harm_that_was_looked_at_and_no_more() {
    let alarm = |kind, count| Alarm { kind, count, of: 100, limit_percent: 10 };
    let alarms = [alarm(HarmKind::Vanished, 40), alarm(HarmKind::Repriced, 30)];
    let approved = |vanished, repriced| Some(Harm { vanished, repriced, ..Harm::default() });
    assert_eq!(unapproved(&alarms, None), alarms);
    assert_eq!(unapproved(&alarms, approved(40, 30)), []);
    assert_eq!(unapproved(&alarms, approved(41, 99)), []);
    assert_eq!(unapproved(&alarms, approved(39, 30)), alarms[..1]);
    assert_eq!(unapproved(&alarms, approved(40, 0)), alarms[1..]);
}

proptest! {
    #[test]
    fn the_walk_finds_what_sets_find(
        old in prop::collection::btree_map(0_u8..60, 0_u8..3, 0..40),
        new in prop::collection::btree_map(0_u8..60, 0_u8..3, 0..40),
    ) {
        let records = |map: &BTreeMap<u8, u8>| -> Vec<Record> {
            map.iter().map(|(sku, price)| record(&format!("{sku:03}"), &price.to_string(), None)).collect()
        };
        let found = tally(&records(&old), &records(&new), &HarmGuard::default());
        let keys = |map: &BTreeMap<u8, u8>| map.keys().copied().collect::<BTreeSet<u8>>();
        let (had, has) = (keys(&old), keys(&new));
        let same = had.intersection(&has).filter(|sku| old[sku] == new[sku]).count() as u64;
        prop_assert_eq!(found.new, has.difference(&had).count() as u64);
        prop_assert_eq!(found.harm.vanished, had.difference(&has).count() as u64);
        prop_assert_eq!(found.unchanged, same);
        prop_assert_eq!(found.changed, had.intersection(&has).count() as u64 - same);
        prop_assert_eq!(found.known(), had.len() as u64);
        prop_assert_eq!(found.harm.repriced, found.changed);
        prop_assert!(found.samples.len() <= 3 * Survey::MAX_SAMPLES);
    }
}
