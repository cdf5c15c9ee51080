//! Which article numbers have been read: 64 bits of each, so that a million take 19 MiB and not 60.
//!
//! Two different numbers look the same once in 37 million files of a million rows.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

/// More are not checked: they would need more memory than an agent may take.
pub(in crate::connector) const MAX_SEEN: usize = 2_000_000;

/// The set grows by doubling; in shares, which double one after the other, the peak stays near the sum.
const SHARES: usize = 64;

#[derive(Default)]
pub(in crate::connector) struct Seen {
    hash: RandomState,
    shares: Vec<HashSet<u64, BuildHasherDefault<Same>>>,
    count: usize,
}

/// What is known of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Known {
    New,
    Repeated,
    /// The set is full and says nothing of further numbers.
    Unchecked,
}

/// The values are hashes already.
#[derive(Default)]
pub(in crate::connector) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Seen {
    /// An empty one, whose numbers can be compared with those of this one.
    pub(in crate::connector) fn sibling(&self) -> Self {
        Self { hash: self.hash.clone(), ..Self::default() }
    }

    pub(in crate::connector) fn contains(&self, sku: &str) -> bool {
        let hash = self.hash.hash_one(sku);
        self.shares.get(share(hash)).is_some_and(|set| set.contains(&hash))
    }

    /// Takes in the numbers of a sibling, as many as there is room for.
    pub(in crate::connector) fn absorb(&mut self, other: Self) {
        if self.shares.is_empty() {
            *self = other;
            return;
        }
        for (set, more) in self.shares.iter_mut().zip(other.shares) {
            for hash in more {
                if self.count < MAX_SEEN {
                    self.count += usize::from(set.insert(hash));
                }
            }
        }
    }

    pub(in crate::connector) fn note(&mut self, sku: &str) -> Known {
        let hash = self.hash.hash_one(sku);
        if self.shares.is_empty() {
            self.shares.resize_with(SHARES, HashSet::default);
        }
        let set = &mut self.shares[share(hash)];
        if self.count == MAX_SEEN {
            return if set.contains(&hash) { Known::Repeated } else { Known::Unchecked };
        }
        // One look at memory that no cache holds, and not two.
        if !set.insert(hash) {
            return Known::Repeated;
        }
        self.count += 1;
        Known::New
    }
}

/// Bits from the middle: the set itself uses the lowest and the highest.
fn share(hash: u64) -> usize {
    usize::try_from((hash >> 40) % SHARES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_siblings_are_gathered() {
        let mut all = Seen::default();
        for file in ["a", "b"] {
            let mut one = all.sibling();
            for n in 0..1_000 {
                assert_eq!(one.note(&format!("{file}{n}")), Known::New);
            }
            all.absorb(one);
        }
        assert!((0..1_000).all(|n| all.contains(&format!("a{n}")) && all.contains(&format!("b{n}"))));
        assert!(!all.contains("c1"));
    }

    #[test]
    fn each_number_is_new_once() {
        let mut seen = Seen::default();
        for n in 0..10_000 {
            assert_eq!(seen.note(&n.to_string()), Known::New);
        }
        for n in 0..10_000 {
            assert_eq!(seen.note(&n.to_string()), Known::Repeated);
        }
    }

    #[test]
    fn a_full_set_says_so() {
        let mut seen = Seen { count: MAX_SEEN, ..Seen::default() };
        assert_eq!(seen.note("1"), Known::Unchecked);
    }
}
