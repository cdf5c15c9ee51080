//! Proves that nothing is left running: while the tool adopts orphans, every process that anything it
//! started has started stays below it in the process tree, and can be counted at the end.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// From now on processes that lose their parent become this tool's children.
/// Where the system cannot do that, orphans simply are not seen.
pub(crate) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        let _older_kernel_is_fine = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// Processes below this one, as `pid name`; empty is what one wants to see.
pub(crate) fn below_us() -> Vec<String> {
    let parents = table(Path::new("/proc"));
    descendants(&parents, std::process::id())
        .into_iter()
        .filter_map(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            Some(format!("{pid} {}", name.trim()))
        })
        .collect()
}

/// The processes that `pid` itself started.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let parents = table(Path::new("/proc"));
    parents.into_iter().filter(|&(_, parent)| parent == pid).map(|(child, _)| child).collect()
}

/// Ends whatever is left; for the last line of defence, after it was reported.
pub(crate) fn kill_all() {
    for pid in descendants(&table(Path::new("/proc")), std::process::id()) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _gone_is_fine = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// Parent of each process that is not a zombie.
fn table(proc: &Path) -> BTreeMap<u32, u32> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir(proc).into_iter().flatten().flatten() {
        if let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
            && let Some((pid, parent)) = parse_stat(&stat)
        {
            parents.insert(pid, parent);
        }
    }
    parents
}

/// `pid (name) state parent …`; the name may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<(u32, u32)> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let state = words.next()?;
    let parent = words.next()?.parse().ok()?;
    if state == "Z" { None } else { Some((pid.parse().ok()?, parent)) }
}

fn descendants(parents: &BTreeMap<u32, u32>, ancestor: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![ancestor];
    while let Some(parent) = open.pop() {
        for (&pid, &its_parent) in parents {
            if its_parent == parent {
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
    fn the_process_table_is_read_with_odd_names_and_without_zombies() {
        assert_eq!(parse_stat("17 (a) b (c)) S 3 17 17 0"), Some((17, 3)));
        assert_eq!(parse_stat("17 (gone) Z 3 17 17 0"), None);
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1)]);
        let mut found = descendants(&parents, 2);
        found.sort_unstable();
        assert_eq!(found, [3, 4]);
    }
}
