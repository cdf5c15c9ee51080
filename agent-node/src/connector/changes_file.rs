//! The name of a file that holds changes only. Pure.
//!
//! A file that is written whole replaces the one before it. A file of changes must not: whoever reads them may not have
//! come to the former one yet. So each has a name of its own, and the order of the names is that of the runs.

use messages::RunId;
use messages::connector::DestinationConfig;

/// Does it write a file, and not to a platform?
#[must_use]
pub const fn is_file(to: &DestinationConfig) -> bool {
    matches!(to, DestinationConfig::Sftp(_) | DestinationConfig::LocalFile(_))
}

/// The destination of this run's changes: a platform as it is, a file under a name of its own.
#[must_use]
pub fn for_changes(to: &DestinationConfig, run_id: RunId) -> DestinationConfig {
    let mut to = to.clone();
    match &mut to {
        DestinationConfig::Sftp(to) => to.path = named(&to.path, run_id),
        DestinationConfig::LocalFile(to) => to.path = named(&to.path, run_id),
        _ => {}
    }
    to
}

/// Run identifiers begin with the time at which the run was made.
fn named(path: &str, run_id: RunId) -> String {
    let name = path.rfind(['/', '\\']).map_or(0, |slash| slash + 1);
    // A leading point hides the file; it begins no ending.
    let dot = path[name..].rfind('.').filter(|dot| *dot > 0).map_or(path.len(), |dot| name + dot);
    format!("{}.changes-{run_id}{}", &path[..dot], &path[dot..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_stands_before_the_ending_and_orders_the_names() {
        let (first, second) = (RunId::new(), RunId::new());
        for (path, before, after) in [
            ("/in/items.csv", "/in/items.changes-", ".csv"),
            ("items", "items.changes-", ""),
            ("/shop.example/items", "/shop.example/items.changes-", ""),
            ("C:\\out\\all.items.jsonl", "C:\\out\\all.items.changes-", ".jsonl"),
            ("/in/.items", "/in/.items.changes-", ""),
        ] {
            assert_eq!(named(path, first), format!("{before}{first}{after}"));
            assert!(named(path, first) < named(path, second));
        }
    }
}
