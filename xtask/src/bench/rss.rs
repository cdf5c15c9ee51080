//! Memory and processor time of a running process, from the kernel's own accounts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::stage::StopRequest;

/// One look a second; as many equal looks in a row mean that it has settled.
const CALM_LOOKS: usize = 10;

/// A process that has not settled by then never will.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);

/// Resident memory now, in bytes.
pub(super) fn resident(pid: u32) -> Result<u64> {
    from_status(pid, "VmRSS:")
}

/// Most resident memory there ever was, in bytes.
pub(super) fn peak(pid: u32) -> Result<u64> {
    from_status(pid, "VmHWM:")
}

fn from_status(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("cannot read the status of process {pid}"))?;
    kib(&status, field).map(|kib| kib * 1024).with_context(|| format!("process {pid} has no {field}"))
}

/// `VmRSS:     1234 kB` → 1234.
fn kib(status: &str, field: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace().next()?.parse().ok()
}

/// Processor time used so far, in ticks of a hundredth of a second.
pub(super) fn processor_ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    ticks(&stat).with_context(|| format!("cannot read the processor time of process {pid}"))
}

/// Processor time of all programs that this one started and that have ended, and of those they started.
pub(super) fn childrens_ticks() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    two_sums(&stat, 13).context("cannot read the processor time of ended programs")
}

fn ticks(stat: &str) -> Option<u64> {
    two_sums(stat, 11)
}

/// User and system time, which stand side by side.
fn two_sums(stat: &str, after: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ').skip(after);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    Some(user + system)
}

/// Waits until the memory of all processes has stopped changing by more than a hundredth.
pub(super) fn settle(stop: &StopRequest, pids: &[u32]) -> Result<Vec<u64>> {
    let begun = Instant::now();
    let mut looks: Vec<Vec<u64>> = Vec::new();
    loop {
        let now = pids.iter().map(|&pid| resident(pid)).collect::<Result<Vec<u64>>>()?;
        looks.push(now.clone());
        let recent = &looks[looks.len().saturating_sub(CALM_LOOKS)..];
        let calm = (0..pids.len()).all(|at| {
            let values = recent.iter().map(|look| look[at]);
            let (low, high) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
            high - low <= high / 100
        });
        if recent.len() == CALM_LOOKS && calm {
            return Ok(now);
        }
        if stop.asked() || begun.elapsed() > SETTLE_LIMIT {
            bail!("the memory did not settle within {} s", begun.elapsed().as_secs());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_accounts_are_read() {
        assert_eq!(kib("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t    17 kB\n", "VmRSS:"), Some(17));
        assert_eq!(kib("Name:\tx\n", "VmRSS:"), None);
        let stat = "17 (a b) S 1 17 17 0 -1 4194560 1 2 3 4 70 30 5 6 20 0 1 0 100";
        assert_eq!(ticks(stat), Some(100));
        assert_eq!(two_sums(stat, 13), Some(11));
        assert!(resident(std::process::id()).unwrap() > 0);
    }
}
