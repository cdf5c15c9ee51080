//! `agent-node service …`: the agent as a service of the system, installed and asked about with one command.
//!
//! [`plan`], [`mod@unit`], [`scm`] and [`state`] decide and know no system; `systemd` and `windows` carry out. [`keeper`] is
//! what the running agent tells whoever keeps it: systemd by `notify`, Windows' manager of services by `host`.

#[cfg(windows)]
pub mod host;
pub mod keeper;
pub mod logfile;
#[cfg(unix)]
pub mod notify;
pub mod plan;
pub mod scm;
pub mod state;
#[cfg(unix)]
pub mod systemd;
mod tool;
pub mod unit;
#[cfg(windows)]
pub mod windows;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::{ConfigError, Given};
use plan::{Plan, PlanError};
#[cfg(unix)]
use systemd as system;
#[cfg(windows)]
use windows as system;

/// What can be done with the service.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Let the system run the agent from now on, and at each start of the machine
    Install(Install),
    /// Stop the service and remove it; the agent's data stays
    Uninstall(Named),
    /// Start the service
    Start(Named),
    /// Stop the service
    Stop(Named),
    /// Say how the service stands
    Status(Named),
    /// What Windows starts; nobody else can
    #[cfg(windows)]
    #[command(hide = true)]
    Run {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        seat: Seat,
    },
}

/// Which service.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its name; several agents on one machine need several
    #[arg(long, default_value = plan::DEFAULT_NAME, value_name = "NAME")]
    name: String,
    /// Where units are
    #[cfg(unix)]
    #[arg(long, default_value = "/etc/systemd/system", value_name = "DIR")]
    unit_dir: PathBuf,
}

/// How it is installed.
#[derive(Debug, Args)]
pub struct Install {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    seat: Seat,
    /// The user it runs as; made if there is none
    #[cfg(unix)]
    #[arg(long, default_value = "grocerysync", value_name = "NAME")]
    user: String,
    /// A folder that the agent may write to besides its own, such as that of a job's local file; may be given several times
    #[cfg(unix)]
    #[arg(long, value_name = "DIR")]
    writes: Vec<PathBuf>,
    /// Show the unit and do nothing
    #[cfg(unix)]
    #[arg(long)]
    print: bool,
    /// With --print, the program that the unit is to start [default: this one]: for whoever makes packages
    #[cfg(unix)]
    #[arg(long, value_name = "FILE", requires = "print")]
    program: Option<PathBuf>,
    /// The account it runs as: DOMAIN\user, .\user, or LocalSystem, which may do everything [default: one of its own]
    #[cfg(windows)]
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// The account's password, where it has one
    #[cfg(windows)]
    #[arg(long, env = "GROCERYSYNC_AGENT_ACCOUNT_PASSWORD", hide_env_values = true, value_parser = crate::cli::secret)]
    account_password: Option<messages::Secret>,
    /// Do not start it now
    #[arg(long)]
    no_start: bool,
}

/// Where an agent keeps its things.
#[derive(Debug, Clone, Args)]
pub struct Seat {
    /// Where the agent keeps its identity and what it must not lose
    #[arg(long, env = "GROCERYSYNC_AGENT_DATA_DIR", default_value = crate::config::DEFAULT_DATA_DIR, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Settings in TOML [default: agent.toml in the data folder, if it is there]
    #[arg(long, env = "GROCERYSYNC_AGENT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("the service would not start: {0}")]
    Config(#[from] ConfigError),
    #[error("`agent-node service {0}` changes the system; run it as its administrator, such as with sudo")]
    NotAdministrator(&'static str),
    #[error(
        "{0} was not found; where systemd does not run the system, let what does run it start `agent-node run` (--print shows what a unit would say)"
    )]
    Absent(&'static str),
    #[error("{0} did not answer in time")]
    Silent(&'static str),
    #[error("`{what}` failed: {said}")]
    Refused { what: String, said: String },
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "{} is neither empty nor an agent's folder, and would be given to the agent's user; name another with --data-dir",
        .0.display()
    )]
    NotAnAgents(PathBuf),
    #[error("{} cannot be written: {source}", path.display())]
    Unit { path: PathBuf, source: std::io::Error },
    #[error("{} was not written by this program; move it away first", .0.display())]
    Foreign(PathBuf),
    #[error(
        "there is no {}; an agent that came as a package is removed with it, such as by `apt-get remove grocerysync-agent`",
        .0.display()
    )]
    NotOurs(PathBuf),
    #[error("--writes: {} is no folder; make it first", .0.display())]
    NoFolder(PathBuf),
    #[error("the result could not be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Install {
    /// What the command line says, checked; the settings are read as the service will read them.
    fn plan(&self) -> Result<Plan, ServiceError> {
        let full = |path: &PathBuf| std::path::absolute(path);
        #[cfg(unix)]
        let program = self.program.clone();
        #[cfg(not(unix))]
        let program = None;
        let plan = Plan {
            name: plan::name(&self.named.name)?,
            program: program.map_or_else(std::env::current_exe, Ok)?,
            data_dir: full(&self.seat.data_dir)?,
            config: self.seat.config.as_ref().map(full).transpose()?,
            #[cfg(unix)]
            writes: self.writes.iter().map(full).collect::<Result<_, _>>()?,
            #[cfg(not(unix))]
            writes: Vec::new(),
        };
        plan.check()?;
        if let Some(missing) = plan.writes.iter().find(|path| !path.is_dir()) {
            return Err(ServiceError::NoFolder(missing.clone()));
        }
        Given::from_file(plan.config.as_deref(), &plan.data_dir)?.resolve(plan.data_dir.clone())?;
        Ok(plan)
    }
}

#[cfg(unix)]
impl Install {
    async fn carry_out(self, out: &mut (dyn Write + Send)) -> Result<(), ServiceError> {
        let plan = self.plan()?;
        let user = plan::user(&self.user)?;
        if self.print {
            write!(out, "{}", unit::unit(&plan, &user))?;
            return Ok(());
        }
        let target = system::Target { units: self.named.unit_dir, user, start: !self.no_start };
        system::install(&plan, &target, out).await
    }
}

#[cfg(windows)]
impl Install {
    async fn carry_out(self, out: &mut (dyn Write + Send)) -> Result<(), ServiceError> {
        let plan = self.plan()?;
        let name = self.account.unwrap_or_else(|| scm::own_account(&plan.name));
        let account = system::Account { name, password: self.account_password };
        system::install(&plan, &account, !self.no_start, out).await
    }
}

/// Does what the command line says.
pub async fn execute(
    command: ServiceCommand,
    out: &mut (dyn Write + Send),
) -> Result<ExitCode, ServiceError> {
    let state = match command {
        ServiceCommand::Install(install) => {
            install.carry_out(out).await?;
            return Ok(ExitCode::SUCCESS);
        }
        ServiceCommand::Uninstall(named) => {
            #[cfg(unix)]
            system::uninstall(&named.name, &named.unit_dir, out).await?;
            #[cfg(windows)]
            system::uninstall(&named.name, out).await?;
            return Ok(ExitCode::SUCCESS);
        }
        ServiceCommand::Start(named) => system::start(&named.name, out).await?,
        ServiceCommand::Stop(named) => {
            system::stop(&named.name, out).await?;
            return Ok(ExitCode::SUCCESS);
        }
        #[cfg(unix)]
        ServiceCommand::Status(named) => system::status(&named.name, out).await?,
        #[cfg(windows)]
        ServiceCommand::Status(named) => system::status(&named.name, out)?,
        // `main` has looked for this before there was a runtime.
        #[cfg(windows)]
        ServiceCommand::Run { .. } => return Ok(ExitCode::FAILURE),
    };
    Ok(ExitCode::from(state.exit_code()))
}

#[cfg(windows)]
impl ServiceCommand {
    /// What `agent-node service run` is to run.
    #[must_use]
    pub fn launch(&self) -> Option<host::Launch> {
        match self {
            Self::Run { named, seat } => Some(host::Launch { name: named.name.clone(), seat: seat.clone() }),
            _ => None,
        }
    }
}
