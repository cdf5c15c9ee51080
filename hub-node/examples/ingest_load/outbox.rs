//! What a store edge would have in its outbox: sales of one to five articles, each with its payment and its movement of
//! stock, numbered without gaps.

use anyhow::Result;
use messages::edge::checkout::{Line, PaymentKind, TaxTotal, Totals};
use messages::edge::event::{
    Adjustment, AdjustmentReason, EVENT_VERSION, Event, Fact, Movement, Payment, Sale,
};
use messages::edge::ingest::{BATCH_VERSION, EventBatch};
use messages::edge::{Amount, Currency, Quantity, TaxRate};
use messages::{DeviceId, EventId, PaymentId, StreamId, Timestamp, TransactionId};
use serde_json::value::RawValue;

/// A small supermarket's assortment.
const ARTICLES: u64 = 4_000;
const RATE: i64 = 19;

/// One stream of one device.
#[derive(Debug)]
pub(crate) struct Outbox {
    device: DeviceId,
    stream: StreamId,
    seq: u64,
    series: String,
    sales: u64,
    /// Of the sale that was begun, and did not fit into the last batch.
    rest: Vec<Fact>,
}

impl Outbox {
    pub(crate) fn new(device: DeviceId) -> Self {
        let stream = StreamId::new();
        let series = stream.as_uuid().simple().to_string();
        let series = series.get(20..).unwrap_or("BENCH").to_owned();
        Self { device, stream, seq: 0, series, sales: 0, rest: Vec::new() }
    }

    pub(crate) fn batch(&mut self, size: usize) -> Result<EventBatch> {
        let oldest_seq = self.seq + 1;
        let events = (0..size).map(|_| self.event()).collect::<Result<Vec<_>>>()?;
        Ok(EventBatch {
            v: BATCH_VERSION,
            device_id: self.device,
            stream_id: self.stream,
            oldest_seq,
            events,
        })
    }

    /// Begun, and so in a batch: the sale itself is the first of its events.
    pub(crate) const fn sales(&self) -> u64 {
        self.sales
    }

    fn event(&mut self) -> Result<Event> {
        if self.rest.is_empty() {
            self.rest = self.sale()?.into();
            self.rest.reverse();
        }
        let Some(fact) = self.rest.pop() else { anyhow::bail!("a sale has three events") };
        self.seq += 1;
        Ok(Event {
            event_id: EventId::new(),
            seq: self.seq,
            kind: fact.kind().to_owned(),
            version: EVENT_VERSION,
            occurred_at: Timestamp::now(),
            data: RawValue::from_string(fact.to_json()?)?,
        })
    }

    /// In the order in which an edge tells them.
    fn sale(&mut self) -> Result<[Fact; 3]> {
        self.sales += 1;
        let lines: Vec<Line> = (0..=self.sales % 5).map(|line| self.line(line)).collect();
        let sum = |part: fn(&Line) -> Amount| lines.iter().map(part).sum::<Amount>();
        let (net, tax, total) = (sum(|line| line.net), sum(|line| line.tax), sum(|line| line.total));
        let totals = Totals { gross: total, net, tax, total, to_pay: total, ..Totals::default() };
        let (transaction_id, now, currency) = (TransactionId::new(), Timestamp::now(), Currency::EUR);
        let movements = lines.iter().map(|line| Movement {
            sku: line.sku.clone(),
            delta: -line.quantity,
            on_hand: Quantity::pieces(1_000),
        });
        let reason = AdjustmentReason::Sale;
        let moved =
            Adjustment { reason, transaction_id: Some(transaction_id), movements: movements.collect() };
        let payment = Payment {
            payment_id: PaymentId::new(),
            transaction_id,
            kind: PaymentKind::Card,
            currency,
            amount: total,
            reference: Some(format!("card-{}", self.sales)),
            captured_at: now,
        };
        let sale = Sale {
            transaction_id,
            receipt: format!("{}-{}", self.series, self.sales).parse()?,
            terminal_id: format!("till-{}", self.sales % 5 + 1).parse()?,
            cashier_id: "anna".parse()?,
            currency,
            opened_at: now,
            finalised_at: now,
            lines,
            taxes: vec![TaxTotal { rate: TaxRate(1_900), net, tax }],
            totals,
        };
        Ok([
            Fact::SaleRecorded(Box::new(sale)),
            Fact::PaymentCaptured(payment),
            Fact::InventoryAdjusted(moved),
        ])
    }

    /// As in any supermarket, few articles make most of the sales: here a fifth of them two thirds.
    fn pick(&self, number: u64) -> u64 {
        const WHOLE: u64 = 1 << 16;
        let mixed = (self.sales * 8 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let drawn = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 48;
        let square = drawn * drawn / WHOLE;
        ARTICLES * (square * square / WHOLE) / WHOLE
    }

    /// Prices include the tax.
    fn line(&self, number: u64) -> Line {
        let article = self.pick(number);
        let price = i64::try_from(article % 1_900).unwrap_or(0) + 49;
        let tax = price * RATE / (100 + RATE);
        let (total, tax) = (Amount::new(price), Amount::new(tax));
        Line {
            line: u32::try_from(number + 1).unwrap_or(1),
            sku: format!("A{article:05}"),
            name: format!("An article of the assortment, number {article}"),
            barcode: Some(format!("400638{article:07}")),
            unit: "pcs".to_owned(),
            quantity: Quantity::pieces(1),
            unit_price: total,
            gross: total,
            discount: Amount::ZERO,
            tax_rate: TaxRate(1_900),
            net: total - tax,
            tax,
            total,
        }
    }
}
