//! What is paid in coins is a multiple of the smallest coin. Pure: no I/O.

use messages::edge::{Amount, Currency};

use super::arithmetic::div_round;

/// The smallest coin, in the currency's smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CashRounding {
    step: i64,
}

impl CashRounding {
    /// `step` is at least 1, which rounds nothing.
    #[must_use]
    pub fn new(step: u32) -> Self {
        Self { step: i64::from(step.max(1)) }
    }

    /// What is customary where the currency is used. A store that does otherwise says so in its settings.
    #[must_use]
    pub fn customary(currency: Currency) -> Self {
        Self::new(match currency.as_str() {
            "CHF" | "AUD" | "NZD" | "CAD" => 5,
            "DKK" => 50,
            "SEK" | "NOK" | "CZK" => 100,
            "HUF" => 500,
            "VND" => 500,
            _ => 1,
        })
    }

    /// The nearest amount that coins make, a half away from zero.
    #[must_use]
    pub fn round(self, amount: Amount) -> Amount {
        Amount::new(div_round(amount.minor().into(), self.step.into()) * self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_the_nearest_coin() {
        let rappen = CashRounding::customary(Currency::CHF);
        for (amount, paid) in
            [(1_002, 1_000), (1_003, 1_005), (1_007, 1_005), (1_008, 1_010), (2, 0), (-1_003, -1_005)]
        {
            assert_eq!(rappen.round(Amount::new(amount)), Amount::new(paid), "{amount}");
        }
        let dong = CashRounding::customary(Currency::VND);
        assert_eq!(dong.round(Amount::new(25_250)), Amount::new(25_500));
        assert_eq!(CashRounding::customary(Currency::EUR).round(Amount::new(1_003)), Amount::new(1_003));
    }
}
