//! Pages as hubs send them, rightly and wrongly.

use messages::edge::catalogue::{Change, Withdrawn};
use messages::{DeviceId, Problem};
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use messages::edge::status::OfflineCause;

const WAIT: Duration = Duration::from_secs(25);

fn gone(seq: u64) -> Change {
    Changed::ArticleWithdrawn(Withdrawn { sku: format!("A{seq}") }).at(seq).unwrap()
}

fn page(feed: FeedId, (from, cursor, head): (u64, u64, u64), seqs: &[u64]) -> ChangesPage {
    ChangesPage {
        v: 1,
        feed_id: Some(feed),
        currency: Some(Currency::EUR),
        from,
        cursor,
        head,
        changes: seqs.iter().map(|seq| gone(*seq)).collect(),
    }
}

fn read(standing: &Standing, page: &ChangesPage) -> Step {
    let asked = standing.question(DeviceId::new(), WAIT);
    after(standing, &asked, Ok(page), Currency::EUR)
}

fn course(standing: &Standing, page: &ChangesPage) -> Course {
    match read(standing, page) {
        Step::Follow(course) => *course,
        other => panic!("{other:?}"),
    }
}

fn why(step: Step) -> (Duration, String) {
    match step {
        Step::Wait { least, why } => (least, why),
        other => panic!("{other:?}"),
    }
}

fn at(feed: FeedId, cursor: u64) -> Standing {
    Standing { feed: Some(feed), cursor, load: None, renew: false }
}

#[test]
fn the_question_says_where_the_edge_stands() {
    let (feed, next, device) = (FeedId::new(), FeedId::new(), DeviceId::new());
    let load = Some(Load { feed: next, cursor: 3, until: 9 });
    for (standing, feed_id, cursor, loading) in [
        (Standing::default(), None, 0, false),
        (at(feed, 7), Some(feed), 7, false),
        (Standing { renew: true, ..at(feed, 7) }, None, 0, false),
        (Standing { load, renew: true, ..at(feed, 7) }, Some(next), 3, true),
        (Standing { load, ..at(feed, 7) }, Some(next), 3, true),
        (Standing { load, ..Standing::default() }, Some(next), 3, true),
    ] {
        let asked = standing.question(device, WAIT);
        assert_eq!((asked.feed_id, asked.cursor, asked.loading), (feed_id, cursor, loading));
        assert_eq!((asked.device_id, asked.wait_s, asked.limit), (device, 25, MAX_CHANGES));
    }
}

#[test]
fn changes_behind_the_cursor_go_into_what_tills_sell_from() {
    let feed = FeedId::new();
    let some = course(&at(feed, 7), &page(feed, (7, 12, 20), &[9, 12]));
    assert_eq!((some.begin, some.finish, some.is_all, some.pieces.len()), (None, false, false, 1));
    let piece = &some.pieces[0];
    assert_eq!((piece.target, piece.from, piece.cursor, piece.changes.len()), (Target::Live, 7, 12, 2));
    let last = course(&at(feed, 12), &page(feed, (12, 20, 20), &[20]));
    assert!(last.is_all);
    // Changes that are another device's: the cursor goes on all the same.
    let others = course(&at(feed, 12), &page(feed, (12, 20, 20), &[]));
    assert_eq!((others.pieces.len(), others.pieces[0].cursor, others.is_all), (1, 20, true));
    let nothing = course(&at(feed, 20), &page(feed, (20, 20, 20), &[]));
    assert!(nothing.pieces.is_empty() && nothing.is_all);
}

#[test]
fn what_begins_at_the_beginning_is_taken_over_beside_what_tills_sell_from() {
    let (feed, next) = (FeedId::new(), FeedId::new());
    for standing in [Standing::default(), at(feed, 7), at(next, 30), Standing { renew: true, ..at(next, 9) }]
    {
        let first = course(&standing, &page(next, (0, 4, 9), &[2, 4]));
        assert_eq!((first.begin, first.finish, first.is_all), (Some((next, 9)), false, false));
        assert!(first.pieces.iter().all(|piece| piece.target == Target::Load && piece.feed == next));
    }
    let load = |cursor| Standing { load: Some(Load { feed: next, cursor, until: 9 }), ..at(feed, 7) };
    let more = course(&load(4), &page(next, (4, 8, 12), &[6, 8]));
    assert_eq!((more.begin, more.finish), (None, false));
    let last = course(&load(8), &page(next, (8, 12, 12), &[10, 12]));
    assert!(last.finish && last.is_all, "what has changed meanwhile is in it");
    let enough = course(&load(8), &page(next, (8, 10, 12), &[10]));
    assert!(enough.finish && !enough.is_all, "the rest follows as usual");
    let all_at_once = course(&Standing::default(), &page(next, (0, 3, 3), &[1, 3]));
    assert!(all_at_once.begin.is_some() && all_at_once.finish && all_at_once.is_all);
    // A life that ends in the middle of taking over another one.
    let again = course(&load(4), &page(feed, (0, 2, 2), &[2]));
    assert_eq!((again.begin, again.finish), (Some((feed, 2)), true));
}

#[test]
fn a_hub_without_a_catalogue_takes_none_away() {
    let empty = ChangesPage { feed_id: None, ..page(FeedId::new(), (0, 0, 0), &[]) };
    assert_eq!(read(&Standing::default(), &empty), Step::Own);
    assert_eq!(why(read(&at(FeedId::new(), 7), &empty)).0, REFUSED_WAIT);
}

#[test]
fn what_contradicts_itself_changes_nothing() {
    let feed = FeedId::new();
    for (span, seqs, part) in [
        ((7, 6, 20), &[][..], "cursor"),
        ((7, 21, 20), &[], "cursor"),
        ((7, 12, 20), &[12, 9], "order"),
        ((7, 12, 20), &[9, 9], "order"),
        ((7, 12, 20), &[7], "order"),
        ((7, 12, 20), &[13], "order"),
        ((5, 12, 20), &[9], "not asked for"),
    ] {
        let (least, told) = why(read(&at(feed, 7), &page(feed, span, seqs)));
        assert!(told.contains(part) && least == REFUSED_WAIT, "{span:?} {seqs:?}: {told}");
    }
    let foreign = ChangesPage { currency: Some(Currency::VND), ..page(feed, (7, 9, 9), &[9]) };
    let (_, told) = why(read(&at(feed, 7), &foreign));
    assert!(told.contains("VND") && told.contains("EUR"), "{told}");
}

#[test]
fn refusals_and_broken_lines_are_waited_out() {
    let standing = Standing::default();
    let asked = standing.question(DeviceId::new(), WAIT);
    let wait = |fault: SendFault| why(after(&standing, &asked, Err(&fault), Currency::EUR)).0;
    let refused = |code: ErrorCode| SendFault::Refused(code.into());
    let line = LineFault::new(OfflineCause::HubDown, "cut".to_owned());
    assert_eq!(wait(line.into()), Duration::ZERO);
    assert_eq!(wait(refused(ErrorCode::NotFound)), OLDER_HUB);
    assert_eq!(wait(refused(ErrorCode::EdgeRevoked)), REFUSED_WAIT);
    let busy = Problem::from(ErrorCode::Busy).with_retry_after(3);
    assert_eq!(wait(busy.into()), Duration::from_secs(3));
}

#[test]
fn what_is_not_known_is_left_out_and_the_cursor_goes_on() {
    let feed = FeedId::new();
    let mut strange = page(feed, (7, 9, 9), &[8, 9]);
    strange.changes[1].kind = "coupon".into();
    let some = course(&at(feed, 7), &strange);
    assert_eq!((some.pieces[0].changes.len(), some.pieces[0].left_out, some.pieces[0].cursor), (1, 1, 9));
    assert!(some.unknown[0].contains("coupon"), "{:?}", some.unknown);
    strange.changes[0].data = RawValue::from_string("{}".into()).unwrap();
    assert_eq!(course(&at(feed, 7), &strange).pieces[0].left_out, 2);
}

proptest! {
    /// Pieces follow each other without a gap, hold everything once, and are small.
    #[test]
    fn pieces_make_up_the_page(from in 0..50_u64, steps in prop::collection::vec(1..4_u64, 0..250), tail in 0..5_u64) {
        let feed = FeedId::new();
        let seqs: Vec<u64> = steps.iter().scan(from, |at, step| { *at += step; Some(*at) }).collect();
        let cursor = seqs.last().copied().unwrap_or(from) + tail;
        let some = course(&at(feed, from), &page(feed, (from, cursor, cursor + 5), &seqs));
        let mut at = from;
        let mut skus = Vec::new();
        for piece in &some.pieces {
            prop_assert_eq!(piece.from, at);
            prop_assert!(piece.cursor > piece.from && piece.changes.len() <= PIECE);
            at = piece.cursor;
            skus.extend(piece.changes.iter().map(|change| match change {
                Changed::ArticleWithdrawn(gone) => gone.sku.clone(),
                other => format!("{other:?}"),
            }));
        }
        prop_assert_eq!(at, cursor);
        prop_assert_eq!(skus, seqs.iter().map(|seq| format!("A{seq}")).collect::<Vec<_>>());
    }
}
