//! Sales with their lines, payments, and voids. Amounts in the smallest unit, quantities in thousandths. What a document does
//! not have is left out of it: a server's time for a document grows with its fields.

use actors::ingest::model::{Origin, PaymentRecord, RefundOf, SaleRecord, Slot, VoidRecord};
use bson::{Binary, DateTime, doc};
use messages::edge::checkout::{Line, TaxTotal, Totals};
use messages::edge::event::Sale;
use messages::edge::{Amount, Currency, Quantity, TaxRate};
use messages::http::reports::{Day, SaleView};
use messages::{EdgeId, EventId, PaymentId, RetailerId, StoreId, TransactionId};
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use super::super::documents::value::{StoredId, Unreadable, date, small, time};
use super::super::documents::{Stored, TenantDocument, check_shape, index};
use super::{key, read_key};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SaleDoc {
    /// Retailer and transaction.
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    sv: i32,
    #[serde(flatten)]
    origin: OriginDoc,
    receipt: String,
    terminal: String,
    cashier: String,
    currency: String,
    opened_at: DateTime,
    pub(super) finalised_at: DateTime,
    lines: Vec<LineDoc>,
    taxes: Vec<TaxDoc>,
    totals: TotalsDoc,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_of: Option<bson::Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_reason: Option<String>,
    /// What has come back of it.
    returned: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided_at: Option<DateTime>,
    /// What came together with it. Others are documents of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    payments: Vec<PaidDoc>,
}

/// Where and when, by the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct OriginDoc {
    store_id: bson::Uuid,
    edge_id: bson::Uuid,
    event_id: bson::Uuid,
    day: i64,
    hour: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LineDoc {
    line: i64,
    sku: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    barcode: Option<String>,
    unit: String,
    quantity: i64,
    unit_price: i64,
    gross: i64,
    discount: i64,
    tax_rate: i64,
    net: i64,
    tax: i64,
    total: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct TaxDoc {
    rate: i64,
    net: i64,
    tax: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct TotalsDoc {
    gross: i64,
    discount: i64,
    net: i64,
    tax: i64,
    total: i64,
    rounding: i64,
    to_pay: i64,
}

impl Stored for SaleDoc {
    const COLLECTION: &'static str = "sales";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("of_store", doc! { "retailer_id": 1, "store_id": 1, "finalised_at": -1, "_id": -1 }),
            index("latest", doc! { "retailer_id": 1, "finalised_at": -1, "_id": -1 }),
            index("by_receipt", doc! { "retailer_id": 1, "receipt": 1 }),
        ]
    }
}

impl TenantDocument for SaleDoc {}

/// A sale of which it is only asked whether it is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SaleKeyDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
}

impl Stored for SaleKeyDoc {
    const COLLECTION: &'static str = SaleDoc::COLLECTION;
    const SHAPE: i32 = SaleDoc::SHAPE;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl TenantDocument for SaleKeyDoc {}

/// A sale of which it is only asked whether its receipt is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SaleReceiptDoc {
    pub(super) receipt: String,
}

impl Stored for SaleReceiptDoc {
    const COLLECTION: &'static str = SaleDoc::COLLECTION;
    const SHAPE: i32 = SaleDoc::SHAPE;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl TenantDocument for SaleReceiptDoc {}

impl OriginDoc {
    fn new(origin: Origin, slot: Slot) -> Self {
        Self {
            store_id: origin.store.stored(),
            edge_id: origin.edge.stored(),
            event_id: origin.event.stored(),
            day: slot.day.number().into(),
            hour: slot.hour.into(),
        }
    }

    fn read(&self) -> Result<(Origin, Slot), Unreadable> {
        let day = small(self.day, "day").ok().and_then(Day::from_number);
        let day = day.ok_or_else(|| Unreadable(format!("there is no day {}", self.day)))?;
        let hour =
            u8::try_from(self.hour).map_err(|_| Unreadable(format!("there is no hour {}", self.hour)))?;
        let origin = Origin {
            store: StoreId::read(self.store_id),
            edge: EdgeId::read(self.edge_id),
            event: EventId::read(self.event_id),
        };
        Ok((origin, Slot { day, hour }))
    }
}

impl SaleDoc {
    pub(super) fn new(retailer: RetailerId, record: &SaleRecord, paid: &[&PaymentRecord]) -> Self {
        let sale = &record.sale;
        let totals = &sale.totals;
        let tax =
            |tax: &TaxTotal| TaxDoc { rate: tax.rate.0.into(), net: tax.net.minor(), tax: tax.tax.minor() };
        Self {
            id: key(retailer, sale.transaction_id),
            sv: Self::SHAPE,
            origin: OriginDoc::new(record.origin, record.slot),
            receipt: sale.receipt.to_string(),
            terminal: sale.terminal_id.to_string(),
            cashier: sale.cashier_id.to_string(),
            currency: sale.currency.to_string(),
            opened_at: date(sale.opened_at),
            finalised_at: date(sale.finalised_at),
            lines: sale.lines.iter().map(Into::into).collect(),
            taxes: sale.taxes.iter().map(tax).collect(),
            totals: TotalsDoc {
                gross: totals.gross.minor(),
                discount: totals.discount.minor(),
                net: totals.net.minor(),
                tax: totals.tax.minor(),
                total: totals.total.minor(),
                rounding: totals.rounding.minor(),
                to_pay: totals.to_pay.minor(),
            },
            refund_of: record.refund.as_ref().map(|refund| refund.transaction.stored()),
            refund_reason: record.refund.as_ref().map(|refund| refund.reason.clone()),
            returned: record.returned.minor(),
            voided_at: record.voided_at.map(date),
            payments: paid.iter().map(|it| PaidDoc::new(it)).collect(),
        }
    }

    pub(super) fn view(self) -> Result<SaleView, Unreadable> {
        let SaleRecord { origin, slot, sale, refund, returned, voided_at } = self.try_into()?;
        Ok(SaleView {
            transaction_id: sale.transaction_id,
            store_id: origin.store,
            edge_id: origin.edge,
            receipt: sale.receipt,
            terminal_id: sale.terminal_id,
            cashier_id: sale.cashier_id,
            currency: sale.currency,
            opened_at: sale.opened_at,
            finalised_at: sale.finalised_at,
            day: slot.day,
            hour: slot.hour,
            lines: sale.lines,
            taxes: sale.taxes,
            totals: sale.totals,
            refund_of: refund.map(|refund| refund.transaction),
            returned,
            voided_at,
        })
    }
}

pub(super) fn code<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Unreadable> {
    text.parse().map_err(|_| Unreadable(format!("\"{text}\" is no {what}")))
}

impl TryFrom<SaleDoc> for SaleRecord {
    type Error = Unreadable;

    fn try_from(stored: SaleDoc) -> Result<Self, Unreadable> {
        check_shape::<SaleDoc>(stored.sv)?;
        let (origin, slot) = stored.origin.read()?;
        let TotalsDoc { gross, discount, net, tax, total, rounding, to_pay } = stored.totals;
        let [gross, discount, net, tax, total, rounding, to_pay] =
            [gross, discount, net, tax, total, rounding, to_pay].map(Amount::new);
        let taxes = stored.taxes.into_iter().map(|tax| {
            let rate = TaxRate(small(tax.rate, "a tax rate")?);
            Ok(TaxTotal { rate, net: Amount::new(tax.net), tax: Amount::new(tax.tax) })
        });
        let reason = stored.refund_reason.unwrap_or_default();
        let refund = stored.refund_of.map(|id| RefundOf { transaction: TransactionId::read(id), reason });
        Ok(Self {
            origin,
            slot,
            sale: Sale {
                transaction_id: read_key(&stored.id)?,
                receipt: code(&stored.receipt, "receipt")?,
                terminal_id: code(&stored.terminal, "till")?,
                cashier_id: code(&stored.cashier, "cashier")?,
                currency: code::<Currency>(&stored.currency, "currency")?,
                opened_at: time(stored.opened_at),
                finalised_at: time(stored.finalised_at),
                lines: stored.lines.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
                taxes: taxes.collect::<Result<_, Unreadable>>()?,
                totals: Totals { gross, discount, net, tax, total, rounding, to_pay },
            },
            refund,
            returned: Amount::new(stored.returned),
            voided_at: stored.voided_at.map(time),
        })
    }
}

impl From<&Line> for LineDoc {
    fn from(line: &Line) -> Self {
        Self {
            line: line.line.into(),
            sku: line.sku.clone(),
            name: line.name.clone(),
            barcode: line.barcode.clone(),
            unit: line.unit.clone(),
            quantity: line.quantity.get(),
            unit_price: line.unit_price.minor(),
            gross: line.gross.minor(),
            discount: line.discount.minor(),
            tax_rate: line.tax_rate.0.into(),
            net: line.net.minor(),
            tax: line.tax.minor(),
            total: line.total.minor(),
        }
    }
}

impl TryFrom<LineDoc> for Line {
    type Error = Unreadable;

    fn try_from(stored: LineDoc) -> Result<Self, Unreadable> {
        Ok(Self {
            line: small(stored.line, "line")?,
            sku: stored.sku,
            name: stored.name,
            barcode: stored.barcode,
            unit: stored.unit,
            quantity: Quantity::thousandths(stored.quantity),
            unit_price: Amount::new(stored.unit_price),
            gross: Amount::new(stored.gross),
            discount: Amount::new(stored.discount),
            tax_rate: TaxRate(small(stored.tax_rate, "a tax rate")?),
            net: Amount::new(stored.net),
            tax: Amount::new(stored.tax),
            total: Amount::new(stored.total),
        })
    }
}

/// A payment in the document of its sale, which says the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PaidDoc {
    payment_id: bson::Uuid,
    event_id: bson::Uuid,
    kind: String,
    amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    captured_at: DateTime,
}

impl PaidDoc {
    fn new(record: &PaymentRecord) -> Self {
        let payment = &record.payment;
        Self {
            payment_id: payment.payment_id.stored(),
            event_id: record.origin.event.stored(),
            kind: payment.kind.as_str().to_owned(),
            amount: payment.amount.minor(),
            reference: payment.reference.clone(),
            captured_at: date(payment.captured_at),
        }
    }
}

/// A sale of which it is only asked who has paid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SalePaymentsDoc {
    #[serde(default)]
    payments: Vec<PaymentIdDoc>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PaymentIdDoc {
    payment_id: bson::Uuid,
}

impl SalePaymentsDoc {
    pub(super) fn ids(&self) -> impl Iterator<Item = PaymentId> {
        self.payments.iter().map(|paid| PaymentId::read(paid.payment_id))
    }
}

impl Stored for SalePaymentsDoc {
    const COLLECTION: &'static str = SaleDoc::COLLECTION;
    const SHAPE: i32 = SaleDoc::SHAPE;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl TenantDocument for SalePaymentsDoc {}

/// A payment that did not come together with its sale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PaymentDoc {
    /// Retailer and payment.
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    #[serde(flatten)]
    origin: OriginDoc,
    transaction_id: bson::Uuid,
    kind: String,
    currency: String,
    amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    captured_at: DateTime,
}

impl Stored for PaymentDoc {
    const COLLECTION: &'static str = "payments";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        // Nobody asks for payments yet, and each index makes each sale dearer. Databases of builds before have `of_transaction`.
        Vec::new()
    }
}

impl TenantDocument for PaymentDoc {}

impl PaymentDoc {
    pub(super) fn new(retailer: RetailerId, record: &PaymentRecord) -> Self {
        let payment = &record.payment;
        Self {
            id: key(retailer, payment.payment_id),
            sv: Self::SHAPE,
            origin: OriginDoc::new(record.origin, record.slot),
            transaction_id: payment.transaction_id.stored(),
            kind: payment.kind.as_str().to_owned(),
            currency: payment.currency.to_string(),
            amount: payment.amount.minor(),
            reference: payment.reference.clone(),
            captured_at: date(payment.captured_at),
        }
    }
}

/// A payment of which it is only asked whether it is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PaymentKeyDoc {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
}

impl Stored for PaymentKeyDoc {
    const COLLECTION: &'static str = PaymentDoc::COLLECTION;
    const SHAPE: i32 = PaymentDoc::SHAPE;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

impl TenantDocument for PaymentKeyDoc {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VoidDoc {
    /// Retailer and event.
    #[serde(rename = "_id")]
    id: Binary,
    sv: i32,
    #[serde(flatten)]
    origin: OriginDoc,
    transaction_id: bson::Uuid,
    /// Absent: the sale was never finished.
    receipt: Option<String>,
    terminal: String,
    cashier: String,
    currency: String,
    total: i64,
    lines: i64,
    reason: String,
    voided_at: DateTime,
}

impl Stored for VoidDoc {
    const COLLECTION: &'static str = "voids";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![index("of_transaction", doc! { "retailer_id": 1, "transaction_id": 1 })]
    }
}

impl TenantDocument for VoidDoc {}

impl VoidDoc {
    pub(super) fn new(retailer: RetailerId, record: &VoidRecord) -> Self {
        let void = &record.void;
        Self {
            id: key(retailer, record.origin.event),
            sv: Self::SHAPE,
            origin: OriginDoc::new(record.origin, record.slot),
            transaction_id: void.transaction_id.stored(),
            receipt: void.receipt.as_ref().map(ToString::to_string),
            terminal: void.terminal_id.to_string(),
            cashier: void.cashier_id.to_string(),
            currency: void.currency.to_string(),
            total: void.total.minor(),
            lines: void.lines.into(),
            reason: void.reason.clone(),
            voided_at: date(void.voided_at),
        }
    }
}
