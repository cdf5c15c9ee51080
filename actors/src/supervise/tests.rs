//! The supervisor against real actors that panic, hang while starting and fail to start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use messages::http::admin::ActorStatus;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde_json::{Value, json};

use super::supervisor::{Absent, EnsureError};
use super::{ChildSpec, NotWanted, Restart, RestartPolicy, SupervisorArgs, SupervisorHandle};
use crate::observe::{Observable, Register};

/// Does what its message says; fails its first `bad_starts` starts.
struct Worker;

/// Instead of a number of bad starts: it finds that it is not wanted.
const NOT_WANTED: u32 = u32::MAX - 1;
/// Instead of a number of bad starts: it takes its time.
const SLOW: u32 = u32::MAX - 2;
/// Instead of a number of bad starts: it has started, and takes its time before it hears its first message.
const LINGERS: u32 = u32::MAX - 3;

enum Order {
    Panic,
    Stop,
    Observe(RpcReplyPort<Value>),
}

impl ractor::Message for Order {}

impl Observable for Order {
    fn observe(reply: RpcReplyPort<Value>) -> Self {
        Self::Observe(reply)
    }
}

impl Actor for Worker {
    type Msg = Order;
    type State = u32;
    type Arguments = (Arc<AtomicU32>, u32);

    async fn pre_start(
        &self,
        _: ActorRef<Order>,
        (starts, bad): Self::Arguments,
    ) -> Result<u32, ActorProcessingErr> {
        let start = starts.fetch_add(1, Ordering::SeqCst) + 1;
        match bad {
            NOT_WANTED => Err(NotWanted("there is nothing to do".into()).into()),
            SLOW => {
                tokio::time::sleep(Duration::from_millis(50)).await; // slow: the start itself
                Ok(start)
            }
            LINGERS => Ok(LINGERS),
            bad if start <= bad => Err("not yet".into()),
            _ => Ok(start),
        }
    }

    async fn post_start(&self, _: ActorRef<Order>, state: &mut u32) -> Result<(), ActorProcessingErr> {
        if *state == LINGERS {
            tokio::time::sleep(Duration::from_secs(60)).await; // slow: what follows the start
        }
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<Order>,
        order: Order,
        state: &mut u32,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Panic => panic!("as told"),
            Order::Stop => me.stop(None),
            Order::Observe(reply) => reply.send(json!({"start": *state})).unwrap(),
        }
        Ok(())
    }
}

const QUICK: RestartPolicy = RestartPolicy {
    restart: Restart::OnFailure,
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(4),
    most_failures: 3,
    window: Duration::from_secs(60),
};

struct Bench {
    supervisor: SupervisorHandle,
    register: Register,
    starts: Arc<AtomicU32>,
    address: Arc<std::sync::Mutex<Option<ActorRef<Order>>>>,
}

impl Bench {
    async fn new() -> Self {
        let register = Register::default();
        let args = SupervisorArgs { path: "top".into(), register: register.clone(), children: vec![] };
        let supervisor = SupervisorHandle::root(args).await.unwrap();
        Self { supervisor, register, starts: Arc::default(), address: Arc::default() }
    }

    fn spec(&self, policy: RestartPolicy, bad_starts: u32) -> ChildSpec {
        let (starts, address) = (self.starts.clone(), self.address.clone());
        ChildSpec::announced(
            "w",
            "worker",
            policy,
            move || (Worker, (starts.clone(), bad_starts)),
            move |worker| *address.lock().unwrap() = Some(worker),
        )
    }

    fn tell(&self, order: Order) {
        let worker = self.address.lock().unwrap().clone().unwrap();
        worker.cast(order).unwrap();
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(10), async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(1)).await; // poll: looked at again
            }
        });
        waited.await.unwrap_or_else(|_| panic!("never {what}"));
    }

    fn starts(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }

    async fn status(&self) -> Option<ActorStatus> {
        self.register.list().await.actors.into_iter().find(|a| a.path == "top/w").map(|a| a.status)
    }
}

#[tokio::test]
async fn a_child_that_panics_comes_back_and_says_so() {
    let bench = Bench::new().await;
    bench.supervisor.ensure(bench.spec(QUICK, 0), Duration::from_secs(5)).await.unwrap();
    bench.tell(Order::Panic);
    bench.until("restarted", |b| b.starts() == 2).await;
    bench.supervisor.ensure(bench.spec(QUICK, 0), Duration::from_secs(5)).await.unwrap();
    let actors = bench.register.list().await.actors;
    let worker = actors.iter().find(|a| a.path == "top/w").unwrap();
    assert_eq!((worker.restarts, worker.status), (1, ActorStatus::Running));
    assert_eq!(bench.register.restarts(), 1);
    assert_eq!(worker.snapshot, json!({"start": 2}));
    assert!(worker.last_failure.as_deref().unwrap().contains("as told"));
}

#[tokio::test]
async fn callers_wait_through_failed_starts() {
    let bench = Bench::new().await;
    bench.supervisor.ensure(bench.spec(QUICK, 2), Duration::from_secs(5)).await.unwrap();
    assert_eq!(bench.starts(), 3);
}

/// It takes messages from its start on; whoever asks for it a moment later must not wait for a start that was.
#[tokio::test(start_paused = true)]
async fn callers_do_not_wait_for_what_follows_a_start() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        bench.supervisor.ensure(bench.spec(QUICK, LINGERS), Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(bench.starts(), 1);
}

#[tokio::test]
async fn too_many_failures_give_up_this_child_only() {
    let bench = Bench::new().await;
    let told = Arc::new(AtomicU32::new(0));
    let seen = told.clone();
    let spec = bench.spec(QUICK, u32::MAX).on_give_up(Arc::new(move |id| {
        assert_eq!(id, "w");
        seen.fetch_add(1, Ordering::SeqCst);
    }));
    let outcome = bench.supervisor.ensure(spec.clone(), Duration::from_secs(5)).await;
    assert_eq!(outcome, Err(EnsureError::Absent(Absent::GivenUp)));
    assert_eq!(bench.starts(), 4, "one start and three restarts");
    bench.until("told", |_| told.load(Ordering::SeqCst) == 1).await;
    assert_eq!(bench.status().await, Some(ActorStatus::GivenUp));
}

#[tokio::test]
async fn an_orderly_end_removes_the_child() {
    let bench = Bench::new().await;
    bench.supervisor.ensure(bench.spec(QUICK, 0), Duration::from_secs(5)).await.unwrap();
    bench.tell(Order::Stop);
    bench.until("removed", |b| b.register.paths() == ["top"]).await;
    assert_eq!(bench.starts(), 1);
}

#[tokio::test]
async fn stopping_waits_for_children_and_leaves_nothing() {
    let bench = Bench::new().await;
    bench.supervisor.ensure(bench.spec(QUICK, 0), Duration::from_secs(5)).await.unwrap();
    bench.supervisor.stop("test").await;
    assert_eq!(bench.register.paths(), Vec::<String>::new());
    let worker = bench.address.lock().unwrap().clone().unwrap();
    assert_eq!(worker.get_status(), ractor::ActorStatus::Stopped);
}

#[tokio::test]
async fn a_child_that_is_not_wanted_is_removed_without_another_try() {
    let bench = Bench::new().await;
    let outcome = bench.supervisor.ensure(bench.spec(QUICK, NOT_WANTED), Duration::from_secs(5)).await;
    assert_eq!(outcome, Err(EnsureError::Absent(Absent::Removed)));
    assert_eq!((bench.starts(), bench.register.paths()), (1, vec!["top".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_given_up_gets_a_second_chance() {
    let bench = Bench::new().await;
    // Four starts until it is given up; the fifth is good.
    let outcome = bench.supervisor.ensure(bench.spec(QUICK, 4), Duration::from_secs(5)).await;
    assert_eq!(outcome, Err(EnsureError::Absent(Absent::GivenUp)));
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert_eq!((bench.starts(), bench.status().await), (4, Some(ActorStatus::GivenUp)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.supervisor.ensure(bench.spec(QUICK, 4), Duration::from_secs(5)).await.unwrap();
    assert_eq!((bench.starts(), bench.status().await), (5, Some(ActorStatus::Running)));
}

#[tokio::test]
async fn each_announced_life_is_told_to_have_ended_once() {
    let bench = Bench::new().await;
    let told = Arc::new(AtomicU32::new(0));
    let seen = told.clone();
    let spec = bench.spec(QUICK, 0).on_end(Arc::new(move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
    }));
    let count = |b: &Bench| (b.starts(), told.load(Ordering::SeqCst));
    bench.supervisor.ensure(spec.clone(), Duration::from_secs(5)).await.unwrap();
    bench.tell(Order::Panic);
    bench.until("the panic was told", |b| count(b).1 == 1).await;
    bench.supervisor.ensure(spec.clone(), Duration::from_secs(5)).await.unwrap();
    bench.supervisor.remove("w");
    bench.until("the removal was told", |b| count(b).1 == 2).await;
    bench.supervisor.ensure(spec.clone(), Duration::from_secs(5)).await.unwrap();
    bench.tell(Order::Stop);
    bench.until("the orderly end was told", |b| count(b).1 == 3).await;
    bench.supervisor.ensure(spec, Duration::from_secs(5)).await.unwrap();
    bench.supervisor.stop("test").await;
    assert_eq!(count(&bench), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_child_removed_while_starting_does_not_come_up_as_the_next_one() {
    let bench = Bench::new().await;
    let (old, new) = (Bench::new().await, Bench::new().await);
    bench.supervisor.add(old.spec(QUICK, SLOW));
    old.until("starting", |old| old.starts() == 1).await;
    bench.supervisor.remove("w");
    // Of the same name, and just as slow: the old one is up first.
    bench.supervisor.ensure(new.spec(QUICK, SLOW), Duration::from_secs(5)).await.unwrap();
    assert!(old.address.lock().unwrap().is_none(), "nobody is told its address");
    let running = new.address.lock().unwrap().clone().unwrap();
    assert_eq!(running.get_status(), ractor::ActorStatus::Running);
    bench.supervisor.stop("test").await;
    assert_eq!(bench.register.paths(), Vec::<String>::new());
}
