//! What comes from the system: a browser, an SSH server, a C compiler and the like.
//! Each is looked for as a file; only what is missing is installed, by `apt-get` when that is possible,
//! and otherwise named with the command to type. No daemon is ever started by this.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Cache, named_by_environment};
use crate::process;
use crate::ui;

pub(crate) const SSHD_VARIABLE: &str = "GROCERYSYNC_SSHD";
pub(crate) const CHROMIUM_VARIABLE: &str = "GROCERYSYNC_CHROMIUM";
/// The folder with `initdb` and `postgres`.
pub(crate) const POSTGRESQL_VARIABLE: &str = "GROCERYSYNC_POSTGRESQL";
pub(crate) const MARIADBD_VARIABLE: &str = "GROCERYSYNC_MARIADBD";
pub(crate) const FIREBIRD_VARIABLE: &str = "GROCERYSYNC_FIREBIRD";

/// Longest run of one `apt-get`; a browser and its libraries over a slow line.
const APT_LIMIT: Duration = Duration::from_secs(15 * 60);

const SBIN: &[&str] = &["/usr/sbin", "/usr/local/sbin"];

/// Asked by Debian's package scripts before they start a service; 101 means "do not".
const START_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Something the system should have, and the packages that bring it.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    present: fn() -> Result<bool>,
}

pub(crate) const C_COMPILER: Need = Need {
    what: "a C compiler",
    packages: &["gcc", "libc6-dev"],
    present: || Ok(process::find_program(&["cc", "gcc", "clang"], &[]).is_some()),
};

pub(crate) const CMAKE: Need = Need {
    what: "cmake with make",
    packages: &["cmake", "make"],
    present: || {
        let builder = process::find_program(&["make", "ninja"], &[]);
        Ok(builder.is_some() && process::find_program(&["cmake"], &[]).is_some())
    },
};

pub(crate) const ZLIB: Need = Need {
    what: "zlib's header",
    packages: &["zlib1g-dev"],
    present: || {
        Ok(["/usr/include/zlib.h", "/usr/local/include/zlib.h"].iter().any(|file| Path::new(file).is_file()))
    },
};

pub(crate) const SSHD: Need = Need {
    what: "OpenSSH's sshd",
    packages: &["openssh-server", "openssh-client"],
    present: || Ok(find_sshd()?.is_some()),
};

pub(crate) const CHROMIUM: Need =
    Need { what: "Chromium", packages: &["chromium"], present: || Ok(find_chromium()?.is_some()) };

pub(crate) const VENV: Need = Need {
    what: "Python with venv",
    packages: &["python3", "python3-venv"],
    present: || {
        let Some(python) = process::find_program(&["python3"], &[]) else { return Ok(false) };
        Ok(Command::new(python).args(["-c", "import ensurepip, venv"]).output()?.status.success())
    },
};

/// Servers that the agent's sources are tested against. Neither is ever started as a service.
pub(crate) const POSTGRESQL: Need =
    Need { what: "PostgreSQL", packages: &["postgresql"], present: || Ok(find_postgresql()?.is_some()) };

pub(crate) const MARIADB: Need = Need {
    what: "MariaDB",
    packages: &["mariadb-server-core", "mariadb-client-core"],
    present: || {
        let installer = process::find_program(&["mariadb-install-db"], &[]);
        Ok(installer.is_some() && find_mariadbd()?.is_some())
    },
};

pub(crate) const FIREBIRD: Need = Need {
    what: "Firebird",
    packages: &["firebird3.0-server", "firebird3.0-utils"],
    present: || {
        let script = process::find_program(&["isql-fb"], &[]);
        Ok(script.is_some() && find_firebird()?.is_some())
    },
};

/// What one of the agent's readers is linked with.
pub(crate) const ODBC: Need = Need {
    what: "unixODBC's library",
    packages: &["unixodbc-dev"],
    present: || Ok(is_library("libodbc.so")),
};

/// Drivers that this reader is tested with.
pub(crate) const ODBC_DRIVERS: Need = Need {
    what: "ODBC drivers",
    packages: &["odbc-postgresql", "odbc-mariadb", "libsqliteodbc", "tdsodbc"],
    present: || {
        let drivers = ["psqlodbcw.so", "libmaodbc.so", "libsqlite3odbc.so", "libtdsodbc.so"];
        Ok(drivers.iter().all(|name| is_library(&format!("odbc/{name}"))))
    },
};

/// Debian has a folder for each architecture.
fn is_library(name: &str) -> bool {
    let folders = ["/usr/lib", "/usr/local/lib"].map(std::fs::read_dir).into_iter().filter_map(Result::ok);
    let mut inner = folders.flatten().filter_map(Result::ok).map(|folder| folder.path().join(name));
    inner.any(|file| file.is_file()) || Path::new("/usr/lib").join(name).is_file()
}

/// Not to run anything: it says whether the agent's unit is sound.
pub(crate) const SYSTEMD: Need = Need {
    what: "systemd-analyze",
    packages: &["systemd"],
    present: || Ok(process::find_program(&["systemd-analyze"], &[]).is_some()),
};

pub(crate) const DPKG: Need = Need {
    what: "dpkg-deb",
    packages: &["dpkg"],
    present: || Ok(process::find_program(&["dpkg-deb"], &[]).is_some()),
};

/// What turns the C in the agent into a program for Windows.
pub(crate) const MINGW: Need = Need {
    what: "a C compiler for Windows",
    packages: &["gcc-mingw-w64-x86-64"],
    present: || Ok(process::find_program(&["x86_64-w64-mingw32-gcc"], &[]).is_some()),
};

pub(crate) const WINE: Need =
    Need { what: "Wine", packages: &["wine", "wine64"], present: || Ok(find_wine().is_some()) };

/// Debian's own start script would ask for the 32-bit half, which nothing here needs.
pub(crate) fn find_wine() -> Option<PathBuf> {
    process::find_program(&["wine64"], &["/usr/lib/wine"])
}

const IPROUTE: Need = Need {
    what: "iproute2",
    packages: &["iproute2"],
    present: || Ok(["ip", "tc"].iter().all(|name| process::find_program(&[name], SBIN).is_some())),
};

const NFTABLES: Need = Need {
    what: "nftables",
    packages: &["nftables"],
    present: || Ok(process::find_program(&["nft"], SBIN).is_some()),
};

const FAKETIME: Need = Need {
    what: "libfaketime",
    packages: &["libfaketime"],
    present: || {
        // Debian has a folder for each architecture.
        let mut folders = std::fs::read_dir("/usr/lib")?.filter_map(Result::ok);
        Ok(folders.any(|folder| folder.path().join("faketime/libfaketimeMT.so.1").is_file()))
    },
};

/// What the fault harness of the cluster needs: machines, cuts between them, wrong clocks.
pub(crate) const FAULTS: [Need; 3] = [IPROUTE, NFTABLES, FAKETIME];

fn find_sshd() -> Result<Option<PathBuf>> {
    Ok(named_by_environment(SSHD_VARIABLE)?.or_else(|| process::find_program(&["sshd"], SBIN)))
}

fn find_chromium() -> Result<Option<PathBuf>> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    Ok(named_by_environment(CHROMIUM_VARIABLE)?.or_else(|| process::find_program(&names, &[])))
}

/// Debian has a folder for each version, and links to the newest from nowhere.
fn find_postgresql() -> Result<Option<PathBuf>> {
    if let Some(named) = named_by_environment(POSTGRESQL_VARIABLE)? {
        return Ok(Some(named));
    }
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Ok(None) };
    let mut folders: Vec<_> = versions.filter_map(Result::ok).map(|entry| entry.path().join("bin")).collect();
    folders.retain(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()));
    folders.sort();
    Ok(folders.pop())
}

fn find_mariadbd() -> Result<Option<PathBuf>> {
    Ok(named_by_environment(MARIADBD_VARIABLE)?.or_else(|| process::find_program(&["mariadbd"], SBIN)))
}

fn find_firebird() -> Result<Option<PathBuf>> {
    Ok(named_by_environment(FIREBIRD_VARIABLE)?.or_else(|| process::find_program(&["firebird"], SBIN)))
}

pub(crate) fn firebird() -> Result<PathBuf> {
    find_firebird()?.with_context(|| {
        format!("no Firebird was found; install firebird3.0-server or set {FIREBIRD_VARIABLE}")
    })
}

pub(crate) fn postgresql() -> Result<PathBuf> {
    find_postgresql()?
        .with_context(|| format!("no PostgreSQL was found; install postgresql or set {POSTGRESQL_VARIABLE}"))
}

pub(crate) fn mariadbd() -> Result<PathBuf> {
    find_mariadbd()?.with_context(|| {
        format!("no mariadbd was found; install mariadb-server-core or set {MARIADBD_VARIABLE}")
    })
}

/// Its full path, which sshd insists on being started by.
pub(crate) fn sshd() -> Result<PathBuf> {
    find_sshd()?.with_context(|| format!("no sshd was found; install openssh-server or set {SSHD_VARIABLE}"))
}

pub(crate) fn chromium() -> Result<PathBuf> {
    find_chromium()?
        .with_context(|| format!("no Chromium was found; install chromium or set {CHROMIUM_VARIABLE}"))
}

/// Installs what is missing of `needs`, or says what to install.
pub(crate) fn ready(cache: &Cache, needs: &[Need]) -> Result<()> {
    let missing = missing(needs)?;
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    let whats: Vec<&str> = missing.iter().map(|need| need.what).collect();
    let whats = whats.join(", ");
    if process::find_program(&["apt-get"], &[]).is_none() {
        bail!("missing: {whats}; install it the way your system does (on Debian: `{by_hand}`)");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("missing: {whats}; install it as root: `sudo {by_hand}`");
    }
    ui::step(&format!("install {whats} (Debian packages, once)"), |step| {
        let _lock = cache.lock("apt", step)?;
        let _no_daemons = NoDaemons::declare()?;
        let log = cache.log("apt");
        if process::logged(step, &mut apt_install(&packages), &log, APT_LIMIT).is_err() {
            // The usual cause is a package list that is old or was never fetched.
            let mut update = apt();
            process::logged(step, update.arg("update"), &cache.log("apt-update"), APT_LIMIT)?;
            process::logged(step, &mut apt_install(&packages), &log, APT_LIMIT)
                .with_context(|| format!("missing: {whats}; try `{by_hand}` yourself"))?;
        }
        Ok(())
    })?;
    match self::missing(needs)?.as_slice() {
        [] => Ok(()),
        [first, ..] => bail!("{} is still missing after `{by_hand}`", first.what),
    }
}

fn missing(needs: &[Need]) -> Result<Vec<Need>> {
    let mut missing = Vec::new();
    for need in needs {
        if !(need.present)()? {
            missing.push(*need);
        }
    }
    Ok(missing)
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    // Another apt may run; wait for it rather than fail.
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=300"]);
    apt
}

fn apt_install(packages: &[&str]) -> Command {
    let mut apt = apt();
    apt.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    apt
}

/// While it lives, Debian's packages start no service: an SSH server of the system's own on port 22
/// is nothing that a test run may leave behind. A policy that is already there is left alone.
struct NoDaemons {
    written: bool,
}

impl NoDaemons {
    fn declare() -> Result<Self> {
        match OpenOptions::new().write(true).create_new(true).mode(0o755).open(START_POLICY) {
            Ok(mut file) => {
                file.write_all(b"#!/bin/sh\nexit 101\n")
                    .with_context(|| format!("cannot write {START_POLICY}"))?;
                Ok(Self { written: true })
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Self { written: false }),
            Err(error) => Err(error).with_context(|| format!("cannot create {START_POLICY}")),
        }
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if self.written {
            let _gone_is_fine = std::fs::remove_file(START_POLICY);
        }
    }
}
