//! Who should serve which shard, and what this node does about it now. Pure; every node computes it for itself.
//!
//! From the same documents every node comes to the same [`Moves`] for everybody, so no shard is given or taken in two
//! directions; from documents that differ for a moment it may, and then the compare-and-set in `store::ownership` decides.
//!
//! How it decides: with `n` nodes that stay, each has a quota of 256 / n, rounded up for as many as the remainder asks for,
//! and those are the ones that have the most already. A shard moves only when it has no owner, its owner leaves, or its
//! owner has more than its quota; it goes to the node below quota whose rendezvous weight for it is the highest. That
//! moves as few shards as even shares can be had for, and once shares are even there is nothing left to do: each node's
//! quota is what it has.

use std::collections::BTreeMap;

use messages::ids::BootId;

use super::shard::{SHARDS, Shard};

/// A living node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seat {
    pub node: BootId,
    /// It is being drained: it hands everything over and takes nothing.
    pub leaving: bool,
}

/// What one node does now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moves {
    /// Free shards that this node takes.
    pub take: Vec<Shard>,
    /// Shards of this node, and to whom it hands them over.
    pub give: Vec<(Shard, BootId)>,
}

impl Moves {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.take.is_empty() && self.give.is_empty()
    }
}

/// What `me` does now, given who lives and who owns what.
///
/// `owner_of` is `None` for a shard that is free; an owner without a seat is dead, so its shards are free too. Of what is
/// to be given, at most `limit` is told, because each is a short pause for its retailers. What is to be taken is told
/// whole, because nobody serves it.
///
/// A node that leaves takes nothing and gives everything, except when nobody stays: then everybody keeps what they have,
/// and the last one living still takes what is free.
#[must_use]
pub fn moves(me: BootId, seats: &[Seat], owner_of: impl Fn(Shard) -> Option<BootId>, limit: usize) -> Moves {
    let seats = Seats::new(seats);
    let mut moves = Moves::default();
    if !seats.by_node.contains_key(&me) {
        return moves;
    }
    let owners: Vec<Option<BootId>> =
        Shard::all().map(|shard| owner_of(shard).filter(|owner| seats.by_node.contains_key(owner))).collect();
    let staying = seats.staying();
    if staying.is_empty() {
        if seats.by_node.len() == 1 {
            moves.take = free(&owners).collect();
        }
        return moves;
    }
    for (shard, from, to) in plan(&staying, &owners) {
        if from == Some(me) {
            if moves.give.len() < limit {
                moves.give.push((shard, to));
            }
        } else if from.is_none() && to == me {
            moves.take.push(shard);
        }
    }
    moves
}

/// Seats by node: the order in which the database told of them must not matter.
struct Seats {
    by_node: BTreeMap<BootId, Seat>,
}

impl Seats {
    fn new(seats: &[Seat]) -> Self {
        let mut by_node = BTreeMap::new();
        for seat in seats {
            let known = by_node.entry(seat.node).or_insert(*seat);
            known.leaving |= seat.leaving;
        }
        Self { by_node }
    }

    fn staying(&self) -> Vec<BootId> {
        self.by_node.values().filter(|seat| !seat.leaving).map(|seat| seat.node).collect()
    }
}

/// Every move of every node: shard, from whom, to whom. `staying` is sorted and not empty.
fn plan(staying: &[BootId], owners: &[Option<BootId>]) -> Vec<(Shard, Option<BootId>, BootId)> {
    let owner = |shard: Shard| owners.get(shard.index()).copied().flatten();
    let mut kept: BTreeMap<BootId, Vec<Shard>> = staying.iter().map(|node| (*node, Vec::new())).collect();
    let mut homeless: Vec<Shard> = Vec::new();
    for shard in Shard::all() {
        match owner(shard).and_then(|owner| kept.get_mut(&owner)) {
            Some(shards) => shards.push(shard),
            None => homeless.push(shard),
        }
    }
    let quotas = quotas(&kept);
    let mut room: Vec<(BootId, usize)> = Vec::new();
    for (node, shards) in &mut kept {
        let quota = quotas.get(node).copied().unwrap_or(0);
        // What it is least the natural owner of goes first.
        shards.sort_by_key(|shard| (std::cmp::Reverse(weight(*node, *shard)), *shard));
        if shards.len() > quota {
            homeless.extend(shards.split_off(quota));
        } else if shards.len() < quota {
            room.push((*node, quota - shards.len()));
        }
    }
    // Those that nobody serves first; room is the same in sum whatever the order.
    homeless.sort_by_key(|shard| (owner(*shard).is_some(), *shard));
    let mut moves = Vec::with_capacity(homeless.len());
    for shard in homeless {
        let best = room
            .iter_mut()
            .filter(|(_, left)| *left > 0)
            .max_by_key(|(node, _)| (weight(*node, shard), *node));
        if let Some((node, left)) = best {
            *left -= 1;
            moves.push((shard, owner(shard), *node));
        }
    }
    moves
}

/// How many shards each may have: even shares, the larger ones for those that have the most. Together they are all shards.
fn quotas(kept: &BTreeMap<BootId, Vec<Shard>>) -> BTreeMap<BootId, usize> {
    let nodes = kept.len().max(1);
    let (share, larger) = (usize::from(SHARDS) / nodes, usize::from(SHARDS) % nodes);
    let mut by_load: Vec<(usize, BootId)> = kept.iter().map(|(node, shards)| (shards.len(), *node)).collect();
    by_load.sort_by_key(|(load, node)| (std::cmp::Reverse(*load), *node));
    by_load
        .into_iter()
        .enumerate()
        .map(|(place, (_, node))| (node, share + usize::from(place < larger)))
        .collect()
}

fn free(owners: &[Option<BootId>]) -> impl Iterator<Item = Shard> {
    Shard::all().zip(owners).filter(|(_, owner)| owner.is_none()).map(|(shard, _)| shard)
}

/// Rendezvous weight. Our own few lines, because nodes of different versions must agree and the standard hasher may
/// change: FNV-1a over node and shard, then the finaliser of MurmurHash3, because the high bits of FNV hardly see the last byte.
fn weight(node: BootId, shard: Shard) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = node.as_uuid().into_bytes().into_iter().chain([shard.number()]);
    let mut hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
