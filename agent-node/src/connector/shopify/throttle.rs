//! The points a shop grants: a bucket that fills at a steady rate; each request takes what it costs. Pure.

use std::time::Duration;

use serde_json::Value;

/// What the shop said of the bucket in its last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    available: u64,
    most: u64,
    /// Points a second.
    rate: u64,
}

/// What an answer says of costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cost {
    /// Of this request, as it was reckoned beforehand.
    pub(super) asked: Option<u64>,
    pub(super) bucket: Option<Bucket>,
}

impl Cost {
    /// Reads `extensions.cost`.
    pub(super) fn of(answer: &Value) -> Self {
        let cost = &answer["extensions"]["cost"];
        let status = &cost["throttleStatus"];
        let bucket = || {
            Some(Bucket {
                available: points(&status["currentlyAvailable"])?,
                most: points(&status["maximumAvailable"])?,
                rate: points(&status["restoreRate"])?.max(1),
            })
        };
        Self { asked: points(&cost["requestedQueryCost"]), bucket: bucket() }
    }
}

/// Shopify writes points with and without decimals; parts of a point do not matter.
fn points(value: &Value) -> Option<u64> {
    let text = value.to_string();
    text.split('.').next()?.parse().ok()
}

impl Bucket {
    /// How long to wait until there is enough for this cost, when the answer is so old.
    pub(super) fn wait(self, cost: u64, age: Duration) -> Option<Duration> {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let refilled = millis.saturating_mul(self.rate) / 1_000;
        let available = self.available.saturating_add(refilled).min(self.most);
        // More than the bucket holds will never be there; the shop is to say so itself.
        let missing = cost.min(self.most).saturating_sub(available);
        (missing > 0).then(|| Duration::from_millis((missing * 1_000).div_ceil(self.rate)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bucket(available: u64) -> Bucket {
        Bucket { available, most: 1_000, rate: 50 }
    }

    #[test]
    fn costs_are_read_in_either_form() {
        let answer = json!({"data": {}, "extensions": {"cost": {"requestedQueryCost": 101,
            "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 899.5, "restoreRate": 50}}}});
        assert_eq!(Cost::of(&answer), Cost { asked: Some(101), bucket: Some(bucket(899)) });
        assert_eq!(Cost::of(&json!({"data": {}})), Cost::default());
    }

    #[test]
    fn it_waits_for_what_is_missing_and_no_longer() {
        for (available, cost, age_ms, wait_ms) in [
            (500, 100, 0, None),
            (0, 100, 0, Some(2_000)),
            (0, 100, 1_000, Some(1_000)),
            (0, 100, 2_000, None),
            (99, 100, 0, Some(20)),
            (0, 5_000, 0, Some(20_000)),
            (0, 100, u64::MAX / 2_000, None),
        ] {
            let wait = bucket(available).wait(cost, Duration::from_millis(age_ms));
            assert_eq!(wait, wait_ms.map(Duration::from_millis), "{available} {cost} {age_ms}");
        }
    }
}
