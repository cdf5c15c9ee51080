//! The outside programs that demo, tests and checks need: each is looked for first and installed once,
//! into a cache outside the checkout that all checkouts share. Nothing is installed that the work at hand
//! does not need, and what cannot be installed here is named with the command that would do it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::ui::{self, Step};

pub(crate) mod browser;
pub(crate) mod crates;
pub(crate) mod debian;
pub(crate) mod python;
pub(crate) mod store;
pub(crate) mod wasm;
pub(crate) mod windows;

/// Longest wait for another installer; more than the slowest install takes on two cores.
const LOCK_LIMIT: Duration = Duration::from_secs(40 * 60);

/// The folder all checkouts share.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    pub(crate) fn open() -> Result<Self> {
        let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
            Some(dir) => PathBuf::from(dir),
            None => PathBuf::from(
                std::env::var_os("HOME")
                    .context("neither XDG_CACHE_HOME nor HOME is set; set one of them")?,
            )
            .join(".cache"),
        };
        let dir = base.join("grocerysync");
        for folder in ["locks", "logs", "build"] {
            let folder = dir.join(folder);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(Self { dir })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{name}.log"))
    }

    /// Waits until no other process installs `name`. Held until the file is dropped.
    pub(crate) fn lock(&self, name: &str, step: &mut Step) -> Result<File> {
        lock_file(&self.dir.join("locks").join(name), step, LOCK_LIMIT)
    }
}

fn lock_file(path: &Path, step: &mut Step, limit: Duration) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < limit => {
                step.tick("another process installs it, waiting");
                std::thread::sleep(Duration::from_millis(300));
            }
            Err(TryLockError::WouldBlock) => {
                bail!("another process has held {} for {} s", path.display(), limit.as_secs())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}

/// A program named by the environment, which then must exist: a wrong value is an error, not a fallback.
fn named_by_environment(variable: &str) -> Result<Option<PathBuf>> {
    let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else { return Ok(None) };
    let path = PathBuf::from(value);
    if !path.is_file() {
        bail!("{variable} names {}, which is not a file; correct or unset it", path.display());
    }
    Ok(Some(path))
}

/// What the tests are told about the programs around them; see `environment`.
#[derive(Debug)]
pub(crate) struct TestTools {
    pub(crate) store: PathBuf,
    pub(crate) sshd: PathBuf,
    pub(crate) chromium: PathBuf,
    pub(crate) postgresql: PathBuf,
    pub(crate) mariadbd: PathBuf,
    pub(crate) firebird: PathBuf,
    pub(crate) browser_modules: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) kubernetes_python: PathBuf,
    pub(crate) singer_tap: PathBuf,
    pub(crate) singer_target: PathBuf,
}

impl TestTools {
    /// Finds or installs everything that tests start.
    pub(crate) fn ready(repo: &Repo, cache: &Cache) -> Result<Self> {
        debian::ready(
            cache,
            &[debian::C_COMPILER, debian::CMAKE, debian::ZLIB, debian::SSHD, debian::CHROMIUM, debian::VENV],
        )?;
        debian::ready(cache, &debian::FAULTS)?;
        debian::ready(cache, &[debian::POSTGRESQL, debian::MARIADB, debian::SYSTEMD, debian::DPKG])?;
        debian::ready(cache, &[debian::FIREBIRD, debian::ODBC, debian::ODBC_DRIVERS])?;
        Ok(Self {
            store: store::ready(cache)?,
            sshd: debian::sshd()?,
            chromium: debian::chromium()?,
            postgresql: debian::postgresql()?,
            mariadbd: debian::mariadbd()?,
            firebird: debian::firebird()?,
            browser_modules: browser::ready(repo, cache)?,
            python: python::ready(repo, cache, &python::THIRD_PARTY)?,
            kubernetes_python: python::ready(repo, cache, &python::KUBERNETES)?,
            singer_tap: python::ready(repo, cache, &python::SINGER_TAP)?,
            singer_target: python::ready(repo, cache, &python::SINGER_TARGET)?,
        })
    }

    /// Says where everything is, in the form in which the tests are told.
    pub(crate) fn tell(&self) {
        for (variable, path) in self.environment() {
            ui::say(&format!("{variable}={}", path.display()));
        }
    }

    /// The variables by which the tests find these programs.
    pub(crate) fn environment(&self) -> [(&'static str, &Path); 11] {
        [
            (store::VARIABLE, &self.store),
            (debian::SSHD_VARIABLE, &self.sshd),
            (debian::CHROMIUM_VARIABLE, &self.chromium),
            (debian::POSTGRESQL_VARIABLE, &self.postgresql),
            (debian::MARIADBD_VARIABLE, &self.mariadbd),
            (debian::FIREBIRD_VARIABLE, &self.firebird),
            ("GROCERYSYNC_BROWSER_MODULES", &self.browser_modules),
            ("GROCERYSYNC_PYTHON", &self.python),
            ("GROCERYSYNC_KUBERNETES_PYTHON", &self.kubernetes_python),
            ("GROCERYSYNC_SINGER_TAP_PYTHON", &self.singer_tap),
            ("GROCERYSYNC_SINGER_TARGET_PYTHON", &self.singer_target),
        ]
    }
}
