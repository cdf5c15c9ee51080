//! The basket of an open transaction. Pure: no I/O.
//!
//! Limits: [`MAX_LINES`] lines, a few payments. What was paid already bounds what may still be taken out.

use messages::edge::checkout::{
    Discount, Line, MAX_LINES, PaymentState, TaxTotal, Totals, TransactionState, TransactionView,
};
use messages::edge::{Amount, CashierId, Quantity, TerminalId};
use messages::{ErrorCode, Problem, Timestamp, TransactionId};
use serde::{Deserialize, Serialize};

use super::pay::Payment;
use super::{Article, Terms, discount, price, tax};

/// A transaction that is not finished. Kept in the store as it stands here, so that it survives the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basket {
    pub id: TransactionId,
    pub terminal: TerminalId,
    pub cashier: CashierId,
    pub opened_at: Timestamp,
    pub lines: Vec<BasketLine>,
    /// The number of the next line.
    pub next_line: u32,
    pub discount: Option<Discount>,
    pub payments: Vec<Payment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasketLine {
    pub line: u32,
    /// As it was when it was scanned: a price that changes meanwhile is not this customer's.
    pub article: Article,
    pub quantity: Quantity,
    /// The price on a label from the scales.
    pub labelled: Option<Amount>,
    pub discount: Option<Discount>,
}

/// What a basket comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    pub lines: Vec<Line>,
    pub taxes: Vec<TaxTotal>,
    pub totals: Totals,
    /// Captured.
    pub paid: Amount,
    /// Captured or on its way.
    pub promised: Amount,
    /// Total and rounding, less what is promised.
    pub due: Amount,
    pub due_cash: Amount,
}

impl Basket {
    #[must_use]
    pub fn open(id: TransactionId, terminal: TerminalId, cashier: CashierId, now: Timestamp) -> Self {
        let (lines, payments) = (Vec::new(), Vec::new());
        Self { id, terminal, cashier, opened_at: now, lines, next_line: 1, discount: None, payments }
    }

    /// Adds an article. Pieces of the same article join their line, so that bundles are found however they are scanned.
    pub fn add(
        &mut self,
        article: Article,
        quantity: Option<Quantity>,
        labelled: Option<Amount>,
    ) -> Result<u32, Problem> {
        if let Some(reason) = &article.blocked {
            let detail = format!("{} must not be sold: {reason}; put it aside", article.name);
            return Err(Problem::new(ErrorCode::ArticleBlocked, detail));
        }
        let quantity = match quantity {
            Some(quantity) => quantity,
            None if article.weighed => {
                let detail = format!("{} is sold by weight: weigh it, or scan its label", article.name);
                return Err(Problem::new(ErrorCode::QuantityNeeded, detail));
            }
            None => Quantity::ONE,
        };
        check_quantity(&article, quantity)?;
        let joins = |line: &&mut BasketLine| {
            line.article == article && !article.weighed && line.discount.is_none() && line.labelled.is_none()
        };
        if labelled.is_none()
            && let Some(line) = self.lines.iter_mut().find(joins)
        {
            check_quantity(&article, line.quantity + quantity)?;
            line.quantity = line.quantity + quantity;
            return Ok(line.line);
        }
        if self.lines.len() >= MAX_LINES {
            let detail =
                format!("a transaction has at most {MAX_LINES} lines; finish this one and open another");
            return Err(Problem::new(ErrorCode::LimitReached, detail));
        }
        let number = self.next_line;
        self.next_line += 1;
        self.lines.push(BasketLine { line: number, article, quantity, labelled, discount: None });
        Ok(number)
    }

    /// Sets how many; none removes the line.
    pub fn set_quantity(&mut self, line: u32, quantity: Quantity, terms: &Terms) -> Result<(), Problem> {
        if quantity == Quantity::ZERO {
            return self.remove(line, terms);
        }
        let entry = self.line_mut(line)?;
        check_quantity(&entry.article, quantity)?;
        if entry.labelled.is_some() {
            let detail = "its price is on the label from the scales; remove the line and scan the new label";
            return Err(Problem::new(ErrorCode::WrongState, detail));
        }
        entry.quantity = quantity;
        self.not_overpaid(terms)
    }

    pub fn remove(&mut self, line: u32, terms: &Terms) -> Result<(), Problem> {
        self.line_mut(line)?;
        self.lines.retain(|entry| entry.line != line);
        self.not_overpaid(terms)
    }

    /// Puts a discount on a line, or takes it off.
    pub fn discount_line(&mut self, line: u32, off: Option<Discount>, terms: &Terms) -> Result<(), Problem> {
        self.line_mut(line)?.discount = off;
        self.not_overpaid(terms)
    }

    /// Puts a discount on the whole basket, or takes it off.
    pub fn discount_all(&mut self, off: Option<Discount>, terms: &Terms) -> Result<(), Problem> {
        self.discount = off;
        self.not_overpaid(terms)
    }

    fn line_mut(&mut self, line: u32) -> Result<&mut BasketLine, Problem> {
        self.lines.iter_mut().find(|entry| entry.line == line).ok_or_else(|| {
            Problem::new(ErrorCode::NotFound, format!("there is no line {line} in this transaction"))
        })
    }

    /// After money was taken a basket may not come to less than it.
    fn not_overpaid(&self, terms: &Terms) -> Result<(), Problem> {
        let priced = self.price(terms);
        if self.payments.is_empty() || !priced.due.is_negative() {
            return Ok(());
        }
        let detail = "more has been paid than it would then come to; take the payment back first";
        Err(Problem::new(ErrorCode::OverPaid, detail))
    }

    /// Prices, discounts, tax, rounding: everything a receipt says.
    #[must_use]
    pub fn price(&self, terms: &Terms) -> Priced {
        let gross: Vec<Amount> = self
            .lines
            .iter()
            .map(|line| {
                line.labelled
                    .unwrap_or_else(|| price::gross(line.article.price, line.quantity, line.article.bundle))
            })
            .collect();
        let own: Vec<Amount> = self
            .lines
            .iter()
            .zip(&gross)
            .map(|(line, &gross)| line.discount.as_ref().map_or(Amount::ZERO, |off| discount::on(off, gross)))
            .collect();
        let after: Vec<Amount> = gross.iter().zip(&own).map(|(&gross, &off)| gross - off).collect();
        let shares = self
            .discount
            .as_ref()
            .map_or_else(|| vec![Amount::ZERO; after.len()], |off| discount::over(off, &after));
        let prices: Vec<_> = self
            .lines
            .iter()
            .zip(after.iter().zip(&shares))
            .map(|(line, (&price, &share))| (line.article.tax_rate, price - share))
            .collect();
        let (taxed, taxes) = tax::apply(terms.tax_mode, &prices);
        let lines: Vec<Line> = self
            .lines
            .iter()
            .enumerate()
            .map(|(at, line)| Line {
                line: line.line,
                sku: line.article.sku.clone(),
                name: line.article.name.clone(),
                barcode: line.article.barcode.clone(),
                unit: line.article.unit.clone(),
                quantity: line.quantity,
                unit_price: line.article.price,
                gross: gross[at],
                discount: own[at] + shares[at],
                tax_rate: line.article.tax_rate,
                net: taxed[at].net,
                tax: taxed[at].tax,
                total: taxed[at].total,
            })
            .collect();
        let rounding = self.payments.iter().map(|payment| payment.rounding).sum();
        let totals = totals(&lines, rounding);
        let captured = |payment: &&Payment| payment.state == PaymentState::Captured;
        let paid: Amount = self.payments.iter().filter(captured).map(|payment| payment.amount).sum();
        let promised: Amount = self.payments.iter().map(|payment| payment.amount).sum();
        let due = totals.to_pay - promised;
        Priced { lines, taxes, totals, paid, promised, due, due_cash: terms.cash.round(due) }
    }

    /// As tills see it.
    #[must_use]
    pub fn view(&self, terms: &Terms) -> TransactionView {
        let priced = self.price(terms);
        TransactionView {
            transaction_id: self.id,
            state: TransactionState::Open,
            terminal_id: self.terminal.clone(),
            cashier_id: self.cashier.clone(),
            currency: terms.currency,
            opened_at: self.opened_at,
            finalised_at: None,
            receipt: None,
            refund_of: None,
            lines: priced.lines,
            taxes: priced.taxes,
            discount: self.discount.clone(),
            totals: priced.totals,
            payments: self.payments.iter().map(Payment::view).collect(),
            paid: priced.paid,
            due: priced.due,
            due_cash: priced.due_cash,
        }
    }
}

/// The totals of lines.
#[must_use]
pub fn totals(lines: &[Line], rounding: Amount) -> Totals {
    let sum = |pick: fn(&Line) -> Amount| lines.iter().map(pick).sum();
    let total: Amount = sum(|line| line.total);
    Totals {
        gross: sum(|line| line.gross),
        discount: sum(|line| line.discount),
        net: sum(|line| line.net),
        tax: sum(|line| line.tax),
        total,
        rounding,
        to_pay: total + rounding,
    }
}

fn check_quantity(article: &Article, quantity: Quantity) -> Result<(), Problem> {
    if !article.weighed && !quantity.is_whole() {
        let detail = format!("{} is sold by the piece: {quantity} of it cannot be sold", article.name);
        return Err(Problem::new(ErrorCode::InvalidField, detail));
    }
    if quantity > Quantity::MAX {
        let detail = format!("{quantity} is more than one line can hold; was a barcode typed as a quantity?");
        return Err(Problem::new(ErrorCode::InvalidField, detail));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
