//! The agent as Windows' manager of services runs it: `agent-node service run`, which nobody else can start.
//!
//! The manager hears where the service stands, and its stop is the agent's graceful one. There is no standard error, so
//! everything goes to the log in the data folder.

use std::ffi::OsString;
use std::io;
use std::sync::{Mutex, OnceLock};

use tokio_util::sync::CancellationToken;
use windows_service::define_windows_service;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_dispatcher;

use super::keeper::{Keeper, Standing};
use super::logfile::LogFile;
use super::scm::{Exit, Phase};
use super::{Seat, ServiceError, windows};
use crate::config::{Config, ConfigError, Given};
use crate::telemetry;

/// What the command line says; the manager calls back without it.
#[derive(Debug, Clone)]
pub struct Launch {
    pub name: String,
    pub seat: Seat,
}

static LAUNCH: OnceLock<Launch> = OnceLock::new();

define_windows_service!(begin, serve);

/// Serves until the manager stops the service. Fails at once when the manager did not start this process.
pub fn run(launch: Launch) -> Result<(), ServiceError> {
    let name = LAUNCH.get_or_init(|| launch).name.clone();
    service_dispatcher::start(name, begin).map_err(windows::refused("starting as a service"))
}

/// Called by the manager, on a thread of its own.
fn serve(_: Vec<OsString>) {
    let Some(launch) = LAUNCH.get() else { return };
    let log = LogFile::open(&launch.seat.data_dir);
    let config = settings(&launch.seat);
    let logged = log.is_ok();
    if let Ok(log) = log {
        let filter = config.as_ref().map_or("info", |config| config.log.as_str());
        telemetry::init_to(filter, Mutex::new(log));
        // The usual place for this is standard error.
        std::panic::set_hook(Box::new(|panic| tracing::error!("a part of the agent broke off: {panic}")));
    }
    let stop = CancellationToken::new();
    let told = stop.clone();
    let answer = move |control| match control {
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        ServiceControl::Stop | ServiceControl::Shutdown => {
            told.cancel();
            ServiceControlHandlerResult::NoError
        }
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let manager = match service_control_handler::register(&launch.name, answer) {
        Ok(handle) => Manager(handle),
        Err(error) => {
            tracing::error!(%error, "the manager of services does not know this service");
            return;
        }
    };
    manager.report(Phase::Starting);
    let exit = match config {
        _ if !logged => Exit::NoLog,
        Ok(config) => work(config, stop, &manager),
        Err(error) => {
            tracing::error!("the agent does not start: {error}");
            Exit::Settings
        }
    };
    manager.report(Phase::Ended(exit));
}

fn settings(seat: &Seat) -> Result<Config, ConfigError> {
    Given::from_file(seat.config.as_deref(), &seat.data_dir)?.resolve(seat.data_dir.clone())
}

fn work(config: Config, stop: CancellationToken, manager: &Manager) -> Exit {
    // A service begins in a folder of Windows; relative paths of jobs mean the agent's own.
    if let Err(error) = std::env::set_current_dir(&config.data_dir) {
        tracing::warn!(%error, "relative paths of jobs do not start from the data folder");
    }
    let ran = crate::runtime().map_err(|error: io::Error| error.to_string()).and_then(|runtime| {
        let stopped = async move { stop.cancelled().await };
        let ran = runtime.block_on(crate::run_under(config, stopped, manager));
        runtime.shutdown_timeout(crate::LEFTOVERS);
        ran.map_err(|error| error.to_string())
    });
    match ran {
        Ok(()) => Exit::Well,
        Err(error) => {
            tracing::error!("the agent ends: {error}");
            Exit::Failed
        }
    }
}

struct Manager(ServiceStatusHandle);

impl Manager {
    fn report(&self, phase: Phase) {
        let report = phase.report();
        let takes = if report.takes_stop {
            ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN
        } else {
            ServiceControlAccept::empty()
        };
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: match phase {
                Phase::Starting => ServiceState::StartPending,
                Phase::Running => ServiceState::Running,
                Phase::Stopping { .. } => ServiceState::StopPending,
                Phase::Ended(_) => ServiceState::Stopped,
            },
            controls_accepted: takes,
            exit_code: report.exit_code.map_or(ServiceExitCode::NO_ERROR, ServiceExitCode::ServiceSpecific),
            checkpoint: report.checkpoint,
            wait_hint: report.wait_hint,
            process_id: None,
        };
        if let Err(error) = self.0.set_service_status(status) {
            tracing::warn!(%error, "the manager of services was not told how the agent stands");
        }
    }
}

impl Keeper for Manager {
    fn tell(&self, standing: Standing) {
        self.report(standing.into());
    }
}
