//! Watchers come and go with their runs, and say nothing after them.

use std::time::Duration;

use messages::live::Topic;

use super::*;
use crate::observe::Register;
use crate::supervise::SupervisorArgs;
use crate::testkit::fakes::World;
use crate::testkit::wait_until;

struct Site {
    watchers: Watchers,
    world: Arc<World>,
    register: Register,
    supervisor: SupervisorHandle,
}

async fn site() -> Site {
    let register = Register::default();
    let args = SupervisorArgs { path: "runs".into(), register: register.clone(), children: vec![] };
    let supervisor = SupervisorHandle::root(args).await.unwrap();
    let world = Arc::<World>::default();
    let watchers = Watchers::new(supervisor.clone(), world.clone(), Arc::new(|_, _| true));
    Site { watchers, world, register, supervisor }
}

fn addresses(site: &Site) -> usize {
    lock(&site.watchers.addresses).len()
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_speaks_after_its_release_is_not_heard() {
    let site = site().await;
    let (retailer, run) = (RetailerId::new(), RunId::new());
    site.watchers.watch(retailer, run);
    wait_until("it is there", || addresses(&site) == 1).await;
    let late: Arc<dyn LiveFeed> =
        Arc::new(WhileWatched { run, addresses: site.watchers.addresses.clone(), feed: site.world.clone() });
    let tick = || Publication::Ticked { topic: Topic::Run(retailer, run), ticks: Arc::new([]) };
    late.publish(tick());
    assert_eq!(site.world.publications().len(), 1);
    site.watchers.release(run);
    late.publish(tick());
    assert_eq!(site.world.publications().len(), 1);
    wait_until("it is gone", || site.register.paths() == ["runs"]).await;
    site.supervisor.stop("the test is over").await;
}

#[tokio::test(start_paused = true)]
async fn a_release_while_starting_leaves_no_address() {
    let site = site().await;
    let runs: Vec<_> = (0..50).map(|_| RunId::new()).collect();
    for run in &runs {
        site.watchers.watch(RetailerId::new(), *run);
        site.watchers.release(*run);
    }
    wait_until("all are gone", || site.register.paths() == ["runs"]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(addresses(&site), 0);
    site.supervisor.stop("the test is over").await;
}

#[tokio::test(start_paused = true)]
async fn progress_of_an_unwatched_run_makes_it_watched() {
    let site = site().await;
    let (retailer, run) = (RetailerId::new(), RunId::new());
    site.watchers.progress(retailer, run, Progress::default());
    wait_until("it is there", || addresses(&site) == 1).await;
    site.watchers.progress(retailer, run, Progress::default());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(site.world.publications().len(), 2, "a tick on either topic");
    site.supervisor.stop("the test is over").await;
    assert_eq!((addresses(&site), site.register.paths().len()), (0, 0));
}
