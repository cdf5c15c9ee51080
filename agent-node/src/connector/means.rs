//! What the agent's machine offers to connectors beyond their own configuration.

use std::path::PathBuf;
use std::time::Duration;

use messages::JobId;

use crate::net::address::ProxyAddress;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// Authorities to be trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The way out of the shop's network, if it is not open.
    pub proxy: Option<ProxyAddress>,
    /// Folder for what is staged; made when it is first needed.
    pub scratch: PathBuf,
    /// Folder for what is known of the destinations of jobs; made when it is first needed.
    pub delivered: PathBuf,
    pub pace: Pace,
    /// Folder of plugins, if there is one.
    pub plugins: Option<PathBuf>,
    /// Folder of the readers, programs that hold foreign drivers.
    pub readers: Option<PathBuf>,
    /// Folder for where the taps of jobs stand; made when it is first needed.
    pub taps: PathBuf,
    /// The job that is worked at; none for a look at a source.
    pub job: Option<ForJob>,
}

/// What a source may keep from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForJob {
    /// Where the job's tap stands.
    pub state: PathBuf,
    /// Everything is wanted, whatever was given before.
    pub fresh: bool,
}

impl Means {
    #[must_use]
    pub fn of_job(&self, job: JobId, fresh: bool) -> Self {
        let state = self.taps.join(format!("{job}.json"));
        Self { job: Some(ForJob { state, fresh }), ..self.clone() }
    }
}

/// How often and how long a shop platform that cannot take a portion just now is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Before the second try; doubled for each further one.
    pub first: Duration,
    pub longest: Duration,
    /// Tries of one portion, the first included.
    pub tries: u32,
    /// What a platform may ask us to wait. One that asks for more is not going to take the run.
    pub most_asked: Duration,
    /// For an answer; shops on shared machines take half a minute for a full batch.
    pub answer: Duration,
    /// Between two looks at work that goes on at the platform.
    pub look: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            // About three minutes with the waits above: a restart of the shop is sat out.
            tries: 9,
            most_asked: Duration::from_secs(900),
            answer: Duration::from_secs(90),
            look: Duration::from_secs(3),
        }
    }
}
