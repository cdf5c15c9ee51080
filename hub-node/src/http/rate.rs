//! How often somebody who has not proved themselves may ask: a token bucket per address. Pure: time is passed in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A whole office behind one address may open the console at once.
const BURST: f64 = 60.0;
/// In the long run: a person at a login page needs far less.
const PER_SECOND: f64 = 2.0;
/// Buckets kept, about 60 bytes each. Past it, those that are full again go, then the one idle longest.
const MAX_BUCKETS: usize = 20_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// Buckets by address.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: HashMap<IpAddr, Bucket>,
}

impl Rates {
    /// Takes one; refused with the time after which there is one again.
    pub(crate) fn take(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let key = network(address);
        if !self.buckets.contains_key(&key) {
            self.make_room(now);
        }
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: BURST, at: now });
        bucket.left = bucket.level(now);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / PER_SECOND));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Is there one to take? Refused with the time after which there is.
    pub(crate) fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let left = self.buckets.get(&network(address)).map_or(BURST, |bucket| bucket.level(now));
        if left < 1.0 { Err(Duration::from_secs_f64((1.0 - left) / PER_SECOND)) } else { Ok(()) }
    }

    fn make_room(&mut self, now: Instant) {
        if self.buckets.len() < MAX_BUCKETS {
            return;
        }
        self.buckets.retain(|_, bucket| bucket.level(now) < BURST);
        if self.buckets.len() >= MAX_BUCKETS
            && let Some(idle) = self.buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(key, _)| *key)
        {
            self.buckets.remove(&idle);
        }
    }
}

impl Bucket {
    fn level(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        passed.mul_add(PER_SECOND, self.left).min(BURST)
    }
}

/// Who owns one IPv6 address owns its whole /64.
#[must_use]
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_is_free_and_then_two_a_second() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for _ in 0..60 {
            assert_eq!(rates.take(ip("10.0.0.1"), now), Ok(()));
        }
        assert_eq!(rates.take(ip("10.0.0.1"), now), Err(Duration::from_millis(500)));
        assert_eq!(rates.take(ip("10.0.0.2"), now), Ok(()), "others are not affected");
        let later = now + Duration::from_millis(500);
        assert_eq!(rates.take(ip("10.0.0.1"), later), Ok(()));
        assert!(rates.take(ip("10.0.0.1"), later).is_err());
        let much_later = now + Duration::from_secs(3_600);
        for _ in 0..60 {
            assert_eq!(rates.take(ip("10.0.0.1"), much_later), Ok(()));
        }
        assert!(rates.take(ip("10.0.0.1"), much_later).is_err(), "it does not save up more than a burst");
    }

    #[test]
    fn a_network_shares_its_bucket() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_ne!(network(ip("2001:db8:1:2::1")), network(ip("2001:db8:1:3::1")));
        assert_eq!(network(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for n in 0..u32::try_from(MAX_BUCKETS + 100).unwrap() {
            rates.take(IpAddr::V4(n.into()), now).unwrap();
        }
        assert!(rates.buckets.len() <= MAX_BUCKETS);
    }
}
