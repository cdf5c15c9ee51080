//! Rounds that are added up in whatever groups come to the same; and when it is time to write them.

use messages::edge::{Currency, Quantity};
use messages::http::reports::Day;
use messages::{StoreId, Timestamp};
use proptest::prelude::*;

use super::*;

fn entry(round: u64, article: u8, pieces: i64) -> JournalEntry {
    let (store, sku) = (StoreId::from_uuid(uuid::Uuid::from_u128(1)), format!("A{article}"));
    let at = Timestamp(i64::try_from(round).unwrap());
    let moved = StockMove { before: Quantity::pieces(100 - pieces), delta: Quantity::pieces(pieces), at };
    let key = ArticleKey {
        store,
        day: Day::new(2026, 11, 21).unwrap(),
        sku: sku.clone(),
        currency: Currency::EUR.into(),
    };
    let sums = ArticleSums {
        name: format!("as in round {round}"),
        unit: "pcs".into(),
        quantity: -pieces,
        net: 80 * pieces,
        tax: 20 * pieces,
        total: 100 * pieces,
    };
    let additions =
        Additions { stock: BTreeMap::from([((store, sku), moved)]), articles: BTreeMap::from([(key, sums)]) };
    JournalEntry { round: Version(round), additions }
}

fn entries(moves: &[(u8, i64)]) -> Vec<JournalEntry> {
    (1..).zip(moves).map(|(round, (article, pieces))| entry(round, *article, *pieces)).collect()
}

proptest! {
    #[test]
    fn however_rounds_are_folded_the_same_is_added_in_the_same_order(
        moves in prop::collection::vec((0_u8..4, -9_i64..9), 1..40),
        ends in prop::collection::btree_set(1_usize..40, 0..6),
        failing in any::<u8>(),
    ) {
        let now = Instant::now();
        let whole = Pending::found(entries(&moves), now).take().unwrap();
        let (mut pending, mut sums, mut rounds) = (Pending::default(), Additions::default(), Vec::new());
        for (at, entry) in entries(&moves).into_iter().enumerate() {
            pending.add(entry, now);
            let fold = if ends.contains(&at) { pending.take() } else { None };
            match fold {
                Some(fold) if (failing >> (at % 8)) & 1 == 1 => pending.put_back(fold, now),
                Some(fold) => {
                    rounds.extend(fold.rounds);
                    sums.add(fold.additions);
                }
                None => {}
            }
        }
        if let Some(rest) = pending.take() {
            rounds.extend(rest.rounds);
            sums.add(rest.additions);
        }
        prop_assert_eq!(&rounds, &whole.rounds);
        prop_assert_eq!(&sums, &whole.additions);
        // What there was before the first movement counts, and what was said last.
        let (last, (article, _)) = moves.iter().enumerate().next_back().unwrap();
        let of_last = sums.articles.iter().find(|(key, _)| key.sku == format!("A{article}")).unwrap().1;
        prop_assert_eq!(&of_last.name, &format!("as in round {}", last + 1));
        let (first, pieces) = moves[0];
        let stock = sums.stock.iter().find(|((_, sku), _)| *sku == format!("A{first}")).unwrap().1;
        prop_assert_eq!(stock.before, Quantity::pieces(100 - pieces));
    }
}

#[test]
fn it_is_time_when_nothing_waits_or_it_has_waited_long_or_is_much() {
    let start = Instant::now();
    let after = |millis| start + Duration::from_millis(millis);
    let mut pending = Pending::default();
    assert!(!pending.is_due(true, after(60_000)), "there is nothing");
    pending.add(entry(1, 1, 1), start);
    pending.add(entry(2, 1, 1), after(1_999));
    for (idle, millis, due) in
        [(true, 1_999, false), (true, 2_000, true), (false, 9_999, false), (false, 10_000, true)]
    {
        assert_eq!(pending.is_due(idle, after(millis)), due, "{idle} {millis}");
    }
    for round in 3..=MOST_ROUNDS as u64 {
        assert!(!pending.is_full());
        pending.add(entry(round, 1, 1), start);
    }
    assert!(pending.is_full() && pending.is_due(false, start));
    let fold = pending.take().unwrap();
    assert!(pending.is_empty() && pending.take().is_none());
    pending.put_back(fold, after(5_000));
    assert!(pending.is_full(), "it is still to be done");
    // Many articles in few rounds count as well.
    let mut wide = entry(1, 0, 1);
    let (key, moved) = wide.additions.stock.pop_first().unwrap();
    wide.additions.stock = (0..MOST_SUMS).map(|n| ((key.0, format!("B{n}")), moved)).collect();
    assert!(Pending::found(vec![wide], start).is_full());
}
