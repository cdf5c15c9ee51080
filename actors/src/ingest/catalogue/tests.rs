//! Changes of articles as people and files make them, and a store that follows them a little at a time.

use std::collections::{BTreeMap, BTreeSet};

use messages::edge::{Amount, catalogue::StoreArticle};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_795_257_060_000);

fn hand() -> Hand<'static> {
    Hand { by: "Lan", retailer: RetailerId::new(), now: NOW }
}

fn spec(sku: &str, minor: i64) -> ArticleSpec {
    ArticleSpec::new(sku, "Milk", Amount::new(minor))
}

fn row(line: u64, sku: &str, patch: ArticlePatch) -> ArticleRow {
    ArticleRow { line, sku: sku.into(), patch }
}

fn new_row(line: u64, sku: &str, minor: i64) -> ArticleRow {
    let (name, price) = (Put::Set("Milk".into()), Put::Set(Amount::new(minor)));
    row(line, sku, ArticlePatch { name, price, ..ArticlePatch::default() })
}

#[test]
fn each_change_has_the_next_number_and_what_changes_nothing_has_none() {
    let (mut catalogue, mut changes) = (Catalogue::default(), Changes::default());
    let milk = catalogue.create(spec("A1", 165), hand(), &mut changes).unwrap();
    let tea = catalogue.create(spec(" A2 ", 249), hand(), &mut changes).unwrap();
    assert_eq!((milk.seq, tea.seq, tea.spec.sku.as_str()), (1, 2, "A2"));
    let same = catalogue.replace(spec("A1", 165), milk.rev(), hand(), &mut changes).unwrap();
    assert_eq!(same, milk);
    let dearer = catalogue.replace(spec("A1", 175), milk.rev(), hand(), &mut changes).unwrap();
    assert_eq!((dearer.seq, dearer.created_at), (3, milk.created_at));
    let late = catalogue.replace(spec("A1", 1), milk.rev(), hand(), &mut changes).unwrap_err();
    assert_eq!((late.code, late.current.unwrap()["price"].as_i64()), (ErrorCode::Conflict, Some(175)));
    let gone = catalogue.withdraw("A2", tea.rev(), hand(), &mut changes).unwrap();
    assert_eq!((gone.seq, gone.spec.state), (4, ArticleState::Withdrawn));
    assert_eq!(catalogue.withdraw("A2", gone.rev(), hand(), &mut changes).unwrap().seq, 4);
    let code = |outcome: Result<Article, Problem>| outcome.unwrap_err().code;
    assert_eq!(code(catalogue.withdraw("A9", Version(1), hand(), &mut changes)), ErrorCode::NotFound);
    assert_eq!(code(catalogue.create(spec("A2", 1), hand(), &mut changes)), ErrorCode::NameTaken);
    let feed = changes.feed.unwrap();
    assert_eq!((feed.head, feed.articles, changes.catalogue.len()), (4, 2, 2));
}

#[test]
fn a_number_that_tills_read_means_one_article() {
    let (mut catalogue, mut changes) = (Catalogue::default(), Changes::default());
    let scanned =
        |sku: &str| ArticleSpec { barcode: Some("4006381333931".into()), plu: Some(7), ..spec(sku, 100) };
    let first = catalogue.create(scanned("A1"), hand(), &mut changes).unwrap();
    let refused = catalogue.create(scanned("A2"), hand(), &mut changes).unwrap_err();
    assert_eq!((refused.code, refused.errors[0].field.as_str()), (ErrorCode::NameTaken, "barcode"));
    assert!(refused.detail.contains("A1"), "{}", refused.detail);
    let only_plu = ArticleSpec { barcode: None, ..scanned("A2") };
    let refused = catalogue.create(only_plu, hand(), &mut changes).unwrap_err();
    assert_eq!(refused.errors[0].field, "plu");
    // What is not sold any more gives its numbers up, and does not get them back by itself.
    let gone = catalogue.withdraw("A1", first.rev(), hand(), &mut changes).unwrap();
    catalogue.create(scanned("A2"), hand(), &mut changes).unwrap();
    let back = catalogue.replace(scanned("A1"), gone.rev(), hand(), &mut changes).unwrap_err();
    assert_eq!(back.code, ErrorCode::NameTaken);
}

#[test]
fn a_file_changes_what_is_different_and_tells_what_it_cannot() {
    let (mut catalogue, mut changes) = (Catalogue::default(), Changes::default());
    let rows = [new_row(2, "A1", 165), new_row(3, "A2", 249)];
    let answer = catalogue.import(&rows, hand(), &mut changes);
    assert_eq!((answer.added, answer.changed, answer.unchanged, answer.head), (2, 0, 0, 2));
    let again = catalogue.import(&rows, hand(), &mut changes);
    assert_eq!((again.added, again.changed, again.unchanged, again.head), (0, 0, 2, 2));
    let price = |minor| ArticlePatch { price: Put::Set(Amount::new(minor)), ..ArticlePatch::default() };
    let mixed = [
        row(2, "A1", price(170)),
        row(3, "A2", price(-1)),
        row(4, "A3", price(1)),
        row(5, "A2", ArticlePatch { barcode: Put::Set(Some("123".into())), ..ArticlePatch::default() }),
    ];
    let answer = catalogue.import(&mixed, hand(), &mut changes);
    let faults: Vec<_> = answer.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
    assert_eq!(faults, [(3, "price"), (4, "name"), (5, "barcode")]);
    assert_eq!((answer.added, answer.changed, answer.head), (0, 1, 3));
}

#[test]
fn a_price_of_a_store_needs_the_store() {
    let (here, gone) = (StoreId::new(), StoreId::new());
    let mut changes = Changes::default();
    let mut catalogue = Catalogue::new(None, HashMap::new(), [here]);
    let priced = |store| ArticleSpec { prices: [(store, Amount::new(1))].into(), ..spec("A1", 2) };
    let refused = catalogue.create(priced(gone), hand(), &mut changes).unwrap_err();
    assert_eq!(refused.errors[0].field, format!("prices.{gone}"));
    let made = catalogue.create(priced(here), hand(), &mut changes).unwrap();
    // The store is deleted; its price does not stand in the way of other changes.
    let known = HashMap::from([("A1".to_owned(), made.clone())]);
    let mut catalogue = Catalogue::new(catalogue.feed, known, []);
    let renamed = ArticleSpec { name: "Fresh milk".into(), ..priced(here) };
    assert!(catalogue.replace(renamed, made.rev(), hand(), &mut changes).is_ok());
}

#[test]
fn there_is_an_end_to_a_catalogue() {
    let feed = Feed { id: FeedId::new(), head: MOST_ARTICLES, articles: MOST_ARTICLES };
    let mut catalogue = Catalogue::new(Some(feed), HashMap::new(), []);
    let refused = catalogue.create(spec("A1", 1), hand(), &mut Changes::default()).unwrap_err();
    assert_eq!(refused.code, ErrorCode::LimitReached);
}

/// A store that applies what it reads, as tills see it: a number that another article had is the new one's.
#[derive(Debug, Default)]
struct Shelf {
    cursor: u64,
    articles: BTreeMap<String, StoreArticle>,
}

impl Shelf {
    fn read(&mut self, hub: &BTreeMap<String, Article>, head: u64, limit: usize, store: StoreId) {
        let mut behind: Vec<_> = hub.values().filter(|article| article.seq > self.cursor).collect();
        behind.sort_by_key(|article| article.seq);
        let more = behind.len() > limit;
        behind.truncate(limit);
        for article in &behind {
            let sku = article.spec.sku.clone();
            self.articles.remove(&sku);
            if article.spec.state == ArticleState::Active {
                let here = article.spec.in_store(store);
                for other in self.articles.values_mut() {
                    if here.barcode.is_some() && other.barcode == here.barcode {
                        other.barcode = None;
                    }
                    if here.plu.is_some() && other.plu == here.plu {
                        other.plu = None;
                    }
                }
                self.articles.insert(sku, here);
            }
        }
        self.cursor = if more { behind.last().map_or(head, |last| last.seq) } else { head };
    }
}

#[derive(Debug, Clone)]
enum Act {
    Write { sku: u8, price: i64, barcode: Option<u8>, plu: Option<u8>, withdrawn: bool },
    Read { limit: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let write = (0..6_u8, 1..4_i64, prop::option::of(0..3_u8), prop::option::of(0..3_u8), any::<bool>())
        .prop_map(|(sku, price, barcode, plu, withdrawn)| Act::Write { sku, price, barcode, plu, withdrawn });
    let read = (1..4_usize).prop_map(|limit| Act::Read { limit });
    prop::collection::vec(prop_oneof![4 => write, 1 => read], 0..80)
}

proptest! {
    /// However changes and pages are interleaved, whoever has read everything has what the hub has.
    #[test]
    fn whoever_follows_in_the_order_of_numbers_arrives(acts in acts()) {
        const BARCODES: [&str; 3] = ["4006381333931", "96385074", "0036000291452"];
        let store = StoreId::new();
        let mut hub: BTreeMap<String, Article> = BTreeMap::new();
        let (mut feed, mut shelf, mut numbers) = (None, Shelf::default(), Vec::new());
        for act in acts.into_iter().chain(std::iter::repeat_n(Act::Read { limit: 2 }, 10)) {
            match act {
                Act::Write { sku, price, barcode, plu, withdrawn } => {
                    let known = hub.clone().into_iter().collect();
                    let mut catalogue = Catalogue::new(feed.take(), known, []);
                    let mut changes = Changes::default();
                    let patch = ArticlePatch {
                        name: Put::Set("Milk".into()),
                        price: Put::Set(Amount::new(price)),
                        barcode: Put::Set(barcode.map(|at| BARCODES[usize::from(at)].to_owned())),
                        plu: Put::Set(plu.map(|plu| u32::from(plu) + 1)),
                        state: Put::Set(
                            if withdrawn { ArticleState::Withdrawn } else { ArticleState::Active },
                        ),
                        ..ArticlePatch::default()
                    };
                    catalogue.import(&[row(1, &format!("A{sku}"), patch)], hand(), &mut changes);
                    feed = catalogue.feed;
                    numbers.extend(changes.catalogue.values().map(|article| article.seq));
                    hub.extend(changes.catalogue);
                }
                Act::Read { limit } => {
                    let head = feed.as_ref().map_or(0, |feed: &Feed| feed.head);
                    shelf.read(&hub, head, limit, store);
                }
            }
        }
        let gapless: Vec<u64> = (1..=numbers.len() as u64).collect();
        prop_assert_eq!(&numbers, &gapless, "numbers are given in order and without gaps");
        let sold: BTreeMap<_, _> = hub
            .values()
            .filter(|article| article.spec.state == ArticleState::Active)
            .map(|article| (article.spec.sku.clone(), article.spec.in_store(store)))
            .collect();
        let scanned: Vec<_> = sold.values().filter_map(|article| article.barcode.clone()).collect();
        prop_assert_eq!(scanned.iter().collect::<BTreeSet<_>>().len(), scanned.len());
        prop_assert_eq!(shelf.articles, sold);
    }
}
