//! A refund is the inverse of its sale, whole and in parts.

use messages::edge::Currency;
use proptest::prelude::*;

use super::*;
use crate::checkout::TaxMode;
use crate::checkout::basket::tests::{baskets, terms};
use crate::checkout::basket::totals;

fn sold(lines: &[Line]) -> Vec<Sold> {
    lines.iter().map(|line| Sold { line: line.clone(), back: Quantity::ZERO }).collect()
}

fn negated(line: &Line) -> Line {
    Line {
        quantity: -line.quantity,
        gross: -line.gross,
        discount: -line.discount,
        net: -line.net,
        tax: -line.tax,
        total: -line.total,
        ..line.clone()
    }
}

#[test]
fn more_than_was_sold_does_not_come_back() {
    let mut basket = crate::checkout::basket::tests::basket();
    let article = crate::checkout::basket::tests::article("a", 333, 770);
    basket.add(article, Some(Quantity::pieces(3)), None).unwrap();
    let mut sale = sold(&basket.price(&terms(TaxMode::Included, Currency::EUR)).lines);
    let wish = |line, pieces| [RefundLine { line, quantity: Some(Quantity::pieces(pieces)) }];
    for (line, pieces) in [(1, 4), (2, 1), (1, 0)] {
        assert_eq!(lines(&sale, &wish(line, pieces)).unwrap_err().code, ErrorCode::NotRefundable);
    }
    let half = [RefundLine { line: 1, quantity: Some(Quantity::thousandths(1_500)) }];
    assert!(lines(&sale, &half).is_err());
    let twice = [wish(1, 1)[0].clone(), wish(1, 1)[0].clone()];
    assert!(lines(&sale, &twice).is_err());
    sale[0].back = Quantity::pieces(3);
    assert!(lines(&sale, &[]).is_err());
}

proptest! {
    #[test]
    fn all_of_it_is_the_sale_with_the_sign_turned(basket in baskets(), included in any::<bool>()) {
        let mode = if included { TaxMode::Included } else { TaxMode::Added };
        let priced = basket.price(&terms(mode, Currency::EUR));
        let refund = lines(&sold(&priced.lines), &[]).unwrap();
        prop_assert_eq!(&refund, &priced.lines.iter().map(negated).collect::<Vec<_>>());
        prop_assert_eq!(totals(&refund, Amount::ZERO).total, -priced.totals.total);
        let tax: Amount = taxes(&refund).iter().map(|tax| tax.tax).sum();
        prop_assert_eq!(tax, -priced.totals.tax);
    }

    #[test]
    fn parts_add_up_to_the_whole_in_any_order(basket in baskets(), steps in prop::collection::vec(1_i64..4_000, 1..40), included in any::<bool>()) {
        let mode = if included { TaxMode::Included } else { TaxMode::Added };
        let priced = basket.price(&terms(mode, Currency::EUR));
        let mut sale = sold(&priced.lines);
        let mut back: Vec<Line> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let which = at % sale.len();
            let (line, left) = (sale[which].line.line, sale[which].line.quantity - sale[which].back);
            let step = if sale[which].line.quantity.is_whole() { (step + 999) / 1_000 * 1_000 } else { *step };
            let quantity = Quantity::thousandths(step).min(left);
            if quantity > Quantity::ZERO {
                let part = lines(&sale, &[RefundLine { line, quantity: Some(quantity) }]).unwrap();
                prop_assert_eq!(part[0].net + part[0].tax, part[0].total);
                back.extend(part);
                sale[which].back = sale[which].back + quantity;
            }
        }
        if let Ok(rest) = lines(&sale, &[]) {
            back.extend(rest);
        }
        let all = totals(&back, Amount::ZERO);
        prop_assert_eq!((all.gross, all.discount), (-priced.totals.gross, -priced.totals.discount));
        prop_assert_eq!((all.net, all.tax, all.total), (-priced.totals.net, -priced.totals.tax, -priced.totals.total));
    }
}
