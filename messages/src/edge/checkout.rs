//! Bodies of the checkout interface that tills speak to the store edge, under `/v1`.
//!
//! Every call names its till and cashier in `X-Terminal-Id` and `X-Cashier-Id`; every write carries an
//! `Idempotency-Key`.

use serde::{Deserialize, Serialize};

use super::{Amount, CashierId, Currency, Quantity, ReceiptNumber, TaxRate, TerminalId};
use crate::validate::{Check, Validate};
use crate::{PaymentId, Timestamp, TransactionId};

/// Lines in one basket: the fullest trolley has a hundred.
pub const MAX_LINES: usize = 500;
/// Payments of one basket: vouchers add up, but not without end.
pub const MAX_PAYMENTS: usize = 20;
const MAX_TEXT: usize = 200;

/// One line of a basket, a sale or a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Line {
    /// Its number in the transaction, from 1; never given again when the line is removed.
    pub line: u32,
    pub sku: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// `pcs`, `kg`, `l`.
    pub unit: String,
    pub quantity: Quantity,
    pub unit_price: Amount,
    /// Quantity times price, after quantity prices and before discounts.
    pub gross: Amount,
    /// Taken off, its share of the basket's discount included; positive in a sale.
    pub discount: Amount,
    pub tax_rate: TaxRate,
    /// Without tax.
    pub net: Amount,
    pub tax: Amount,
    /// What the customer pays for it: net and tax.
    pub total: Amount,
}

/// The tax of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaxTotal {
    pub rate: TaxRate,
    pub net: Amount,
    pub tax: Amount,
}

/// Each is the sum of the lines' values of that name; `to_pay` is `total` with `rounding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Totals {
    pub gross: Amount,
    pub discount: Amount,
    pub net: Amount,
    pub tax: Amount,
    pub total: Amount,
    /// What paying in coins added or took off.
    pub rounding: Amount,
    pub to_pay: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    Cash,
    Card,
    Qr,
}

impl PaymentKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Card => "card",
            Self::Qr => "qr",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Shown to the customer and not paid yet.
    Pending,
    Captured,
}

/// A payment of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaymentView {
    pub payment_id: PaymentId,
    pub kind: PaymentKind,
    pub state: PaymentState,
    /// What it settles; negative when it was given back.
    pub amount: Amount,
    /// Cash: what the customer put down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tendered: Option<Amount>,
    /// Cash: what the customer gets back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// QR: the text to show as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr_text: Option<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    Open,
    Finalised,
    Voided,
}

impl TransactionState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finalised => "finalised",
            Self::Voided => "voided",
        }
    }
}

/// A discount on a line or a basket: a share or an amount, not both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// In hundredths of a per cent: 1000 is 10 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Why; printed and reported.
    pub reason: String,
}

/// A transaction as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransactionView {
    pub transaction_id: TransactionId,
    pub state: TransactionState,
    pub terminal_id: TerminalId,
    pub cashier_id: CashierId,
    pub currency: Currency,
    pub opened_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalised_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptNumber>,
    /// The sale that this one gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<TransactionId>,
    pub lines: Vec<Line>,
    pub taxes: Vec<TaxTotal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    pub totals: Totals,
    pub payments: Vec<PaymentView>,
    /// Captured so far.
    pub paid: Amount,
    /// Still to be paid; what paying the rest in coins would come to stands in `due_cash`.
    pub due: Amount,
    pub due_cash: Amount,
}

/// Opens a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenTransaction {}

/// Adds an article, by what was scanned or typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AddLine {
    /// A barcode as scanned, also one from the scales with weight or price inside; or
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// the article's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// One piece unless told; weighed goods need it unless it is in the barcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

/// Changes how many; zero removes the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetQuantity {
    pub quantity: Quantity,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddPayment {
    pub kind: PaymentKind,
    /// Cash: what the customer puts down. Card and QR: what is to be charged; all that is due unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Card: what the card terminal printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Finishes a transaction that is paid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Finalise {}

/// Why a transaction is not to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VoidTransaction {
    pub reason: String,
}

/// Takes goods back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RefundTransaction {
    /// Which lines and how much of each; all that is left of the sale when empty.
    #[serde(default)]
    pub lines: Vec<RefundLine>,
    /// How the money is given back.
    pub kind: PaymentKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RefundLine {
    pub line: u32,
    /// All that is left of the line unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

/// A whole sale in one call, for tills that keep the basket themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WholeSale {
    pub lines: Vec<WholeSaleLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    /// Cash and card only: a QR payment has to be waited for.
    pub payments: Vec<AddPayment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WholeSaleLine {
    #[serde(flatten)]
    pub add: AddLine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
}

/// A receipt: a finished sale or refund, and the text to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptView {
    pub receipt: ReceiptNumber,
    pub store_name: String,
    pub transaction: TransactionView,
}

/// An article as tills show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleView {
    pub sku: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    pub category: String,
    pub unit: String,
    pub price: Amount,
    pub tax_rate: TaxRate,
    /// Sold by weight.
    pub weighed: bool,
    /// Must not be sold, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    pub on_hand: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleList {
    /// By name, at most 100.
    pub items: Vec<ArticleView>,
}

impl Validate for OpenTransaction {
    fn check(&self, _: &mut Check) {}
}

impl Validate for Finalise {
    fn check(&self, _: &mut Check) {}
}

fn check_quantity(check: &mut Check, field: &str, quantity: Quantity, least: Quantity) {
    check.range(field, &quantity, &least, &Quantity::MAX);
}

impl Validate for AddLine {
    fn check(&self, check: &mut Check) {
        check.ensure(
            self.barcode.is_some() != self.sku.is_some(),
            "barcode",
            "give either a barcode or an article number",
        );
        if let Some(barcode) = &self.barcode {
            check.text("barcode", barcode, 48);
        }
        if let Some(sku) = &self.sku {
            check.text("sku", sku, crate::item::Item::MAX_SKU);
        }
        if let Some(quantity) = self.quantity {
            check_quantity(check, "quantity", quantity, Quantity::thousandths(1));
        }
    }
}

impl Validate for SetQuantity {
    fn check(&self, check: &mut Check) {
        check_quantity(check, "quantity", self.quantity, Quantity::ZERO);
    }
}

impl Validate for Discount {
    fn check(&self, check: &mut Check) {
        check.ensure(
            self.share.is_some() != self.amount.is_some(),
            "share",
            "give either a share or an amount",
        );
        if let Some(share) = self.share {
            check.range("share", &share, &1, &10_000);
        }
        if let Some(amount) = self.amount {
            check.range("amount", &amount.minor(), &1, &Amount::MAX_PRICE.minor());
        }
        check.text("reason", &self.reason, MAX_TEXT);
    }
}

impl Validate for AddPayment {
    fn check(&self, check: &mut Check) {
        if let Some(amount) = self.amount {
            check.range("amount", &amount.minor(), &1, &(Amount::MAX_PRICE.minor() * 1_000));
        }
        if let Some(reference) = &self.reference {
            check.text("reference", reference, MAX_TEXT);
        }
    }
}

impl Validate for VoidTransaction {
    fn check(&self, check: &mut Check) {
        check.text("reason", &self.reason, MAX_TEXT);
    }
}

impl Validate for RefundTransaction {
    fn check(&self, check: &mut Check) {
        check.text("reason", &self.reason, MAX_TEXT);
        if let Some(reference) = &self.reference {
            check.text("reference", reference, MAX_TEXT);
        }
        check.ensure(self.lines.len() <= MAX_LINES, "lines", "are too many");
        for (at, line) in self.lines.iter().enumerate() {
            if let Some(quantity) = line.quantity {
                check_quantity(check, &format!("lines.{at}.quantity"), quantity, Quantity::thousandths(1));
            }
        }
    }
}

impl Validate for WholeSale {
    fn check(&self, check: &mut Check) {
        check.range("lines", &self.lines.len(), &1, &MAX_LINES);
        check.range("payments", &self.payments.len(), &1, &MAX_PAYMENTS);
        for (at, line) in self.lines.iter().enumerate() {
            check.nested(&format!("lines.{at}"), |check| {
                line.add.check(check);
                if let Some(discount) = &line.discount {
                    check.nested("discount", |check| discount.check(check));
                }
            });
        }
        for (at, payment) in self.payments.iter().enumerate() {
            check.nested(&format!("payments.{at}"), |check| {
                payment.check(check);
                check.ensure(payment.kind != PaymentKind::Qr, "kind", "must be cash or card in a whole sale");
            });
        }
        if let Some(discount) = &self.discount {
            check.nested("discount", |check| discount.check(check));
        }
    }
}
