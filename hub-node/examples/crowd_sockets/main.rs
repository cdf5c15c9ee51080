//! A crowd for a system of several hub nodes: retailers with an agent each, and consoles, all on sockets of their own.
//! `cargo xtask bench scale` runs it and measures the nodes meanwhile; it knows the hub by its public protocol alone.
//!
//! Works in steps. After each one it writes a line of JSON to standard output and goes on when a line comes in by
//! standard input; at the end of that it ends.

mod agent;
mod console;
mod line;
mod shops;
mod wave;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::sync::watch;

use line::Place;
use shops::{Shop, Shops};
use wave::{Crowd, Wave};

/// All sockets of one step; past it the step is reported as it stands.
const WAVE_LIMIT: Duration = Duration::from_secs(600);

/// A crowd of agents and consoles
#[derive(Parser)]
struct Options {
    /// Address of a node, such as http://127.0.0.1:8080; once for each node
    #[arg(long, required = true)]
    hub: Vec<String>,
    #[arg(long)]
    login: String,
    #[arg(long)]
    password: String,
    /// Retailers, with one agent each
    #[arg(long)]
    retailers: usize,
    #[arg(long)]
    consoles: usize,
    /// How long all sockets are kept
    #[arg(long)]
    hold_s: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Two providers are in the build; whoever asks for the default one must find ours.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        anyhow::bail!("the cryptography is set up already");
    }
    hub_node::open_files::raise();
    let options = Options::parse();
    let mut steps = Steps { input: BufReader::new(tokio::io::stdin()).lines() };
    let shops = Shops::sign_in(&options.hub, &options.login, &options.password).await?;
    let (wave, made) = shops.make(options.retailers).await?;
    steps.done(&wave).await?;

    let mut stage = Stage::new(&options, &shops)?;
    steps.done(&stage.agents(&made).await).await?;
    steps.done(&stage.consoles(&made).await).await?;
    let hold = Duration::from_secs(options.hold_s);
    steps.done(&stage.crowd.watch("held", stage.sockets(), hold).await).await?;
    steps.done(&stage.storm().await).await?;
    steps.done(&stage.crowd.watch("after", stage.sockets(), Duration::ZERO).await).await
}

/// The conversation with whoever measures.
struct Steps {
    input: Lines<BufReader<Stdin>>,
}

impl Steps {
    async fn done(&mut self, wave: &Wave) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(wave)?)?;
        out.flush()?;
        drop(out);
        self.input.next_line().await?.context("nobody is there any more")?;
        Ok(())
    }
}

/// Everything that is connected.
struct Stage {
    crowd: Crowd,
    /// By node: cuts the sockets of that node.
    cuts: Vec<watch::Sender<u32>>,
    places: Vec<Arc<Place>>,
    tokens: watch::Receiver<String>,
    consoles: usize,
    /// By node: how many sockets are meant to be open there.
    open: Vec<usize>,
}

impl Stage {
    fn new(options: &Options, shops: &Shops) -> Result<Self> {
        let places =
            options.hub.iter().map(|hub| Place::parse(hub).map(Arc::new)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            crowd: Crowd::new(),
            cuts: places.iter().map(|_| watch::Sender::new(0)).collect(),
            open: vec![0; places.len()],
            places,
            tokens: shops.tokens(),
            consoles: options.consoles,
        })
    }

    fn sockets(&self) -> usize {
        self.open.iter().sum()
    }

    async fn agents(&mut self, shops: &[Shop]) -> Wave {
        for (n, shop) in shops.iter().enumerate() {
            let node = n % self.places.len();
            let place = Arc::clone(&self.places[node]);
            let cut = self.cuts[node].subscribe();
            tokio::spawn(agent::live(place, shop.credential.clone(), cut, self.crowd.member()));
            self.open[node] += 1;
        }
        self.crowd.gather("agents", shops.len(), WAVE_LIMIT).await
    }

    async fn consoles(&mut self, shops: &[Shop]) -> Wave {
        for n in 0..self.consoles {
            let node = n % self.places.len();
            let place = Arc::clone(&self.places[node]);
            let cut = self.cuts[node].subscribe();
            let watched = console::watched(n, shops);
            tokio::spawn(console::live(place, self.tokens.clone(), watched, cut, self.crowd.member()));
            self.open[node] += 1;
        }
        self.crowd.gather("consoles", self.consoles, WAVE_LIMIT).await
    }

    /// All sockets of the first node break at once and come back to it.
    async fn storm(&mut self) -> Wave {
        self.cuts[0].send_modify(|count| *count += 1);
        self.crowd.gather("storm", self.open[0], WAVE_LIMIT).await
    }
}
