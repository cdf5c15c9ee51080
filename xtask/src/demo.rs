//! `cargo xtask demo`: the whole system on this machine with two sample retailers and a store that sells, to look at and
//! to press buttons in. State lives in `.demo/`; a second start goes on with it, `--fresh` forgets it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::process;
use crate::repo::Repo;
use crate::stage::agent::AgentPlan;
use crate::stage::api::Api;
use crate::stage::edge::EdgePlan;
use crate::stage::hub::HubPlan;
use crate::stage::service::Service;
use crate::stage::sshd::SftpPlan;
use crate::stage::{StopRequest, free_port, leftovers};
use crate::tools::{Cache, debian, store};
use crate::ui;
use crate::web;

mod control;
pub(crate) mod goods;
mod line;
mod story;

use line::Line;

/// Where the console is when nothing else is wished.
const USUAL_PORT: u16 = 8080;

const LOGIN: &str = "admin";

/// Known to all, and good for a system that only this machine can reach.
const PASSWORD: &str = "apples-pears-plums";

/// How often the running programs are looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// Time for the last processes to go after all were stopped.
const VANISH_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Forget what the demo had and start over.
    #[arg(long)]
    fresh: bool,
    /// Port of the console; chosen once, kept until --fresh. [default: 8080, or any if that is taken]
    #[arg(long)]
    port: Option<u16>,
}

/// What a later start must know. Written when the story is told to its end, so an interrupted first
/// start begins anew.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    hub_port: u16,
    sftp_port: u16,
    edge_port: u16,
    /// Where the store edge reaches its hub, through the line that can be cut.
    line_port: u16,
    control_port: u16,
}

/// Everything of the demo that runs, in the order in which it was started. The one list by which the
/// demo starts, watches, restarts and stops.
struct Running {
    programs: Vec<Program>,
}

struct Program {
    service: Service,
    start: Box<dyn Fn() -> Result<Service>>,
    restarts: u32,
}

/// A program that ends unasked more often than this is broken, and the demo over.
const RESTARTS: u32 = 3;

pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let stop = StopRequest::listen()?;
    let cache = Cache::open()?;
    ui::heading("what the demo needs");
    debian::ready(&cache, &[debian::C_COMPILER, debian::CMAKE, debian::ZLIB, debian::SSHD])?;
    let store_program = store::ready(&cache)?;
    web::build(repo, web::Mode::Release)?;
    ui::say("… building hub, agent and store edge");
    let mut cargo = process::cargo(repo);
    let programs = ["--package", "hub-node", "--package", "agent-node", "--package", "edge-node"];
    process::stream(cargo.arg("build").args(programs))?;

    let home = repo.root.join(".demo");
    let known = recall(&home, options)?;
    let plan = Plan {
        hub: HubPlan {
            program: repo.binary("debug", "hub-node"),
            store_program,
            data: home.join("hub"),
            port: known
                .as_ref()
                .map_or_else(|| hub_port(options.port), |state| free_port(Some(state.hub_port)))?,
            setup_token: setup_token(&home)?,
            log: home.join("logs").join("hub.log"),
            shared: None,
        },
        agents: story::SAMPLES
            .iter()
            .map(|sample| sample.agent_plan(&repo.binary("debug", "agent-node"), &home))
            .collect(),
        edge: EdgePlan {
            program: repo.binary("debug", "edge-node"),
            data: home.join("edge"),
            port: free_port(known.as_ref().map(|state| state.edge_port))?,
            currency: story::SAMPLES[0].currency,
            logs: home.join("logs"),
        },
        sftp_port: free_port(known.as_ref().map(|state| state.sftp_port))?,
        line_port: free_port(known.as_ref().map(|state| state.line_port))?,
        control_port: free_port(known.as_ref().map(|state| state.control_port))?,
        home,
    };
    leftovers::adopt_orphans();
    ui::heading("the demo");
    let mut running = Running { programs: Vec::new() };
    let told = plan.start(&stop, known.is_some(), &mut running).and_then(|base| {
        invite(&base, plan.control_port);
        running.watch(&stop)
    });
    let stopped = running.stop();
    match told {
        Err(_) if stop.asked() => stopped,
        other => other.and(stopped),
    }
}

struct Plan {
    home: PathBuf,
    hub: HubPlan,
    agents: Vec<AgentPlan>,
    edge: EdgePlan,
    sftp_port: u16,
    line_port: u16,
    control_port: u16,
}

impl Plan {
    /// Starts everything, telling the story the first time; gives the console's address.
    fn start(&self, stop: &StopRequest, story_told: bool, running: &mut Running) -> Result<String> {
        let sftp = ui::step("start the SFTP server", |step| {
            let server = SftpPlan {
                home: self.home.join("sshd"),
                files: self.home.join("web-shop"),
                port: self.sftp_port,
                log: self.home.join("logs").join("sftp.log"),
            };
            step.result(format!("127.0.0.1:{}, files in .demo/web-shop", self.sftp_port));
            let account = server.account()?;
            let stop = stop.clone();
            running.add(move || server.start(&stop))?;
            Ok(account)
        })?;
        let base = format!("http://127.0.0.1:{}", self.hub.port);
        ui::step("start the hub and its store", |step| {
            let (hub, stop) = (self.hub.clone(), stop.clone());
            step.result(base.clone());
            running.add(move || Ok(hub.start(&stop)?.0))
        })?;
        let mut made = Vec::new();
        let mut api = Api::new(&base);
        if !story_told {
            api.sign_in(&self.hub.setup_token, LOGIN, PASSWORD)?;
            for (sample, agent) in story::SAMPLES.iter().zip(&self.agents) {
                made.push(story::create(&api, sample, &sftp, agent)?);
            }
        }
        for agent in &self.agents {
            let agent = agent.clone();
            ui::step(&format!("start {}", agent.name), |_| running.add(move || agent.start()))?;
        }
        self.open_store(&api, made.first(), running)?;
        for made in &made {
            story::run_first_job(&api, stop, made)?;
        }
        let state = State {
            hub_port: self.hub.port,
            sftp_port: self.sftp_port,
            edge_port: self.edge.port,
            line_port: self.line_port,
            control_port: self.control_port,
        };
        std::fs::write(state_file(&self.home), serde_json::to_vec_pretty(&state)?)?;
        Ok(base)
    }
}

impl Plan {
    /// The first store gets an edge on a line of its own, and customers. `made` the first time.
    fn open_store(&self, api: &Api, made: Option<&story::Created>, running: &mut Running) -> Result<()> {
        let line = Line::open(self.line_port, SocketAddr::from(([127, 0, 0, 1], self.hub.port)))?;
        control::serve(self.control_port, line)?;
        if let Some(made) = made {
            story::enrol_edge(api, made, &self.edge, &format!("http://127.0.0.1:{}", self.line_port))?;
        }
        let edge = self.edge.clone();
        ui::step("start the store edge", |step| {
            step.result(edge.url());
            running.add(move || edge.start())
        })?;
        let edge = self.edge.clone();
        ui::step("let customers in", |step| {
            edge.ready()?;
            step.result("five tills".to_owned());
            running.add(move || edge.sell())
        })
    }
}

impl Running {
    fn add(&mut self, start: impl Fn() -> Result<Service> + 'static) -> Result<()> {
        let service = start()?;
        self.programs.push(Program { service, start: Box::new(start), restarts: 0 });
        Ok(())
    }

    /// Until somebody stops the demo. A program that ends unasked is reported and started again, as the
    /// system's service manager would; so one may try what happens when the hub is killed.
    fn watch(&mut self, stop: &StopRequest) -> Result<()> {
        while !stop.asked() {
            for program in &mut self.programs {
                let Err(ended) = program.service.check() else { continue };
                ui::say(&format!("✗ {ended}"));
                if program.restarts == RESTARTS {
                    bail!("{} ended unasked {} times", program.service.name(), RESTARTS + 1);
                }
                program.restarts += 1;
                let name = format!("start {} again", program.service.name());
                program.service = ui::step(&name, |_| (program.start)())?;
            }
            let known: Vec<u32> = self.programs.iter().map(|program| program.service.id()).collect();
            leftovers::reap_orphans(&known);
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Tills and their edge, then agents, so that they can say goodbye to the hub; then the hub with its store; then the
    /// SFTP server.
    fn stop(mut self) -> Result<()> {
        ui::heading("stopping");
        let mut failures = Vec::new();
        while let Some(Program { mut service, .. }) = self.programs.pop() {
            if service.check().is_err() {
                // It was reported when it ended.
                continue;
            }
            let name = format!("stop {}", service.name());
            if let Err(failure) = ui::step(&name, |_| service.stop()) {
                failures.push(format!("{failure:#}"));
            }
        }
        let begun = Instant::now();
        let mut left = leftovers::below_us();
        while !left.is_empty() && begun.elapsed() < VANISH_LIMIT {
            std::thread::sleep(GLANCE);
            left = leftovers::below_us();
        }
        if !left.is_empty() {
            leftovers::kill_all();
            failures.push(format!("these processes were left and had to be killed: {}", left.join(", ")));
        }
        if !failures.is_empty() {
            bail!("{}", failures.join("\n"));
        }
        ui::say("✓ no process is left");
        Ok(())
    }
}

/// What the person does now.
fn invite(base: &str, control_port: u16) {
    let file = story::SAMPLES[0].name;
    ui::say(&format!(
        "\nThe console is at  {base}\n\
         \x20 sign in as       {LOGIN}\n\
         \x20 password         {PASSWORD}\n\n\
         Then open {file} → Jobs → “Supplier price list” → Run, and watch 250,000 rows arrive.\n\
         “Catalogue to web shop” has run already; its rejected rows show what the tills got wrong.\n\
         {file} → Stores → FreshMart High Street shows what its five tills sell, as they sell it.\n\
         Cut and mend that store's line at  http://127.0.0.1:{control_port}\n\
         The files arrive in .demo/web-shop/; logs are in .demo/logs/.\n\n\
         Ctrl-C stops everything; `cargo xtask demo` goes on from here, `--fresh` starts over."
    ));
}

fn state_file(home: &Path) -> PathBuf {
    home.join("demo.json")
}

/// The state of an earlier start, if there is a usable one and it is wanted.
fn recall(home: &Path, options: &Options) -> Result<Option<State>> {
    let known: Option<State> = match std::fs::read(state_file(home)) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(_) => None,
    };
    let known = known.filter(|_| !options.fresh);
    match (&known, options.port) {
        (Some(state), Some(port)) if state.hub_port != port => bail!(
            "this demo's agents know the hub at port {}; move it with `cargo xtask demo --fresh --port {port}`",
            state.hub_port
        ),
        (Some(_), _) => {}
        (None, _) => {
            if home.exists() {
                std::fs::remove_dir_all(home).with_context(|| format!("cannot forget {}", home.display()))?;
            }
        }
    }
    std::fs::create_dir_all(home.join("logs"))?;
    Ok(known)
}

/// The wished port, or the usual one, or any.
fn hub_port(wished: Option<u16>) -> Result<u16> {
    match wished {
        Some(port) => free_port(Some(port)),
        None => free_port(Some(USUAL_PORT)).or_else(|_| free_port(None)),
    }
}

/// Lets the demo make its administrator; random, because it needs to be known to nobody.
fn setup_token(home: &Path) -> Result<String> {
    let file = home.join("setup-token");
    if let Ok(token) = std::fs::read_to_string(&file) {
        return Ok(token);
    }
    let mut random = [0_u8; 24];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut random)?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&file, &token)?;
    Ok(token)
}
