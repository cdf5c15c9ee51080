//! A store edge: enrolled by its token as a technician would in the store, then run, with tills that sell at it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::GLANCE;
use super::api::Api;
use super::service::{self, Service};
use crate::process;

/// What a store edge is started with.
#[derive(Debug, Clone)]
pub(crate) struct EdgePlan {
    pub(crate) program: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    pub(crate) currency: &'static str,
    pub(crate) logs: PathBuf,
}

/// Its first start writes some thousands of articles.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Tills that sell at the edge, and the pause between two customers of one of them.
const TILLS: u32 = 5;
const PAUSE_MS: u32 = 6_000;

impl EdgePlan {
    /// Swaps the token for the edge's own identity. `hub` is the address that it will know the hub by.
    pub(crate) fn enrol(&self, hub: &str, token: &str) -> Result<()> {
        let mut command = service::ours(&self.program);
        command.args(["enrol", "--hub", hub, "--token", token, "--data-dir"]).arg(&self.data);
        process::capture(&mut command).context("cannot enrol the store edge").map(drop)
    }

    pub(crate) fn start(&self) -> Result<Service> {
        let mut command = service::ours(&self.program);
        command.args(["run", "--stop-on-stdin-close", "--sample-catalogue", "--currency", self.currency]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port), "--data-dir"]).arg(&self.data);
        Service::start("the store edge", &mut command, &self.logs.join("edge.log"))
    }

    /// Waits until tills are answered: its first start writes the catalogue.
    pub(crate) fn ready(&self) -> Result<()> {
        let begun = Instant::now();
        while !Api::new(&self.url()).is_up() {
            if begun.elapsed() > READY_LIMIT {
                bail!("the store edge does not answer at {}", self.url());
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Customers, one after the other, until they are stopped.
    pub(crate) fn sell(&self) -> Result<Service> {
        let mut command = service::ours(&self.program);
        command.args(["simulate", "--stop-on-stdin-close", "--customers", "0", "--edge", &self.url()]);
        command.args(["--terminals", &TILLS.to_string(), "--pause-ms", &PAUSE_MS.to_string()]);
        Service::start("the tills", &mut command, &self.logs.join("tills.log"))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
