//! The scale of a chart of bars, in whole numbers. Pure.

/// From nothing up to `top`, with a line at each `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    pub top: i64,
    pub step: i64,
}

/// Lines that a chart has at most, the one at the bottom not counted.
const LINES: i64 = 4;
/// Height of a chart in its own units: fine enough that a pixel is never missed.
pub const HEIGHT: i64 = 1_000;

/// The smallest scale of round numbers that has room for `most`.
#[must_use]
pub fn scale(most: i64) -> Scale {
    let mut unit = 1_i64;
    loop {
        for factor in [1, 2, 5] {
            let step = unit.saturating_mul(factor);
            if step.saturating_mul(LINES) >= most {
                let lines = most.max(1).div_ceil_by(step);
                return Scale { top: step.saturating_mul(lines), step };
            }
        }
        unit = unit.saturating_mul(10);
    }
}

trait DivCeil {
    fn div_ceil_by(self, by: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, by: Self) -> Self {
        self / by + Self::from(self % by != 0)
    }
}

/// How high a bar stands; what is less than nothing has none, and the table beside the chart tells it.
#[must_use]
pub fn height(value: i64, scale: Scale) -> i64 {
    let high = i128::from(value.max(0)) * i128::from(HEIGHT) / i128::from(scale.top.max(1));
    i64::try_from(high).unwrap_or(HEIGHT).min(HEIGHT)
}

/// The values of the lines, from the top down to nothing.
#[must_use]
pub fn lines(scale: Scale) -> Vec<i64> {
    (0..=scale.top / scale.step.max(1)).rev().map(|line| line * scale.step).collect()
}

/// Each how many bars a label fits, when so many fit in all.
#[must_use]
pub fn label_every(bars: usize, fit: usize) -> usize {
    bars.div_ceil(fit.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_have_room() {
        for (most, top, step) in [
            (0, 1, 1),
            (1, 1, 1),
            (4, 4, 1),
            (5, 6, 2),
            (9, 10, 5),
            (20, 20, 5),
            (21, 30, 10),
            (12_345, 15_000, 5_000),
            (200_000, 200_000, 50_000),
            (-7, 1, 1),
        ] {
            assert_eq!(scale(most), Scale { top, step }, "{most}");
        }
        let huge = scale(i64::MAX);
        assert!(huge.top >= i64::MAX / 2 && height(i64::MAX, huge) == HEIGHT);
    }

    #[test]
    fn bars_keep_their_proportion() {
        let scale = scale(400);
        assert_eq!([0, 100, 200, 400, -5].map(|value| height(value, scale)), [0, 250, 500, 1_000, 0]);
        assert_eq!(lines(scale), [400, 300, 200, 100, 0]);
        assert_eq!((label_every(7, 12), label_every(31, 12), label_every(0, 12)), (1, 3, 1));
    }
}
