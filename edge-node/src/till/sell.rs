//! From the first article to the last coin: everything before a transaction is finished.

use messages::edge::checkout::{AddLine, AddPayment, Discount, PaymentKind, PaymentState, TransactionView};
use messages::edge::{Amount, Quantity};
use messages::{ErrorCode, PaymentId, Problem, Timestamp, TransactionId};

use super::{Caller, Till, load};
use crate::checkout::barcode::{self, Scan};
use crate::checkout::basket::Basket;
use crate::checkout::price;
use crate::store::articles::Key;
use crate::store::repeats::{Answered, Once};
use crate::store::{StoreError, Tx};

impl Till {
    pub async fn open(&self, caller: Caller, once: Once) -> Result<Answered, Problem> {
        let terms = self.terms;
        self.write(once, 201, move |tx, now| {
            let basket = Basket::open(TransactionId::new(), caller.terminal, caller.cashier, now);
            tx.add_basket(&basket, now)?;
            Ok(basket.view(&terms))
        })
        .await
    }

    /// Changes an open transaction and answers with how it stands then.
    async fn change<F>(
        &self,
        id: TransactionId,
        caller: Caller,
        once: Once,
        change: F,
    ) -> Result<Answered, Problem>
    where
        F: FnOnce(&Tx<'_>, &mut Basket, Timestamp) -> Result<(), StoreError> + Send + 'static,
    {
        let terms = self.terms;
        self.write(once, 200, move |tx, now| -> Result<TransactionView, StoreError> {
            let mut basket = load(tx, id)?;
            change(tx, &mut basket, now)?;
            // Who touched it last answers for it; the till stays the one it was opened at.
            basket.cashier = caller.cashier;
            tx.put_basket(&basket, now)?;
            Ok(basket.view(&terms))
        })
        .await
    }

    pub async fn add_line(
        &self,
        id: TransactionId,
        caller: Caller,
        once: Once,
        wish: AddLine,
    ) -> Result<Answered, Problem> {
        self.change(id, caller, once, move |tx, basket, _| add(tx, basket, &wish).map(|_| ())).await
    }

    pub async fn set_quantity(
        &self,
        id: TransactionId,
        line: u32,
        caller: Caller,
        once: Once,
        quantity: Quantity,
    ) -> Result<Answered, Problem> {
        let terms = self.terms;
        self.change(id, caller, once, move |_, basket, _| Ok(basket.set_quantity(line, quantity, &terms)?))
            .await
    }

    /// Puts a discount on a line or, without one, on the whole basket; nothing takes it off.
    pub async fn discount(
        &self,
        id: TransactionId,
        line: Option<u32>,
        caller: Caller,
        once: Once,
        off: Option<Discount>,
    ) -> Result<Answered, Problem> {
        let terms = self.terms;
        self.change(id, caller, once, move |_, basket, _| {
            match line {
                Some(line) => basket.discount_line(line, off, &terms)?,
                None => basket.discount_all(off, &terms)?,
            }
            Ok(())
        })
        .await
    }

    pub async fn pay(
        &self,
        id: TransactionId,
        caller: Caller,
        once: Once,
        wish: AddPayment,
    ) -> Result<Answered, Problem> {
        let (terms, qr) = (self.terms, self.qr.clone());
        self.change(id, caller, once, move |_, basket, now| {
            let payment = PaymentId::new();
            let code = (wish.kind == PaymentKind::Qr).then(|| {
                let amount = wish.amount.unwrap_or(basket.price(&terms).due);
                qr.code(payment, amount, terms.currency)
            });
            Ok(basket.pay(payment, &wish, code, &terms, now)?)
        })
        .await
    }

    /// Asks the provider whether a pending payment has come through.
    pub async fn check_payment(
        &self,
        id: TransactionId,
        payment: PaymentId,
        caller: Caller,
        once: Once,
    ) -> Result<Answered, Problem> {
        let qr = self.qr.clone();
        self.change(id, caller, once, move |_, basket, now| {
            let Some(known) = basket.payments.iter().find(|known| known.id == payment) else {
                return Err(Problem::new(
                    ErrorCode::NotFound,
                    "there is no such payment in this transaction",
                )
                .into());
            };
            match (known.state, qr.captured(known, now)) {
                (PaymentState::Captured, _) => Ok(()),
                (PaymentState::Pending, Some(reference)) => Ok(basket.capture(payment, reference)?),
                (PaymentState::Pending, None) => {
                    let detail = "the customer has not paid yet; ask again in a moment, with a new key";
                    Err(Problem::new(ErrorCode::PaymentPending, detail).with_retry_after(1).into())
                }
            }
        })
        .await
    }

    pub async fn unpay(
        &self,
        id: TransactionId,
        payment: PaymentId,
        caller: Caller,
        once: Once,
    ) -> Result<Answered, Problem> {
        self.change(id, caller, once, move |_, basket, _| Ok(basket.unpay(payment).map(|_| ())?)).await
    }
}

/// Finds what was scanned and puts it into the basket.
pub(super) fn add(tx: &Tx<'_>, basket: &mut Basket, wish: &AddLine) -> Result<u32, StoreError> {
    let (key, scanned): (Key, Scanned) = match (&wish.barcode, &wish.sku) {
        (Some(text), _) => match barcode::read(text)? {
            Scan::Article(number) => (Key::Barcode(number), Scanned::Nothing),
            Scan::Plu(plu) => (Key::Plu(plu), Scanned::Nothing),
            Scan::Weighed { plu, weight } => (Key::Plu(plu), Scanned::Weight(weight)),
            Scan::Priced { plu, price } => (Key::Plu(plu), Scanned::Price(price)),
        },
        (None, Some(sku)) => (Key::Sku(sku.clone()), Scanned::Nothing),
        (None, None) => return Err(ErrorCode::InvalidField.into()),
    };
    let Some(article) = tx.article(&key)? else {
        let what = wish.barcode.as_deref().or(wish.sku.as_deref()).unwrap_or_default();
        let detail = format!("no article has the number {what}; type its name, or set it aside");
        return Err(Problem::new(ErrorCode::UnknownBarcode, detail).into());
    };
    let (quantity, labelled) = match scanned {
        Scanned::Nothing => (wish.quantity, None),
        Scanned::Weight(weight) => (Some(weight), None),
        Scanned::Price(price) => (Some(price::quantity_for(price, article.price)), Some(price)),
    };
    Ok(basket.add(article, quantity, labelled)?)
}

/// What a label says besides the article.
enum Scanned {
    Nothing,
    Weight(Quantity),
    Price(Amount),
}
