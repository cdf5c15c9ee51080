//! A receipt as a printer of 42 columns takes it. Pure: no I/O.

use messages::edge::checkout::{Line, PaymentKind, ReceiptView, TransactionState};
use messages::edge::{Amount, Currency, Quantity};

/// What the common paper of 80 mm holds.
const WIDTH: usize = 42;

/// The text, with lines ended by a line feed.
#[must_use]
pub fn print(receipt: &ReceiptView) -> String {
    let sale = &receipt.transaction;
    let money = |amount: Amount| sale.currency.show(amount);
    let mut text = String::new();
    let mut put = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    put(&centred(&receipt.store_name));
    if sale.refund_of.is_some() {
        put(&centred("REFUND"));
    }
    if sale.state == TransactionState::Voided {
        put(&centred("VOID"));
    }
    put(&"-".repeat(WIDTH));
    for line in &sale.lines {
        for part in goods(line, sale.currency) {
            put(&part);
        }
    }
    put(&"-".repeat(WIDTH));
    if !sale.totals.rounding.is_zero() {
        put(&pair("Sum", &money(sale.totals.total)));
        put(&pair("Rounding", &money(sale.totals.rounding)));
    }
    put(&pair(&format!("TOTAL {}", sale.currency), &money(sale.totals.to_pay)));
    for payment in &sale.payments {
        let name = match payment.kind {
            PaymentKind::Cash => "Cash",
            PaymentKind::Card => "Card",
            PaymentKind::Qr => "QR",
        };
        put(&pair(name, &money(payment.tendered.unwrap_or(payment.amount))));
        if let Some(change) = payment.change.filter(|change| !change.is_zero()) {
            put(&pair("Change", &money(change)));
        }
    }
    put("");
    for tax in &sale.taxes {
        put(&pair(&format!("Tax {} on {}", tax.rate, money(tax.net)), &money(tax.tax)));
    }
    put("");
    put(&pair(receipt.receipt.as_str(), sale.terminal_id.as_str()));
    let at = sale.finalised_at.unwrap_or(sale.opened_at).to_string();
    put(&pair(at.get(..16).unwrap_or(&at).replace('T', " ").as_str(), sale.cashier_id.as_str()));
    text
}

fn goods(line: &Line, currency: Currency) -> Vec<String> {
    let mut shown = vec![pair(&line.name, &currency.show(line.gross))];
    if line.quantity != Quantity::ONE {
        let each = format!("  {} {} x {}", line.quantity, line.unit, currency.show(line.unit_price));
        shown.push(each);
    }
    if !line.discount.is_zero() {
        shown.push(pair("  Discount", &currency.show(-line.discount)));
    }
    shown
}

/// Left and right in one line; the left gives way.
fn pair(left: &str, right: &str) -> String {
    let room = WIDTH.saturating_sub(right.chars().count() + 1);
    let left: String = left.chars().take(room).collect();
    let gap = WIDTH.saturating_sub(left.chars().count() + right.chars().count());
    format!("{left}{}{right}", " ".repeat(gap))
}

fn centred(text: &str) -> String {
    let text: String = text.chars().take(WIDTH).collect();
    format!("{}{text}", " ".repeat((WIDTH - text.chars().count()) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_hold_their_width() {
        assert_eq!(pair("Milk", "1.19").chars().count(), WIDTH);
        let long = pair(&"Käse ".repeat(20), "1234.50");
        assert_eq!(long.chars().count(), WIDTH);
        assert!(long.ends_with(" 1234.50"));
        assert_eq!(centred("Shop"), format!("{}Shop", " ".repeat(19)));
    }
}
