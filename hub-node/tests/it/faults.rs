//! Everything that can go wrong with a cluster, drawn from a seed, while clients work; then what they were told is
//! compared with what is stored.
//!
//! Three hub processes, the database and an agent, each on a machine of its own ([`hosts`]). A seed means the same
//! schedule for ever, though not the same interleaving. Continuous integration plays the seeds 1 to 20; by environment:
//! * `GROCERYSYNC_FAULT_SEED=7`: this one only.
//! * `GROCERYSYNC_FAULT_SEEDS=300`: the seeds 1 to 300, with longer schedules. `cargo xtask faults` sets it.
//! * `GROCERYSYNC_FAULT_FROM=301`: begin with this one.
//! * `GROCERYSYNC_FAULT_SECONDS=30`: new faults come for so long.

mod door;
pub(crate) mod draw;
mod hosts;
mod ledger;
mod load;
mod processes;
mod schedule;
mod shop;
mod stage;
mod verdict;

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::hosts::Hosts;
use self::schedule::{SHORT, schedule};
use self::stage::{Report, play};

/// Seeds of continuous integration.
const USUAL: u64 = 20;
/// Clusters at once: most of a seed is waiting.
const AT_ONCE: u8 = 2;
/// In the long form.
const LONG: Duration = Duration::from_secs(20);
/// A seed that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn process_faults_lose_nothing_and_do_nothing_twice() {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let (seeds, span) = (wanted(), span());
    let (next, last) = (AtomicU64::new(seeds.start), seeds.end);
    let failed = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for slot in 0..AT_ONCE {
            let (next, failed) = (&next, &failed);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    if let Err(trouble) = one(seed, span, slot) {
                        eprintln!("seed {seed} failed:\n{trouble}");
                        failed.lock().unwrap().insert(seed, trouble);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let all: Vec<&str> = failed.values().map(String::as_str).collect();
    assert!(failed.is_empty(), "{} of the seeds {seeds:?} failed:\n{}", failed.len(), all.join("\n"));
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not \"{value}\"")))
}

fn wanted() -> Range<u64> {
    if let Some(seed) = number("GROCERYSYNC_FAULT_SEED") {
        return seed..seed + 1;
    }
    let first = number("GROCERYSYNC_FAULT_FROM").unwrap_or(1);
    first..first + number("GROCERYSYNC_FAULT_SEEDS").unwrap_or(USUAL)
}

fn span() -> Duration {
    let usual = if number("GROCERYSYNC_FAULT_SEEDS").is_some() { LONG } else { SHORT };
    number("GROCERYSYNC_FAULT_SECONDS").map_or(usual, Duration::from_secs)
}

/// Plays one seed on the calling thread, which is a machine of its own for that time.
fn one(seed: u64, span: Duration, slot: u8) -> Result<(), String> {
    let schedule = schedule(seed, span);
    let folder = tempfile::Builder::new().prefix("faults-").tempdir().unwrap();
    let played = std::thread::scope(|scope| {
        // A thread for each seed: it enters the load's namespace for good.
        let player = scope.spawn(|| {
            let hosts = Hosts::make(slot);
            hosts.enter_load();
            if !hosts.separate() {
                eprintln!("seed {seed}: lines are not cut, all hosts are on loopback");
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let played = runtime.block_on(async {
                tokio::time::timeout(LIMIT, play(&schedule, &hosts, folder.path())).await
            });
            played.unwrap_or_else(|_| Report {
                complaints: vec![format!("not over after {LIMIT:?}")],
                figures: String::new(),
            })
        });
        catch_unwind(AssertUnwindSafe(|| player.join()))
    });
    let complaints = match played {
        Ok(Ok(report)) if report.complaints.is_empty() => {
            eprintln!("seed {seed}: {}", report.figures);
            return Ok(());
        }
        Ok(Ok(report)) => report.complaints,
        Ok(Err(panic)) | Err(panic) => vec![said(panic.as_ref())],
    };
    let kept = folder.keep();
    let replay = format!(
        "logs are in {}; play it again: GROCERYSYNC_FAULT_SEED={seed} GROCERYSYNC_FAULT_SECONDS={} \
         cargo xtask test --filter process_faults_lose",
        kept.display(),
        span.as_secs()
    );
    Err(format!("{schedule}  - {}\n  {replay}", complaints.join("\n  - ")))
}

pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "a panic".to_owned())
}
