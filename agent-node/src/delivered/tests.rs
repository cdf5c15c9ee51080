//! The book of a job over several runs, on a real folder: what is delivered, what breaks off, what is damaged.

use std::collections::{BTreeMap, BTreeSet};

use messages::RunId;
use messages::export::Harm;
use proptest::prelude::*;

use super::record::sample;
use super::*;

struct Shelf {
    folder: tempfile::TempDir,
    job: JobId,
}

fn rows(items: &[(&str, &str)]) -> Vec<Numbered> {
    let row =
        |(row, (sku, price)): (u64, &(&str, &str))| Numbered { row, item: sample(sku, price, Some("1")) };
    (2..).zip(items).map(row).collect()
}

fn compare(book: &mut Book, zeroing: bool) -> Compared {
    book.compare(&HarmGuard::default(), &Unread::default(), zeroing).unwrap()
}

/// New, changed, unchanged, vanished.
fn counts(compared: &Compared) -> (u64, u64, u64, u64) {
    let Tally { new, changed, unchanged, harm, .. } = &compared.tally;
    (*new, *changed, *unchanged, harm.vanished)
}

impl Shelf {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), job: JobId::new() }
    }

    fn open_for(&self, place: &str, settings: &str) -> Book {
        self.open_after(RunId::new(), None, place, settings)
    }

    fn open_after(&self, run: RunId, after: Option<RunId>, place: &str, settings: &str) -> Book {
        let attempt = format!("{run}-1");
        Book::open(self.folder.path(), self.job, run, &attempt, place.into(), settings.into(), after).unwrap()
    }

    fn open(&self) -> Book {
        self.open_for("place", "settings")
    }

    /// A whole run.
    fn deliver(&self, items: &[(&str, &str)]) -> Compared {
        let mut book = self.open();
        book.add(&rows(items)).unwrap();
        let compared = compare(&mut book, false);
        book.begin_delivery().unwrap();
        book.delivered().unwrap();
        compared
    }

    /// A run that broke off while it delivered.
    fn break_off(&self, items: &[(&str, &str)]) {
        let mut book = self.open();
        book.add(&rows(items)).unwrap();
        compare(&mut book, false);
        book.begin_delivery().unwrap();
    }

    fn look(&self, items: &[(&str, &str)]) -> Compared {
        let mut book = self.open();
        book.add(&rows(items)).unwrap();
        compare(&mut book, false)
    }

    fn files(&self) -> Vec<String> {
        let found = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = found.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join(format!("{}.state", self.job))
    }
}

#[test]
fn the_second_run_knows_what_the_first_has_delivered() {
    let shelf = Shelf::new();
    assert_eq!(shelf.open().known(), None);
    assert_eq!(counts(&shelf.deliver(&[("b", "2"), ("a", "1"), ("c", "3")])), (3, 0, 0, 0));
    assert_eq!(shelf.files(), [format!("{}.state", shelf.job)]);
    assert!(shelf.open().can_send_changes());
    let compared = shelf.look(&[("d", "1"), ("c", "3"), ("b", "9")]);
    assert_eq!(counts(&compared), (1, 1, 1, 1));
    let differing: Vec<_> = (0..3).filter(|place| compared.differing.contains(*place)).collect();
    assert_eq!(differing, [0, 2]);
    let firsts = [ItemChange::New, ItemChange::Unchanged, ItemChange::Changed].map(Some);
    assert_eq!((&compared.firsts[..3], compared.firsts[3]), (&firsts[..], None));
    assert_eq!(shelf.open().known(), Some(3), "a look changes nothing");
}

#[test]
fn a_run_that_sends_nothing_leaves_the_state_as_it_is() {
    let shelf = Shelf::new();
    shelf.deliver(&[("a", "1")]);
    let before = fs::read(shelf.state()).unwrap();
    shelf.look(&[]);
    assert_eq!((fs::read(shelf.state()).unwrap(), shelf.files().len()), (before, 1));
}

#[test]
fn what_a_delivery_that_broke_off_was_about_is_in_doubt() {
    let shelf = Shelf::new();
    shelf.deliver(&[("a", "1"), ("b", "1"), ("c", "1")]);
    shelf.break_off(&[("a", "1"), ("b", "2"), ("d", "1")]);
    // It may have any of them in either way, whatever the source says now; only "a" is known.
    for items in
        [[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")], [("a", "1"), ("b", "2"), ("c", "1"), ("d", "1")]]
    {
        let compared = shelf.look(&items);
        assert_eq!(counts(&compared), (0, 3, 1, 0));
        assert_eq!(compared.tally.harm, Harm { repriced: u64::from(items[1].1 == "2"), ..Harm::default() });
    }
    // A second one that breaks off makes it no better known.
    shelf.break_off(&[("a", "1"), ("b", "1"), ("c", "1")]);
    assert_eq!(counts(&shelf.look(&[("a", "1"), ("b", "1"), ("c", "1")])), (0, 2, 1, 1));
    shelf.deliver(&[("a", "1"), ("b", "1")]);
    assert_eq!(counts(&shelf.look(&[("a", "1"), ("b", "1")])), (0, 0, 2, 0));
}

#[test]
fn the_first_delivery_may_break_off_too() {
    let shelf = Shelf::new();
    shelf.break_off(&[("a", "1"), ("b", "1")]);
    assert!(shelf.open().can_send_changes(), "all of it is in doubt and sent again");
    assert_eq!(counts(&shelf.look(&[("a", "1")])), (0, 1, 0, 1));
    shelf.deliver(&[("a", "1")]);
    assert_eq!((counts(&shelf.look(&[("a", "1")])), shelf.files().len()), ((0, 0, 1, 0), 1));
}

#[test]
fn what_was_refused_counts_as_not_delivered() {
    let shelf = Shelf::new();
    shelf.deliver(&[("a", "1"), ("b", "1")]);
    let mut book = shelf.open();
    book.add(&rows(&[("a", "2"), ("b", "2"), ("c", "2")])).unwrap();
    compare(&mut book, false);
    book.begin_delivery().unwrap();
    book.refused(["b".to_owned(), "c".to_owned()]);
    book.delivered().unwrap();
    drop(book);
    assert_eq!(counts(&shelf.look(&[("a", "2"), ("b", "2"), ("c", "2")])), (1, 1, 1, 0));
    assert_eq!(counts(&shelf.look(&[("a", "2")])), (0, 0, 1, 1), "\"b\" is still there, as it was");
    assert_eq!(shelf.files().len(), 1);
}

#[test]
fn a_state_that_says_nothing_of_this_destination_is_no_ground() {
    let shelf = Shelf::new();
    shelf.deliver(&[("a", "1")]);
    let elsewhere = shelf.open_for("other", "settings");
    assert_eq!((elsewhere.known(), elsewhere.can_send_changes()), (None, false));
    assert!(elsewhere.note.as_ref().unwrap().contains("another place"));
    // With other settings nothing may be left out, but the guard still knows what is there.
    let otherwise = shelf.open_for("place", "other");
    assert_eq!((otherwise.known(), otherwise.can_send_changes()), (Some(1), false));
    assert!(otherwise.note.as_ref().unwrap().contains("settings"));
    drop((elsewhere, otherwise));
    let mut bytes = fs::read(shelf.state()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(shelf.state(), bytes).unwrap();
    let damaged = shelf.open();
    assert_eq!((damaged.known(), damaged.can_send_changes()), (None, false));
    assert!(damaged.note.as_ref().unwrap().contains("damaged"));
}

#[test]
fn whoever_was_not_the_last_to_deliver_sends_everything() {
    let shelf = Shelf::new();
    let runs: Vec<_> = (0..60).map(|_| RunId::new()).collect();
    for (at, run) in runs.iter().enumerate() {
        let mut book = shelf.open_after(*run, None, "place", "settings");
        book.add(&rows(&[("a", "1")])).unwrap();
        compare(&mut book, false);
        book.begin_delivery().unwrap();
        // Each other one breaks off, and has delivered all the same.
        if at % 2 == 0 {
            book.delivered().unwrap();
        }
    }
    for (after, ours) in [
        (None, true),
        (runs.last().copied(), true),
        (Some(runs[11]), true),
        (Some(runs[9]), false),
        (Some(RunId::new()), false),
    ] {
        let book = shelf.open_after(RunId::new(), after, "place", "settings");
        assert_eq!((book.can_send_changes(), book.known()), (ours, Some(1)), "{after:?}");
    }
    let again = RunId::new();
    assert!(shelf.open_after(again, Some(again), "place", "settings").can_send_changes(), "its own word");
    forget(shelf.folder.path(), shelf.job).unwrap();
    assert_eq!(shelf.open().known(), None);
    assert_eq!(shelf.files(), [""; 0]);
}

#[test]
fn vanished_articles_are_sent_without_stock_unless_they_may_stand_in_an_unread_row() {
    let shelf = Shelf::new();
    shelf.deliver(&[("a", "1"), ("b", "1.25"), ("c", "1")]);
    let mut unread = Unread::default();
    unread.note("b;Article b;??");
    let mut book = shelf.open();
    book.add(&rows(&[("a", "1")])).unwrap();
    let compared = book.compare(&HarmGuard::default(), &unread, true).unwrap();
    assert_eq!((counts(&compared), compared.unread), ((0, 0, 1, 1), 1));
    let (path, sound) = compared.gone.unwrap();
    let gone: Vec<_> =
        Records::open(&path, &sound).unwrap().map(|gone| gone.unwrap().without_stock()).collect();
    assert_eq!(gone, [sample("c", "1", Some("0"))]);
    book.begin_delivery().unwrap();
    book.delivered().unwrap();
    drop(book);
    // What was sold out is forgotten; what was unread is still there.
    assert_eq!(counts(&shelf.look(&[("a", "1")])), (0, 0, 1, 1));
    assert_eq!(counts(&shelf.look(&[("a", "1"), ("b", "1.25"), ("c", "1")])), (1, 0, 2, 0));
}

#[test]
fn what_killed_runs_and_forgotten_jobs_left_is_taken_away() {
    let shelf = Shelf::new();
    let other = JobId::new();
    let names =
        [format!(".{}.x.read.part", shelf.job), format!(".{other}.x.read.part"), format!("{other}.state")];
    for name in &names {
        fs::write(shelf.folder.path().join(name), "x").unwrap();
    }
    let forgotten = fs::File::options().write(true).open(shelf.folder.path().join(&names[2])).unwrap();
    forgotten.set_modified(SystemTime::now() - FORGOTTEN_AFTER - Duration::from_secs(60)).unwrap();
    drop(shelf.open());
    assert_eq!(shelf.files(), [names[1].clone()]);
}

#[test]
fn places_are_single_bits() {
    let mut places = Places::default();
    assert!(places.is_empty() && !places.contains(0));
    for place in [0, 63, 64, 1_000] {
        places.insert(place);
    }
    let all: Vec<_> = (0..2_000).filter(|place| places.contains(*place)).collect();
    assert_eq!(all, [0, 63, 64, 1_000]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is delivered, breaks off at whatever point or is refused: a destination that is sent what differs has
    /// in the end what the source has, and nothing is sent twice without a reason.
    #[test]
    fn the_destination_follows_the_source(
        rounds in prop::collection::vec((prop::collection::btree_map(0_u8..12, 0_u8..3, 0..10), 0_usize..12, 0_u8..12), 1..8)
    ) {
        let shelf = Shelf::new();
        let mut there = BTreeMap::<String, String>::new();
        let last = rounds.len() - 1;
        for (round, (source, breaks_after, refused)) in rounds.iter().enumerate() {
            let items: Vec<_> = source.iter().map(|(sku, price)| (sku.to_string(), price.to_string())).collect();
            let read: Vec<_> = items.iter().map(|(sku, price)| (sku.as_str(), price.as_str())).collect();
            let mut book = shelf.open();
            let all = !book.can_send_changes();
            book.add(&rows(&read)).unwrap();
            let compared = compare(&mut book, true);
            book.begin_delivery().unwrap();
            let mut to_send: Vec<_> =
                (0..).zip(&items).filter(|(place, _)| all || compared.differing.contains(*place)).map(|(_, item)| item.clone()).collect();
            let (path, sound) = compared.gone.unwrap();
            to_send.extend(Records::open(&path, &sound).unwrap().map(|gone| (gone.unwrap().sku.to_string(), "gone".to_owned())));
            let whole = round == last || *breaks_after >= to_send.len();
            let refused = if round == last { String::new() } else { refused.to_string() };
            let mut not_taken = BTreeSet::new();
            for (sku, price) in to_send.into_iter().take(if whole { usize::MAX } else { *breaks_after }) {
                if sku == refused && price != "gone" {
                    not_taken.insert(sku);
                } else if price == "gone" {
                    there.remove(&sku);
                } else {
                    there.insert(sku, price);
                }
            }
            if whole {
                book.refused(not_taken);
                book.delivered().unwrap();
            }
        }
        let source: BTreeMap<_, _> = rounds[last].0.iter().map(|(sku, price)| (sku.to_string(), price.to_string())).collect();
        prop_assert_eq!(there, source);
    }
}
