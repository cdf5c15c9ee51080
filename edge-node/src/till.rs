//! What tills do: the decisions of [`crate::checkout`], written by [`crate::store`]. Each call is one piece of work for
//! the writer, from reading the basket to the event for head office, so that it happens wholly or not at all.
//!
//! Nothing here waits for the network: a sale never does.

pub mod finish;
pub mod qr;
pub mod sell;
pub mod take_back;

use std::sync::Arc;

use messages::edge::checkout::{ReceiptView, TransactionView};
use messages::edge::{CashierId, ReceiptNumber, TerminalId};
use messages::{ErrorCode, EventId, Problem, Timestamp, TransactionId};
use serde::Serialize;

use crate::checkout::Terms;
use crate::checkout::basket::Basket;
use crate::store::repeats::{Answered, Once};
use crate::store::{Store, StoreError, Tx};
use qr::QrProvider;

/// Who stands where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub terminal: TerminalId,
    pub cashier: CashierId,
}

/// Where tills' calls are carried out. Cheap to clone.
#[derive(Clone)]
pub struct Till {
    pub store: Store,
    pub terms: Terms,
    pub store_name: Arc<str>,
    pub qr: Arc<dyn QrProvider>,
}

impl Till {
    /// Carries out a write once, however often it is asked for, and answers with its body.
    async fn write<T, F>(&self, once: Once, status: u16, work: F) -> Result<Answered, Problem>
    where
        T: Serialize,
        F: FnOnce(&Tx<'_>, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let now = Timestamp::now();
        self.store
            .write(move |tx| {
                tx.once(&once, now, || {
                    let body = serde_json::to_string(&work(tx, now)?)?;
                    Ok(Answered { status, body })
                })
            })
            .await
    }

    /// Sends a parked event once more, or forgets it.
    pub async fn decide_parked(&self, once: Once, event: EventId, retry: bool) -> Result<Answered, Problem> {
        self.write(once, 200, move |tx, _| {
            if retry {
                tx.retry_parked(event)?
            } else {
                tx.discard_parked(event)?
            }
            Ok(serde_json::json!({}))
        })
        .await
    }

    /// A transaction in whatever state it is.
    pub async fn show(&self, id: TransactionId) -> Result<TransactionView, Problem> {
        let terms = self.terms;
        let found = self
            .store
            .read(move |store| {
                // In this order: a basket that is finished meanwhile is then found as finished.
                if let Some(basket) = store.basket(id)? {
                    return Ok(Some(basket.view(&terms)));
                }
                store.finished(id)
            })
            .await?;
        found.ok_or_else(no_such)
    }

    /// Open transactions, the latest first.
    pub async fn open_transactions(
        &self,
        terminal: Option<TerminalId>,
    ) -> Result<Vec<TransactionView>, Problem> {
        let terms = self.terms;
        let baskets = self.store.read(move |store| store.open_baskets(terminal.as_ref(), 100)).await?;
        Ok(baskets.iter().map(|basket| basket.view(&terms)).collect())
    }

    /// The receipt of a finished transaction.
    pub async fn receipt(&self, id: TransactionId) -> Result<ReceiptView, Problem> {
        let view = self.show(id).await?;
        self.receipt_of(view)
    }

    pub async fn receipt_by_number(&self, number: ReceiptNumber) -> Result<ReceiptView, Problem> {
        let view = self.store.read(move |store| store.by_receipt(&number)).await?;
        let missing = "there is no such receipt in this store; was the sale made elsewhere?";
        self.receipt_of(view.ok_or_else(|| Problem::new(ErrorCode::NotFound, missing))?)
    }

    fn receipt_of(&self, transaction: TransactionView) -> Result<ReceiptView, Problem> {
        let Some(receipt) = transaction.receipt.clone() else {
            let detail = "the transaction is still open; finish it to get its receipt";
            return Err(Problem::new(ErrorCode::WrongState, detail));
        };
        Ok(ReceiptView { receipt, store_name: self.store_name.to_string(), transaction })
    }
}

fn no_such() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is no such transaction")
}

/// The basket of an open transaction.
fn load(tx: &Tx<'_>, id: TransactionId) -> Result<Basket, StoreError> {
    if let Some(basket) = tx.basket(id)? {
        return Ok(basket);
    }
    match tx.finished(id)? {
        Some(view) => {
            let detail = format!("the transaction is {} already", view.state.as_str());
            Err(Problem::new(ErrorCode::WrongState, detail).into())
        }
        None => Err(no_such().into()),
    }
}
