//! The service on Windows: registers it with the manager of services, says how it is to be recovered, and closes its data
//! folder to everybody else. Nothing here runs while the agent does.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use messages::Secret;
use tokio::time::{Instant, sleep};
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceDependency, ServiceErrorControl,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType,
    ServiceState, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use super::plan::{self, Plan};
use super::scm::{self, LOCAL_SYSTEM};
use super::state::{Running, State};
use super::{ServiceError, logfile, tool};
use crate::disk;
use crate::identity::Identity;

const ABOUT: &str = "Reads the point of sale, writes to the shop platform, reports to the hub.";
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(250);

const MISSING: i32 = 1060;
const NOT_RUNNING: i32 = 1062;
const RUNS_ALREADY: i32 = 1056;
const UNKNOWN_LEVEL: i32 = 124;

/// As whom the service runs.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub password: Option<Secret>,
}

/// Installs the service, or brings one that is there up to date.
pub async fn install(
    plan: &Plan,
    account: &Account,
    start_now: bool,
    out: &mut (dyn Write + Send),
) -> Result<(), ServiceError> {
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    let info = info(plan, account);
    let access = ServiceAccess::ALL_ACCESS;
    let service = match manager.open_service(&plan.name, access) {
        Ok(service) => {
            service.change_config(&info).map_err(refused("changing the service"))?;
            service
        }
        Err(error) if code(&error) == Some(MISSING) => {
            manager.create_service(&info, access).map_err(refused("making the service"))?
        }
        Err(error) => return Err(refused("opening the service")(error)),
    };
    if !recover(&service)? {
        writeln!(out, "this system knows no recovery of services: a service that falls stays down")?;
    }
    service.set_description(ABOUT).map_err(refused("describing the service"))?;
    let folder = |source| ServiceError::Folder { path: plan.data_dir.clone(), source };
    disk::create_private_dir(&plan.data_dir).map_err(folder)?;
    // Only now: the service's account is there as soon as the service is.
    let granted = (account.name != LOCAL_SYSTEM).then_some(account.name.as_str());
    close(&plan.data_dir, granted).await?;
    let log = plan.data_dir.join(logfile::FOLDER);
    writeln!(out, "{} is installed as {}; its log is in {}", plan.name, account.name, log.display())?;
    if Identity::load(&plan.data_dir).is_err() {
        writeln!(
            out,
            "it is not enrolled yet; now run:\n  agent-node enrol --data-dir \"{1}\" --hub URL --token TOKEN\n  agent-node service start --name {0}",
            plan.name,
            plan.data_dir.display()
        )?;
        return Ok(());
    }
    if start_now {
        stop_if_running(&service).await?;
        start_service(&service).await?;
        writeln!(out, "{} runs, and starts with the machine", plan.name)?;
    }
    Ok(())
}

fn info(plan: &Plan, account: &Account) -> ServiceInfo {
    let mut words = vec!["service".to_owned(), "run".to_owned(), "--name".to_owned(), plan.name.clone()];
    words.extend(plan.place());
    ServiceInfo {
        name: plan.name.clone().into(),
        display_name: scm::display_name(&plan.name).into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: plan.program.clone(),
        launch_arguments: words.into_iter().map(OsString::from).collect(),
        dependencies: vec![ServiceDependency::Service("Tcpip".into())],
        account_name: (account.name != LOCAL_SYSTEM).then(|| account.name.clone().into()),
        account_password: account.password.as_ref().map(|password| password.expose().into()),
    }
}

/// Windows starts it again when it falls, and when it ends by itself with an error. False where the system does not know of
/// such things, as Wine does not.
fn recover(service: &Service) -> Result<bool, ServiceError> {
    let restart = |delay| ServiceAction { action_type: ServiceActionType::Restart, delay };
    let actions = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(scm::RECOVERED_AFTER),
        reboot_msg: None,
        command: None,
        actions: Some(scm::RECOVERY.into_iter().map(restart).collect()),
    };
    let set = service
        .update_failure_actions(actions)
        .and_then(|()| service.set_failure_actions_on_non_crash_failures(true));
    match set {
        Err(error) if code(&error) == Some(UNKNOWN_LEVEL) => Ok(false),
        set => set.map(|()| true).map_err(refused("setting the recovery")),
    }
}

/// Closes a folder to everybody but the system, administrators, its owner and the service.
pub async fn close(folder: &Path, account: Option<&str>) -> Result<(), ServiceError> {
    let words = scm::closing(folder, account);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    tool::done("icacls", &words).await.map(|_| ())
}

/// Stops the service and takes it away. What the agent knows stays.
pub async fn uninstall(name: &str, out: &mut (dyn Write + Send)) -> Result<(), ServiceError> {
    let service = open(name, ServiceAccess::ALL_ACCESS)?;
    stop_if_running(&service).await?;
    service.delete().map_err(refused("removing the service"))?;
    writeln!(out, "{name} is stopped and gone; its data folder was left as it is")?;
    Ok(())
}

pub async fn start(name: &str, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let service =
        open(name, ServiceAccess::START | ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG)?;
    start_service(&service).await?;
    shown(name, &service, out)
}

pub async fn stop(name: &str, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let service =
        open(name, ServiceAccess::STOP | ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG)?;
    stop_if_running(&service).await?;
    shown(name, &service, out)
}

/// Says how the service stands.
pub fn status(name: &str, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let name = plan::name(name)?;
    let manager = manager(ServiceManagerAccess::CONNECT)?;
    match manager.open_service(&name, ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG) {
        Ok(service) => shown(&name, &service, out),
        Err(error) if code(&error) == Some(MISSING) => {
            writeln!(out, "{}", State::Missing.shown(&name))?;
            Ok(State::Missing)
        }
        Err(error) => Err(refused("opening the service")(error)),
    }
}

fn shown(name: &str, service: &Service, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let status = service.query_status().map_err(refused("asking for the service"))?;
    let config = service.query_config().map_err(refused("asking for the service"))?;
    let (failed, detail) = match status.exit_code {
        ServiceExitCode::ServiceSpecific(code) => (true, format!("ended with {code}; its log says why")),
        // It was never started since the machine was.
        ServiceExitCode::Win32(0 | 1077) => (false, String::new()),
        ServiceExitCode::Win32(code) => (true, format!("Windows' error {code}")),
    };
    let running = match status.current_state {
        ServiceState::Running => Running::Yes,
        ServiceState::StartPending | ServiceState::ContinuePending => Running::Starting,
        ServiceState::StopPending | ServiceState::PausePending | ServiceState::Paused => Running::Stopping,
        ServiceState::Stopped if failed => Running::Failed,
        ServiceState::Stopped => Running::No,
    };
    let at_boot = config.start_type == ServiceStartType::AutoStart;
    let pid = status.process_id.filter(|pid| *pid > 0);
    let detail = if running == Running::Failed { detail } else { String::new() };
    let state = State::Known { running, at_boot, pid, detail };
    writeln!(out, "{}", state.shown(name))?;
    Ok(state)
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    ServiceManager::local_computer(None::<&str>, access).map_err(refused("asking the manager of services"))
}

fn open(name: &str, access: ServiceAccess) -> Result<Service, ServiceError> {
    let name = plan::name(name)?;
    manager(ServiceManagerAccess::CONNECT)?.open_service(name, access).map_err(refused("opening the service"))
}

async fn start_service(service: &Service) -> Result<(), ServiceError> {
    match service.start::<&str>(&[]) {
        Err(error) if code(&error) != Some(RUNS_ALREADY) => Err(refused("starting the service")(error)),
        _ => until(service, ServiceState::Running).await,
    }
}

async fn stop_if_running(service: &Service) -> Result<(), ServiceError> {
    match service.stop() {
        Err(error) if code(&error) == Some(NOT_RUNNING) => Ok(()),
        Err(error) => Err(refused("stopping the service")(error)),
        Ok(_) => until(service, ServiceState::Stopped).await,
    }
}

/// Waits until it stands so; a service that ends instead of coming up is looked at by its status.
async fn until(service: &Service, wanted: ServiceState) -> Result<(), ServiceError> {
    let end = Instant::now() + tool::PATIENCE;
    while Instant::now() < end {
        let state = service.query_status().map_err(refused("asking for the service"))?.current_state;
        if state == wanted || state == ServiceState::Stopped {
            return Ok(());
        }
        sleep(GLANCE).await;
    }
    Err(ServiceError::Silent("the service"))
}

fn code(error: &windows_service::Error) -> Option<i32> {
    match error {
        windows_service::Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}

/// The error of doing something, with what to do about it.
pub(super) fn refused(what: &str) -> impl Fn(windows_service::Error) -> ServiceError {
    move |error| {
        let said = match code(&error) {
            Some(number) => match scm::advice(number) {
                Some(advice) => advice.to_owned(),
                None => std::io::Error::from_raw_os_error(number).to_string(),
            },
            None => error.to_string(),
        };
        ServiceError::Refused { what: what.to_owned(), said }
    }
}
