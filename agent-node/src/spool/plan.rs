//! What to give up when the spool is full. Pure: the sizes of the segments in, the segments to thin out.
//!
//! Debug lines go first, oldest first, then info lines. Warnings, errors, rejected items and the ends of
//! runs are never given up: when they alone fill the spool, new facts are refused and runs fail.

use messages::run::LogLevel;

/// What a segment weighs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    pub all: u64,
    pub debug: u64,
    pub info: u64,
}

/// A segment whose lines up to `level` are to be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thin {
    /// Place in the list that was given.
    pub at: usize,
    pub level: LogLevel,
}

/// Chooses the segments to thin out so that `wanted` bytes fit under `limit`.
/// `free` are the segments of which nothing has been sent, oldest first, and `held` the bytes of all the others.
/// What is chosen may not be enough; then there is no more to give up.
#[must_use]
pub fn thin_out(free: &[Weight], held: u64, wanted: u64, limit: u64) -> Vec<Thin> {
    let mut total = held + wanted + free.iter().map(|segment| segment.all).sum::<u64>();
    let mut chosen = Vec::new();
    let weights: [(LogLevel, fn(&Weight) -> u64); 2] =
        [(LogLevel::Debug, |w| w.debug), (LogLevel::Info, |w| w.info)];
    for (level, weight) in weights {
        for (at, segment) in free.iter().enumerate() {
            if total <= limit {
                return chosen;
            }
            if weight(segment) > 0 {
                total = total.saturating_sub(weight(segment));
                chosen.retain(|thin: &Thin| thin.at != at);
                chosen.push(Thin { at, level });
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn weight(all: u64, debug: u64, info: u64) -> Weight {
        Weight { all, debug, info }
    }

    #[test]
    fn debug_first_oldest_first_then_info() {
        use LogLevel::{Debug, Info};
        let free = [weight(100, 30, 40), weight(100, 0, 90), weight(100, 50, 10)];
        for (limit, expected) in [
            (350, vec![]),
            (320, vec![(0, Debug)]),
            (290, vec![(0, Debug), (2, Debug)]),
            (250, vec![(2, Debug), (0, Info)]),
            (150, vec![(2, Debug), (0, Info), (1, Info)]),
            (0, vec![(0, Info), (1, Info), (2, Info)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(at, level)| Thin { at, level }).collect();
            assert_eq!(thin_out(&free, 20, 30, limit), expected, "limit {limit}");
        }
    }

    #[test]
    fn segments_without_lines_are_left_alone() {
        assert_eq!(thin_out(&[weight(500, 0, 0)], 0, 10, 100), []);
    }
}
