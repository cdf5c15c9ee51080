//! Goods that come back: the inverse of what was sold, line by line. Pure: no I/O.
//!
//! A line may come back in parts. Each part is counted from the whole line, so that all parts together are exactly
//! what the customer paid, whatever the order.

use messages::edge::checkout::{Line, RefundLine, TaxTotal};
use messages::edge::{Amount, Quantity};
use messages::{ErrorCode, Problem};

use super::arithmetic::div_round;

/// A line of the sale, and how much of it has come back before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub line: Line,
    pub back: Quantity,
}

/// The lines of the refund: negative quantities and amounts. Nothing named means all that is left.
pub fn lines(sold: &[Sold], wanted: &[RefundLine]) -> Result<Vec<Line>, Problem> {
    let refused = |detail: String| Err(Problem::new(ErrorCode::NotRefundable, detail));
    let mut refund = Vec::new();
    if wanted.is_empty() {
        for one in sold.iter().filter(|one| one.back < one.line.quantity) {
            refund.push(part(one, one.line.quantity - one.back));
        }
        if refund.is_empty() {
            return refused("everything of this sale has been given back already".to_owned());
        }
        return Ok(refund);
    }
    for (at, wish) in wanted.iter().enumerate() {
        if wanted[..at].iter().any(|earlier| earlier.line == wish.line) {
            return refused(format!("line {} is named twice", wish.line));
        }
        let Some(one) = sold.iter().find(|one| one.line.line == wish.line) else {
            return refused(format!("there is no line {} in this sale", wish.line));
        };
        let left = one.line.quantity - one.back;
        let quantity = wish.quantity.unwrap_or(left);
        if quantity > left || quantity <= Quantity::ZERO {
            return refused(format!(
                "{left} of {} can still be given back, and not {quantity}",
                one.line.name
            ));
        }
        if one.line.quantity.is_whole() && !quantity.is_whole() {
            return refused(format!(
                "{} was sold by the piece: {quantity} of it cannot come back",
                one.line.name
            ));
        }
        refund.push(part(one, quantity));
    }
    Ok(refund)
}

/// The tax of a refund's lines, by rate.
#[must_use]
pub fn taxes(lines: &[Line]) -> Vec<TaxTotal> {
    let mut totals: Vec<TaxTotal> = Vec::new();
    for line in lines {
        match totals.iter_mut().find(|total| total.rate == line.tax_rate) {
            Some(total) => {
                total.net += line.net;
                total.tax += line.tax;
            }
            None => totals.push(TaxTotal { rate: line.tax_rate, net: line.net, tax: line.tax }),
        }
    }
    totals.sort_by_key(|total| total.rate);
    totals
}

/// What `quantity` more of a line come to, given what has come back before.
fn part(sold: &Sold, quantity: Quantity) -> Line {
    let whole = &sold.line;
    let share = |value: Amount| {
        let up_to = |quantity: Quantity| {
            div_round(i128::from(value.minor()) * i128::from(quantity.get()), whole.quantity.get().into())
        };
        Amount::new(up_to(sold.back) - up_to(sold.back + quantity))
    };
    let (gross, net, tax) = (share(whole.gross), share(whole.net), share(whole.tax));
    let total = net + tax;
    // The discount follows, so that the parts of a line agree as the line does.
    let price = if whole.gross - whole.discount == whole.total { total } else { net };
    Line { quantity: -quantity, gross, discount: gross - price, net, tax, total, ..whole.clone() }
}

#[cfg(test)]
mod tests;
