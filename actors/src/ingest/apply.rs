//! The effects of one event on what is kept. Pure: knowledge in, changes out; an event that is refused changes nothing.

use jiff::tz::TimeZone;
use messages::edge::event::{Adjustment, Fact, Payment, Refund, Sale, Void};
use messages::edge::{Amount, Quantity};
use messages::{ErrorCode, Timestamp, TransactionId};

use super::event::{SetAside, refused};
use super::local;
use super::model::{
    ArticleKey, Changes, Known, Origin, PaymentRecord, RefundOf, SaleMark, SaleRecord, Slot, SlotKey,
    SlotSums, StockMove, VoidRecord,
};

/// What a round works on: what is known, and what is to be changed. Each event sees what those before it have changed.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) known: Known,
    pub(super) changes: Changes,
}

/// Where an event comes from, and when.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) zone: TimeZone,
    pub(super) occurred_at: Timestamp,
}

impl Source {
    fn slot(&self, at: Timestamp) -> Result<Slot, SetAside> {
        local::slot(at, &self.zone).ok_or_else(|| refused(format!("{at} is no day of the store's calendar")))
    }
}

/// Applies an event that makes sense by itself.
pub(super) fn apply(desk: &mut Desk, source: &Source, fact: Fact) -> Result<(), SetAside> {
    match fact {
        Fact::SaleRecorded(sale) => desk.sell(source, *sale, None),
        Fact::RefundRecorded(refund) => desk.give_back(source, *refund),
        Fact::PaymentCaptured(payment) => desk.pay(source, payment),
        Fact::InventoryAdjusted(adjustment) => {
            desk.adjust(source, adjustment);
            Ok(())
        }
        Fact::TransactionVoided(void) => desk.void(source, void),
        Fact::Withheld(_) => Ok(()),
    }
}

impl Desk {
    fn sell(&mut self, source: &Source, sale: Sale, refund: Option<RefundOf>) -> Result<(), SetAside> {
        let slot = source.slot(sale.finalised_at)?;
        let id = sale.transaction_id;
        if !self.known.transactions.insert(id) {
            return Err(refused("a transaction with this identifier was recorded by another event"));
        }
        if !self.known.receipts.insert(sale.receipt.clone()) {
            return Err(refused(format!(
                "another sale has the receipt {}; was the database of the device set back to an older copy",
                sale.receipt
            )));
        }
        let record =
            SaleRecord { origin: source.origin, slot, sale, refund, returned: Amount::ZERO, voided_at: None };
        self.count(&record, 1);
        self.changes.sales.insert(id, record);
        Ok(())
    }

    /// Adds a sale to the sums, or takes it out of them.
    fn count(&mut self, record: &SaleRecord, sign: i64) {
        let (store, currency) = (record.origin.store, record.sale.currency.into());
        let key = SlotKey { store, slot: record.slot, currency };
        self.changes.slots.entry(key).or_default().add_sale(record, sign);
        for line in &record.sale.lines {
            let key = ArticleKey { store, day: record.slot.day, sku: line.sku.clone(), currency };
            let sums = self.changes.added.articles.entry(key).or_default();
            sums.name.clone_from(&line.name);
            sums.unit.clone_from(&line.unit);
            sums.quantity += sign * line.quantity.get();
            sums.net += sign * line.net.minor();
            sums.tax += sign * line.tax.minor();
            sums.total += sign * line.total.minor();
        }
    }

    fn slot_sums(
        &mut self,
        source: &Source,
        slot: Slot,
        currency: messages::edge::Currency,
    ) -> &mut SlotSums {
        let key = SlotKey { store: source.origin.store, slot, currency: currency.into() };
        self.changes.slots.entry(key).or_default()
    }

    /// A sale of this round or an earlier one.
    fn find(&self, id: TransactionId) -> Option<&SaleRecord> {
        self.changes.sales.get(&id).or_else(|| self.known.sales.get(&id))
    }

    fn mark(&mut self, id: TransactionId, mark: SaleMark) {
        let set = |record: &mut SaleRecord| {
            record.returned = mark.returned;
            record.voided_at = mark.voided_at;
        };
        if let Some(record) = self.changes.sales.get_mut(&id) {
            set(record);
        } else if let Some(record) = self.known.sales.get_mut(&id) {
            set(record);
            self.changes.marks.insert(id, mark);
        }
    }

    /// The sale may be of another device and still on its way; when it is there, no more can come back than was sold.
    fn give_back(&mut self, source: &Source, refund: Refund) -> Result<(), SetAside> {
        let Refund { sale, original_transaction_id, reason, .. } = refund;
        if original_transaction_id == sale.transaction_id {
            return Err(refused("a refund cannot give back itself"));
        }
        let mark = match self.find(original_transaction_id) {
            None => None,
            Some(original) if original.refund.is_some() => {
                return Err(refused("what is to be given back is a refund itself"));
            }
            Some(original) if original.voided_at.is_some() => {
                return Err(refused("the sale was voided; its money has been given back already"));
            }
            Some(original) => {
                let returned = original.returned - sale.totals.total;
                if returned > original.sale.totals.total {
                    return Err(refused(format!(
                        "{} of {} would come back of this sale",
                        returned.minor(),
                        original.sale.totals.total.minor()
                    )));
                }
                Some(SaleMark { returned, voided_at: None })
            }
        };
        self.sell(source, sale, Some(RefundOf { transaction: original_transaction_id, reason }))?;
        if let Some(mark) = mark {
            self.mark(original_transaction_id, mark);
        }
        Ok(())
    }

    fn pay(&mut self, source: &Source, payment: Payment) -> Result<(), SetAside> {
        let slot = source.slot(payment.captured_at)?;
        if !self.known.payments.insert(payment.payment_id) {
            return Err(refused("a payment with this identifier was recorded by another event"));
        }
        self.slot_sums(source, slot, payment.currency).add_payment(payment.kind, payment.amount);
        self.changes.payments.push(PaymentRecord { origin: source.origin, slot, payment });
        Ok(())
    }

    fn adjust(&mut self, source: &Source, adjustment: Adjustment) {
        let at = source.occurred_at;
        for movement in adjustment.movements {
            let first = StockMove { before: movement.on_hand - movement.delta, delta: Quantity::ZERO, at };
            let moved = self.changes.added.stock.entry((source.origin.store, movement.sku)).or_insert(first);
            moved.add(StockMove { delta: movement.delta, ..first });
        }
    }

    fn void(&mut self, source: &Source, void: Void) -> Result<(), SetAside> {
        let slot = source.slot(void.voided_at)?;
        if let Some(receipt) = &void.receipt {
            let id = void.transaction_id;
            let Some(sale) = self.find(id) else {
                return Err(refused("the sale that is voided is not here; was it set aside"));
            };
            if sale.sale.receipt != *receipt || sale.origin.store != source.origin.store {
                return Err(refused("the sale of this identifier has another receipt"));
            }
            if sale.voided_at.is_some() {
                return Err(refused("the sale was voided before"));
            }
            if sale.refund.is_some() || sale.returned != Amount::ZERO {
                return Err(refused("it is a refund, or goods of this sale have come back"));
            }
            let sale = sale.clone();
            self.count(&sale, -1);
            self.mark(id, SaleMark { returned: Amount::ZERO, voided_at: Some(void.voided_at) });
        }
        self.slot_sums(source, slot, void.currency).voids += 1;
        self.changes.voids.push(VoidRecord { origin: source.origin, slot, void });
        Ok(())
    }
}

/// Why a `withheld` event is among the dead letters.
pub(super) fn withheld(fact: &Fact) -> Option<SetAside> {
    let Fact::Withheld(withheld) = fact else { return None };
    let kind: String = withheld.kind.chars().take(60).collect();
    let detail: String = withheld.detail.chars().take(1_000).collect();
    let detail = format!("the device keeps this {kind} itself: {detail}");
    Some(SetAside { code: ErrorCode::parse(&withheld.code), detail })
}
