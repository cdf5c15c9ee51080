//! What customers buy and how they behave, drawn from a seed. Pure: the same seed shops the same.

use messages::edge::Quantity;
use messages::edge::checkout::{ArticleView, PaymentKind};

use crate::checkout::barcode;

/// A small generator with a state of one number (`SplitMix64`). Good enough for shopping, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// True `times` out of a hundred.
    pub const fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }
}

/// One article in the trolley.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    pub barcode: String,
    pub quantity: Option<Quantity>,
}

/// What becomes of a basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Sold,
    /// The customer has forgotten the wallet.
    GivenUp,
    /// The cashier undoes the finished sale.
    Voided,
    /// Something comes back.
    Refunded,
}

/// One customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    pub picks: Vec<Pick>,
    pub payment: PaymentKind,
    /// In hundredths of a per cent.
    pub discount: Option<u32>,
    /// The till keeps the basket and sends it whole.
    pub at_once: bool,
    /// A line is taken out again before paying.
    pub changes_mind: bool,
    pub fate: Fate,
}

/// Sends a customer through the shop.
#[must_use]
pub fn trip(dice: &mut Dice, articles: &[ArticleView]) -> Trip {
    // Most come for a few things, some for the week.
    let size = if dice.percent(80) { 1 + dice.below(8) } else { 8 + dice.below(30) };
    let picks = (0..size).filter_map(|_| pick(dice, articles)).collect();
    let fate = match dice.below(100) {
        0..=1 => Fate::GivenUp,
        2 => Fate::Voided,
        3..=5 => Fate::Refunded,
        _ => Fate::Sold,
    };
    let payment = match dice.below(10) {
        0..=3 => PaymentKind::Cash,
        _ => PaymentKind::Card,
    };
    Trip {
        picks,
        payment,
        discount: dice.percent(10).then_some(500),
        at_once: fate != Fate::GivenUp && dice.percent(30),
        changes_mind: dice.percent(8),
        fate,
    }
}

fn pick(dice: &mut Dice, articles: &[ArticleView]) -> Option<Pick> {
    let at = usize::try_from(dice.below(articles.len().max(1) as u64)).ok()?;
    let article = articles.get(at)?;
    if article.weighed {
        let grams = 50 + dice.below(1_950);
        let weight = Quantity::thousandths(i64::try_from(grams).ok()?);
        let plu = article.sku.strip_prefix('W')?.parse().ok()?;
        // Deli labels come from the scales; fruit is weighed at the till.
        return Some(if dice.percent(50) {
            Pick { barcode: barcode::scale_label(plu, weight), quantity: None }
        } else {
            Pick { barcode: plu.to_string(), quantity: Some(weight) }
        });
    }
    let several = dice.percent(15).then(|| Quantity::pieces(2 + i64::try_from(dice.below(4)).unwrap_or(0)));
    Some(Pick { barcode: article.barcode.clone()?, quantity: several })
}

/// How much busier than on average a shop is in each twelfth of its day: noon and the evening are the rush.
const DAY: [u64; 12] = [40, 60, 80, 110, 170, 140, 80, 70, 110, 180, 120, 40];

/// The wait to the next customer, in milliseconds, at a point of the day given in thousandths.
#[must_use]
pub fn wait_ms(dice: &mut Dice, average_ms: u64, of_day: u64) -> u64 {
    let hour = usize::try_from(of_day.min(999) * 12 / 1_000).unwrap_or(0);
    let busy = DAY.get(hour).copied().unwrap_or(100);
    let around = average_ms * 100 / busy;
    around / 2 + dice.below(around.max(1))
}

#[cfg(test)]
mod tests {
    use messages::edge::{Amount, TaxRate};

    use super::*;

    fn shelf() -> Vec<ArticleView> {
        let article = |sku: &str, weighed: bool| ArticleView {
            sku: sku.into(),
            name: sku.into(),
            barcode: (!weighed).then(|| "4006381333931".to_owned()),
            category: String::new(),
            unit: String::new(),
            price: Amount::new(100),
            tax_rate: TaxRate(700),
            weighed,
            blocked: None,
            on_hand: Quantity::ZERO,
        };
        vec![article("A00001", false), article("W04011", true)]
    }

    #[test]
    fn the_same_seed_shops_the_same_and_all_fates_happen() {
        let shop = |seed| {
            let mut dice = Dice::new(seed);
            (0..2_000).map(|_| trip(&mut dice, &shelf())).collect::<Vec<_>>()
        };
        let trips = shop(7);
        assert_eq!(trips, shop(7));
        assert_ne!(trips, shop(8));
        for fate in [Fate::Sold, Fate::GivenUp, Fate::Voided, Fate::Refunded] {
            assert!(trips.iter().any(|trip| trip.fate == fate), "{fate:?}");
        }
        assert!(trips.iter().all(|trip| !trip.picks.is_empty()));
        assert!(trips.iter().flat_map(|trip| &trip.picks).all(|pick| barcode::read(&pick.barcode).is_ok()));
    }

    #[test]
    fn rush_hours_are_busier() {
        let average = |of_day| {
            let mut dice = Dice::new(1);
            (0..1_000).map(|_| wait_ms(&mut dice, 1_000, of_day)).sum::<u64>() / 1_000
        };
        assert!(average(800) * 3 < average(0), "{} {}", average(800), average(0));
        assert!(wait_ms(&mut Dice::new(1), 0, 5_000) == 0);
    }
}
