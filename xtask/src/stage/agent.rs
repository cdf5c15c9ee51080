//! An agent: enrolled by its token as a technician would at the shop, then run.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::service::{self, Service};
use crate::process;

/// What an agent is started with.
#[derive(Debug, Clone)]
pub(crate) struct AgentPlan {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) data: PathBuf,
    /// The machine's folder with the till's exports: paths in jobs start here.
    pub(crate) site: PathBuf,
    pub(crate) log: PathBuf,
}

impl AgentPlan {
    /// Swaps the token for the agent's own identity.
    pub(crate) fn enrol(&self, hub: &str, token: &str) -> Result<()> {
        std::fs::create_dir_all(&self.data)?;
        let mut command = service::ours(&self.program);
        command.args(["enrol", "--hub", hub, "--token", token, "--data-dir"]).arg(&self.data);
        process::capture(&mut command).with_context(|| format!("cannot enrol {}", self.name)).map(drop)
    }

    pub(crate) fn start(&self) -> Result<Service> {
        let mut command = service::ours(&self.program);
        std::fs::create_dir_all(&self.site)?;
        command.current_dir(&self.site);
        command.args(["run", "--stop-on-stdin-close", "--data-dir"]).arg(&self.data);
        Service::start(&self.name, &mut command, &self.log)
    }
}
