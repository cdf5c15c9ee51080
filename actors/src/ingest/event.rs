//! Reading one event, and checking that it makes sense by itself. Pure.
//!
//! What comes through here cannot overflow a sum: amounts are bounded, and so is their number.

use messages::edge::event::{Adjustment, EventFault, Fact, Payment, Sale, Void};
use messages::edge::{Amount, Quantity, checkout};
use messages::{ErrorCode, Timestamp};

use super::request::Sent;

/// Ten million million of the smallest unit: far above any day's takings of a chain, and a million sums of it still
/// fit.
const MOST_MONEY: i64 = 10_000_000_000_000;
/// A thousand million pieces or kilograms of one article.
const MOST_GOODS: i64 = 1_000_000_000_000;
/// A void takes back a whole basket.
const MOST_MOVEMENTS: usize = checkout::MAX_LINES;
const LONGEST_SKU: usize = 64;
const LONGEST_TEXT: usize = 1_000;
/// 2000-01-01 and 2100-01-01: a clock beyond them has lost its battery.
const CALENDAR: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// Why an event cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetAside {
    pub(super) code: ErrorCode,
    pub(super) detail: String,
}

pub(super) fn refused(detail: impl Into<String>) -> SetAside {
    SetAside { code: ErrorCode::EventRefused, detail: detail.into() }
}

impl From<EventFault> for SetAside {
    fn from(fault: EventFault) -> Self {
        Self { code: fault.code(), detail: fault.to_string() }
    }
}

pub(super) fn read(sent: &Sent) -> Result<Fact, SetAside> {
    let fact = Fact::decode(&sent.kind, sent.version, &sent.data)?;
    match &fact {
        Fact::SaleRecorded(sale) => sale_adds_up(sale)?,
        Fact::RefundRecorded(refund) => {
            sale_adds_up(&refund.sale)?;
            text("reason", &refund.reason)?;
            if refund.sale.totals.total > Amount::ZERO {
                return Err(refused("the total of a refund must not be positive"));
            }
        }
        Fact::PaymentCaptured(Payment { amount, captured_at, reference, .. }) => {
            money("amount", *amount)?;
            instant("captured_at", *captured_at)?;
            text("reference", reference.as_deref().unwrap_or_default())?;
        }
        Fact::InventoryAdjusted(adjustment) => {
            instant("occurred_at", sent.occurred_at)?;
            movements(adjustment)?;
        }
        Fact::TransactionVoided(Void { total, voided_at, reason, .. }) => {
            money("total", *total)?;
            instant("voided_at", *voided_at)?;
            text("reason", reason)?;
        }
        Fact::Withheld(_) => {}
    }
    Ok(fact)
}

fn malformed(detail: String) -> SetAside {
    SetAside { code: ErrorCode::EventMalformed, detail }
}

fn money(what: &str, amount: Amount) -> Result<(), SetAside> {
    if amount.minor().unsigned_abs() <= MOST_MONEY.unsigned_abs() {
        return Ok(());
    }
    Err(malformed(format!("{what} is beyond any amount of money: {}", amount.minor())))
}

fn goods(what: &str, quantity: Quantity, most: i64) -> Result<(), SetAside> {
    if quantity.get().unsigned_abs() <= most.unsigned_abs() {
        return Ok(());
    }
    Err(malformed(format!("{what} is beyond any quantity: {quantity}")))
}

fn instant(what: &str, at: Timestamp) -> Result<(), SetAside> {
    if CALENDAR.contains(&at.0) {
        return Ok(());
    }
    Err(refused(format!("{what} is {at}; look at the clock of the device")))
}

fn text(what: &str, text: &str) -> Result<(), SetAside> {
    if text.chars().count() <= LONGEST_TEXT {
        return Ok(());
    }
    Err(malformed(format!("{what} has more than {LONGEST_TEXT} characters")))
}

fn sku(sku: &str) -> Result<(), SetAside> {
    let right = !sku.trim().is_empty() && sku.len() <= LONGEST_SKU && !sku.chars().any(char::is_control);
    if right {
        Ok(())
    } else {
        Err(malformed(format!("a sku must have 1 to {LONGEST_SKU} bytes and no control characters")))
    }
}

fn sale_adds_up(sale: &Sale) -> Result<(), SetAside> {
    instant("finalised_at", sale.finalised_at)?;
    instant("opened_at", sale.opened_at)?;
    if sale.lines.len() > checkout::MAX_LINES || sale.taxes.len() > checkout::MAX_LINES {
        return Err(malformed(format!("a sale has at most {} lines", checkout::MAX_LINES)));
    }
    let totals = &sale.totals;
    for (what, amount) in [
        ("totals.gross", totals.gross),
        ("totals.discount", totals.discount),
        ("totals.net", totals.net),
        ("totals.tax", totals.tax),
        ("totals.total", totals.total),
        ("totals.rounding", totals.rounding),
        ("totals.to_pay", totals.to_pay),
    ] {
        money(what, amount)?;
    }
    for line in &sale.lines {
        sku(&line.sku)?;
        text("name", &line.name)?;
        text("unit", &line.unit)?;
        text("barcode", line.barcode.as_deref().unwrap_or_default())?;
        goods("quantity", line.quantity, Quantity::MAX.get())?;
        for amount in [line.unit_price, line.gross, line.discount, line.net, line.tax, line.total] {
            money("an amount of a line", amount)?;
        }
    }
    let sum = |part: fn(&checkout::Line) -> Amount| sale.lines.iter().map(part).sum::<Amount>();
    for (what, found, told) in [
        ("gross", sum(|line| line.gross), totals.gross),
        ("discount", sum(|line| line.discount), totals.discount),
        ("net", sum(|line| line.net), totals.net),
        ("tax", sum(|line| line.tax), totals.tax),
        ("total", sum(|line| line.total), totals.total),
        ("to_pay", totals.total + totals.rounding, totals.to_pay),
    ] {
        if found != told {
            return Err(refused(format!(
                "the lines' {what} comes to {}, the totals say {}",
                found.minor(),
                told.minor()
            )));
        }
    }
    Ok(())
}

fn movements(adjustment: &Adjustment) -> Result<(), SetAside> {
    if adjustment.movements.len() > MOST_MOVEMENTS {
        return Err(malformed(format!("an adjustment has at most {MOST_MOVEMENTS} movements")));
    }
    for movement in &adjustment.movements {
        sku(&movement.sku)?;
        goods("delta", movement.delta, MOST_GOODS)?;
        goods("on_hand", movement.on_hand, MOST_GOODS)?;
    }
    Ok(())
}
