//! Discounts on a line and on a basket. Pure: no I/O.

use messages::edge::checkout::Discount;
use messages::edge::{Amount, TaxRate};

use super::arithmetic::{div_round, spread};

/// What is taken off `price`; never more than it.
#[must_use]
pub fn on(discount: &Discount, price: Amount) -> Amount {
    let off = match (discount.share, discount.amount) {
        (Some(share), _) => {
            Amount::new(div_round(i128::from(price.minor()) * i128::from(share), i128::from(TaxRate::WHOLE)))
        }
        (None, Some(amount)) => amount,
        (None, None) => Amount::ZERO,
    };
    off.clamp(Amount::ZERO, price.max(Amount::ZERO))
}

/// A basket's discount, spread over its lines in proportion to what each comes to. The parts add up exactly.
#[must_use]
pub fn over(discount: &Discount, lines: &[Amount]) -> Vec<Amount> {
    let off = on(discount, lines.iter().copied().sum());
    let weights: Vec<i64> = lines.iter().map(|line| line.minor().max(0)).collect();
    spread(off.minor(), &weights).into_iter().map(Amount::new).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(share: u32) -> Discount {
        Discount { share: Some(share), amount: None, reason: "loyal customer".into() }
    }

    fn amount(minor: i64) -> Discount {
        Discount { share: None, amount: Some(Amount::new(minor)), reason: "voucher".into() }
    }

    #[test]
    fn shares_round_and_amounts_stop_at_the_price() {
        assert_eq!(on(&share(1_000), Amount::new(1_995)), Amount::new(200));
        assert_eq!(on(&share(10_000), Amount::new(1_995)), Amount::new(1_995));
        assert_eq!(on(&amount(500), Amount::new(300)), Amount::new(300));
        assert_eq!(on(&amount(500), Amount::ZERO), Amount::ZERO);
    }

    proptest! {
        #[test]
        fn spread_over_lines_it_adds_up_and_no_line_goes_below_zero(
            lines in prop::collection::vec(0_i64..10_000_000, 1..80),
            percent in 1_u32..=10_000,
            off in 1_i64..10_000_000,
        ) {
            let lines: Vec<Amount> = lines.into_iter().map(Amount::new).collect();
            let whole: Amount = lines.iter().copied().sum();
            for discount in [share(percent), amount(off)] {
                let parts = over(&discount, &lines);
                prop_assert_eq!(parts.iter().copied().sum::<Amount>(), on(&discount, whole));
                for (part, line) in parts.iter().zip(&lines) {
                    prop_assert!(*part >= Amount::ZERO && part <= line, "{:?} of {:?}", part, line);
                }
            }
        }
    }
}
