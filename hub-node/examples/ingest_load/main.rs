//! Store edges that send as fast as a hub takes it, and the database's own driver that writes the same bodies: what
//! `cargo xtask bench ingest` times. It knows the hub by its public protocol alone.
//!
//! Enrols a device for each token, then works by commands: a line of words on standard input, a line of JSON back.
//! * `http 20000`, `grpc 20000`: all devices together send so many events in batches of fifty, a device one batch after
//!   the other by HTTP, and up to four under way by its stream.
//! * `insert 20000`: as many writers as devices write such events with `insert_many`, fifty at a time.
//! * `latency 300 1`: one device alone sends so many batches of one event (or of fifty), by HTTP and by its stream in turn,
//!   each after the answer to the one before.
//! * `again`: the last batch of every device once more; tells how many sales were sent in all.

mod device;
mod outbox;
mod reference;
mod ways;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use futures_util::future::try_join_all;
use messages::edge::ingest::MAX_EVENTS;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use device::Device;
use reference::Reference;

/// Store edges for a measurement
#[derive(Debug, Parser)]
struct Options {
    /// Address of the hub, such as http://127.0.0.1:8080
    #[arg(long)]
    hub: String,
    /// The database that the hub uses
    #[arg(long)]
    database: String,
    /// Enrolment token of a store edge; once for each device
    #[arg(long, required = true)]
    token: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Two providers are in the build; whoever asks for the default one must find ours.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("the cryptography is set up already");
    }
    let options = Options::parse();
    let mut devices = Vec::with_capacity(options.token.len());
    for token in &options.token {
        devices.push(Device::enrol(&options.hub, token).await?);
    }
    let mut load = Load { devices, reference: Reference::open(&options.database).await? };
    say(&json!({"devices": load.devices.len()}))?;
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    while let Some(command) = commands.next_line().await? {
        let answer = Box::pin(load.obey(&command)).await.with_context(|| format!("\"{command}\" failed"))?;
        say(&answer)?;
    }
    Ok(())
}

fn say(answer: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}

struct Load {
    devices: Vec<Device>,
    reference: Reference,
}

impl Load {
    async fn obey(&mut self, command: &str) -> Result<Value> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["http", events] => self.send(events.parse()?, Way::Http).await,
            ["grpc", events] => self.send(events.parse()?, Way::Grpc).await,
            ["insert", events] => self.insert(events.parse()?).await,
            ["latency", rounds, size] => self.latency(rounds.parse()?, size.parse()?).await,
            ["again"] => self.again().await,
            _ => bail!("there is no such command"),
        }
    }

    /// Batches of a device for so many events of all.
    fn share(&self, events: usize) -> usize {
        events.div_ceil(self.devices.len() * MAX_EVENTS).max(1)
    }

    async fn send(&mut self, events: usize, way: Way) -> Result<Value> {
        let share = self.share(events);
        let work = self.devices.iter_mut().map(|device| match way {
            Way::Http => device.prepare_http(share),
            Way::Grpc => device.prepare_grpc(share),
        });
        let work = work.collect::<Result<Vec<_>>>()?;
        let began = Instant::now();
        let sent: u64 = try_join_all(work.into_iter().map(tokio::spawn))
            .await?
            .into_iter()
            .collect::<Result<Vec<u64>>>()?
            .into_iter()
            .sum();
        Ok(json!({"events": sent, "us": micros(began.elapsed())?}))
    }

    async fn insert(&mut self, events: usize) -> Result<Value> {
        let share = self.share(events);
        let batches = self.devices.iter_mut().map(|device| device.documents(share));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let count: usize = batches.iter().flatten().map(Vec::len).sum();
        let work: Vec<_> = batches.into_iter().map(|mine| self.reference.write(mine)).collect();
        let began = Instant::now();
        for written in try_join_all(work.into_iter().map(tokio::spawn)).await? {
            written?;
        }
        Ok(json!({"events": count, "us": micros(began.elapsed())?}))
    }

    async fn latency(&mut self, rounds: usize, size: usize) -> Result<Value> {
        let device = self.devices.first_mut().context("there is no device")?;
        let (mut http, mut grpc) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
        let mut events = 0;
        // The first ones warm both lines up and do not count.
        for round in 0..rounds + 10 {
            let (one, took) = device.one_http(size).await?;
            let (other, took_too) = device.one_grpc(size).await?;
            events += one + other;
            if round >= 10 {
                http.push(took);
                grpc.push(took_too);
            }
        }
        Ok(json!({"events": events, "http": spread(http)?, "grpc": spread(grpc)?}))
    }

    async fn again(&mut self) -> Result<Value> {
        let (mut duplicates, mut sales) = (0, 0);
        for device in &self.devices {
            duplicates += device.again().await?;
            sales += device.sales();
        }
        ensure!(duplicates > 0, "nothing was sent before");
        Ok(json!({"duplicates": duplicates, "sales": sales}))
    }
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Http,
    Grpc,
}

fn micros(time: Duration) -> Result<u64> {
    Ok(u64::try_from(time.as_micros())?)
}

fn spread(mut times: Vec<Duration>) -> Result<Value> {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        micros(times.get(index).copied().unwrap_or_default())
    };
    Ok(json!({"p50_us": at(50)?, "p99_us": at(99)?}))
}
