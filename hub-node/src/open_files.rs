//! How many files and sockets the process may have open. The soft limit is 1,024 on most systems, for programs that still
//! use `select`; each agent and each console is a file, so at the 1,025th the hub would stop taking connections.
//!
//! Called once by `main`, before anything is opened: what the hub starts (its own database) inherits the limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::http::MAX_CONNECTIONS;

/// What the hub opens besides: database, links to other nodes, the console's files, its log.
const BESIDES: u64 = 512;

/// Raises the soft limit to the hard one, and says so when even that is less than the hub would use.
pub fn raise() {
    let asked = wanted(getrlimit(Resource::Nofile));
    if let Some(asked) = asked
        && let Err(error) = setrlimit(Resource::Nofile, asked)
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let limit = getrlimit(Resource::Nofile).current;
    let enough = MAX_CONNECTIONS as u64 + BESIDES;
    match limit {
        Some(limit) if limit < enough => tracing::warn!(
            limit,
            enough,
            "few files may be open: connections beyond that wait; raise the hard limit (LimitNOFILE, ulimit -Hn)"
        ),
        limit => tracing::info!(limit, "open files"),
    }
}

/// The limit to ask for; nothing when the soft one is as high as it may be. Without a limit is `None` in both.
fn wanted(found: Rlimit) -> Option<Rlimit> {
    let Rlimit { current, maximum } = found;
    (current != maximum).then_some(Rlimit { current: maximum, maximum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_goes_up_to_the_hard_one_and_never_beyond() {
        let limits = |current, maximum| Rlimit { current, maximum };
        for (found, asked) in [
            (limits(Some(1_024), Some(524_288)), Some(limits(Some(524_288), Some(524_288)))),
            (limits(Some(1_024), None), Some(limits(None, None))),
            (limits(Some(20_000), Some(20_000)), None),
            (limits(None, None), None),
        ] {
            assert_eq!(wanted(found), asked, "{found:?}");
        }
    }

    #[test]
    fn a_lowered_limit_is_back_at_the_top_afterwards() {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum: before.maximum }).unwrap();
        raise();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
