//! Finishing a sale: receipt number, sale, lines, payments, stock and the events for head office, in one transaction.

use messages::edge::checkout::{ReceiptView, TransactionState, TransactionView, WholeSale};
use messages::edge::event::{AdjustmentReason, Fact, Payment, Sale};
use messages::edge::{Quantity, ReceiptNumber};
use messages::{PaymentId, Problem, Timestamp, TransactionId};

use super::{Caller, Till, load, sell};
use crate::checkout::Terms;
use crate::checkout::basket::Basket;
use crate::store::repeats::{Answered, Once};
use crate::store::sales::Finished;
use crate::store::{StoreError, Tx};

impl Till {
    /// Finishes a transaction that is paid, and answers with its receipt.
    pub async fn finalise(&self, id: TransactionId, caller: Caller, once: Once) -> Result<Answered, Problem> {
        let (terms, store_name) = (self.terms, self.store_name.clone());
        self.write(once, 200, move |tx, now| {
            let mut basket = load(tx, id)?;
            basket.cashier = caller.cashier;
            let receipt = finish(tx, &basket, &terms, &store_name, now)?;
            tx.remove_basket(id)?;
            Ok(receipt)
        })
        .await
    }

    /// A whole sale in one call.
    pub async fn sell(&self, caller: Caller, once: Once, sale: WholeSale) -> Result<Answered, Problem> {
        let (terms, store_name) = (self.terms, self.store_name.clone());
        self.write(once, 201, move |tx, now| {
            let mut basket = Basket::open(TransactionId::new(), caller.terminal, caller.cashier, now);
            for wish in &sale.lines {
                let line = sell::add(tx, &mut basket, &wish.add)?;
                if wish.discount.is_some() {
                    basket.discount_line(line, wish.discount.clone(), &terms)?;
                }
            }
            basket.discount = sale.discount;
            for wish in &sale.payments {
                basket.pay(PaymentId::new(), wish, None, &terms, now)?;
            }
            finish(tx, &basket, &terms, &store_name, now)
        })
        .await
    }
}

/// Writes a finished basket.
pub fn finish(
    tx: &Tx<'_>,
    basket: &Basket,
    terms: &Terms,
    store_name: &str,
    now: Timestamp,
) -> Result<ReceiptView, StoreError> {
    basket.check_finished(terms)?;
    let receipt = tx.next_receipt()?;
    let mut view = basket.view(terms);
    view.state = TransactionState::Finalised;
    view.finalised_at = Some(now);
    view.receipt = Some(receipt.clone());
    tx.add_finished(&Finished { view: &view, receipt: &receipt, finalised_at: now, reason: None })?;
    let mut facts = vec![Fact::SaleRecorded(Box::new(sale(&view, &receipt, now)))];
    facts.extend(payments(&view));
    let moves: Vec<(String, Quantity)> =
        view.lines.iter().map(|line| (line.sku.clone(), -line.quantity)).collect();
    let adjustment = tx.move_stock(AdjustmentReason::Sale, Some(basket.id), &moves, now)?;
    facts.push(Fact::InventoryAdjusted(adjustment));
    tx.tell(&facts, now)?;
    Ok(ReceiptView { receipt, store_name: store_name.to_owned(), transaction: view })
}

/// The sale as head office is told.
pub(super) fn sale(view: &TransactionView, receipt: &ReceiptNumber, now: Timestamp) -> Sale {
    Sale {
        transaction_id: view.transaction_id,
        receipt: receipt.clone(),
        terminal_id: view.terminal_id.clone(),
        cashier_id: view.cashier_id.clone(),
        currency: view.currency,
        opened_at: view.opened_at,
        finalised_at: now,
        lines: view.lines.clone(),
        taxes: view.taxes.clone(),
        totals: view.totals,
    }
}

/// The payments of a transaction as head office is told.
pub(super) fn payments(view: &TransactionView) -> impl Iterator<Item = Fact> {
    view.payments.iter().map(|payment| {
        Fact::PaymentCaptured(Payment {
            payment_id: payment.payment_id,
            transaction_id: view.transaction_id,
            kind: payment.kind,
            currency: view.currency,
            amount: payment.amount,
            reference: payment.reference.clone(),
            captured_at: payment.at,
        })
    })
}
