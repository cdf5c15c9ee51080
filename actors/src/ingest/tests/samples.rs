//! Sample events, and a store edge that keeps its numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use messages::edge::checkout::{Line, PaymentKind, TaxTotal, Totals};
use messages::edge::event::{Adjustment, AdjustmentReason, Fact, Movement, Payment, Refund, Sale, Void};
use messages::edge::ingest::IngestAnswer;
use messages::edge::{Amount, Currency, Quantity, TaxRate};
use messages::version::Epoch;
use messages::{
    DeviceId, EdgeId, EventId, PaymentId, Problem, RetailerId, StoreId, StreamId, Timestamp, TransactionId,
    UserId,
};

use super::super::request::{Device, EdgeReply, EdgeRequest, Parcel, Sent};
use super::super::round::{Cursors, Round, Trust, decide, finish};
use super::ledger::FakeLedger;
use crate::domain::SecretHash;
use crate::ports::LedgerStore as _;
use crate::retailer::request::Author;

/// 2026-11-21 17:31 in Vietnam.
pub(super) const NOW: Timestamp = Timestamp(1_795_257_060_000);
pub(super) const EPOCH: Epoch = Epoch(3);

/// No receipt is given twice.
static NEXT: AtomicU64 = AtomicU64::new(1);

pub(super) fn author() -> Author {
    Author { id: UserId::new(), name: "Lan".into() }
}

pub(super) fn sale(cents: i64) -> Sale {
    let amount = Amount::new(cents);
    let line = Line {
        line: 1,
        sku: "MILK".into(),
        name: "Milk".into(),
        barcode: None,
        unit: "pcs".into(),
        quantity: Quantity::pieces(if cents < 0 { -2 } else { 2 }),
        unit_price: Amount::new(cents / 2),
        gross: amount,
        discount: Amount::ZERO,
        tax_rate: TaxRate(0),
        net: amount,
        tax: Amount::ZERO,
        total: amount,
    };
    let totals = Totals { gross: amount, net: amount, total: amount, to_pay: amount, ..Totals::default() };
    Sale {
        transaction_id: TransactionId::new(),
        receipt: format!("SERIES-{}", NEXT.fetch_add(1, Ordering::Relaxed)).parse().unwrap(),
        terminal_id: "till-1".parse().unwrap(),
        cashier_id: "anna".parse().unwrap(),
        currency: Currency::EUR,
        opened_at: NOW,
        finalised_at: NOW,
        lines: vec![line],
        taxes: vec![TaxTotal { rate: TaxRate(0), net: amount, tax: Amount::ZERO }],
        totals,
    }
}

pub(super) fn refund(of: &Sale, cents: i64) -> Fact {
    Fact::RefundRecorded(Box::new(Refund {
        sale: sale(-cents),
        original_transaction_id: of.transaction_id,
        original_receipt: of.receipt.clone(),
        reason: "broken".into(),
    }))
}

pub(super) fn void(of: &Sale) -> Fact {
    Fact::TransactionVoided(Void {
        transaction_id: of.transaction_id,
        receipt: Some(of.receipt.clone()),
        terminal_id: of.terminal_id.clone(),
        cashier_id: of.cashier_id.clone(),
        currency: of.currency,
        total: of.totals.total,
        lines: 1,
        reason: "mistake".into(),
        voided_at: NOW,
    })
}

pub(super) fn payment(of: &Sale) -> Fact {
    Fact::PaymentCaptured(Payment {
        payment_id: PaymentId::new(),
        transaction_id: of.transaction_id,
        kind: PaymentKind::Cash,
        currency: of.currency,
        amount: of.totals.total,
        reference: None,
        captured_at: NOW,
    })
}

pub(super) fn stock(delta: i64, on_hand: i64) -> Fact {
    let movement =
        Movement { sku: "MILK".into(), delta: Quantity::pieces(delta), on_hand: Quantity::pieces(on_hand) };
    Fact::InventoryAdjusted(Adjustment {
        reason: AdjustmentReason::Sale,
        transaction_id: None,
        movements: vec![movement],
    })
}

pub(super) fn event(seq: u64, fact: &Fact) -> Sent {
    Sent {
        event_id: EventId::new(),
        seq,
        kind: fact.kind().into(),
        version: 1,
        occurred_at: NOW,
        data: fact.to_json().unwrap(),
    }
}

/// A device that was enrolled.
#[derive(Clone)]
pub(super) struct Till {
    pub(super) edge: EdgeId,
    pub(super) credential: SecretHash,
    pub(super) device: DeviceId,
    pub(super) stream: StreamId,
    pub(super) store: StoreId,
    pub(super) told: Vec<Sent>,
}

impl Till {
    pub(super) fn tell(&mut self, facts: impl IntoIterator<Item = Fact>) {
        for fact in facts {
            let seq = self.told.len() as u64 + 1;
            self.told.push(event(seq, &fact));
        }
    }

    /// The events from `first` to `last`.
    pub(super) fn batch(&self, first: usize, last: usize) -> EdgeRequest {
        EdgeRequest::Batch(Arc::new(Parcel {
            edge: self.edge,
            credential: self.credential,
            device: self.device,
            stream: self.stream,
            oldest_seq: 1,
            events: self.told[first - 1..last].to_vec(),
        }))
    }

    pub(super) fn all(&self) -> EdgeRequest {
        self.batch(1, self.told.len())
    }
}

pub(super) fn hash(n: u8) -> SecretHash {
    SecretHash([n; 32])
}

pub(super) fn requests_to_enrol(till: &Till, n: u8) -> [EdgeRequest; 2] {
    let expires_at = NOW + Duration::from_secs(60);
    [
        EdgeRequest::Make {
            edge: till.edge,
            store: till.store,
            name: "Till".into(),
            token: hash(n),
            expires_at,
            author: author(),
        },
        EdgeRequest::Enrol {
            edge: till.edge,
            token: hash(n),
            credential: till.credential,
            device: Device { id: till.device, name: "shop".into(), version: "1".into() },
        },
    ]
}

pub(super) fn new_till(store: StoreId, n: u8) -> Till {
    Till {
        edge: EdgeId::new(),
        credential: hash(n),
        device: DeviceId::new(),
        stream: StreamId::new(),
        store,
        told: Vec::new(),
    }
}

/// Rounds without an actor.
pub(super) struct Office {
    pub(super) ledger: FakeLedger,
    pub(super) store: StoreId,
}

impl Office {
    pub(super) async fn open() -> Self {
        let office = Self { ledger: FakeLedger::default(), store: StoreId::new() };
        office.ledger.books().zones.insert(office.store, "Asia/Ho_Chi_Minh".into());
        office.ledger.open(RetailerId::new(), EPOCH).await.unwrap();
        office
    }

    pub(super) async fn round(&self, requests: Vec<EdgeRequest>) -> Vec<Result<EdgeReply, Problem>> {
        let requests = requests.into_iter().map(Arc::new).collect();
        let round = {
            let books = self.ledger.books();
            Round {
                retailer: RetailerId::new(),
                epoch: EPOCH,
                version: books.version,
                edges: Arc::new(books.edges.clone()),
                feed: books.feed.clone(),
                followers: Arc::new(books.followers.clone()),
                cursors: Cursors::new(),
                before: None,
                trust: Trust::Numbers,
                requests,
                now: NOW,
            }
        };
        let decided = decide(&self.ledger, round.clone()).await;
        let done = finish(&self.ledger, round, decided).await.unwrap();
        // As the actor does, sooner or later.
        self.ledger.books().fold_all();
        done.answers
    }

    pub(super) async fn ask(&self, request: EdgeRequest) -> Result<EdgeReply, Problem> {
        self.round(vec![request]).await.remove(0)
    }

    pub(super) async fn ingest(&self, request: EdgeRequest) -> IngestAnswer {
        match self.ask(request).await.unwrap() {
            EdgeReply::Ingested(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn till(&self, n: u8) -> Till {
        let till = new_till(self.store, n);
        for request in requests_to_enrol(&till, n) {
            self.ask(request).await.unwrap();
        }
        till
    }
}
