//! Division that rounds as shopkeepers do, and splitting an amount without losing a cent. Pure: integers only.

/// `n / d` rounded to the nearest whole number, a half away from zero. `d` is positive.
#[must_use]
pub fn div_round(n: i128, d: i128) -> i64 {
    let quotient = (n.abs() * 2 + d) / (d * 2);
    let rounded = if n < 0 { -quotient } else { quotient };
    // Inputs are bounded far below this (see `Amount`); a value out of range would be a defect, not a price.
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// Splits `total` in proportion to `weights`, each part whole, the parts adding up exactly. Parts that were cut the
/// most get what is left over, earlier ones first. Weights are not negative; when all are zero the first gets all.
#[must_use]
pub fn spread(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
    if weights.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![0; weights.len()];
    if sum == 0 {
        parts[0] = total;
        return parts;
    }
    let magnitude = i128::from(total).abs();
    let mut cut = Vec::with_capacity(weights.len());
    let mut left = magnitude;
    for (at, &weight) in weights.iter().enumerate() {
        let share = magnitude * i128::from(weight);
        let whole = share / sum;
        left -= whole;
        parts[at] = i64::try_from(whole).unwrap_or(i64::MAX);
        cut.push((share % sum, at));
    }
    // Largest remainder first; among equals the earlier line.
    cut.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, at) in cut.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        parts[at] += 1;
    }
    if total < 0 {
        for part in &mut parts {
            *part = -*part;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        for (n, d, rounded) in [
            (5, 10, 1),
            (-5, 10, -1),
            (4, 10, 0),
            (-4, 10, 0),
            (15, 10, 2),
            (-15, 10, -2),
            (0, 7, 0),
            (7, 7, 1),
        ] {
            assert_eq!(div_round(n, d), rounded, "{n}/{d}");
        }
    }

    #[test]
    fn a_cent_too_many_goes_to_who_was_cut_most() {
        assert_eq!(spread(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(spread(-100, &[1, 1, 1]), [-34, -33, -33]);
        assert_eq!(spread(10, &[999, 1]), [10, 0]);
        assert_eq!(spread(5, &[0, 0]), [5, 0]);
        assert_eq!(spread(1, &[1, 2, 2]), [0, 1, 0]);
        assert!(spread(1, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn parts_add_up_and_stay_within_one_of_their_share(
            total in -1_000_000_000_i64..1_000_000_000,
            weights in prop::collection::vec(0_i64..1_000_000_000, 1..60),
        ) {
            let parts = spread(total, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            let sum: i128 = weights.iter().map(|&w| i128::from(w)).sum();
            if sum > 0 {
                for (part, weight) in parts.iter().zip(&weights) {
                    let off = i128::from(*part) * sum - i128::from(total) * i128::from(*weight);
                    prop_assert!(off.abs() < sum);
                }
            }
        }

        #[test]
        fn rounding_is_odd(n in -1_000_000_000_000_i128..1_000_000_000_000, d in 1_i128..100_000) {
            prop_assert_eq!(div_round(-n, d), -div_round(n, d));
            let off = n - i128::from(div_round(n, d)) * d;
            prop_assert!(off.abs() * 2 <= d);
        }
    }
}
