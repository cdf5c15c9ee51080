//! How long to wait before the next attempt: exponential with full jitter, so that a thousand consoles
//! do not all come back in the second in which the hub does. Pure.

/// First bound, in milliseconds: a blip is over sooner than anybody reads the word "reconnecting".
const BASE_MS: f64 = 500.0;
/// Last bound: half a minute is as long as a technician should wait for a hub that is back.
const CAP_MS: f64 = 30_000.0;
/// Not at once even with the luckiest jitter: a hub that refuses would be hammered.
const FLOOR_MS: f64 = 250.0;

/// Delay before attempt number `failures` + 1, for a `jitter` between 0 and 1.
#[must_use]
pub fn delay_ms(failures: u32, jitter: f64) -> f64 {
    let bound = (BASE_MS * f64::from(2_u32.saturating_pow(failures.saturating_sub(1).min(16)))).min(CAP_MS);
    (bound * jitter.clamp(0.0, 1.0)).max(FLOOR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_cap() {
        for (failures, bound) in
            [(0, 500.0), (1, 500.0), (2, 1_000.0), (5, 8_000.0), (7, 30_000.0), (500, 30_000.0)]
        {
            assert!((delay_ms(failures, 1.0) - bound).abs() < f64::EPSILON, "{failures}");
        }
    }

    #[test]
    fn jitter_spreads_but_never_to_zero() {
        assert!((delay_ms(6, 0.5) - 8_000.0).abs() < f64::EPSILON);
        for jitter in [-1.0, 0.0, 0.001] {
            assert!((delay_ms(3, jitter) - FLOOR_MS).abs() < f64::EPSILON);
        }
    }
}
