//! What comes down, in rounds: devices that ask, corrections of stock, a hub that was put back.

use messages::edge::event::{Adjustment, AdjustmentReason, Fact, Movement};
use messages::edge::{Amount, Quantity};
use messages::http::articles::{ArticleSpec, ArticleState};
use messages::{DeviceId, ErrorCode, EventId, FeedId, Problem, Version};

use super::super::request::{ArticleAct, ArticlePatch, ArticleRow, Correct, EdgeReply, EdgeRequest};
use super::super::request::{Followed, Following, Put};
use super::samples::{NOW, Office, Till, author, event, hash};

fn make(sku: &str, barcode: Option<&str>) -> EdgeRequest {
    let spec = ArticleSpec {
        barcode: barcode.map(str::to_owned),
        ..ArticleSpec::new(sku, "Milk", Amount::new(165))
    };
    EdgeRequest::Article { act: Box::new(ArticleAct::Create(spec)), author: author() }
}

fn asks(till: &Till, feed: Option<FeedId>, cursor: u64) -> EdgeRequest {
    EdgeRequest::Follow(Following {
        edge: till.edge,
        credential: till.credential,
        device: till.device,
        feed,
        cursor,
        loading: false,
    })
}

fn followed(answer: Result<EdgeReply, Problem>) -> Followed {
    match answer.unwrap() {
        EdgeReply::Followed(told) => told,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_device_is_told_where_it_stands_and_what_it_has_is_noted() {
    let office = Office::open().await;
    let till = office.till(1).await;
    let nothing = followed(office.ask(asks(&till, None, 0)).await);
    assert_eq!((nothing.feed, nothing.from, nothing.head), (None, 0, 0));
    office.ask(make("A1", None)).await.unwrap();
    office.ask(make("A2", None)).await.unwrap();
    let first = followed(office.ask(asks(&till, None, 0)).await);
    assert_eq!((first.store, first.from, first.head), (office.store, 0, 2));
    assert!(office.ledger.books().followers.is_empty(), "it has nothing yet");
    let version = office.ledger.books().version;
    let arrived = followed(office.ask(asks(&till, first.feed, 2)).await);
    assert_eq!((arrived.feed, arrived.from, arrived.head), (first.feed, 2, 2));
    let noted = office.ledger.books().followers[&till.edge].clone();
    assert_eq!((noted.cursor, noted.device, noted.at), (2, till.device, NOW));
    assert_eq!(office.ledger.books().version, version.next());
    followed(office.ask(asks(&till, first.feed, 2)).await);
    assert_eq!(office.ledger.books().version, version.next(), "asking again writes nothing");
}

#[tokio::test]
async fn changes_and_questions_of_one_round_see_each_other() {
    let office = Office::open().await;
    let till = office.till(1).await;
    let answers = office.round(vec![make("A1", None), asks(&till, None, 0), make("A2", None)]).await;
    assert_eq!(answers.len(), 3);
    let told = followed(answers.into_iter().nth(1).unwrap());
    assert_eq!(told.head, 1);
    assert_eq!(office.ledger.books().feed.as_ref().unwrap().head, 2);
}

#[tokio::test]
async fn whoever_is_not_who_they_say_is_told_nothing() {
    let office = Office::open().await;
    let till = office.till(1).await;
    let code = |answer: Result<EdgeReply, Problem>| answer.unwrap_err().code;
    let stolen = Till { credential: hash(9), ..till.clone() };
    assert_eq!(code(office.ask(asks(&stolen, None, 0)).await), ErrorCode::BadCredentials);
    let other = Till { device: DeviceId::new(), ..till.clone() };
    assert_eq!(code(office.ask(asks(&other, None, 0)).await), ErrorCode::Forbidden);
    office.ask(EdgeRequest::Revoke { edge: till.edge, author: author() }).await.unwrap();
    assert_eq!(code(office.ask(asks(&till, None, 0)).await), ErrorCode::EdgeRevoked);
}

#[tokio::test]
async fn a_hub_that_was_put_back_begins_anew_for_every_device() {
    let office = Office::open().await;
    let (ahead, behind) = (office.till(1).await, office.till(2).await);
    office.ask(make("A1", None)).await.unwrap();
    let old = office.ledger.books().feed.clone().unwrap();
    // This device has changes that the hub has lost.
    let told = followed(office.ask(asks(&ahead, Some(old.id), 7)).await);
    assert_eq!((told.from, told.head), (0, 1));
    assert_ne!(told.feed, Some(old.id));
    assert_eq!(followed(office.ask(asks(&behind, Some(old.id), 1)).await).from, 0, "it cannot know");
    let again = followed(office.ask(asks(&ahead, told.feed, 1)).await);
    assert_eq!((again.feed, again.from), (told.feed, 1));
    // Somebody knows that it was, before a device shows it.
    office.ask(EdgeRequest::RenewFeed { author: author() }).await.unwrap();
    let anew = followed(office.ask(asks(&ahead, told.feed, 1)).await);
    assert_eq!((anew.from, anew.head), (0, 1));
    assert_ne!(anew.feed, told.feed);
}

#[tokio::test]
async fn an_article_that_comes_back_is_compared_with_whoever_has_its_number_now() {
    const BARCODE: &str = "4006381333931";
    let office = Office::open().await;
    office.ask(make("A1", Some(BARCODE))).await.unwrap();
    let withdraw = ArticleAct::Withdraw { sku: "A1".into(), expected: Version(1) };
    office.ask(EdgeRequest::Article { act: Box::new(withdraw), author: author() }).await.unwrap();
    office.ask(make("A2", Some(BARCODE))).await.unwrap();
    // The row says nothing of barcodes.
    let patch = ArticlePatch { state: Put::Set(ArticleState::Active), ..ArticlePatch::default() };
    let rows = vec![ArticleRow { line: 1, sku: "A1".into(), patch }];
    let answer = office.ask(EdgeRequest::Import { rows, author: author() }).await.unwrap();
    let EdgeReply::Imported(answer) = answer else { panic!("{answer:?}") };
    assert_eq!((answer.errors[0].code, answer.errors[0].field.as_str()), (ErrorCode::NameTaken, "barcode"));
    assert_eq!(office.ledger.books().catalogue["A1"].spec.state, ArticleState::Withdrawn);
}

#[tokio::test]
async fn a_correction_of_stock_counts_when_its_device_says_so_and_once() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let order = Correct {
        event: EventId::new(),
        store: office.store,
        edge: None,
        sku: "MILK".into(),
        delta: Quantity::pieces(-3),
        note: "counted".into(),
    };
    let wish = EdgeRequest::Correct { order: order.clone(), author: author() };
    for _ in 0..2 {
        let EdgeReply::Ordered(view) = office.ask(wish.clone()).await.unwrap() else { panic!("ordered") };
        assert_eq!((view.seq, view.edge_id, view.done_at), (1, till.edge, None));
    }
    assert!(office.ledger.books().stock.is_empty(), "nothing has moved yet");
    let movement = Movement { sku: "MILK".into(), delta: Quantity::pieces(-3), on_hand: Quantity::pieces(7) };
    let done = Fact::InventoryAdjusted(Adjustment {
        reason: AdjustmentReason::Count,
        transaction_id: None,
        movements: vec![movement],
    });
    till.told.push(super::super::request::Sent { event_id: order.event, ..event(1, &done) });
    assert_eq!(office.ingest(till.all()).await.accepted, [order.event]);
    {
        let books = office.ledger.books();
        assert_eq!(books.orders[&order.event].done_at, Some(NOW));
        assert_eq!(books.stock.values().next(), Some(&(10_000, -3_000)));
    }
    assert_eq!(office.ingest(till.all()).await.duplicates, [order.event]);
    // A database that was put back begins a new stream, and carries it out again: the hub knows the event.
    till.stream = messages::StreamId::new();
    assert_eq!(office.ingest(till.all()).await.duplicates, [order.event]);
    assert_eq!(office.ledger.books().stock.values().next(), Some(&(10_000, -3_000)));
}

#[tokio::test]
async fn a_place_that_is_removed_is_not_remembered() {
    let office = Office::open().await;
    let till = office.till(1).await;
    office.ask(make("A1", None)).await.unwrap();
    let feed = office.ledger.books().feed.as_ref().map(|feed| feed.id);
    followed(office.ask(asks(&till, feed, 1)).await);
    office.ask(EdgeRequest::Revoke { edge: till.edge, author: author() }).await.unwrap();
    office.ask(EdgeRequest::Remove { edge: till.edge, author: author() }).await.unwrap();
    assert!(office.ledger.books().followers.is_empty());
}
