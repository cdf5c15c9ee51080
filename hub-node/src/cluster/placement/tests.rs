//! Cases, and any sequence of joins, departures and deaths, seen by nodes that look at different times.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const NO_LIMIT: usize = SHARDS as usize;

fn node(n: u8) -> BootId {
    BootId::from_uuid(Uuid::from_u128(
        0x0192_f000_0000_7000_8000_0000_0000_0000 + u128::from(n) * 0x1_0001_0001,
    ))
}

fn stays(n: u8) -> Seat {
    Seat { node: node(n), leaving: false }
}

fn leaves(n: u8) -> Seat {
    Seat { node: node(n), leaving: true }
}

type Owners = Vec<Option<BootId>>;

fn nobody() -> Owners {
    vec![None; usize::from(SHARDS)]
}

fn decide(me: BootId, seats: &[Seat], owners: &Owners, limit: usize) -> Moves {
    moves(me, seats, |shard| owners[shard.index()], limit)
}

/// All nodes act on the same documents, until nobody has anything left to do. Returns how many shards changed hands.
fn settle(seats: &[Seat], owners: &mut Owners, limit: usize) -> usize {
    let mut moved = 0;
    for _round in 0..=usize::from(SHARDS) {
        let decisions: Vec<_> = seats.iter().map(|seat| decide(seat.node, seats, owners, limit)).collect();
        let mut touched = BTreeSet::new();
        for (seat, moves) in seats.iter().zip(&decisions) {
            for shard in &moves.take {
                assert_eq!(owners[shard.index()], None, "only what is free is taken");
                assert!(touched.insert(*shard), "{shard} is moved twice");
                owners[shard.index()] = Some(seat.node);
            }
            assert!(moves.give.len() <= limit);
            for (shard, to) in &moves.give {
                assert_eq!(owners[shard.index()], Some(seat.node), "only what is one's own is given");
                assert!(touched.insert(*shard), "{shard} is moved twice");
                assert!(
                    seats.iter().any(|seat| seat.node == *to && !seat.leaving),
                    "given to one that stays"
                );
                owners[shard.index()] = Some(*to);
            }
        }
        if touched.is_empty() {
            return moved;
        }
        moved += touched.len();
    }
    panic!("no end of it: {owners:?}");
}

fn load(owners: &Owners, node: BootId) -> usize {
    owners.iter().filter(|owner| **owner == Some(node)).count()
}

fn loads(seats: &[Seat], owners: &Owners) -> Vec<usize> {
    seats.iter().map(|seat| load(owners, seat.node)).collect()
}

/// The fewest moves that lead to even shares.
fn fewest(seats: &[Seat], owners: &Owners) -> usize {
    let staying: Vec<_> = seats.iter().filter(|seat| !seat.leaving).collect();
    let (floor, ceiling) = (usize::from(SHARDS) / staying.len(), usize::from(SHARDS).div_ceil(staying.len()));
    let held: usize = staying.iter().map(|seat| load(owners, seat.node)).sum();
    let homeless = usize::from(SHARDS) - held;
    let above: usize = staying.iter().map(|seat| load(owners, seat.node).saturating_sub(ceiling)).sum();
    let below: usize = staying.iter().map(|seat| floor.saturating_sub(load(owners, seat.node))).sum();
    homeless + above.max(below.saturating_sub(homeless))
}

#[test]
fn the_weights_are_those_that_other_versions_use() {
    let weights: Vec<u64> = [(0, 0), (0, 255), (1, 0), (7, 100)]
        .map(|(n, shard)| weight(node(n), Shard::new(shard).unwrap()))
        .to_vec();
    assert_eq!(
        weights,
        [
            6_404_088_059_601_357_322,
            4_613_566_099_866_298_342,
            5_401_810_509_889_420_201,
            17_148_278_072_760_329_854
        ]
    );
}

#[test]
fn the_only_node_takes_everything_also_while_it_leaves() {
    for seat in [stays(1), leaves(1)] {
        let moves = decide(node(1), &[seat], &nobody(), 8);
        assert_eq!((moves.take.len(), moves.give.len()), (256, 0));
    }
}

#[test]
fn who_has_no_seat_does_nothing() {
    assert!(decide(node(2), &[stays(1)], &nobody(), 8).is_empty());
    assert!(decide(node(2), &[leaves(1)], &nobody(), 8).is_empty());
    assert!(decide(node(2), &[], &vec![Some(node(2)); 256], 8).is_empty());
}

#[test]
fn an_owner_without_a_seat_is_dead() {
    let moves = decide(node(1), &[stays(1)], &vec![Some(node(2)); 256], 8);
    assert_eq!(moves.take.len(), 256);
}

#[test]
fn when_all_leave_everybody_keeps_what_they_have() {
    let mut owners = vec![Some(node(1)); 256];
    owners[7] = None;
    let seats = [leaves(1), leaves(2)];
    assert!(seats.iter().all(|seat| decide(seat.node, &seats, &owners, 8).is_empty()));
}

#[test]
fn a_seat_told_of_twice_is_one_seat_and_leaves_when_either_says_so() {
    let owners = vec![Some(node(1)); 256];
    let twice = [stays(1), stays(2), leaves(2), stays(2)];
    assert!(decide(node(1), &twice, &owners, 300).is_empty());
}

#[test]
fn a_new_node_gets_its_share_a_few_at_a_time_and_nothing_else_moves() {
    let seats = [stays(1), stays(2)];
    let mut owners = nobody();
    assert_eq!(settle(&seats, &mut owners, 4), 256);
    assert_eq!(loads(&seats, &owners), [128, 128]);
    let before = owners.clone();
    let seats = [stays(1), stays(2), stays(3)];
    let first = decide(node(1), &seats, &owners, 4);
    assert_eq!((first.take.len(), first.give.len()), (0, 4));
    assert_eq!(settle(&seats, &mut owners, 4), 85);
    let to_the_new_one = before.iter().zip(&owners).filter(|(was, is)| was != is);
    assert!(to_the_new_one.into_iter().all(|(_, is)| *is == Some(node(3))));
}

#[test]
fn a_leaving_node_gives_all_and_the_others_none() {
    let seats = [stays(1), stays(2), stays(3)];
    let mut owners = nobody();
    settle(&seats, &mut owners, 4);
    let before = owners.clone();
    let seats = [stays(1), leaves(2), stays(3)];
    let its = load(&owners, node(2));
    assert_eq!(settle(&seats, &mut owners, 4), its);
    assert_eq!(loads(&seats, &owners), [128, 0, 128]);
    assert!(before.iter().zip(&owners).all(|(was, is)| was == is || *was == Some(node(2))));
}

#[test]
fn a_dead_nodes_shards_are_all_taken_in_one_round_by_all_the_others() {
    let seats = [stays(1), stays(2), stays(3), stays(4)];
    let mut owners = nobody();
    settle(&seats, &mut owners, 4);
    let left = [stays(1), stays(2), stays(3)];
    let taken: usize = left.iter().map(|seat| decide(seat.node, &left, &owners, 0).take.len()).sum();
    assert_eq!(taken, 64);
    assert!(left.iter().all(|seat| decide(seat.node, &left, &owners, 0).take.len() >= 21));
}

#[test]
fn weights_decide_who_gets_what_and_what_goes_first() {
    let seats = [stays(1), stays(2), stays(3)];
    let mut owners = nobody();
    settle(&seats, &mut owners, NO_LIMIT);
    let naturally = Shard::all().filter(|shard| {
        let natural = seats.iter().map(|seat| seat.node).max_by_key(|node| weight(*node, *shard));
        owners[shard.index()] == natural
    });
    // The rest found its natural owner full.
    assert!(naturally.count() > 220);

    let owners = vec![Some(node(1)); 256];
    let given: BTreeSet<Shard> = decide(node(1), &[stays(1), stays(2)], &owners, NO_LIMIT)
        .give
        .into_iter()
        .map(|(shard, _)| shard)
        .collect();
    let heaviest_given = given.iter().map(|shard| weight(node(1), *shard)).max();
    let lightest_kept =
        Shard::all().filter(|shard| !given.contains(shard)).map(|shard| weight(node(1), shard)).min();
    assert!(heaviest_given < lightest_kept);
}

#[test]
fn nobody_is_below_the_floor_while_another_could_give() {
    // 256 = 86 + 86 + 84 is within the ceiling and still not even.
    let seats = [stays(1), stays(2), stays(3)];
    let mut owners: Owners = (0..256_usize)
        .map(|shard| {
            Some(node(if shard < 86 {
                1
            } else if shard < 172 {
                2
            } else {
                3
            }))
        })
        .collect();
    assert_eq!(settle(&seats, &mut owners, 4), 1);
    let mut sorted = loads(&seats, &owners);
    sorted.sort_unstable();
    assert_eq!(sorted, [85, 85, 86]);
}

#[test]
fn more_nodes_than_shards_is_no_trouble() {
    let seats: Vec<Seat> =
        (0..=255).map(stays).chain([Seat { node: BootId::new(), leaving: false }]).collect();
    let mut owners = nobody();
    settle(&seats, &mut owners, 4);
    assert!(loads(&seats, &owners).iter().all(|load| *load <= 1));
    assert!(owners.iter().all(Option::is_some));
}

#[derive(Debug, Clone)]
enum Event {
    Join(u8),
    Leave(u8),
    Die(u8),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0_u8..9).prop_map(Event::Join),
        1 => (0_u8..9).prop_map(Event::Leave),
        2 => (0_u8..9).prop_map(Event::Die),
    ]
}

fn happen(event: &Event, seats: &mut Vec<Seat>, owners: &mut Owners) {
    match *event {
        Event::Join(n) => {
            if !seats.iter().any(|seat| seat.node == node(n)) {
                seats.push(stays(n));
            }
        }
        Event::Leave(n) => {
            if let Some(seat) = seats.iter_mut().find(|seat| seat.node == node(n)) {
                seat.leaving = true;
            }
        }
        Event::Die(n) => {
            seats.retain(|seat| seat.node != node(n));
            for owner in owners.iter_mut().filter(|owner| **owner == Some(node(n))) {
                *owner = None;
            }
        }
    }
}

fn assert_even(seats: &[Seat], owners: &Owners) {
    let staying = seats.iter().filter(|seat| !seat.leaving).count();
    if staying == 0 {
        return;
    }
    for (seat, load) in seats.iter().zip(loads(seats, owners)) {
        let bounds = if seat.leaving { 0..=0 } else { 256 / staying..=256_usize.div_ceil(staying) };
        assert!(bounds.contains(&load), "{load} is outside {bounds:?}");
    }
    assert!(owners.iter().all(Option::is_some), "a shard was left to nobody");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn shares_are_even_after_the_fewest_moves(
        events in prop::collection::vec(any_event(), 1..20),
        limit in 1_usize..12,
    ) {
        let (mut seats, mut owners) = (Vec::new(), nobody());
        for event in &events {
            happen(event, &mut seats, &mut owners);
            let some_stay = seats.iter().any(|seat| !seat.leaving);
            let fewest = if some_stay { fewest(&seats, &owners) } else { 0 };
            let moved = settle(&seats, &mut owners, limit);
            if some_stay {
                prop_assert_eq!(moved, fewest, "after {:?} of {:?}", event, events);
            }
            assert_even(&seats, &owners);
        }
    }

    #[test]
    fn the_order_in_which_seats_are_told_does_not_matter(
        owners in prop::collection::vec(prop::option::of(0_u8..5), 256),
        leaving in 0_u8..5,
        turn in 0_usize..5,
    ) {
        let owners: Owners = owners.into_iter().map(|owner| owner.map(node)).collect();
        let mut seats: Vec<Seat> = (0..5).map(|n| if n == leaving { leaves(n) } else { stays(n) }).collect();
        let first: Vec<_> = (0..5).map(|n| decide(node(n), &seats, &owners, NO_LIMIT)).collect();
        seats.rotate_left(turn);
        seats.swap(0, 3);
        let second: Vec<_> = (0..5).map(|n| decide(node(n), &seats, &owners, NO_LIMIT)).collect();
        prop_assert_eq!(first, second);
    }

    /// Each node acts when it gets to it, on documents as it read them some time ago; the database refuses what is no
    /// longer so. Shares become even all the same, and without shards going to and fro.
    #[test]
    fn nodes_that_look_at_different_times_come_to_rest(
        events in prop::collection::vec(any_event(), 1..10),
        turns in prop::collection::vec((0_usize..9, any::<bool>()), 60),
        limit in 1_usize..9,
    ) {
        let (mut seats, mut owners) = (vec![stays(0)], nobody());
        let mut views: Vec<(Vec<Seat>, Owners)> = vec![(seats.clone(), owners.clone()); 9];
        let mut turns = turns.iter().cycle();
        for event in &events {
            happen(event, &mut seats, &mut owners);
            for (who, look) in turns.by_ref().take(12) {
                act(*who, &mut views, &seats, &mut owners, limit);
                if *look {
                    views[*who] = (seats.clone(), owners.clone());
                }
            }
        }
        prop_assume!(seats.iter().any(|seat| !seat.leaving));
        // Nobody comes or goes any more; everybody acts on a view one turn old. The second still round is on views that
        // are all the same.
        let (mut moved, mut still) = (0, 0);
        for _round in 0..600 {
            let before = owners.clone();
            for who in 0..9 {
                act(who, &mut views, &seats, &mut owners, limit);
                views[who] = (seats.clone(), owners.clone());
            }
            let changed = before.iter().zip(&owners).filter(|(was, is)| was != is).count();
            moved += changed;
            still = if changed == 0 { still + 1 } else { 0 };
            if still == 2 {
                break;
            }
        }
        prop_assert_eq!(still, 2, "no end of it");
        assert_even(&seats, &owners);
        prop_assert!(moved <= 2 * usize::from(SHARDS), "{} moves", moved);
    }
}

/// One turn of one node on what it believes, as the compare-and-set lets it.
fn act(who: usize, views: &mut [(Vec<Seat>, Owners)], seats: &[Seat], owners: &mut Owners, limit: usize) {
    let me = node(u8::try_from(who).unwrap());
    if !seats.iter().any(|seat| seat.node == me) {
        return;
    }
    let (its_seats, its_owners) = &views[who];
    let moves = decide(me, its_seats, its_owners, limit);
    for shard in moves.take {
        let place = &mut owners[shard.index()];
        if place.is_none() {
            *place = Some(me);
        }
    }
    for (shard, to) in moves.give {
        let place = &mut owners[shard.index()];
        if *place == Some(me) {
            // Handed to one that has died meanwhile: free again.
            *place = seats.iter().any(|seat| seat.node == to).then_some(to);
        }
    }
}
