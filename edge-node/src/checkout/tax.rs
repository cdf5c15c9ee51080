//! Tax: counted once a rate over the whole basket, as the law reads it, then spread over the lines so that lines and
//! totals agree to the cent. Pure: no I/O.

use messages::edge::checkout::TaxTotal;
use messages::edge::{Amount, TaxRate};
use serde::Deserialize;

use super::arithmetic::{div_round, spread};

/// Whether prices on the shelf have the tax in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// As in Europe and Vietnam.
    #[default]
    Included,
    /// As in North America.
    Added,
}

/// One line's price, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taxed {
    pub net: Amount,
    pub tax: Amount,
    pub total: Amount,
}

/// Taxes the lines, each given as its rate and its price after discounts.
#[must_use]
pub fn apply(mode: TaxMode, lines: &[(TaxRate, Amount)]) -> (Vec<Taxed>, Vec<TaxTotal>) {
    let mut rates: Vec<TaxRate> = lines.iter().map(|(rate, _)| *rate).collect();
    rates.sort_unstable();
    rates.dedup();
    let untaxed = |price: Amount| Taxed { net: price, tax: Amount::ZERO, total: price };
    let mut taxed: Vec<Taxed> = lines.iter().map(|(_, price)| untaxed(*price)).collect();
    let mut totals = Vec::with_capacity(rates.len());
    for rate in rates {
        let members: Vec<usize> =
            lines.iter().enumerate().filter(|(_, line)| line.0 == rate).map(|(at, _)| at).collect();
        let weights: Vec<i64> = members.iter().map(|&at| lines[at].1.minor()).collect();
        let tax = tax_on(mode, rate, weights.iter().sum());
        for (&at, part) in members.iter().zip(spread(tax, &weights)) {
            let (price, part) = (lines[at].1, Amount::new(part));
            taxed[at] = match mode {
                TaxMode::Included => Taxed { net: price - part, tax: part, total: price },
                TaxMode::Added => Taxed { net: price, tax: part, total: price + part },
            };
        }
        let sum = |pick: fn(&Taxed) -> Amount| members.iter().map(|&at| pick(&taxed[at])).sum();
        totals.push(TaxTotal { rate, net: sum(|line| line.net), tax: sum(|line| line.tax) });
    }
    (taxed, totals)
}

fn tax_on(mode: TaxMode, rate: TaxRate, price: i64) -> i64 {
    let (rate, whole) = (i128::from(rate.0), i128::from(TaxRate::WHOLE));
    match mode {
        TaxMode::Included => div_round(i128::from(price) * rate, whole + rate),
        TaxMode::Added => div_round(i128::from(price) * rate, whole),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn included_and_added() {
        let line = [(TaxRate(1_900), Amount::new(11_900))];
        let (included, totals) = apply(TaxMode::Included, &line);
        assert_eq!((included[0].net, included[0].tax), (Amount::new(10_000), Amount::new(1_900)));
        assert_eq!(
            totals,
            [TaxTotal { rate: TaxRate(1_900), net: Amount::new(10_000), tax: Amount::new(1_900) }]
        );
        let (added, _) = apply(TaxMode::Added, &[(TaxRate(825), Amount::new(1_000))]);
        assert_eq!((added[0].tax, added[0].total), (Amount::new(83), Amount::new(1_083)));
    }

    #[test]
    fn tax_is_counted_over_the_rate_and_not_line_by_line() {
        // Each alone would be taxed 0.5 → 1 cent; together they are taxed 1.5 → 2 cents.
        let lines = [(TaxRate(500), Amount::new(10)); 3];
        let (taxed, totals) = apply(TaxMode::Added, &lines);
        assert_eq!(totals[0].tax, Amount::new(2));
        assert_eq!(taxed.iter().map(|line| line.tax.minor()).collect::<Vec<_>>(), [1, 1, 0]);
    }

    proptest! {
        #[test]
        fn lines_and_totals_agree(
            lines in prop::collection::vec((prop::sample::select(vec![0_u32, 500, 700, 770, 825, 1_900, 2_500]), 0_i64..5_000_000), 0..60),
            included in any::<bool>(),
        ) {
            let mode = if included { TaxMode::Included } else { TaxMode::Added };
            let lines: Vec<_> = lines.into_iter().map(|(rate, price)| (TaxRate(rate), Amount::new(price))).collect();
            let (taxed, totals) = apply(mode, &lines);
            for (line, (_, price)) in taxed.iter().zip(&lines) {
                prop_assert_eq!(line.net + line.tax, line.total);
                prop_assert!(line.tax >= Amount::ZERO && line.net >= Amount::ZERO);
                prop_assert_eq!(*price, if included { line.total } else { line.net });
            }
            prop_assert_eq!(taxed.iter().map(|line| line.tax).sum::<Amount>(), totals.iter().map(|t| t.tax).sum::<Amount>());
            for total in &totals {
                let price: i64 = lines.iter().filter(|(rate, _)| *rate == total.rate).map(|(_, p)| p.minor()).sum();
                prop_assert_eq!(total.tax.minor(), tax_on(mode, total.rate, price));
            }
        }
    }
}
