//! What Windows' manager of services is told, asked for and answers.
//! Pure: phases, numbers and paths in, reports, words and arguments out. `host` and `windows` carry them over.

use std::path::Path;
use std::time::Duration;

use super::keeper::Standing;
use super::plan::{DEFAULT_NAME, TITLE};

/// For the first words of a service: Windows gives up on one that is silent for longer.
const START_HINT: Duration = Duration::from_secs(30);

/// Where the service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Running,
    Stopping { within: Duration },
    Ended(Exit),
}

/// How it ended, as the number that Windows keeps and shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Well,
    /// A part of it could not be kept running; the log has the reason.
    Failed,
    /// Its settings are wrong; the log has them.
    Settings,
    /// The log cannot be written, so nobody can be told more.
    NoLog,
}

impl Exit {
    /// None is good.
    #[must_use]
    pub const fn code(self) -> Option<u32> {
        match self {
            Self::Well => None,
            Self::Failed => Some(1),
            Self::Settings => Some(2),
            Self::NoLog => Some(3),
        }
    }
}

/// What is reported of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub takes_stop: bool,
    /// How long the phase may last without another report.
    pub wait_hint: Duration,
    /// Must not be zero while something is under way, and zero otherwise.
    pub checkpoint: u32,
    pub exit_code: Option<u32>,
}

impl From<Standing> for Phase {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Ready => Self::Running,
            Standing::Stopping { within } => Self::Stopping { within },
        }
    }
}

impl Phase {
    #[must_use]
    pub const fn report(self) -> Report {
        let nothing = Report { takes_stop: false, wait_hint: Duration::ZERO, checkpoint: 0, exit_code: None };
        match self {
            // A stop is taken from the first moment: who starts it by mistake need not wait.
            Self::Starting => Report { takes_stop: true, wait_hint: START_HINT, checkpoint: 1, ..nothing },
            Self::Running => Report { takes_stop: true, ..nothing },
            Self::Stopping { within } => Report { wait_hint: within, checkpoint: 1, ..nothing },
            Self::Ended(exit) => Report { exit_code: exit.code(), ..nothing },
        }
    }
}

/// After how long a service that fell is started again: at once nearly, then slower, then every five minutes for ever.
pub const RECOVERY: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(300)];
/// A service that held for so long has recovered.
pub const RECOVERED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What people see in the list of services. Windows wants each to be there once, and a machine may have several agents.
#[must_use]
pub fn display_name(name: &str) -> String {
    if name == DEFAULT_NAME { TITLE.to_owned() } else { format!("{TITLE} ({name})") }
}

/// Known to everybody as the account that may do everything.
pub const LOCAL_SYSTEM: &str = "LocalSystem";

/// The account that Windows makes for each service: without a password, with no rights but its own.
#[must_use]
pub fn own_account(name: &str) -> String {
    format!(r"NT SERVICE\{name}")
}

/// What `icacls` is told so that a folder is for administrators, the system, its owner and the service's account, and
/// nobody else. The names are those that every language of Windows knows.
#[must_use]
pub fn closing(folder: &Path, account: Option<&str>) -> Vec<String> {
    let mut words =
        vec![folder.to_string_lossy().into_owned(), "/inheritance:r".to_owned(), "/grant:r".to_owned()];
    // The system, the administrators, whoever owns the file.
    words.extend(["*S-1-5-18", "*S-1-5-32-544", "*S-1-3-4"].map(|who| format!("{who}:(OI)(CI)F")));
    words.extend(account.map(|account| format!("{account}:(OI)(CI)M")));
    words.push("/Q".to_owned());
    words
}

/// What to do about an error of the manager's.
#[must_use]
pub const fn advice(code: i32) -> Option<&'static str> {
    Some(match code {
        5 => "run it as administrator",
        1053 => "the service did not come up in time; its log says why",
        1056 => "it runs already",
        1057 => "there is no such account, or its name is not written as DOMAIN\\user or .\\user",
        1060 => "it is not installed; `agent-node service install` does that",
        1061 => "it is stopping; wait a moment",
        1062 => "it is not running",
        1063 => "this is for Windows to start; use `agent-node run` at a console",
        1069 => "the account or its password is wrong, or it may not log on as a service",
        1072 => "it is being removed; close the window of services and whatever else looks at it",
        1073 | 1078 => "a service of this name is there already",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_follow_the_rules_of_the_manager() {
        let stopping = Phase::from(Standing::stopping(Duration::from_secs(5)));
        let phases = [
            Phase::Starting,
            Phase::from(Standing::Ready),
            stopping,
            Phase::Ended(Exit::Well),
            Phase::Ended(Exit::Failed),
        ];
        let reports = phases.map(Phase::report);
        assert_eq!(reports.map(|report| report.takes_stop), [true, true, false, false, false]);
        // Something is under way exactly where a hint is given.
        assert_eq!(reports.map(|report| report.checkpoint > 0), [true, false, true, false, false]);
        assert_eq!(
            reports.map(|report| report.wait_hint > Duration::ZERO),
            [true, false, true, false, false]
        );
        assert_eq!(reports.map(|report| report.exit_code), [None, None, None, None, Some(1)]);
        assert_eq!(stopping.report().wait_hint, Duration::from_secs(50));
    }

    #[test]
    fn ends_are_told_apart() {
        let mut codes = [Exit::Well, Exit::Failed, Exit::Settings, Exit::NoLog].map(Exit::code).to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes, [None, Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn a_folder_is_closed_to_all_but_these() {
        let words = closing(Path::new(r"C:\Data"), Some(&own_account("till")));
        assert_eq!(
            words,
            [
                r"C:\Data",
                "/inheritance:r",
                "/grant:r",
                "*S-1-5-18:(OI)(CI)F",
                "*S-1-5-32-544:(OI)(CI)F",
                "*S-1-3-4:(OI)(CI)F",
                r"NT SERVICE\till:(OI)(CI)M",
                "/Q"
            ]
        );
        assert_eq!(closing(Path::new("d"), None).len(), 7);
    }

    #[test]
    fn several_agents_are_told_apart() {
        assert_eq!(display_name("grocerysync-agent"), "GrocerySync agent");
        assert_eq!(display_name("till-2"), "GrocerySync agent (till-2)");
    }

    #[test]
    fn errors_come_with_advice() {
        assert_eq!(advice(5), Some("run it as administrator"));
        assert!(advice(1060).unwrap().contains("service install"));
        assert_eq!(advice(1), None);
    }
}
