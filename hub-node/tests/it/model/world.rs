//! All nodes, the database and the messages between them: what may happen next, and what must hold whatever does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use hub_node::cluster::placement::{Seat, moves};
use hub_node::cluster::shard::Shard;
use messages::ids::BootId;
use stateright::{Model, Property};

use super::node::{Actor, Keeper, Node, TICK};
use super::server::{Batch, Boot, LIVES, Request, Server, node_of};

/// The one of the 256 that is looked at; the others are where it is, so that there is something to move.
const WATCHED: i32 = 7;

/// How much of everything may happen, so that there is an end to it; and what is taken out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub(super) nodes: usize,
    /// Writes carry their epoch, and the fence refuses old ones.
    pub(super) fenced: bool,
    /// Nodes stop acting when their lease may have run out.
    pub(super) heeds_lease: bool,
    pub(super) writes: u8,
    /// The highest epoch that is looked at.
    pub(super) epochs: u8,
    /// Names of leases that a process may use.
    pub(super) names: u8,
    /// Ticks by which nodes are late, all together: one that is paused is late by one at each.
    pub(super) pauses: u8,
    pub(super) crashes: u8,
    /// Messages that get lost, or arrive when nobody waits for them any more.
    pub(super) losses: u8,
    /// Ticks by which clocks may go wrong: the server's may jump, a node's may stand still.
    pub(super) skews: u8,
    /// Living processes that are declared dead.
    pub(super) slanders: u8,
    /// Nodes that are asked to leave.
    pub(super) leaves: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Budget {
    pauses: u8,
    crashes: u8,
    losses: u8,
    skews: u8,
    slanders: u8,
    leaves: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) server: Server,
    pub(super) nodes: Vec<Node>,
    /// A request whose sender has given up or died, and which arrives all the same.
    late: Option<Request>,
    /// Bit by bit, the writes that clients were told are done.
    pub(super) acknowledged: u8,
    left: Budget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Time goes on for all.
    Tick,
    /// Time goes on, and this node's clock does not notice.
    Stall(usize),
    ServerAhead,
    ServerBack,
    /// What is on its way from the node gets lost with it.
    Crash(usize),
    /// What is on its way arrives.
    CrashInFlight(usize),
    Restart(usize),
    DeclareDead(Boot),
    AskToLeave(usize),
    /// The node asks for its lease, and the server answers.
    Ask(usize),
    /// It asks, and the question is lost, or comes late.
    AskInVain(usize),
    AskLate(usize),
    /// The answer arrives, and the node reads the shards.
    Hear(usize),
    /// It reads the leases, and decides.
    Decide(usize),
    /// The server carries out what the node has decided.
    Carry(usize),
    /// What the node waits for does not come; what it has asked for is lost, or comes late.
    GiveUp(usize),
    GiveUpInFlight(usize),
    LateArrival,
    StopActor(usize),
    StartActor(usize),
    Load(usize),
    Submit(usize, u8),
    /// The commit is carried out or refused, and its answer arrives, or is lost: then it is made once more.
    Commit(usize),
    CommitUnheard(usize),
    /// Out of time with an unknown outcome: the actor fails, and the next life loads again.
    ForgetCommit(usize),
}

/// What the real placement makes a node do about the watched shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Nothing,
    Take,
    Give(Boot),
}

/// Seats with whether they leave, by boot, and the owner.
type Question = (Boot, Vec<(Boot, bool)>, Option<Boot>);

pub(super) struct Cluster {
    pub(super) scope: Scope,
    /// A shard has been handed over in some state. Not a part of states, because it would double their number.
    pub(super) handed_over: AtomicBool,
    /// The placement is computed for 256 shards, and asked a handful of questions over and over.
    answers: Mutex<HashMap<Question, Decision>>,
}

impl Cluster {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, handed_over: AtomicBool::new(false), answers: Mutex::default() }
    }

    fn decide(&self, question: Question) -> Decision {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers.get(&question) {
            return *known;
        }
        let decision = placed(&question);
        answers.insert(question, decision);
        decision
    }
}

fn boot_id(boot: Boot) -> BootId {
    format!("0192f000-0000-7000-8000-0000000000{boot:02x}").parse().unwrap()
}

fn placed((me, seats, owner): &Question) -> Decision {
    let chairs: Vec<Seat> =
        seats.iter().map(|(boot, leaving)| Seat { node: boot_id(*boot), leaving: *leaving }).collect();
    let watched = Shard::new(WATCHED).unwrap();
    let moves = moves(boot_id(*me), &chairs, |_| owner.map(boot_id), 256);
    if moves.take.contains(&watched) {
        return Decision::Take;
    }
    let given = moves.give.into_iter().find(|(shard, _)| *shard == watched);
    let to = given.and_then(|(_, to)| seats.iter().find(|(boot, _)| boot_id(*boot) == to));
    to.map_or(Decision::Nothing, |(boot, _)| Decision::Give(*boot))
}

impl Model for Cluster {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        let scope = self.scope;
        vec![World {
            server: Server::default(),
            nodes: (0..).take(scope.nodes).map(Node::new).collect(),
            late: None,
            acknowledged: 0,
            left: Budget {
                pauses: scope.pauses,
                crashes: scope.crashes,
                losses: scope.losses,
                skews: scope.skews,
                slanders: scope.slanders,
                leaves: scope.leaves,
            },
        }]
    }

    /// Everything that might; what does not change anything is left out by `next_state`.
    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        events.extend([Event::Tick, Event::ServerAhead, Event::ServerBack, Event::LateArrival]);
        events.extend((0..self.scope.nodes as u8 * LIVES).map(Event::DeclareDead));
        for (at, node) in world.nodes.iter().enumerate() {
            if !node.up {
                events.push(Event::Restart(at));
                continue;
            }
            events.extend([
                Event::Stall(at),
                Event::Crash(at),
                Event::CrashInFlight(at),
                Event::AskToLeave(at),
            ]);
            match node.keeper {
                Keeper::Idle => events.extend([Event::Ask(at), Event::AskInVain(at), Event::AskLate(at)]),
                Keeper::Answered { .. } => events.extend([Event::Hear(at), Event::GiveUp(at)]),
                Keeper::Seen(_) => events.extend([Event::Decide(at), Event::GiveUp(at)]),
                Keeper::Taking { .. } | Keeper::Giving { .. } => {
                    events.extend([Event::Carry(at), Event::GiveUp(at), Event::GiveUpInFlight(at)]);
                }
            }
            match node.actor {
                Actor::Off => events.push(Event::StartActor(at)),
                Actor::Raising { .. } => events.push(Event::Load(at)),
                Actor::Serving { .. } => {
                    events.push(Event::StopActor(at));
                    events.extend((0..self.scope.writes).map(|write| Event::Submit(at, write)));
                }
                Actor::Committing { .. } => {
                    events.extend([Event::Commit(at), Event::CommitUnheard(at), Event::ForgetCommit(at)]);
                }
            }
        }
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        self.happen(&mut next, event)?;
        Some(next)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.server.row.epoch <= self.scope.epochs
            && world.nodes.iter().all(|node| node.names <= self.scope.names)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(OLD_EPOCH, |_, world: &World| !world.server.old_epoch_wrote),
            Property::always(LOST, |_, world: &World| world.acknowledged & !world.server.image == 0),
            Property::always(GAP, |_, world: &World| !world.server.gap),
        ];
        if self.scope.skews == 0 && self.scope.slanders == 0 && self.scope.heeds_lease {
            properties
                .push(Property::always(TWO_ACT, |model: &Self, world: &World| model.acting(world) <= 1));
        } else {
            properties.push(Property::sometimes(TWO_BELIEVE, |model: &Self, world: &World| {
                model.acting(world) > 1
            }));
        }
        properties.push(Property::sometimes(TAKEN_OVER, |_, world: &World| {
            world.acknowledged != 0
                && world
                    .nodes
                    .iter()
                    .any(|node| matches!(node.actor, Actor::Serving { epoch: 2.., image, .. } if image != 0))
        }));
        properties
    }
}

pub(super) const OLD_EPOCH: &str = "no commit under an epoch after a newer owner has loaded";
pub(super) const LOST: &str = "what was acknowledged is stored";
pub(super) const GAP: &str = "each commit leads to the next version";
pub(super) const TWO_ACT: &str = "at most one node believes that it may act";
pub(super) const TWO_BELIEVE: &str = "two nodes believe that they may act";
pub(super) const TAKEN_OVER: &str = "another epoch serves what was acknowledged under the first";

impl Cluster {
    fn acting(&self, world: &World) -> usize {
        world
            .nodes
            .iter()
            .filter(|node| node.up && node.owned_epoch(self.scope.heeds_lease).is_some())
            .count()
    }

    /// `None`: nothing changes, or the budget is used up.
    fn happen(&self, world: &mut World, event: Event) -> Option<()> {
        match event {
            Event::Tick | Event::Stall(_) | Event::ServerAhead | Event::ServerBack => time(world, event),
            Event::Crash(_) | Event::CrashInFlight(_) | Event::Restart(_) => life(world, event),
            Event::DeclareDead(_) | Event::AskToLeave(_) => decree(world, event),
            Event::LateArrival => {
                let request = world.late.take()?;
                world.server.serve(request, self.scope.fenced);
                Some(())
            }
            Event::Ask(at) | Event::AskInVain(at) | Event::AskLate(at) => self.ask(world, at, event),
            Event::Hear(at) => {
                let Keeper::Answered { lease, alive } = world.nodes[at].keeper else {
                    return None;
                };
                world.nodes[at].hear(lease, alive, world.server.row);
                Some(())
            }
            Event::Carry(at) => self.carry(world, at),
            Event::Decide(at) => self.look(world, at),
            Event::GiveUp(at) | Event::GiveUpInFlight(at) => {
                world.left.losses = world.left.losses.checked_sub(1)?;
                let in_flight = world.nodes[at].request();
                if matches!(event, Event::GiveUpInFlight(_)) {
                    world.late = Some(in_flight?);
                }
                world.nodes[at].fail();
                Some(())
            }
            _ => self.act(world, event),
        }
    }

    /// The retailer's actor.
    fn act(&self, world: &mut World, event: Event) -> Option<()> {
        let World { server, nodes, late, acknowledged, left, .. } = world;
        let (Event::StartActor(at)
        | Event::StopActor(at)
        | Event::Load(at)
        | Event::Submit(at, _)
        | Event::Commit(at)
        | Event::CommitUnheard(at)
        | Event::ForgetCommit(at)) = event
        else {
            return None;
        };
        let node = &mut nodes[at];
        let owned = node.owned_epoch(self.scope.heeds_lease);
        node.actor = match (event, node.actor) {
            (Event::StartActor(_), _) => Actor::Raising { epoch: owned? },
            // The shard is another's, or this one's under another epoch.
            (Event::StopActor(_), Actor::Serving { epoch, .. }) if node.claim != Some(epoch) => Actor::Off,
            (Event::Load(_), Actor::Raising { epoch }) => match server.raise(epoch, self.scope.fenced) {
                Some((version, image)) => Actor::Serving { epoch, version, image },
                None => Actor::Off,
            },
            (Event::Submit(_, write), Actor::Serving { epoch, version, image }) if owned == Some(epoch) => {
                let bit = 1 << write;
                if image & bit == 0 {
                    Actor::Committing {
                        write,
                        batch: Batch { epoch, expected: version + 1, image: image | bit },
                    }
                } else if *acknowledged & bit == 0 {
                    // Asked for again: the receipt is there.
                    *acknowledged |= bit;
                    node.actor
                } else {
                    return None;
                }
            }
            (Event::Commit(_), Actor::Committing { write, batch }) => {
                if server.serve(Request::Commit(batch), self.scope.fenced) {
                    *acknowledged |= 1 << write;
                    Actor::Serving { epoch: batch.epoch, version: batch.expected, image: batch.image }
                } else {
                    Actor::Off
                }
            }
            (Event::CommitUnheard(_), Actor::Committing { batch, .. }) => {
                left.losses = left.losses.checked_sub(1)?;
                server.serve(Request::Commit(batch), self.scope.fenced);
                node.actor
            }
            (Event::ForgetCommit(_), Actor::Committing { batch, .. }) => {
                left.losses = left.losses.checked_sub(1)?;
                *late = Some(Request::Commit(batch));
                Actor::Off
            }
            _ => return None,
        };
        Some(())
    }

    fn ask(&self, world: &mut World, at: usize, event: Event) -> Option<()> {
        let node = &mut world.nodes[at];
        let request = node.ask()?;
        if event == Event::Ask(at) {
            let alive = world.server.serve(request, self.scope.fenced);
            let (Request::Register { lease, .. } | Request::Renew { lease, .. }) = request else {
                return None;
            };
            node.keeper = Keeper::Answered { lease, alive };
            return Some(());
        }
        world.left.losses = world.left.losses.checked_sub(1)?;
        if event == Event::AskLate(at) {
            world.late = Some(request);
        }
        node.fail();
        Some(())
    }

    fn carry(&self, world: &mut World, at: usize) -> Option<()> {
        let node = &mut world.nodes[at];
        let request = node.request()?;
        let done = world.server.serve(request, self.scope.fenced);
        node.keeper = match request {
            // Which shards have become this node's, another look tells.
            Request::Take { to, .. } => {
                world.server.forget_the_dead(to.0);
                Keeper::Seen(world.server.row)
            }
            _ => {
                self.handed_over.fetch_or(done, Ordering::Relaxed);
                Keeper::Idle
            }
        };
        Some(())
    }

    fn look(&self, world: &mut World, at: usize) -> Option<()> {
        let node = &mut world.nodes[at];
        let (Keeper::Seen(row), Some(name)) = (node.keeper, node.name) else {
            return None;
        };
        let me = (node.boot(), name);
        let living: Vec<_> = world.server.living(me.0).collect();
        let owner = row.owner.filter(|owner| living.iter().any(|(boot, doc)| (*boot, doc.lease) == *owner));
        let seats = living.iter().map(|(boot, doc)| (*boot, doc.leaving)).collect();
        let mine = row.owner == Some(me);
        node.claim = mine.then_some(row.epoch);
        node.keeper = match self.decide((me.0, seats, owner.map(|(boot, _)| boot))) {
            Decision::Take => Keeper::Taking { row },
            Decision::Give(to) if mine => {
                node.claim = None;
                let lease = living.iter().find(|(boot, _)| *boot == to).map(|(_, doc)| doc.lease)?;
                Keeper::Giving { row, to: (to, lease) }
            }
            Decision::Give(_) | Decision::Nothing => Keeper::Idle,
        };
        Some(())
    }
}

impl Node {
    /// What membership has on its way to the server.
    fn request(&self) -> Option<Request> {
        let me = (self.boot(), self.name.unwrap_or(0));
        match self.keeper {
            Keeper::Taking { row } => Some(Request::Take { row, to: me }),
            // Its actor may have finished or not: it is waited for, and not for ever.
            Keeper::Giving { row, to } => Some(Request::HandOver { row, to }),
            _ => None,
        }
    }
}

fn time(world: &mut World, event: Event) -> Option<()> {
    if event != Event::Tick {
        world.left.skews = world.left.skews.checked_sub(1)?;
    }
    let stalled = if let Event::Stall(at) = event { Some(at) } else { None };
    if matches!(event, Event::Tick | Event::Stall(_)) {
        let late = world.nodes.iter().filter(|node| node.is_due()).count();
        world.left.pauses = world.left.pauses.checked_sub(u8::try_from(late).ok()?)?;
        for (at, node) in world.nodes.iter_mut().enumerate() {
            if stalled != Some(at) {
                node.clock += TICK;
            }
        }
    }
    world.server.pass(if event == Event::ServerBack { -1 } else { 1 });
    Some(())
}

fn life(world: &mut World, event: Event) -> Option<()> {
    let (Event::Crash(at) | Event::CrashInFlight(at) | Event::Restart(at)) = event else {
        return None;
    };
    let node = &mut world.nodes[at];
    if event == Event::Restart(at) {
        if node.life + 1 == LIVES {
            return None;
        }
        node.restart();
        return Some(());
    }
    world.left.crashes = world.left.crashes.checked_sub(1)?;
    if event == Event::CrashInFlight(at) {
        let commit = if let Actor::Committing { batch, .. } = node.actor {
            Some(Request::Commit(batch))
        } else {
            None
        };
        world.late = Some(commit.or_else(|| node.request())?);
    }
    node.crash();
    Some(())
}

fn decree(world: &mut World, event: Event) -> Option<()> {
    match event {
        Event::DeclareDead(boot) => {
            world.server.doc(boot)?;
            let node = world.nodes.get(node_of(boot))?;
            if node.up && node.boot() == boot {
                world.left.slanders = world.left.slanders.checked_sub(1)?;
            }
            world.server.declare_dead(boot);
        }
        Event::AskToLeave(at) => {
            let boot = world.nodes.get(at)?.boot();
            world.left.leaves = world.left.leaves.checked_sub(1)?;
            return world.server.ask_to_leave(boot).then_some(());
        }
        _ => return None,
    }
    Some(())
}
