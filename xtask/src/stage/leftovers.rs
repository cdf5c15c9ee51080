//! Proves that nothing is left running: while the tool adopts orphans, every process that anything it
//! started has started stays below it in the process tree, and can be counted at the end.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::{Pid, Signal, WaitOptions};

/// From now on processes that lose their parent become this tool's children.
/// Where the system cannot do that, orphans simply are not seen.
pub(crate) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        let _older_kernel_is_fine = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// Takes note of the end of adopted processes, which the kernel keeps in its table until then.
/// `known` are the tool's own children, whose ends are noted elsewhere.
pub(crate) fn reap_orphans(known: &[u32]) {
    for (pid, process) in table(Path::new("/proc")) {
        let is_orphan = process.ended && process.parent == std::process::id() && !known.contains(&pid);
        if is_orphan && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _gone_is_fine = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Processes below this one, as `pid name`; empty is what one wants to see.
pub(crate) fn below_us() -> Vec<String> {
    let processes = table(Path::new("/proc"));
    descendants(&processes, std::process::id())
        .into_iter()
        .filter_map(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            Some(format!("{pid} {}", name.trim()))
        })
        .collect()
}

/// The processes that `pid` itself started.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let processes = table(Path::new("/proc"));
    processes
        .into_iter()
        .filter(|(_, process)| process.parent == pid && !process.ended)
        .map(|(child, _)| child)
        .collect()
}

/// Ends whatever is left; for the last line of defence, after it was reported.
pub(crate) fn kill_all() {
    for pid in descendants(&table(Path::new("/proc")), std::process::id()) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _gone_is_fine = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// One line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// It only waits for its end to be noted.
    ended: bool,
}

fn table(proc: &Path) -> BTreeMap<u32, Process> {
    let mut processes = BTreeMap::new();
    for entry in std::fs::read_dir(proc).into_iter().flatten().flatten() {
        if let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
            && let Some((pid, process)) = parse_stat(&stat)
        {
            processes.insert(pid, process);
        }
    }
    processes
}

/// `pid (name) state parent …`; the name may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<(u32, Process)> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let ended = words.next()? == "Z";
    let parent = words.next()?.parse().ok()?;
    Some((pid.parse().ok()?, Process { parent, ended }))
}

/// Living processes below `ancestor`, at any depth.
fn descendants(processes: &BTreeMap<u32, Process>, ancestor: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![ancestor];
    while let Some(parent) = open.pop() {
        for (&pid, process) in processes {
            if process.parent == parent && !process.ended {
                found.push(pid);
                open.push(pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_table_is_read_with_odd_names() {
        let read = |stat| parse_stat(stat).map(|(pid, process)| (pid, process.parent, process.ended));
        assert_eq!(read("17 (a) b (c)) S 3 17 17 0"), Some((17, 3, false)));
        assert_eq!(read("17 (gone) Z 3 17 17 0"), Some((17, 3, true)));
        assert_eq!(read("nonsense"), None);
    }

    #[test]
    fn living_descendants_are_found_at_any_depth() {
        let process = |parent, ended| Process { parent, ended };
        let processes = BTreeMap::from([
            (2, process(1, false)),
            (3, process(2, false)),
            (4, process(3, false)),
            (5, process(1, false)),
            (6, process(2, true)),
        ]);
        let mut found = descendants(&processes, 2);
        found.sort_unstable();
        assert_eq!(found, [3, 4]);
    }

    #[test]
    fn the_end_of_an_adopted_child_is_noted() {
        let child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        // Nobody waits for it, as nobody would for an orphan.
        drop(child);
        let has_ended = || table(Path::new("/proc")).get(&pid).is_none_or(|process| process.ended);
        while !has_ended() {
            std::thread::yield_now();
        }
        reap_orphans(&[]);
        assert!(!table(Path::new("/proc")).contains_key(&pid));
    }
}
