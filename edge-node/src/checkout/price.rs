//! Price times quantity, and prices for several at once. Pure: no I/O.

use messages::edge::{Amount, Quantity};
use serde::{Deserialize, Serialize};

use super::arithmetic::div_round;

/// "Three for five": so many pieces together have a price of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePrice {
    /// Pieces, at least 2.
    pub pieces: u32,
    pub price: Amount,
}

/// What a quantity costs before discounts.
#[must_use]
pub fn gross(unit_price: Amount, quantity: Quantity, bundle: Option<BundlePrice>) -> Amount {
    let single = |thousandths: i64| {
        Amount::new(div_round(i128::from(unit_price.minor()) * i128::from(thousandths), 1_000))
    };
    match bundle {
        Some(BundlePrice { pieces, price }) if pieces >= 2 && quantity.is_whole() && quantity.get() > 0 => {
            let whole = quantity.get() / 1_000;
            let (bundles, rest) = (whole / i64::from(pieces), whole % i64::from(pieces));
            let together = Amount::new(price.minor() * bundles) + single(rest * 1_000);
            // A bundle dearer than its pieces is a mistake in the catalogue, and not the customer's.
            together.min(single(quantity.get()))
        }
        _ => single(quantity.get()),
    }
}

/// The quantity that a price from the scales stands for, so that stock is counted in kilograms.
#[must_use]
pub fn quantity_for(price: Amount, unit_price: Amount) -> Quantity {
    if unit_price.minor() <= 0 {
        return Quantity::ONE;
    }
    let thousandths = div_round(i128::from(price.minor()) * 1_000, i128::from(unit_price.minor()));
    Quantity::thousandths(thousandths.clamp(1, Quantity::MAX.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_round_to_the_cent() {
        for (price, grams, cost) in
            [(1_299, 345, 448), (199, 1_000, 199), (199, 2_500, 498), (100, 4, 0), (100, 5, 1)]
        {
            assert_eq!(gross(Amount::new(price), Quantity::thousandths(grams), None), Amount::new(cost));
        }
    }

    #[test]
    fn bundles_count_whole_pieces() {
        let three_for_five = Some(BundlePrice { pieces: 3, price: Amount::new(500) });
        for (pieces, cost) in [(1, 199), (2, 398), (3, 500), (4, 699), (6, 1_000), (7, 1_199)] {
            assert_eq!(gross(Amount::new(199), Quantity::pieces(pieces), three_for_five), Amount::new(cost));
        }
        let nonsense = Some(BundlePrice { pieces: 2, price: Amount::new(900) });
        assert_eq!(gross(Amount::new(199), Quantity::pieces(2), nonsense), Amount::new(398));
        assert_eq!(gross(Amount::new(200), Quantity::thousandths(1_500), three_for_five), Amount::new(300));
    }

    #[test]
    fn a_price_from_the_scales_is_a_weight() {
        assert_eq!(quantity_for(Amount::new(448), Amount::new(1_299)), Quantity::thousandths(345));
        assert_eq!(quantity_for(Amount::new(448), Amount::ZERO), Quantity::ONE);
    }
}
