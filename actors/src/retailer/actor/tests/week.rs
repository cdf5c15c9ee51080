//! A week of 500 retailers with four jobs each, on a paused clock: every slot runs once, and memory stays flat.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use messages::agent::{Fact, Report, ToAgent};
use messages::ids::SpoolId;
use messages::run::{LogLine, Progress, Reject, RunOutcome};
use messages::schedule::Schedule;
use messages::version::Epoch;
use messages::{JobId, RetailerId, RunId, Timestamp, Version};

use crate::domain::{EntityId, Image, Run, Write};
use crate::host::{Addresses, Host};
use crate::observe::Register;
use crate::ports::{ConnAddr, Downlink, LiveFeed, Publication, StoreError, TenantStore};
use crate::retailer::actor::Tools;
use crate::retailer::presence::Generations;
use crate::retailer::request::{Draft, Request, Router as _};
use crate::run::watchers::Watchers;
use crate::supervise::{SupervisorArgs, SupervisorHandle};
use crate::testkit::bench::{DEADLINE, wall};
use crate::testkit::fakes::Vault;
use crate::testkit::samples::{
    agent_spec, author, conn, create, create_retailer, hash, job_spec, local_file, machine,
};

const RETAILERS: usize = 500;
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// In a zone without daylight saving, so that the count of a week does not hang on the day of the test.
const SCHEDULES: [(&str, usize); 4] =
    [("0 2 * * *", 7), ("30 8 * * mon-fri", 5), ("0 */6 * * *", 28), ("", 14)];

/// Keeps nothing but how often each slot was run.
#[derive(Default)]
struct Count {
    slots: Mutex<HashMap<(JobId, Timestamp), u32>>,
    late: Mutex<Duration>,
}

impl Count {
    fn total(&self) -> usize {
        self.slots.lock().unwrap().len()
    }
}

impl TenantStore for Count {
    fn take(&self, _: RetailerId, _: Epoch) -> BoxFuture<'_, Result<Image, StoreError>> {
        Box::pin(async { Ok(Image::default()) })
    }

    fn exists(&self, _: RetailerId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async { Ok(true) })
    }

    fn commit(
        &self,
        _: RetailerId,
        _: Epoch,
        _: Version,
        writes: Arc<[Write]>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut made = HashMap::new();
        for write in &*writes {
            // Once in a commit that made it, however often it stands there.
            if let Write::Run(run) = write
                && let Some(slot) = run.wait.slot
                && run.attempt == 0
                && !run.state.is_over()
                && run.transitions[0].at == writes_at(run)
            {
                made.insert(run.id, (run.job_id, slot, run.transitions[0].at));
            }
        }
        for (job, slot, at) in made.into_values() {
            *self.slots.lock().unwrap().entry((job, slot)).or_default() += 1;
            let mut late = self.late.lock().unwrap();
            *late = late.max(at.since(slot));
        }
        Box::pin(async { Ok(()) })
    }

    fn append_logs(
        &self,
        _: RetailerId,
        _: SpoolId,
        _: Vec<LogLine>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn append_rejects(&self, _: RetailerId, _: Vec<Reject>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn count_rejects(&self, _: RetailerId, _: RunId) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async { Ok(0) })
    }

    fn latest_logs(
        &self,
        _: RetailerId,
        _: RunId,
        _: u32,
    ) -> BoxFuture<'_, Result<Vec<LogLine>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn run(&self, _: RetailerId, _: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
}

/// When the last of a run's transitions was: in the commit that makes it, all are of one instant.
fn writes_at(run: &Run) -> Timestamp {
    run.transitions.last().unwrap().at
}

/// Agents that carry out at once whatever they are sent.
#[derive(Default)]
struct Agents(OnceLock<(Arc<Host>, HashMap<messages::AgentId, RetailerId>)>);

impl Downlink for Agents {
    fn send(&self, to: ConnAddr, frame: ToAgent) {
        let ToAgent::Run(command) = frame else { return };
        let Some((host, homes)) = self.0.get() else { return };
        let (host, retailer) = (host.clone(), homes[&to.agent]);
        tokio::spawn(async move {
            let progress = Progress { sent: 1, ..Progress::default() };
            let fact = Fact::Finished { progress, outcome: RunOutcome::Succeeded };
            let report = Report { seq: 1, at: Timestamp(0), run_id: command.run_id, fact };
            let reports = Request::Reports { conn: to, spool: SpoolId::new(), reports: vec![report] };
            host.ask(retailer, reports, DEADLINE).await.unwrap();
        });
    }

    fn announce(&self, _: RetailerId) {}
}

impl LiveFeed for Agents {
    fn publish(&self, _: Publication) {}
}

async fn root(path: &str, register: &Register) -> SupervisorHandle {
    let args = SupervisorArgs { path: path.into(), register: register.clone(), children: vec![] };
    SupervisorHandle::root(args).await.unwrap()
}

/// Makes a retailer with an agent that is connected, and four jobs.
async fn settle(host: &Host, retailer: RetailerId, agent: messages::AgentId) {
    let ask = async |request| host.ask(retailer, request, DEADLINE).await.unwrap();
    let destination = messages::DestinationId::new();
    ask(create_retailer()).await;
    ask(create(EntityId::Agent(agent), Draft::Agent(agent_spec("Till")))).await;
    ask(create(EntityId::Destination(destination), local_file("Folder"))).await;
    for (place, (expression, _)) in SCHEDULES.iter().enumerate() {
        let mut spec = job_spec(&format!("Job {place}"), agent, destination);
        spec.timing.schedule = match *expression {
            "" => Schedule::Interval { every_s: 12 * 3_600 },
            text => Schedule::Cron { expression: text.into(), time_zone: None },
        };
        ask(create(EntityId::Job(JobId::new()), Draft::Job(spec))).await;
    }
    let expires_at = wall() + Duration::from_secs(60);
    ask(Request::OfferEnrolment { agent, token: hash(1), expires_at, author: author() }).await;
    ask(Request::Enrol { agent, token: hash(1), credential: hash(2), machine: machine() }).await;
    ask(Request::Attach { conn: conn(agent, 1), credential: hash(2), machine: machine(), active: vec![] })
        .await;
}

/// Resident memory of this process, which the test has to itself.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn five_hundred_retailers_run_every_slot_of_a_week_once_in_flat_memory() {
    let register = Register::default();
    let (retailers, runs) = (root("retailers", &register).await, root("runs", &register).await);
    let (count, agents) = (Arc::new(Count::default()), Arc::new(Agents::default()));
    let tools = Tools {
        store: count.clone(),
        unsealer: Arc::new(Vault::default()),
        downlink: agents.clone(),
        feed: agents.clone(),
        watchers: Watchers::new(runs.clone(), agents.clone(), Arc::new(|_, _| true)),
        clock: wall,
        // Nobody sets this clock.
        longest_wait: Duration::from_secs(6 * 3_600),
        generations: Generations::default(),
    };
    let ownership = Arc::new(|_| Some(Epoch(1)));
    let host = Arc::new(Host::new(retailers.clone(), Addresses::default(), ownership, tools));
    let homes: Vec<_> = (0..RETAILERS).map(|_| (messages::AgentId::new(), RetailerId::new())).collect();
    assert!(agents.0.set((host.clone(), homes.iter().copied().collect())).is_ok());
    for (agent, retailer) in &homes {
        settle(&host, *retailer, *agent).await;
    }
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    let (first_day, after_a_day) = (count.total(), resident_kib());
    tokio::time::sleep(WEEK - Duration::from_secs(86_400) + Duration::from_secs(60)).await;
    let per_retailer: usize = SCHEDULES.iter().map(|(_, slots)| slots).sum();
    assert_eq!(count.total(), RETAILERS * per_retailer, "{first_day} on the first day");
    assert!(count.slots.lock().unwrap().values().all(|times| *times == 1), "a slot was run twice");
    let late = *count.late.lock().unwrap();
    assert!(late < Duration::from_secs(1), "{late:?} after its slot");
    // What the test itself writes down, and the last fifty runs that each retailer keeps, come with the days.
    let growth = resident_kib().saturating_sub(after_a_day);
    assert!(growth < 250 * 1_024, "{growth} KiB more than after a day");
    runs.stop("the test is over").await;
    retailers.stop("the test is over").await;
}
