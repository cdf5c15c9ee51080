//! One simulated till: rings customers up over the same interface that real tills use, and never gives up on a call: after
//! a fault it asks again with the same key, as a till must.

use std::time::Duration;

use actors::backoff::Backoff;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::Full;
use messages::edge::Amount;
use messages::edge::checkout::{
    AddLine, AddPayment, Discount, PaymentKind, ReceiptView, RefundLine, RefundTransaction, TransactionView,
    VoidTransaction, WholeSale, WholeSaleLine,
};
use messages::{MsgId, Problem, Secret};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::shopper::{Fate, Trip};
use crate::line::HttpLine;

/// An edge that is being restarted is back within this.
const PATIENCE: Duration = Duration::from_secs(120);

/// A receipt as the till was given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub receipt: String,
    pub to_pay: Amount,
}

/// Why a till stopped.
#[derive(Debug, thiserror::Error)]
pub enum TillError {
    #[error("{what} was refused: {problem}")]
    Refused { what: String, problem: Box<Problem> },
    #[error("{what}: no answer within two minutes: {why}")]
    NoAnswer { what: String, why: String },
    #[error("{what}: the answer cannot be read: {why}")]
    Unreadable { what: String, why: String },
}

pub struct SimulatedTill {
    pub line: HttpLine,
    pub terminal: String,
    pub cashier: String,
    pub token: Option<Secret>,
}

impl SimulatedTill {
    /// Serves one customer; each receipt that was given out goes to `given`.
    pub async fn serve(&self, trip: &Trip, given: &mut Vec<Given>) -> Result<(), TillError> {
        if trip.picks.is_empty() {
            return Ok(());
        }
        let sale = if trip.at_once { self.at_once(trip).await? } else { self.step_by_step(trip).await? };
        let Some(sale) = sale else { return Ok(()) };
        given.push(kept(&sale));
        let id = sale.transaction.transaction_id;
        match trip.fate {
            Fate::Sold | Fate::GivenUp => {}
            Fate::Voided => {
                let reason = VoidTransaction { reason: "wrong customer".to_owned() };
                self.write::<TransactionView>(&format!("/v1/transactions/{id}/void"), &reason).await?;
            }
            Fate::Refunded => {
                let line = sale.transaction.lines.first().map_or(1, |line| line.line);
                let wish = RefundTransaction {
                    lines: vec![RefundLine { line, quantity: None }],
                    kind: trip.payment,
                    reference: None,
                    reason: "damaged".to_owned(),
                };
                let refund: ReceiptView = self.write(&format!("/v1/transactions/{id}/refund"), &wish).await?;
                given.push(kept(&refund));
            }
        }
        Ok(())
    }

    /// The till keeps the basket. It does not know the total, so it pays by card what is due, or with a big note.
    async fn at_once(&self, trip: &Trip) -> Result<Option<ReceiptView>, TillError> {
        let lines = trip
            .picks
            .iter()
            .map(|pick| WholeSaleLine {
                add: AddLine { barcode: Some(pick.barcode.clone()), sku: None, quantity: pick.quantity },
                discount: None,
            })
            .collect();
        let sale = WholeSale { lines, discount: discount(trip), payments: vec![payment(trip.payment, None)] };
        self.write("/v1/sales", &sale).await.map(Some)
    }

    async fn step_by_step(&self, trip: &Trip) -> Result<Option<ReceiptView>, TillError> {
        let opened: TransactionView = self.write("/v1/transactions", &json!({})).await?;
        let path = format!("/v1/transactions/{}", opened.transaction_id);
        let mut view = opened;
        for pick in &trip.picks {
            let wish = AddLine { barcode: Some(pick.barcode.clone()), sku: None, quantity: pick.quantity };
            view = self.write(&format!("{path}/lines"), &wish).await?;
        }
        if trip.changes_mind && view.lines.len() > 1 {
            let line = view.lines[0].line;
            view = self.call(Method::DELETE, &format!("{path}/lines/{line}"), &()).await?;
        }
        if let Some(off) = discount(trip) {
            view = self.call(Method::PUT, &format!("{path}/discount"), &off).await?;
        }
        if trip.fate == Fate::GivenUp {
            let reason = VoidTransaction { reason: "no wallet".to_owned() };
            self.write::<TransactionView>(&format!("{path}/void"), &reason).await?;
            return Ok(None);
        }
        if view.due > Amount::ZERO {
            // The customer rounds up to the next ten and gets change.
            let note = Amount::new((view.due_cash.minor() / 1_000 + 1) * 1_000);
            let tendered = (trip.payment == PaymentKind::Cash).then_some(note);
            self.write::<TransactionView>(&format!("{path}/payments"), &payment(trip.payment, tendered))
                .await?;
        }
        self.write(&format!("{path}/finalise"), &json!({})).await.map(Some)
    }

    async fn write<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, TillError> {
        self.call(Method::POST, path, body).await
    }

    /// Calls until there is an answer that is final.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, TillError> {
        let what = format!("{method} {path}");
        let unreadable = |why: String| TillError::Unreadable { what: what.clone(), why };
        let body = match method {
            Method::GET | Method::DELETE => Bytes::new(),
            _ => serde_json::to_vec(body).map_err(|error| unreadable(error.to_string()))?.into(),
        };
        let key = MsgId::new().to_string();
        let began = Instant::now();
        let mut waits = Backoff::new(Duration::from_millis(20), Duration::from_secs(1), 0.5);
        loop {
            let request =
                self.request(&method, path, &key, &body).map_err(|error| unreadable(error.to_string()))?;
            let why = match self.line.send(request).await {
                Ok(answer) if answer.status.is_success() => {
                    return serde_json::from_slice(&answer.body)
                        .map_err(|error| unreadable(error.to_string()));
                }
                Ok(answer) => match answer.problem() {
                    Ok(problem) if !problem.retry => {
                        return Err(TillError::Refused { what, problem: Box::new(problem) });
                    }
                    Ok(problem) => problem.detail,
                    Err(status) => status.to_string(),
                },
                Err(fault) => fault.detail,
            };
            if began.elapsed() > PATIENCE {
                return Err(TillError::NoAnswer { what, why });
            }
            sleep(waits.next_wait()).await;
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        key: &str,
        body: &Bytes,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-terminal-id", &self.terminal)
            .header("x-cashier-id", &self.cashier)
            .header("idempotency-key", key);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.body(Full::new(body.clone()))
    }
}

fn kept(receipt: &ReceiptView) -> Given {
    Given { receipt: receipt.receipt.to_string(), to_pay: receipt.transaction.totals.to_pay }
}

fn discount(trip: &Trip) -> Option<Discount> {
    trip.discount.map(|share| Discount {
        share: Some(share),
        amount: None,
        reason: "loyalty card".to_owned(),
    })
}

fn payment(kind: PaymentKind, amount: Option<Amount>) -> AddPayment {
    let reference = (kind == PaymentKind::Card).then(|| "simulated".to_owned());
    AddPayment { kind, amount, reference }
}
