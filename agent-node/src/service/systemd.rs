//! The service on Linux: writes the unit, makes the user, and has `systemctl` do the rest.
//!
//! Nothing here runs while the agent does. Every program that is asked has a deadline.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use super::plan::{self, Plan};
use super::state::{self, State};
use super::tool::{done, ran, refused};
use super::{ServiceError, unit};
use crate::disk;
use crate::identity::Identity;

/// What an agent's folder holds when it is one: enrolled, configured, or used before.
const OURS: [&str; 4] = ["identity.json", "agent.toml", "belongs-to", "lock"];

/// Where and for whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// The folder that systemd reads units from.
    pub units: PathBuf,
    pub user: String,
    /// Start it when it is enrolled.
    pub start: bool,
}

/// Installs the service, or brings one that is there up to date.
pub async fn install(plan: &Plan, target: &Target, out: &mut (dyn Write + Send)) -> Result<(), ServiceError> {
    administrator("install")?;
    let file = unit_file(&target.units, &plan.name);
    ours(&file)?;
    // Asked first, so that nothing is done where nothing can come of it.
    systemctl(&["--version"]).await?;
    let (uid, gid) = owner(&target.user, &plan.data_dir, out).await?;
    agents_folder(&plan.data_dir)?;
    let folder = |source| ServiceError::Folder { path: plan.data_dir.clone(), source };
    disk::create_private_dir(&plan.data_dir)
        .and_then(|()| hand_over(&plan.data_dir, uid, gid))
        .map_err(folder)?;
    write_unit(&file, &unit::unit(plan, &target.user))
        .map_err(|source| ServiceError::Unit { path: file.clone(), source })?;
    writeln!(out, "wrote {}", file.display())?;
    systemctl(&["daemon-reload"]).await?;
    systemctl(&["enable", &plan.name]).await?;
    if Identity::load(&plan.data_dir).is_err() {
        writeln!(
            out,
            "{0} is installed and starts with the machine once it is enrolled; now run:\n  agent-node enrol --data-dir {1} --hub URL --token TOKEN\n  agent-node service start --name {0}",
            plan.name,
            plan.data_dir.display()
        )?;
    } else if target.start {
        systemctl(&["restart", &plan.name]).await?;
        writeln!(out, "{} runs, and starts with the machine", plan.name)?;
    } else {
        writeln!(out, "{} is installed and starts with the machine", plan.name)?;
    }
    Ok(())
}

/// Stops the service and takes it away. What the agent knows stays.
pub async fn uninstall(name: &str, units: &Path, out: &mut (dyn Write + Send)) -> Result<(), ServiceError> {
    administrator("uninstall")?;
    let name = plan::name(name)?;
    let file = unit_file(units, &name);
    if !file.exists() {
        return Err(ServiceError::NotOurs(file));
    }
    ours(&file)?;
    systemctl(&["disable", "--now", &name]).await?;
    fs::remove_file(&file).map_err(|source| ServiceError::Unit { path: file, source })?;
    systemctl(&["daemon-reload"]).await?;
    writeln!(out, "{name} is stopped and gone; its data folder and its user were left as they are")?;
    Ok(())
}

pub async fn start(name: &str, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let name = plan::name(name)?;
    systemctl(&["start", &name]).await?;
    status(&name, out).await
}

pub async fn stop(name: &str, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let name = plan::name(name)?;
    systemctl(&["stop", &name]).await?;
    status(&name, out).await
}

/// Says how the service stands.
pub async fn status(name: &str, out: &mut (dyn Write + Send)) -> Result<State, ServiceError> {
    let name = plan::name(name)?;
    let unit = format!("{name}.service");
    let properties = format!("--property={}", state::PROPERTIES);
    let state = state::of_properties(&systemctl(&["show", &unit, &properties]).await?);
    writeln!(out, "{}", state.shown(&name))?;
    if state.exit_code() == 3 {
        writeln!(
            out,
            "its log: journalctl --unit {name} --lines 50; an agent that is not enrolled is not started"
        )?;
    }
    Ok(state)
}

fn unit_file(units: &Path, name: &str) -> PathBuf {
    units.join(format!("{name}.service"))
}

fn administrator(what: &'static str) -> Result<(), ServiceError> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(ServiceError::NotAdministrator(what)) }
}

/// A unit that somebody else wrote is not ours to change.
fn ours(file: &Path) -> Result<(), ServiceError> {
    match fs::read_to_string(file) {
        Ok(text) if text.starts_with(unit::MARK) => Ok(()),
        Ok(_) => Err(ServiceError::Foreign(file.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ServiceError::Unit { path: file.to_owned(), source }),
    }
}

fn write_unit(file: &Path, text: &str) -> std::io::Result<()> {
    disk::replace(file, text.as_bytes())?;
    // Everybody may read how a service is run; there is no secret in it.
    fs::set_permissions(file, fs::Permissions::from_mode(0o644))
}

/// Handing a folder to another user is no small thing: it must be an agent's, or empty, or not there yet.
fn agents_folder(path: &Path) -> Result<(), ServiceError> {
    let Ok(mut entries) = fs::read_dir(path) else { return Ok(()) };
    if entries.next().is_none() || OURS.iter().any(|name| path.join(name).exists()) {
        return Ok(());
    }
    Err(ServiceError::NotAnAgents(path.to_owned()))
}

/// Gives the folder and everything in it to a user; of links the link itself, never what it points to.
fn hand_over(path: &Path, uid: u32, gid: u32) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if (metadata.uid(), metadata.gid()) != (uid, gid) {
        lchown(path, Some(uid), Some(gid))?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            hand_over(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

/// The numbers of a user, who is made when there is none.
async fn owner(user: &str, home: &Path, out: &mut (dyn Write + Send)) -> Result<(u32, u32), ServiceError> {
    if ran("id", &["-u", user]).await?.status.success() {
        return numbers(user).await;
    }
    let home = home.to_string_lossy();
    let words =
        ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "--home-dir"];
    done("useradd", &[&words[..], &[&home, user]].concat()).await?;
    writeln!(out, "made the user {user}")?;
    numbers(user).await
}

async fn numbers(user: &str) -> Result<(u32, u32), ServiceError> {
    let mut found = [0; 2];
    for (number, which) in found.iter_mut().zip(["-u", "-g"]) {
        let told = ran("id", &[which, user]).await?;
        let text = String::from_utf8_lossy(&told.stdout);
        *number = text.trim().parse().map_err(|_| refused("id", &told))?;
    }
    Ok((found[0], found[1]))
}

async fn systemctl(words: &[&str]) -> Result<String, ServiceError> {
    done("systemctl", words).await
}
