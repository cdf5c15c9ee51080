//! Payments by a code that the customer scans. Providers of the real world are asked over the network by tasks of
//! their own; what stands here answers at once.

use std::time::Duration;

use messages::edge::{Amount, Currency};
use messages::{PaymentId, Timestamp};

use crate::checkout::pay::Payment;

/// Makes codes and knows whether they were paid. Must not wait: it is asked in the middle of a write.
pub trait QrProvider: Send + Sync {
    /// The text to show as a code.
    fn code(&self, payment: PaymentId, amount: Amount, currency: Currency) -> String;

    /// The provider's reference, once the customer has paid.
    fn captured(&self, payment: &Payment, now: Timestamp) -> Option<String>;
}

/// A provider for demonstrations: every code is paid after a while.
#[derive(Debug, Clone, Copy)]
pub struct FakeQr {
    pub paid_after: Duration,
}

impl QrProvider for FakeQr {
    fn code(&self, payment: PaymentId, amount: Amount, currency: Currency) -> String {
        format!("fakepay://pay/{payment}?amount={}&currency={currency}", amount.minor())
    }

    fn captured(&self, payment: &Payment, now: Timestamp) -> Option<String> {
        (now.since(payment.at) >= self.paid_after).then(|| format!("fake-{}", payment.id))
    }
}
