//! A whole system on this machine, for demo and benches: the hub with its store, agents, an SFTP server.
//! Everything listens on 127.0.0.1 and ends with this tool, however that ends.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) mod agent;
pub(crate) mod api;
pub(crate) mod cluster;
pub(crate) mod edge;
pub(crate) mod guard;
pub(crate) mod hub;
pub(crate) mod leftovers;
pub(crate) mod service;
pub(crate) mod sshd;

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Set once somebody asked the tool to stop.
#[derive(Debug, Clone)]
pub(crate) struct StopRequest(Arc<AtomicBool>);

impl StopRequest {
    /// From now on Ctrl-C, SIGTERM and a closed terminal ask instead of ending the tool at once.
    pub(crate) fn listen() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot listen for signals")?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks at a condition until it gives a value, the limit is over or somebody asks to stop.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(value) = condition()? {
                return Ok(value);
            }
            if self.asked() {
                bail!("stopped while waiting for {what}");
            }
            if begun.elapsed() > limit {
                bail!("{what}: not within {} s", limit.as_secs());
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// A port of 127.0.0.1 that nobody has: the wished one, or any when none is wished.
pub(crate) fn free_port(wished: Option<u16>) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wished.unwrap_or(0)))
        .with_context(|| format!("port {} is taken by another program", wished.unwrap_or(0)))?;
    Ok(listener.local_addr()?.port())
}
