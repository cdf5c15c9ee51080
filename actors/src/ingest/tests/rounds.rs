//! What rounds make of events: sums, stock, letters, credentials; in whatever order they come.

use messages::edge::{Amount, event::Fact};
use messages::http::dead_letters::LetterState;
use messages::{DeviceId, ErrorCode, EventId, StoreId, Timestamp, Version};
use proptest::prelude::*;

use super::super::model::SlotSums;
use super::super::request::{EdgeReply, EdgeRequest, LetterAct, Parcel};
use super::ledger::Books;
use super::samples::{NOW, Office, Till, author, event, hash, payment, refund, sale, stock, void};

fn sold(cents: i64) -> Fact {
    Fact::SaleRecorded(Box::new(sale(cents)))
}

fn sums(books: &Books) -> SlotSums {
    assert_eq!(books.slots.len(), 1, "one hour: {:?}", books.slots);
    let (key, sums) = books.slots.first_key_value().unwrap();
    assert_eq!((key.slot.day.to_string().as_str(), key.slot.hour), ("2026-11-21", 17));
    *sums
}

#[tokio::test]
async fn a_sale_is_in_the_books_once_however_often_it_comes() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let first = sale(500);
    till.tell([Fact::SaleRecorded(Box::new(first.clone())), payment(&first), stock(-2, 98)]);
    let answer = office.ingest(till.all()).await;
    assert_eq!((answer.accepted.len(), answer.duplicates.len(), answer.settled_seq), (3, 0, 3));
    let answer = office.ingest(till.all()).await;
    assert_eq!((answer.accepted.len(), answer.duplicates.len(), answer.settled_seq), (0, 3, 3));
    let books = office.ledger.books();
    assert_eq!((books.sales.len(), books.paid.len(), books.inbox.len()), (1, 1, 3));
    assert_eq!(books.stock.values().next(), Some(&(100_000, -2_000)), "a hundred before, two sold");
    let sums = sums(&books);
    assert_eq!((sums.sales, sums.total, sums.cash), (1, 500, 500));
    assert_eq!(
        books.articles.values().map(|article| (article.quantity, article.total)).next(),
        Some((2_000, 500))
    );
    assert_eq!(books.version, Version(3), "make, enrol, one batch: what only repeats commits nothing");
}

/// Whether it was stored with its sale or came later, whatever event it comes by again.
#[tokio::test]
async fn a_payment_counts_once_with_its_sale_or_behind_it() {
    for later in [false, true] {
        let office = Office::open().await;
        let mut till = office.till(1).await;
        let sold = sale(500);
        let paid = payment(&sold);
        till.tell([Fact::SaleRecorded(Box::new(sold)), paid.clone(), paid.clone(), paid]);
        let batches = if later { [(1, 1), (2, 2), (3, 4)] } else { [(1, 2), (1, 3), (4, 4)] };
        for (first, last) in batches {
            assert_eq!(
                office.ingest(till.batch(first, last)).await.settled_seq,
                u64::try_from(last).unwrap()
            );
        }
        let books = office.ledger.books();
        assert_eq!((books.payments.len(), books.paid.len()), if later { (1, 0) } else { (0, 1) });
        assert_eq!((sums(&books).cash, books.letters.len()), (500, 2), "{:?}", books.letters);
    }
}

#[tokio::test]
async fn voids_and_refunds_take_back_what_was_counted_and_no_more() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let (kept, undone) = (sale(500), sale(300));
    let whole = |of: &_| Fact::SaleRecorded(Box::new(Clone::clone(of)));
    till.tell([whole(&kept), whole(&undone), void(&undone), refund(&kept, 200)]);
    // Half in one commit, half in the next: the sale that is voided is once known from here, once from the store.
    assert_eq!(office.ingest(till.batch(1, 2)).await.accepted.len(), 2);
    assert_eq!(office.ingest(till.batch(3, 4)).await.accepted.len(), 2);
    till.tell([
        void(&undone),
        refund(&kept, 301),
        refund(&undone, 1),
        void(&kept),
        void(&sale(1)),
        refund(&kept, 300),
    ]);
    let answer = office.ingest(till.batch(5, 10)).await;
    assert_eq!(answer.errors.len(), 5, "{:?}", answer.errors);
    assert!(answer.errors.iter().all(|error| error.code == ErrorCode::EventRefused));
    assert_eq!((answer.accepted.len(), answer.settled_seq), (1, 10), "they hold up nothing");
    let books = office.ledger.books();
    let sums = sums(&books);
    assert_eq!((sums.sales, sums.refunds, sums.voids, sums.total, sums.refunded), (1, 2, 1, 0, -500));
    assert_eq!(books.sales[&kept.transaction_id].returned, Amount::new(500));
    assert_eq!(books.sales[&undone.transaction_id].voided_at, Some(NOW));
    assert_eq!(books.articles.values().map(|article| article.total).sum::<i64>(), 0);
    assert_eq!(books.letters.len(), 5);
}

#[tokio::test]
async fn a_receipt_that_another_sale_has_is_set_aside_and_changes_nothing() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let first = sale(500);
    let (mut in_the_same, mut later) = (sale(700), sale(900));
    for copy in [&mut in_the_same, &mut later] {
        copy.receipt.clone_from(&first.receipt);
    }
    let whole = |of: &_| Fact::SaleRecorded(Box::new(Clone::clone(of)));
    till.tell([whole(&first), whole(&in_the_same), whole(&later), sold(100)]);
    let answer = office.ingest(till.batch(1, 2)).await;
    assert_eq!((answer.accepted.len(), answer.errors.len()), (1, 1));
    let answer = office.ingest(till.batch(3, 4)).await;
    assert_eq!((answer.accepted.len(), answer.errors.len(), answer.settled_seq), (1, 1, 4));
    assert!(answer.errors[0].detail.contains(first.receipt.as_str()), "{answer:?}");
    let books = office.ledger.books();
    assert_eq!(books.sales.len(), 2);
    assert_eq!(books.sales[&first.transaction_id].sale, first, "what was there stays as it was");
    assert_eq!((sums(&books).sales, sums(&books).total, books.letters.len()), (2, 600, 2));
}

#[tokio::test]
async fn what_cannot_be_applied_is_set_aside_with_its_reason() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let mut wrong_sum = sale(500);
    wrong_sum.totals.total = Amount::new(501);
    let mut old_clock = sale(500);
    old_clock.finalised_at = Timestamp(0);
    let mut huge = sale(500);
    huge.lines[0].total = Amount::new(i64::MAX);
    let twice = sale(500);
    let whole = |of: &_| Fact::SaleRecorded(Box::new(Clone::clone(of)));
    till.tell([
        whole(&wrong_sum),
        whole(&old_clock),
        whole(&huge),
        whole(&twice),
        whole(&twice),
        sold(1),
        sold(1),
    ]);
    till.told[5].kind = "coffee_spilt".into();
    till.told[6].data = "{\"transaction_id\":7}".into();
    let answer = office.ingest(till.all()).await;
    let codes: Vec<_> = answer.errors.iter().map(|error| (error.seq, error.code)).collect();
    use ErrorCode as C;
    let expected = [
        (1, C::EventRefused),
        (2, C::EventRefused),
        (3, C::EventMalformed),
        (5, C::EventRefused),
        (6, C::EventUnknown),
        (7, C::EventMalformed),
    ];
    assert_eq!(codes, expected);
    assert_eq!((answer.accepted.len(), answer.settled_seq), (1, 7));
    let books = office.ledger.books();
    assert_eq!((books.sales.len(), books.letters.len(), books.inbox.len()), (1, 6, 7));
    assert!(
        books.letters.values().all(|letter| letter.state == LetterState::Open && !letter.detail.is_empty())
    );
}

#[tokio::test]
async fn a_letter_is_mended_tried_again_or_discarded() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let (mut broken, sound) = (sale(500), sale(500));
    broken.totals.to_pay = Amount::new(1);
    till.tell([Fact::SaleRecorded(Box::new(broken)), sold(200)]);
    till.told[1].data = "[]".into();
    office.ingest(till.all()).await;
    let letter = |act, expected, event| EdgeRequest::Letter {
        event,
        expected: Version(expected),
        act,
        author: author(),
    };
    let [first, second] = [till.told[0].event_id, till.told[1].event_id];
    let decide = async |act, expected, event| match office.ask(letter(act, expected, event)).await {
        Ok(EdgeReply::Letter(letter)) => Ok((letter.state, letter.rev.0, letter.retries)),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.code),
    };
    assert_eq!(decide(LetterAct::Retry, 1, first).await, Ok((LetterState::Open, 2, 1)), "as wrong as before");
    assert_eq!(decide(LetterAct::Retry, 1, first).await, Err(ErrorCode::Conflict));
    let data = Fact::SaleRecorded(Box::new(sound)).to_json().unwrap();
    assert_eq!(decide(LetterAct::Edit { data }, 2, first).await, Ok((LetterState::Open, 3, 1)));
    assert_eq!(decide(LetterAct::Retry, 3, first).await, Ok((LetterState::Applied, 4, 1)));
    assert_eq!(decide(LetterAct::Retry, 4, first).await, Err(ErrorCode::WrongState), "not twice");
    assert_eq!(decide(LetterAct::Discard, 1, second).await, Ok((LetterState::Discarded, 2, 0)));
    assert_eq!(decide(LetterAct::Discard, 1, EventId::new()).await, Err(ErrorCode::NotFound));
    let books = office.ledger.books();
    assert_eq!((books.sales.len(), sums(&books).total), (1, 500));
    assert_eq!(books.letters[&first].decided_by.as_deref(), Some("Lan"));
}

#[tokio::test]
async fn a_device_is_who_it_was_enrolled_as() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    till.tell([sold(100), sold(100)]);
    let as_told = |change: fn(&mut Parcel)| {
        let EdgeRequest::Batch(parcel) = till.all() else { unreachable!() };
        let mut parcel = (*parcel).clone();
        change(&mut parcel);
        EdgeRequest::Batch(parcel.into())
    };
    let refused = async |request| office.ask(request).await.unwrap_err().code;
    assert_eq!(refused(as_told(|parcel| parcel.credential = hash(9))).await, ErrorCode::BadCredentials);
    assert_eq!(refused(as_told(|parcel| parcel.device = DeviceId::new())).await, ErrorCode::Forbidden);
    office.ingest(till.all()).await;
    // Settled numbers with other events.
    assert_eq!(
        refused(as_told(|parcel| parcel.events[0].event_id = EventId::new())).await,
        ErrorCode::StreamReset
    );
    // Somebody else's stream, with numbers that would go on well.
    let mut other = office.till(2).await;
    other.tell((0..4).map(|_| sold(100)));
    other.stream = till.stream;
    assert_eq!(refused(other.batch(3, 4)).await, ErrorCode::StreamReset);
    office.ask(EdgeRequest::Revoke { edge: till.edge, author: author() }).await.unwrap();
    assert_eq!(refused(till.all()).await, ErrorCode::EdgeRevoked);
    let admit = EdgeRequest::Admit { edge: till.edge, credential: till.credential };
    assert_eq!(refused(admit).await, ErrorCode::EdgeRevoked);
    office.ledger.books().zones.clear();
    other.stream = messages::StreamId::new();
    assert_eq!(refused(other.all()).await, ErrorCode::Disabled, "its store is gone");
}

#[tokio::test]
async fn a_device_has_one_place_and_a_token_one_use() {
    let office = Office::open().await;
    let (till, mut moved) = (office.till(1).await, super::samples::new_till(StoreId::new(), 2));
    moved.device = till.device;
    for request in super::samples::requests_to_enrol(&moved, 2) {
        office.ask(request.clone()).await.unwrap();
        office.ask(request).await.unwrap();
    }
    let admit = |till: &Till| EdgeRequest::Admit { edge: till.edge, credential: till.credential };
    assert_eq!(office.ask(admit(&till)).await.unwrap_err().code, ErrorCode::EdgeRevoked);
    office.ask(admit(&moved)).await.unwrap();
    let [_, enrol] = super::samples::requests_to_enrol(&moved, 2);
    let EdgeRequest::Enrol { edge, token, device, .. } = enrol else { unreachable!() };
    let thief = EdgeRequest::Enrol { edge, token, device, credential: hash(66) };
    assert_eq!(office.ask(thief).await.unwrap_err().code, ErrorCode::EnrolmentTokenWrong);
    let remove = |edge| EdgeRequest::Remove { edge, author: author() };
    assert_eq!(office.ask(remove(moved.edge)).await.unwrap_err().code, ErrorCode::InUse);
    office.ask(remove(till.edge)).await.unwrap();
    assert_eq!(office.ask(remove(till.edge)).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_gap_stops_a_batch_and_a_withheld_event_is_shown() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    till.tell((0..6).map(|_| sold(100)));
    let answer = office.ingest(till.batch(3, 4)).await;
    assert_eq!((answer.expected_seq, answer.settled_seq, answer.accepted.len()), (Some(1), 0, 0));
    office.ingest(till.batch(1, 2)).await;
    let note = messages::edge::event::Withheld {
        kind: "sale_recorded".into(),
        code: "event_malformed".into(),
        detail: "cannot be read".into(),
    };
    till.told[2] = event(3, &Fact::Withheld(note));
    let answer = office.ingest(till.batch(3, 6)).await;
    assert_eq!((answer.accepted.len(), answer.errors.len(), answer.settled_seq), (4, 0, 6));
    let books = office.ledger.books();
    let letter = books.letters.values().next().unwrap();
    assert_eq!((letter.code, letter.kind.as_str()), (ErrorCode::EventMalformed, "withheld"));
    assert_eq!(books.sales.len(), 5);
}

#[tokio::test]
async fn batches_of_one_stream_in_one_round_go_on_from_each_other() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    till.tell((0..4).map(|_| sold(100)));
    let answers = office.round(vec![till.batch(1, 2), till.batch(3, 4)]).await;
    for (answer, settled) in answers.into_iter().zip([2, 4]) {
        let Ok(EdgeReply::Ingested(answer)) = answer else { panic!("{answer:?}") };
        assert_eq!((answer.accepted.len(), answer.settled_seq, answer.expected_seq), (2, settled, None));
    }
    assert_eq!(office.ledger.books().commits, [0, 0, 4], "in one commit");
}

#[tokio::test]
async fn a_payment_counts_once_whatever_event_brings_it() {
    let office = Office::open().await;
    let mut till = office.till(1).await;
    let paid = payment(&sale(500));
    till.tell([paid.clone(), paid.clone(), paid]);
    office.ingest(till.batch(1, 2)).await;
    let answer = office.ingest(till.batch(3, 3)).await;
    assert_eq!(answer.errors[0].code, ErrorCode::EventRefused);
    let books = office.ledger.books();
    assert_eq!((sums(&books).cash, books.letters.len()), (500, 2));
}

/// What two devices of a store tell, with everything that can follow a sale.
fn day(till: &mut Till, prices: &[i64]) {
    for (at, cents) in prices.iter().enumerate() {
        let sale = sale(*cents);
        till.tell([Fact::SaleRecorded(Box::new(sale.clone())), payment(&sale), stock(-2, 0)]);
        match at % 4 {
            1 => till.tell([void(&sale)]),
            2 => till.tell([refund(&sale, cents / 2), refund(&sale, *cents)]),
            _ => {}
        }
    }
}

type Outcome = (SlotSums, Vec<i64>, usize, usize, Vec<EventId>);

fn outcome(books: &Books) -> Outcome {
    let articles = books.articles.values().map(|article| article.total).collect();
    let moved = books.stock.values().map(|stock| stock.1).sum::<i64>();
    let mut inbox = books.inbox.clone();
    inbox.sort_unstable();
    assert_eq!(moved, -2_000 * i64::try_from(books.payments.len() + books.paid.len()).unwrap());
    (sums(books), articles, books.sales.len(), books.letters.len(), inbox)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Pieces of two streams, in any order, repeated, several in one round: the books are the same at the end.
    #[test]
    fn no_way_of_delivering_changes_the_books(
        prices in proptest::collection::vec(1..10_000_i64, 1..12),
        pieces in proptest::collection::vec((0..2_usize, 0..40_usize, 1..20_usize, any::<bool>()), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (wild, plain) = runtime.block_on(async {
            let (office, reference) = (Office::open().await, Office::open().await);
            let mut tills = [office.till(1).await, office.till(2).await];
            tills.iter_mut().for_each(|till| day(till, &prices));
            {
                let edges = office.ledger.books().edges.clone();
                let mut books = reference.ledger.books();
                books.edges = edges;
                books.zones.insert(office.store, "Asia/Ho_Chi_Minh".into());
            }
            let mut waiting = Vec::new();
            for (which, first, size, go) in pieces {
                let till = &tills[which];
                let first = first % till.told.len();
                waiting.push(till.batch(first + 1, (first + size).min(till.told.len())));
                if go {
                    office.round(std::mem::take(&mut waiting)).await;
                }
            }
            waiting.extend(tills.iter().map(Till::all));
            office.round(waiting).await;
            for till in &tills {
                for at in 1..=till.told.len() {
                    reference.ingest(till.batch(at, at)).await;
                }
            }
            (outcome(&office.ledger.books()), outcome(&reference.ledger.books()))
        });
        prop_assert_eq!(wild, plain);
    }
}
