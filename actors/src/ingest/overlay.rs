//! What is known of the store, seen as if the round that is being written were written already. Pure.
//!
//! A round that is decided on meanwhile has looked into a store that had that round or had not: laid over what it found,
//! both come to the same. Only what batches of events ask for is laid over; other requests wait for their turn.

use super::model::{Changes, Known, Wanted};

/// Lays the changes over what was found of what was wanted.
pub(super) fn lay(changes: &Changes, wanted: &Wanted, known: &mut Known) {
    known.events.extend(changes.settled.iter().map(|it| it.event).filter(|id| wanted.events.contains(id)));
    // No index keeps receipts apart, and each sale's is asked for.
    let receipts = changes.sales.values().map(|record| &record.sale.receipt);
    known.receipts.extend(receipts.filter(|receipt| wanted.receipts.contains(receipt)).cloned());
    let transactions = changes.sales.keys().filter(|id| wanted.transactions.contains(id));
    known.transactions.extend(transactions);
    let payments = changes.payments.iter().map(|it| (it.payment.transaction_id, it.payment.payment_id));
    known.payments.extend(payments.filter(|of| wanted.payments.contains(of)).map(|(_, payment)| payment));
    for id in &wanted.sales {
        if let Some(record) = changes.sales.get(id) {
            known.sales.insert(*id, record.clone());
        }
        if let (Some(mark), Some(record)) = (changes.marks.get(id), known.sales.get_mut(id)) {
            (record.returned, record.voided_at) = (mark.returned, mark.voided_at);
        }
    }
    let orders = changes.orders.iter().filter(|(id, _)| wanted.orders.contains(id));
    known.orders.extend(orders.map(|(id, order)| (*id, order.clone())));
}
