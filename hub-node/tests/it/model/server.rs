//! The database, as far as ownership goes: one shard, one retailer. Each function names the query that it mirrors.
//!
//! Time is relative: a lease has so many ticks left by the server's clock. So states that differ only in the hour are one.

/// One start of a process: `node * LIVES + life`.
pub(super) type Boot = u8;
pub(super) const NODES: usize = 3;
pub(super) const LIVES: u8 = 2;
const BOOTS: usize = NODES * LIVES as usize;

pub(super) const fn node_of(boot: Boot) -> usize {
    (boot / LIVES) as usize
}

/// Ticks that a lease lasts.
pub(super) const TTL: i8 = 2;
/// How long ago a lease may have ended and come back when the server's clock is set back.
const LONG_DEAD: i8 = -1;

/// `nodes`, one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Doc {
    pub(super) lease: u8,
    pub(super) left: i8,
    pub(super) leaving: bool,
}

/// `shards`, the one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Row {
    pub(super) owner: Option<(Boot, u8)>,
    pub(super) epoch: u8,
}

/// One commit: what it starts from, and what it writes. Equal batches have equal digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    pub(super) epoch: u8,
    /// The version that it leads to.
    pub(super) expected: u8,
    /// The writes that the retailer consists of afterwards, as the actor's memory has them.
    pub(super) image: u8,
}

/// What is asked of the server in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Register { boot: Boot, lease: u8 },
    Renew { boot: Boot, lease: u8 },
    Take { row: Row, to: (Boot, u8) },
    HandOver { row: Row, to: (Boot, u8) },
    Commit(Batch),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Server {
    docs: [Option<Doc>; BOOTS],
    pub(super) row: Row,
    fence: u8,
    version: u8,
    last_commit: Option<Batch>,
    /// Bit by bit, the writes that are stored.
    pub(super) image: u8,
    /// Not stored, but for the properties: the highest epoch under which anybody has loaded the retailer.
    loaded: u8,
    /// A commit was carried out under an epoch after a newer owner had loaded.
    pub(super) old_epoch_wrote: bool,
    /// A commit was carried out that did not lead to the next version.
    pub(super) gap: bool,
}

impl Server {
    /// One call of `request`; `true` is the answer that the caller hopes for.
    pub(super) fn serve(&mut self, request: Request, fenced: bool) -> bool {
        match request {
            Request::Register { boot, lease } => self.register(boot, lease),
            Request::Renew { boot, lease } => self.renew(boot, lease),
            Request::Take { row, to } | Request::HandOver { row, to } => self.change_hands(row, to),
            Request::Commit(batch) => self.commit(batch, fenced),
        }
    }

    /// `OwnershipStore::register`: upserts the document of this boot under a new name; `leaving` stays as it is.
    fn register(&mut self, boot: Boot, lease: u8) -> bool {
        let place = &mut self.docs[usize::from(boot)];
        let leaving = place.is_some_and(|doc| doc.leaving);
        *place = Some(Doc { lease, left: TTL, leaving });
        true
    }

    /// `OwnershipStore::renew`: matches boot, lease, and `lease_until > $$NOW`.
    fn renew(&mut self, boot: Boot, lease: u8) -> bool {
        match &mut self.docs[usize::from(boot)] {
            Some(doc) if doc.lease == lease && doc.left > 0 => {
                doc.left = TTL;
                true
            }
            _ => false,
        }
    }

    /// `OwnershipStore::declare_dead`: deletes by boot and lease.
    pub(super) fn declare_dead(&mut self, boot: Boot) {
        self.docs[usize::from(boot)] = None;
    }

    /// `OwnershipStore::ask_to_leave`.
    pub(super) fn ask_to_leave(&mut self, boot: Boot) -> bool {
        match &mut self.docs[usize::from(boot)] {
            Some(doc) if !doc.leaving => {
                doc.leaving = true;
                true
            }
            _ => false,
        }
    }

    pub(super) fn doc(&self, boot: Boot) -> Option<Doc> {
        self.docs[usize::from(boot)]
    }

    /// The second half of `OwnershipStore::look`: leases that have not run out, without earlier lives of the asker.
    pub(super) fn living(&self, asker: Boot) -> impl Iterator<Item = (Boot, Doc)> + '_ {
        let boots = (0..).zip(&self.docs).filter_map(|(boot, doc)| doc.map(|doc| (boot, doc)));
        boots.filter(move |(boot, doc)| doc.left > 0 && (*boot == asker || node_of(*boot) != node_of(asker)))
    }

    /// `OwnershipStore::take`, its second half: earlier lives of the taker are forgotten.
    pub(super) fn forget_the_dead(&mut self, taker: Boot) {
        for (boot, doc) in (0..).zip(&mut self.docs) {
            if boot != taker && node_of(boot) == node_of(taker) {
                *doc = None;
            }
        }
    }

    /// `OwnershipStore::hand_over`, and the update of `take`: owner and lease as they were seen, `epoch + 1`. The epoch
    /// is part of the filter of one only, and implied in the other: no pair of owner and lease comes twice.
    fn change_hands(&mut self, seen: Row, to: (Boot, u8)) -> bool {
        if self.row != seen {
            return false;
        }
        self.row = Row { owner: Some(to), epoch: seen.epoch + 1 };
        true
    }

    /// `TenantDb::take`: the fence is raised from the same epoch or a lower one, then the retailer is loaded until no
    /// commit has come in between, so that both are one step here.
    pub(super) fn raise(&mut self, epoch: u8, fenced: bool) -> Option<(u8, u8)> {
        if fenced && self.fence > epoch {
            return None;
        }
        self.fence = epoch;
        self.loaded = self.loaded.max(epoch);
        Some((self.version, self.image))
    }

    /// `Commit::attempt` and `Commit::verdict`: the fence is advanced from `(epoch, expected - 1)`; where it stands
    /// elsewhere, the digest tells whether it is this very commit that has brought it there.
    fn commit(&mut self, batch: Batch, fenced: bool) -> bool {
        let in_place = self.fence == batch.epoch && self.version + 1 == batch.expected;
        if fenced && !in_place {
            return self.last_commit == Some(batch) && self.version == batch.expected;
        }
        self.old_epoch_wrote |= batch.epoch < self.loaded;
        self.gap |= self.version + 1 != batch.expected;
        self.version = batch.expected;
        self.last_commit = Some(batch);
        self.image = batch.image;
        true
    }

    /// The server's clock goes on by a tick, or jumps: the next primary's clock may be another.
    pub(super) fn pass(&mut self, ticks: i8) {
        for doc in self.docs.iter_mut().flatten() {
            doc.left = (doc.left - ticks).clamp(LONG_DEAD, TTL + 1);
        }
    }
}
