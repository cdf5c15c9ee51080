//! What is not to count, and what comes back: voids and refunds.

use messages::edge::checkout::{
    PaymentKind, PaymentState, PaymentView, ReceiptView, RefundTransaction, TransactionState, TransactionView,
};
use messages::edge::event::{AdjustmentReason, Fact, Payment, Refund, Void};
use messages::edge::{Amount, Currency, Quantity};
use messages::{ErrorCode, PaymentId, Problem, Timestamp, TransactionId};

use super::{Caller, Till, finish, no_such};
use crate::checkout::basket::{Basket, totals};
use crate::checkout::{Terms, refund};
use crate::store::repeats::{Answered, Once};
use crate::store::sales::Finished;
use crate::store::{StoreError, Tx};

impl Till {
    /// An open transaction is given up; a finished sale is undone, as long as nothing of it has come back.
    pub async fn void(
        &self,
        id: TransactionId,
        caller: Caller,
        once: Once,
        reason: String,
    ) -> Result<Answered, Problem> {
        let terms = self.terms;
        self.write(once, 200, move |tx, now| {
            if let Some(basket) = tx.basket(id)? {
                return void_open(tx, &basket, &caller, &terms, reason, now);
            }
            let sale = tx.finished(id)?.ok_or_else(no_such)?;
            void_finished(tx, sale, &caller, reason, now)
        })
        .await
    }

    /// Takes goods of a sale back and gives the money back. A transaction of its own, with a receipt of its own.
    pub async fn refund(
        &self,
        id: TransactionId,
        caller: Caller,
        once: Once,
        wish: RefundTransaction,
    ) -> Result<Answered, Problem> {
        let (terms, store_name) = (self.terms, self.store_name.clone());
        self.write(once, 201, move |tx, now| {
            let sale = tx.finished(id)?.ok_or_else(|| {
                let detail =
                    "there is no such sale in this store; where the goods were bought they can be given back";
                Problem::new(ErrorCode::NotFound, detail)
            })?;
            let view = give_back(tx, &sale, &caller, &terms, &wish, now)?;
            let receipt = view.receipt.clone().ok_or_else(no_such)?;
            Ok(ReceiptView { receipt, store_name: store_name.to_string(), transaction: view })
        })
        .await
    }
}

fn void_open(
    tx: &Tx<'_>,
    basket: &Basket,
    caller: &Caller,
    terms: &Terms,
    reason: String,
    now: Timestamp,
) -> Result<TransactionView, StoreError> {
    if basket.payments.iter().any(|payment| payment.state == PaymentState::Captured) {
        let detail = "money was taken for this transaction; give it back and take the payments out first";
        return Err(Problem::new(ErrorCode::WrongState, detail).into());
    }
    let mut view = basket.view(terms);
    view.state = TransactionState::Voided;
    tx.remove_basket(basket.id)?;
    tx.tell(&[Fact::TransactionVoided(void(&view, caller, reason, now))], now)?;
    Ok(view)
}

fn void_finished(
    tx: &Tx<'_>,
    mut sale: TransactionView,
    caller: &Caller,
    reason: String,
    now: Timestamp,
) -> Result<TransactionView, StoreError> {
    let wrong = |detail: &str| Err(Problem::new(ErrorCode::WrongState, detail).into());
    if sale.state == TransactionState::Voided {
        return wrong("the transaction is voided already");
    }
    if sale.refund_of.is_some() {
        return wrong("a refund cannot be voided; sell the goods again instead");
    }
    if tx.sold(&sale)?.1 > 0 {
        return wrong("goods of this sale have come back already; refund the rest instead");
    }
    tx.mark_voided(sale.transaction_id, &reason)?;
    let mut facts = vec![Fact::TransactionVoided(void(&sale, caller, reason, now))];
    let returned: Vec<PaymentView> = sale
        .payments
        .iter()
        .map(|payment| money_back(payment.kind, -payment.amount, payment.reference.clone(), now))
        .collect();
    for payment in &returned {
        tx.add_payment(sale.transaction_id, payment)?;
        facts.push(paid_back(&sale, payment));
    }
    let moves: Vec<(String, Quantity)> =
        sale.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
    let adjustment = tx.move_stock(AdjustmentReason::Void, Some(sale.transaction_id), &moves, now)?;
    facts.push(Fact::InventoryAdjusted(adjustment));
    tx.tell(&facts, now)?;
    sale.state = TransactionState::Voided;
    sale.payments.extend(returned);
    sale.paid = sale.payments.iter().map(|payment| payment.amount).sum();
    Ok(sale)
}

fn void(view: &TransactionView, caller: &Caller, reason: String, now: Timestamp) -> Void {
    Void {
        transaction_id: view.transaction_id,
        receipt: view.receipt.clone(),
        terminal_id: caller.terminal.clone(),
        cashier_id: caller.cashier.clone(),
        currency: view.currency,
        total: view.totals.total,
        lines: u32::try_from(view.lines.len()).unwrap_or(u32::MAX),
        reason,
        voided_at: now,
    }
}

fn give_back(
    tx: &Tx<'_>,
    sale: &TransactionView,
    caller: &Caller,
    terms: &Terms,
    wish: &RefundTransaction,
    now: Timestamp,
) -> Result<TransactionView, StoreError> {
    let refused = |detail: &str| Err(Problem::new(ErrorCode::NotRefundable, detail).into());
    let Some(original_receipt) = sale.receipt.clone().filter(|_| sale.state == TransactionState::Finalised)
    else {
        return refused("the sale was voided; its money has been given back already");
    };
    if sale.refund_of.is_some() {
        return refused("this is a refund itself; name the sale");
    }
    if wish.kind == PaymentKind::Qr {
        return refused("money cannot be given back by QR here; choose cash or card");
    }
    let lines = refund::lines(&tx.sold(sale)?.0, &wish.lines)?;
    let mut view = refund_view(sale, caller, terms, lines, wish.kind, now);
    let receipt = tx.next_receipt()?;
    view.receipt = Some(receipt.clone());
    let payment = money_back(wish.kind, view.totals.to_pay, wish.reference.clone(), now);
    view.paid = payment.amount;
    view.payments = vec![payment];
    let finished = Finished { view: &view, receipt: &receipt, finalised_at: now, reason: Some(&wish.reason) };
    tx.add_finished(&finished)?;
    let mut facts = vec![Fact::RefundRecorded(Box::new(Refund {
        sale: finish::sale(&view, &receipt, now),
        original_transaction_id: sale.transaction_id,
        original_receipt,
        reason: wish.reason.clone(),
    }))];
    facts.extend(finish::payments(&view));
    let moves: Vec<(String, Quantity)> =
        view.lines.iter().map(|line| (line.sku.clone(), -line.quantity)).collect();
    let adjustment = tx.move_stock(AdjustmentReason::Refund, Some(view.transaction_id), &moves, now)?;
    facts.push(Fact::InventoryAdjusted(adjustment));
    tx.tell(&facts, now)?;
    Ok(view)
}

fn refund_view(
    sale: &TransactionView,
    caller: &Caller,
    terms: &Terms,
    lines: Vec<messages::edge::checkout::Line>,
    kind: PaymentKind,
    now: Timestamp,
) -> TransactionView {
    let exact = totals(&lines, Amount::ZERO).total;
    let rounding = match kind {
        PaymentKind::Cash => terms.cash.round(exact) - exact,
        PaymentKind::Card | PaymentKind::Qr => Amount::ZERO,
    };
    TransactionView {
        transaction_id: TransactionId::new(),
        state: TransactionState::Finalised,
        terminal_id: caller.terminal.clone(),
        cashier_id: caller.cashier.clone(),
        currency: sale.currency,
        opened_at: now,
        finalised_at: Some(now),
        receipt: None,
        refund_of: Some(sale.transaction_id),
        taxes: refund::taxes(&lines),
        discount: None,
        totals: totals(&lines, rounding),
        lines,
        payments: Vec::new(),
        paid: Amount::ZERO,
        due: Amount::ZERO,
        due_cash: Amount::ZERO,
    }
}

fn money_back(kind: PaymentKind, amount: Amount, reference: Option<String>, at: Timestamp) -> PaymentView {
    PaymentView {
        payment_id: PaymentId::new(),
        kind,
        state: PaymentState::Captured,
        amount,
        tendered: None,
        change: None,
        reference,
        qr_text: None,
        at,
    }
}

fn paid_back(sale: &TransactionView, payment: &PaymentView) -> Fact {
    let currency: Currency = sale.currency;
    Fact::PaymentCaptured(Payment {
        payment_id: payment.payment_id,
        transaction_id: sale.transaction_id,
        kind: payment.kind,
        currency,
        amount: payment.amount,
        reference: payment.reference.clone(),
        captured_at: payment.at,
    })
}
