//! Payments of a basket, and whether it may be finished. Pure: no I/O.

use messages::edge::Amount;
use messages::edge::checkout::{AddPayment, MAX_PAYMENTS, PaymentKind, PaymentState, PaymentView};
use messages::{ErrorCode, PaymentId, Problem, Timestamp};
use serde::{Deserialize, Serialize};

use super::Terms;
use super::basket::{Basket, Priced};

/// Money that changes hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub id: PaymentId,
    pub kind: PaymentKind,
    pub state: PaymentState,
    /// What it settles.
    pub amount: Amount,
    /// What paying in coins added to the transaction.
    pub rounding: Amount,
    pub tendered: Option<Amount>,
    pub change: Option<Amount>,
    pub reference: Option<String>,
    pub qr_text: Option<String>,
    pub at: Timestamp,
}

impl Payment {
    #[must_use]
    pub fn view(&self) -> PaymentView {
        PaymentView {
            payment_id: self.id,
            kind: self.kind,
            state: self.state,
            amount: self.amount,
            tendered: self.tendered,
            change: self.change,
            reference: self.reference.clone(),
            qr_text: self.qr_text.clone(),
            at: self.at,
        }
    }
}

impl Basket {
    /// Takes a payment. `qr_text` is what the provider made of a QR payment; it stays pending until it is captured.
    pub fn pay(
        &mut self,
        id: PaymentId,
        wish: &AddPayment,
        qr_text: Option<String>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if self.lines.is_empty() {
            return Err(ErrorCode::EmptyBasket.into());
        }
        if self.payments.len() >= MAX_PAYMENTS {
            let detail = format!("a transaction has at most {MAX_PAYMENTS} payments");
            return Err(Problem::new(ErrorCode::LimitReached, detail));
        }
        let priced = self.price(terms);
        if priced.due <= Amount::ZERO {
            return Err(Problem::new(
                ErrorCode::WrongState,
                "nothing is due any more; finish the transaction",
            ));
        }
        let payment = match wish.kind {
            PaymentKind::Cash => cash(id, wish, &priced, now)?,
            PaymentKind::Card | PaymentKind::Qr => {
                let amount = wish.amount.unwrap_or(priced.due);
                if amount > priced.due {
                    let shown = terms.currency.show(priced.due);
                    let detail = format!("only {shown} {} is due; charge no more than that", terms.currency);
                    return Err(Problem::new(ErrorCode::OverPaid, detail));
                }
                let state = match wish.kind {
                    PaymentKind::Qr => PaymentState::Pending,
                    _ => PaymentState::Captured,
                };
                let reference = wish.reference.clone();
                Payment { qr_text, state, reference, ..plain(id, wish.kind, amount, now) }
            }
        };
        self.payments.push(payment);
        Ok(())
    }

    /// The provider says that a pending payment has come through. Told twice it changes nothing.
    pub fn capture(&mut self, id: PaymentId, reference: String) -> Result<(), Problem> {
        let payment = self.payment_mut(id)?;
        payment.state = PaymentState::Captured;
        payment.reference = Some(reference);
        Ok(())
    }

    /// Takes a payment back: the customer wants to pay in another way. The money of a card is the terminal's matter.
    pub fn unpay(&mut self, id: PaymentId) -> Result<Payment, Problem> {
        let payment = self.payment_mut(id)?.clone();
        self.payments.retain(|other| other.id != id);
        Ok(payment)
    }

    fn payment_mut(&mut self, id: PaymentId) -> Result<&mut Payment, Problem> {
        self.payments
            .iter_mut()
            .find(|payment| payment.id == id)
            .ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such payment in this transaction"))
    }

    /// Whether it may be finished: everything paid, nothing on its way.
    pub fn check_finished(&self, terms: &Terms) -> Result<Priced, Problem> {
        if self.lines.is_empty() {
            return Err(ErrorCode::EmptyBasket.into());
        }
        let priced = self.price(terms);
        if priced.paid != priced.promised {
            let detail = "a payment has not come through yet; wait for it, or take it back";
            return Err(Problem::new(ErrorCode::PaymentPending, detail));
        }
        if priced.due > Amount::ZERO {
            let shown = terms.currency.show(priced.due);
            return Err(Problem::new(
                ErrorCode::NotPaid,
                format!("{shown} {} is still to be paid", terms.currency),
            ));
        }
        Ok(priced)
    }
}

/// Coins settle a debt as soon as they reach what coins can make of it; the customer gets the rest back.
fn cash(id: PaymentId, wish: &AddPayment, priced: &Priced, now: Timestamp) -> Result<Payment, Problem> {
    let tendered = wish.amount.unwrap_or(priced.due_cash);
    if tendered < priced.due_cash {
        let amount = tendered.min(priced.due);
        return Ok(Payment {
            tendered: Some(tendered),
            change: Some(Amount::ZERO),
            ..plain(id, PaymentKind::Cash, amount, now)
        });
    }
    Ok(Payment {
        rounding: priced.due_cash - priced.due,
        tendered: Some(tendered),
        change: Some(tendered - priced.due_cash),
        ..plain(id, PaymentKind::Cash, priced.due_cash, now)
    })
}

/// A captured payment without anything that only some kinds have.
#[must_use]
pub const fn plain(id: PaymentId, kind: PaymentKind, amount: Amount, at: Timestamp) -> Payment {
    Payment {
        id,
        kind,
        state: PaymentState::Captured,
        amount,
        rounding: Amount::ZERO,
        tendered: None,
        change: None,
        reference: None,
        qr_text: None,
        at,
    }
}
