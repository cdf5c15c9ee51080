//! Cases, and every interleaving of two nodes and a server up to a depth.

use std::collections::HashSet;

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

#[test]
fn validity_counts_from_before_the_call() {
    let mut lease = Lease::new(LeaseTerms::default());
    assert_eq!(lease.next(at(0)), Act::Register);
    lease.confirmed(at(1_000));
    assert!(lease.holds(at(6_499)) && !lease.holds(at(6_500)));
    assert_eq!(lease.next(at(2_499)), Act::Wait(at(2_500)));
    assert_eq!(lease.next(at(2_500)), Act::Renew);
}

#[test]
fn a_late_answer_takes_nothing_back() {
    let mut lease = Lease::new(LeaseTerms::default());
    lease.confirmed(at(5_000));
    lease.confirmed(at(1_000));
    assert_eq!(lease.valid_until(), at(10_500));
    assert_eq!(lease.next(at(6_000)), Act::Wait(at(6_500)));
}

#[test]
fn silence_ends_the_right_to_act_but_not_the_asking() {
    let mut lease = Lease::new(LeaseTerms::default());
    lease.confirmed(at(0));
    lease.failed(at(1_500));
    assert_eq!(lease.next(at(1_750)), Act::Renew);
    lease.failed(at(7_000));
    assert!(!lease.holds(at(7_000)));
    assert_eq!(lease.next(at(7_250)), Act::Renew, "the server decides whether the lease is alive");
}

#[test]
fn a_lost_lease_is_replaced_at_once() {
    let mut lease = Lease::new(LeaseTerms::default());
    lease.confirmed(at(0));
    lease.lost(at(100));
    assert!(!lease.holds(at(100)));
    assert_eq!(lease.next(at(100)), Act::Register);
}

/// The server's part, as `store::ownership` has it: one shard, leases by name that never live again.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Server {
    /// Per node: name of its lease and when it ends.
    leases: [(u8, u64); 2],
    /// Node and lease that own the shard, with the epoch.
    owner: Option<(usize, u8)>,
    epoch: u8,
    names: u8,
}

impl Server {
    fn alive(&self, node: usize, name: u8, now: u64) -> bool {
        self.leases[node].0 == name && now < self.leases[node].1
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Wire {
    Idle,
    Asked { at: u64, register: bool },
    Answered { at: u64, name: Option<u8>, owns: bool },
}

#[derive(Clone)]
struct World {
    now: u64,
    server: Server,
    leases: [Lease; 2],
    names: [u8; 2],
    owns: [bool; 2],
    wires: [Wire; 2],
}

const STEP: u64 = 500;
const TTL: u64 = 2_000;

impl World {
    fn new() -> Self {
        let lease = Lease::new(LeaseTerms::of(Duration::from_millis(TTL)));
        Self {
            now: 0,
            server: Server::default(),
            leases: [lease.clone(), lease],
            names: [0; 2],
            owns: [false; 2],
            wires: [Wire::Idle, Wire::Idle],
        }
    }

    fn acts(&self, node: usize) -> bool {
        self.owns[node] && self.leases[node].holds(at(self.now))
    }

    fn fingerprint(&self) -> String {
        let leases = self.leases.each_ref().map(|lease| {
            (lease.held, at(self.now).until(lease.valid_until), at(self.now).until(lease.act_at))
        });
        let wires = self.wires.each_ref().map(|wire| match wire {
            Wire::Idle => (0, 0, None, false),
            Wire::Asked { at, register } => (1, self.now - at, None, *register),
            Wire::Answered { at, name, owns } => (2, self.now - at, *name, *owns),
        });
        let until = self.server.leases.map(|(name, until)| (name, until.saturating_sub(self.now)));
        format!("{leases:?}{wires:?}{until:?}{:?}{:?}{:?}", self.server.owner, self.names, self.owns)
    }

    fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        let mut later = self.clone();
        later.now += STEP;
        next.push(later);
        for node in 0..2 {
            let mut world = self.clone();
            match self.wires[node].clone() {
                Wire::Idle => match self.leases[node].next(at(self.now)) {
                    Act::Wait(_) => continue,
                    act => world.wires[node] = Wire::Asked { at: self.now, register: act == Act::Register },
                },
                Wire::Asked { at, register } => {
                    world.serve(node, at, register);
                    // The call may also get lost on its way, or time out while the answer is under way.
                    let mut lost = self.clone();
                    lost.wires[node] = Wire::Idle;
                    lost.leases[node].failed(super::tests::at(self.now));
                    next.push(lost);
                }
                Wire::Answered { at, name, owns } => world.hear(node, at, name, owns),
            }
            next.push(world);
        }
        next
    }

    fn serve(&mut self, node: usize, asked: u64, register: bool) {
        let server = &mut self.server;
        let name = if register {
            server.names += 1;
            server.leases[node] = (server.names, self.now + TTL);
            Some(server.names)
        } else if server.alive(node, self.names[node], self.now) {
            server.leases[node].1 = self.now + TTL;
            Some(self.names[node])
        } else {
            None
        };
        let free = server.owner.is_none_or(|(owner, lease)| !server.alive(owner, lease, self.now));
        if let Some(name) = name
            && free
        {
            server.owner = Some((node, name));
            server.epoch += 1;
        }
        let owns = name.is_some_and(|name| server.owner == Some((node, name)));
        self.wires[node] = Wire::Answered { at: asked, name, owns };
    }

    fn hear(&mut self, node: usize, asked: u64, name: Option<u8>, owns: bool) {
        match name {
            Some(name) => {
                self.names[node] = name;
                self.leases[node].confirmed(at(asked));
                self.owns[node] = owns;
            }
            None => {
                self.leases[node].lost(at(self.now));
                self.owns[node] = false;
            }
        }
        self.wires[node] = Wire::Idle;
    }
}

#[test]
fn two_nodes_never_act_at_once_whatever_is_slow_or_lost() {
    let mut seen = HashSet::new();
    let mut edge = vec![World::new()];
    let mut both_have_acted = [false; 2];
    for _depth in 0..22 {
        let mut further = Vec::new();
        for world in edge {
            for next in world.successors() {
                assert!(!(next.acts(0) && next.acts(1)), "both act: {}", next.fingerprint());
                for (node, acted) in both_have_acted.iter_mut().enumerate() {
                    *acted |= next.acts(node) && next.server.epoch > 1;
                }
                if seen.insert(next.fingerprint()) {
                    further.push(next);
                }
            }
        }
        edge = further;
        if seen.len() > 200_000 {
            break;
        }
    }
    assert_eq!(both_have_acted, [true; 2], "the shard changed hands in some of {} states", seen.len());
}
