//! From retailer to shard. Pure; the mapping may never change, because shards stand in databases.

use messages::RetailerId;

/// Enough for even shares among dozens of nodes, few enough to be read at once.
pub const SHARDS: u16 = 256;

/// One slice of the retailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// `None` when there is no such shard.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        u8::try_from(number).ok().map(Self)
    }

    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// As a place in a table of all shards.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All shards in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The shard of a retailer: FNV-1a over the 16 bytes of its identifier, folded to a byte.
///
/// The identifiers are time-ordered, so their first bytes hardly differ; the hash spreads the rest. Our own few lines,
/// because the standard hasher may change with the compiler.
#[must_use]
pub fn shard_of(retailer: RetailerId) -> Shard {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = retailer
        .as_uuid()
        .into_bytes()
        .into_iter()
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    // The low bits of FNV are its weak ones: every byte of the hash takes part.
    Shard(hash.to_le_bytes().into_iter().fold(0, |folded, byte| folded ^ byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_is_the_one_in_the_databases() {
        for (id, shard) in [
            ("00000000-0000-0000-0000-000000000000", 144),
            ("01890a5d-ac96-774b-bcce-b302099a8057", 103),
            ("01890a5d-ac96-774b-bcce-b302099a8058", 178),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", 34),
        ] {
            assert_eq!(shard_of(id.parse().unwrap()).number(), shard, "{id}");
        }
    }

    #[test]
    fn retailers_made_one_after_the_other_spread_evenly() {
        let mut sizes = [0_u32; SHARDS as usize];
        for _ in 0..25_600 {
            sizes[shard_of(RetailerId::new()).index()] += 1;
        }
        // 100 each would be perfect; chance allows for about ±40.
        assert!(sizes.iter().all(|size| (50..=160).contains(size)), "{sizes:?}");
    }

    #[test]
    fn there_are_256_of_them() {
        assert_eq!(Shard::all().count(), usize::from(SHARDS));
        assert_eq!(
            (Shard::new(255).map(Shard::index), Shard::new(256), Shard::new(-1)),
            (Some(255), None, None)
        );
    }
}
