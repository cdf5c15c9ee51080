//! Finished sales and refunds. Written whole with their lines, payments, stock and events, in one transaction.

use messages::edge::checkout::{
    Discount, Line, PaymentKind, PaymentState, PaymentView, Totals, TransactionState, TransactionView,
};
use messages::edge::{Amount, Quantity, ReceiptNumber, TaxRate};
use messages::{PaymentId, Timestamp, TransactionId};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{Reader, StoreError, Tx};
use crate::checkout::refund;

/// What is written of a finished transaction besides what tills see of it.
#[derive(Debug, Clone)]
pub struct Finished<'a> {
    pub view: &'a TransactionView,
    pub receipt: &'a ReceiptNumber,
    pub finalised_at: Timestamp,
    /// Of a refund.
    pub reason: Option<&'a str>,
}

fn blob(id: TransactionId) -> [u8; 16] {
    id.as_uuid().into_bytes()
}

impl Tx<'_> {
    /// Writes a finished sale or refund, its lines and its payments.
    pub fn add_finished(&self, done: &Finished<'_>) -> Result<(), StoreError> {
        let view = done.view;
        let discount = view.discount.as_ref().map(serde_json::to_string).transpose()?;
        self.connection
            .prepare_cached(
                "insert into transactions (id, receipt, refund_of, state, terminal, cashier, currency, opened_at, \
                 finalised_at, discount, reason, gross, discounted, net, tax, total, rounding) \
                 values (?1, ?2, ?3, 'finalised', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                blob(view.transaction_id),
                done.receipt.as_str(),
                view.refund_of.map(blob),
                view.terminal_id.as_str(),
                view.cashier_id.as_str(),
                view.currency.as_str(),
                view.opened_at.0,
                done.finalised_at.0,
                discount,
                done.reason,
                view.totals.gross.minor(),
                view.totals.discount.minor(),
                view.totals.net.minor(),
                view.totals.tax.minor(),
                view.totals.total.minor(),
                view.totals.rounding.minor(),
            ])?;
        for line in &view.lines {
            self.add_line(view.transaction_id, line)?;
        }
        for payment in &view.payments {
            self.add_payment(view.transaction_id, payment)?;
        }
        Ok(())
    }

    fn add_line(&self, transaction: TransactionId, line: &Line) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into lines (transaction_id, line, sku, name, barcode, unit, quantity, unit_price, gross, \
                 discount, tax_rate, net, tax, total) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                blob(transaction),
                line.line,
                line.sku,
                line.name,
                line.barcode,
                line.unit,
                line.quantity.get(),
                line.unit_price.minor(),
                line.gross.minor(),
                line.discount.minor(),
                line.tax_rate.0,
                line.net.minor(),
                line.tax.minor(),
                line.total.minor(),
            ])?;
        Ok(())
    }

    /// Money that changed hands for a finished transaction.
    pub fn add_payment(&self, transaction: TransactionId, payment: &PaymentView) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into payments (transaction_id, id, kind, amount, tendered, change_given, reference, at) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                blob(transaction),
                payment.payment_id.as_uuid().into_bytes(),
                payment.kind.as_str(),
                payment.amount.minor(),
                payment.tendered.map(Amount::minor),
                payment.change.map(Amount::minor),
                payment.reference,
                payment.at.0,
            ])?;
        Ok(())
    }

    pub fn mark_voided(&self, transaction: TransactionId, reason: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update transactions set state = 'voided', reason = ?2 where id = ?1")?
            .execute(params![blob(transaction), reason])?;
        Ok(())
    }

    pub fn finished(&self, id: TransactionId) -> Result<Option<TransactionView>, StoreError> {
        finished(self.connection, id)
    }

    /// The lines of a sale with what has come back of each, and how many refunds there were.
    pub fn sold(&self, sale: &TransactionView) -> Result<(Vec<refund::Sold>, u64), StoreError> {
        let id = blob(sale.transaction_id);
        let refunds = self
            .connection
            .prepare_cached("select count(*) from transactions where refund_of = ?1 and state = 'finalised'")?
            .query_row([id], |row| row.get(0))?;
        let mut statement = self.connection.prepare_cached(
            "select l.line, -sum(l.quantity) from lines l join transactions t on t.id = l.transaction_id \
             where t.refund_of = ?1 and t.state = 'finalised' group by l.line",
        )?;
        let back: Vec<(u32, i64)> =
            statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let returned =
            |line: u32| back.iter().find(|(number, _)| *number == line).map_or(0, |(_, back)| *back);
        let sold = sale
            .lines
            .iter()
            .map(|line| refund::Sold { line: line.clone(), back: Quantity::thousandths(returned(line.line)) })
            .collect();
        Ok((sold, refunds))
    }
}

impl Reader<'_> {
    pub fn finished(&self, id: TransactionId) -> Result<Option<TransactionView>, StoreError> {
        finished(self.connection, id)
    }

    pub fn by_receipt(&self, receipt: &ReceiptNumber) -> Result<Option<TransactionView>, StoreError> {
        let id = self
            .connection
            .prepare_cached("select id from transactions where receipt = ?1")?
            .query_row([receipt.as_str()], |row| row.get::<_, [u8; 16]>(0))
            .optional()?;
        match id {
            Some(id) => finished(self.connection, TransactionId::from_uuid(Uuid::from_bytes(id))),
            None => Ok(None),
        }
    }
}

fn finished(connection: &Connection, id: TransactionId) -> Result<Option<TransactionView>, StoreError> {
    let head = connection
        .prepare_cached(
            "select receipt, refund_of, state, terminal, cashier, currency, opened_at, finalised_at, discount, \
             gross, discounted, net, tax, total, rounding from transactions where id = ?1",
        )?
        .query_row([blob(id)], |row| head(id, row))
        .optional()?;
    let Some((mut view, discount)) = head else { return Ok(None) };
    view.discount = discount.map(|text| serde_json::from_str::<Discount>(&text)).transpose()?;
    let mut lines = connection.prepare_cached(
        "select line, sku, name, barcode, unit, quantity, unit_price, gross, discount, tax_rate, net, tax, total \
         from lines where transaction_id = ?1 order by line",
    )?;
    view.lines = lines.query_map([blob(id)], line)?.collect::<Result<_, _>>()?;
    view.taxes = refund::taxes(&view.lines);
    let mut payments = connection.prepare_cached(
        "select id, kind, amount, tendered, change_given, reference, at from payments \
         where transaction_id = ?1 order by at, id",
    )?;
    view.payments = payments.query_map([blob(id)], payment)?.collect::<Result<_, _>>()?;
    view.paid = view.payments.iter().map(|payment| payment.amount).sum();
    Ok(Some(view))
}

fn head(id: TransactionId, row: &Row<'_>) -> rusqlite::Result<(TransactionView, Option<String>)> {
    let amount = |at| row.get(at).map(Amount::new);
    let totals = Totals {
        gross: amount(9)?,
        discount: amount(10)?,
        net: amount(11)?,
        tax: amount(12)?,
        total: amount(13)?,
        rounding: amount(14)?,
        to_pay: amount(13)? + amount(14)?,
    };
    let state = match row.get_ref(2)?.as_str()? {
        "voided" => TransactionState::Voided,
        _ => TransactionState::Finalised,
    };
    let refund_of: Option<[u8; 16]> = row.get(1)?;
    let view = TransactionView {
        transaction_id: id,
        state,
        terminal_id: text(row, 3)?,
        cashier_id: text(row, 4)?,
        currency: text(row, 5)?,
        opened_at: Timestamp(row.get(6)?),
        finalised_at: Some(Timestamp(row.get(7)?)),
        receipt: Some(text(row, 0)?),
        refund_of: refund_of.map(|id| TransactionId::from_uuid(Uuid::from_bytes(id))),
        lines: Vec::new(),
        taxes: Vec::new(),
        discount: None,
        totals,
        payments: Vec::new(),
        paid: Amount::ZERO,
        due: Amount::ZERO,
        due_cash: Amount::ZERO,
    };
    Ok((view, row.get(8)?))
}

/// A value that is stored as text.
fn text<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(at)?
        .as_str()?
        .parse()
        .map_err(|error: T::Err| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    let amount = |at| row.get(at).map(Amount::new);
    Ok(Line {
        line: row.get(0)?,
        sku: row.get(1)?,
        name: row.get(2)?,
        barcode: row.get(3)?,
        unit: row.get(4)?,
        quantity: Quantity::thousandths(row.get(5)?),
        unit_price: amount(6)?,
        gross: amount(7)?,
        discount: amount(8)?,
        tax_rate: TaxRate(row.get(9)?),
        net: amount(10)?,
        tax: amount(11)?,
        total: amount(12)?,
    })
}

fn payment(row: &Row<'_>) -> rusqlite::Result<PaymentView> {
    let kind = match row.get_ref(1)?.as_str()? {
        "card" => PaymentKind::Card,
        "qr" => PaymentKind::Qr,
        _ => PaymentKind::Cash,
    };
    Ok(PaymentView {
        payment_id: PaymentId::from_uuid(Uuid::from_bytes(row.get(0)?)),
        kind,
        state: PaymentState::Captured,
        amount: Amount::new(row.get(2)?),
        tendered: row.get::<_, Option<i64>>(3)?.map(Amount::new),
        change: row.get::<_, Option<i64>>(4)?.map(Amount::new),
        reference: row.get(5)?,
        qr_text: None,
        at: Timestamp(row.get(6)?),
    })
}
