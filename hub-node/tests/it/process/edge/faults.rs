//! Five tills sell while edge, hub, database, line and disk fail as drawn from a seed; then what the tills were given is
//! compared with what the edge has and what head office has, to the cent and to the piece.
//!
//! Continuous integration plays the seeds 1 to 3; `cargo xtask faults --edges` plays many, longer. By environment:
//! * `GROCERYSYNC_EDGE_FAULT_SEED=7`: this one only.
//! * `GROCERYSYNC_EDGE_FAULT_SEEDS=50`: the seeds 1 to 50.
//! * `GROCERYSYNC_EDGE_FAULT_FROM=51`: begin with this one.
//! * `GROCERYSYNC_EDGE_FAULT_SECONDS=20`: new faults come for so long.

mod schedule;

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use self::schedule::{Event, Fault, Schedule, schedule};
use super::line::{Line, State};
use super::scene::Scene;

/// Seeds of continuous integration, and how long new faults come there.
const USUAL: u64 = 3;
const SHORT: u64 = 5;
/// A seed that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(240);
/// Of the edge's disk, that sales take; see [`Disk::mount`].
const MIB_A_SECOND: u64 = 4;
/// Without faults, at the end: everything must go on by itself.
const CALM: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_faults_of_edges_lose_no_sale_and_count_none_twice() {
    let mut failed = Vec::new();
    let span = Duration::from_secs(number("SECONDS").unwrap_or(SHORT));
    for seed in wanted() {
        let folder = tempfile::Builder::new().prefix("edge-faults-").tempdir().unwrap();
        let (drawn, path) = (schedule(seed, span), folder.path().to_owned());
        let played = tokio::spawn(timeout(LIMIT, play(drawn.clone(), path)));
        let trouble = match played.await {
            Ok(Ok(figures)) => {
                eprintln!("seed {seed}: {figures}");
                continue;
            }
            Ok(Err(_)) => format!("not over after {LIMIT:?}"),
            Err(broken) => crate::faults::said(broken.into_panic().as_ref()),
        };
        let replay = format!(
            "logs are in {}; play it again: GROCERYSYNC_EDGE_FAULT_SEED={seed} \
             GROCERYSYNC_EDGE_FAULT_SECONDS={} cargo xtask test --filter process_faults_of_edges",
            folder.keep().display(),
            span.as_secs()
        );
        failed.push(format!("{drawn}  - {trouble}\n  {replay}"));
    }
    assert!(failed.is_empty(), "{} seeds failed:\n{}", failed.len(), failed.join("\n"));
}

fn number(name: &str) -> Option<u64> {
    let variable = format!("GROCERYSYNC_EDGE_FAULT_{name}");
    let value = std::env::var(&variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not \"{value}\"")))
}

fn wanted() -> Range<u64> {
    if let Some(seed) = number("SEED") {
        return seed..seed + 1;
    }
    let first = number("FROM").unwrap_or(1);
    first..first + number("SEEDS").unwrap_or(USUAL)
}

/// Plays a schedule and compares; what does not agree panics.
async fn play(schedule: Schedule, folder: PathBuf) -> String {
    let disk = Disk::mount(&folder.join("edge"), &schedule);
    let protocol = if schedule.seed.is_multiple_of(2) { "http" } else { "grpc" };
    let mut scene = Scene::set_in(&folder, protocol).await;
    let line = Line::to(&scene.hub.url).await;
    scene.edge.hub = Some(line.url());
    scene.edge.start().await;
    let selling = scene.edge.sell_at(5, 100_000, schedule.seed, 25);
    let began = Instant::now();
    for (at, begins, event) in steps(&schedule) {
        sleep_until(began + at).await;
        step(&mut scene, &line, disk.as_ref(), begins, event.fault).await;
    }
    for attempt in 0.. {
        // A full disk may have kept it from starting.
        if scene.edge.runs() && scene.edge.answers().await {
            break;
        }
        assert!(attempt < 300, "the edge does not come back:\n{}", scene.edge.log());
        if !scene.edge.runs() {
            scene.edge.launch();
        }
        sleep(Duration::from_millis(200)).await; // poll: the edge starts
    }
    sleep(CALM).await; // slow: selling without faults
    selling.close_the_doors();
    selling.all_served().await.unwrap_or_else(|said| panic!("{said}\n{}", scene.edge.log()));
    scene.office.reconcile(&scene.edge).await;
    let sales = scene.office.sales().await.len();
    scene.end().await;
    let faults: Vec<_> = schedule.events.iter().map(|event| event.fault).collect();
    format!("{sales} sales, {protocol}, {faults:?}")
}

/// Begins and ends of faults in their order.
fn steps(schedule: &Schedule) -> Vec<(Duration, bool, Event)> {
    let mut steps = Vec::new();
    for event in &schedule.events {
        steps.push((event.at, true, *event));
        steps.push((event.ends(), false, *event));
    }
    // An end before what begins at the same moment; a fault without length still begins before it ends.
    steps.sort_by_key(|(at, begins, event)| (*at, *begins && !event.lasts.is_zero()));
    steps
}

async fn step(scene: &mut Scene, line: &Line, disk: Option<&Disk>, begins: bool, fault: Fault) {
    match (fault, begins) {
        (Fault::KillEdge, true) if scene.edge.runs() => scene.edge.kill(),
        (Fault::KillEdge, false) if !scene.edge.runs() => scene.edge.launch(),
        (Fault::KillEdge, _) => {}
        (Fault::KillHub, true) => scene.hub.kill().await,
        (Fault::KillHub, false) => scene.hub.restart().await,
        (Fault::KillDatabase, true) => scene.hub.kill_store_if_there(),
        (Fault::KillDatabase, false) => scene.hub.healed().await,
        (Fault::Line(state), begins) => line.set(if begins { state } else { State::Whole }),
        (Fault::FullDisk, true) => disk.into_iter().for_each(Disk::fill),
        (Fault::FullDisk, false) => disk.into_iter().for_each(Disk::make_room),
    }
}

/// A disk of its own for the edge, small enough to be filled in a moment.
struct Disk(PathBuf);

impl Disk {
    /// Nothing where disks cannot be mounted; then none becomes full.
    fn mount(folder: &Path, schedule: &Schedule) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        // What is sold meanwhile must have room, or the disk stays full when no fault fills it.
        let sold = schedule.events.iter().map(Event::ends).max().unwrap_or_default().as_secs() * MIB_A_SECOND;
        let size = format!("size={}m", 24 + sold);
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("no disk becomes full: a small one cannot be mounted here");
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // For whoever looks into it: the disk goes.
            let kept = self.0.with_extension("kept");
            let _best_effort = Command::new("cp").arg("-r").arg(&self.0).arg(kept).status();
        }
        let _best_effort = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
