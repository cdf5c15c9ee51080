//! Baskets as cases, and as they come: lines, totals and payments agree whatever is in them.

use messages::PaymentId;
use messages::edge::checkout::{AddPayment, PaymentKind};
use messages::edge::{Currency, TaxRate};
use proptest::prelude::*;

use super::*;
use crate::checkout::{BundlePrice, CashRounding, TaxMode};

pub(crate) fn article(sku: &str, minor: i64, rate: u32) -> Article {
    Article {
        sku: sku.into(),
        name: format!("Article {sku}"),
        barcode: None,
        category: "Food".into(),
        unit: "pcs".into(),
        price: Amount::new(minor),
        tax_rate: TaxRate(rate),
        weighed: false,
        plu: None,
        blocked: None,
        bundle: None,
    }
}

pub(crate) fn terms(tax_mode: TaxMode, currency: Currency) -> Terms {
    Terms { currency, tax_mode, cash: CashRounding::customary(currency) }
}

pub(crate) fn basket() -> Basket {
    let (terminal, cashier) = ("till-1".parse().unwrap(), "anna".parse().unwrap());
    Basket::open(TransactionId::new(), terminal, cashier, Timestamp(1_000))
}

fn swiss() -> Terms {
    terms(TaxMode::Included, Currency::CHF)
}

fn cash(amount: Option<i64>) -> AddPayment {
    AddPayment { kind: PaymentKind::Cash, amount: amount.map(Amount::new), reference: None }
}

#[test]
fn pieces_of_an_article_join_so_that_bundles_are_found() {
    let mut basket = basket();
    let mut water = article("w", 199, 770);
    water.bundle = Some(BundlePrice { pieces: 3, price: Amount::new(500) });
    for _ in 0..3 {
        assert_eq!(basket.add(water.clone(), None, None), Ok(1));
    }
    basket.add(article("x", 100, 770), None, None).unwrap();
    let priced = basket.price(&swiss());
    assert_eq!(priced.lines.len(), 2);
    assert_eq!(priced.totals.total, Amount::new(600));
}

#[test]
fn a_cashier_is_told_what_to_do() {
    let mut basket = basket();
    let mut ham = article("ham", 2_499, 250);
    ham.weighed = true;
    assert_eq!(basket.add(ham.clone(), None, None).unwrap_err().code, ErrorCode::QuantityNeeded);
    ham.blocked = Some("listeria".into());
    let refused = basket.add(ham, Some(Quantity::ONE), None).unwrap_err();
    assert_eq!(refused.code, ErrorCode::ArticleBlocked);
    assert!(refused.detail.contains("listeria"));
    let half = basket.add(article("x", 100, 0), Some(Quantity::thousandths(500)), None);
    assert_eq!(half.unwrap_err().code, ErrorCode::InvalidField);
    assert_eq!(
        basket.pay(PaymentId::new(), &cash(None), None, &swiss(), Timestamp(0)).unwrap_err().code,
        ErrorCode::EmptyBasket
    );
    assert_eq!(basket.check_finished(&swiss()).unwrap_err().code, ErrorCode::EmptyBasket);
    assert_eq!(basket.remove(7, &swiss()).unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn coins_round_and_change_is_given() {
    let mut basket = basket();
    basket.add(article("a", 1_003, 770), None, None).unwrap();
    assert_eq!(basket.price(&swiss()).due_cash, Amount::new(1_005));
    basket.pay(PaymentId::new(), &cash(Some(2_000)), None, &swiss(), Timestamp(0)).unwrap();
    let view = basket.view(&swiss());
    assert_eq!(view.payments[0].change, Some(Amount::new(995)));
    assert_eq!(
        (view.totals.total, view.totals.rounding, view.totals.to_pay),
        (Amount::new(1_003), Amount::new(2), Amount::new(1_005))
    );
    assert_eq!((view.due, view.paid), (Amount::ZERO, Amount::new(1_005)));
    basket.check_finished(&swiss()).unwrap();
}

#[test]
fn split_payments_and_what_they_forbid() {
    let mut basket = basket();
    basket.add(article("a", 1_003, 770), None, None).unwrap();
    basket.add(article("b", 500, 770), None, None).unwrap();
    let card = |amount| AddPayment {
        kind: PaymentKind::Card,
        amount: Some(Amount::new(amount)),
        reference: Some("A1".into()),
    };
    let too_much = basket.pay(PaymentId::new(), &card(1_504), None, &swiss(), Timestamp(0));
    assert_eq!(too_much.unwrap_err().code, ErrorCode::OverPaid);
    let first = PaymentId::new();
    basket.pay(first, &card(1_100), None, &swiss(), Timestamp(0)).unwrap();
    assert_eq!(basket.clone().remove(2, &swiss()).unwrap_err().code, ErrorCode::OverPaid);
    assert_eq!(basket.check_finished(&swiss()).unwrap_err().code, ErrorCode::NotPaid);
    basket.pay(PaymentId::new(), &cash(None), None, &swiss(), Timestamp(0)).unwrap();
    assert_eq!(basket.price(&swiss()).totals.to_pay, Amount::new(1_505));
    basket.check_finished(&swiss()).unwrap();
    basket.unpay(first).unwrap();
    assert_eq!(basket.price(&swiss()).due, Amount::new(1_100));
}

#[test]
fn a_qr_payment_is_waited_for() {
    let mut basket = basket();
    basket.add(article("a", 1_000, 770), None, None).unwrap();
    let id = PaymentId::new();
    let wish = AddPayment { kind: PaymentKind::Qr, amount: None, reference: None };
    basket.pay(id, &wish, Some("qr".into()), &swiss(), Timestamp(0)).unwrap();
    assert_eq!(basket.check_finished(&swiss()).unwrap_err().code, ErrorCode::PaymentPending);
    basket.capture(id, "R1".into()).unwrap();
    basket.capture(id, "R1".into()).unwrap();
    basket.check_finished(&swiss()).unwrap();
}

/// Baskets as they come: several rates, pieces and weights, discounts on lines and on all.
pub(crate) fn baskets() -> impl Strategy<Value = Basket> {
    let off = prop_oneof![
        3 => Just(None),
        1 => (1_u32..=10_000).prop_map(|share| Some(Discount { share: Some(share), amount: None, reason: "r".into() })),
        1 => (1_i64..5_000).prop_map(|amount| Some(Discount { share: None, amount: Some(Amount::new(amount)), reason: "r".into() })),
    ];
    let line = (
        0_i64..200_000,
        prop::sample::select(vec![0_u32, 250, 770, 810, 1_900]),
        any::<bool>(),
        1_i64..20_000,
        off.clone(),
    );
    (prop::collection::vec(line, 1..30), off).prop_map(|(lines, all)| {
        let mut basket = basket();
        for (at, (price, rate, weighed, amount, off)) in lines.into_iter().enumerate() {
            let article = Article { weighed, ..article(&at.to_string(), price, rate) };
            let quantity =
                if weighed { Quantity::thousandths(amount) } else { Quantity::pieces(amount % 9 + 1) };
            let line = basket.add(article, Some(quantity), None).unwrap();
            basket.lines.iter_mut().find(|l| l.line == line).unwrap().discount = off;
        }
        basket.discount = all;
        basket
    })
}

proptest! {
    #[test]
    fn lines_add_up_to_the_totals(basket in baskets(), included in any::<bool>()) {
        let mode = if included { TaxMode::Included } else { TaxMode::Added };
        let priced = basket.price(&terms(mode, Currency::EUR));
        let sum = |pick: fn(&Line) -> Amount| priced.lines.iter().map(pick).sum::<Amount>();
        prop_assert_eq!(sum(|l| l.total), priced.totals.total);
        prop_assert_eq!(sum(|l| l.net) + sum(|l| l.tax), priced.totals.total);
        prop_assert_eq!(priced.taxes.iter().map(|t| t.net + t.tax).sum::<Amount>(), priced.totals.total);
        let price = priced.totals.gross - priced.totals.discount;
        prop_assert_eq!(price, if included { priced.totals.total } else { priced.totals.net });
        for line in &priced.lines {
            prop_assert!(line.discount >= Amount::ZERO && line.discount <= line.gross && line.total >= Amount::ZERO);
        }
    }

    #[test]
    fn what_is_paid_in_full_can_be_finished(basket in baskets(), tendered in 0_i64..100_000_000, chf in any::<bool>()) {
        let terms = terms(TaxMode::Included, if chf { Currency::CHF } else { Currency::EUR });
        let mut basket = basket;
        let due = basket.price(&terms).due_cash;
        if basket.price(&terms).due > Amount::ZERO {
            let amount = due.minor() + tendered;
            basket.pay(PaymentId::new(), &cash(Some(amount)), None, &terms, Timestamp(0)).unwrap();
            prop_assert_eq!(basket.payments[0].change, Some(Amount::new(tendered)));
        }
        let priced = basket.check_finished(&terms).unwrap();
        prop_assert_eq!(priced.paid, priced.totals.to_pay);
        prop_assert!((priced.totals.rounding.minor()).abs() <= 2);
    }
}
