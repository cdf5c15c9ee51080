//! Starting other programs: with their output shown, kept, or written to a log while a clock ticks.
//! A failure always says which command it was and shows the end of what it printed.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::ui::Step;

/// Lines of a log shown when its command fails: enough for a compiler error, short enough to read.
const TAIL_LINES: usize = 30;

/// How often a logged command is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// The `cargo` that runs this tool.
pub(crate) fn cargo(repo: &Repo) -> Command {
    builder(repo, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A command that compiles: in the checkout, and without the variables that `cargo run` set for this
/// tool. They describe the tool's package, and build scripts that watch them (ring's) would run anew.
pub(crate) fn builder(repo: &Repo, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if describes_this_package(&name) {
            command.env_remove(name);
        }
    }
    command.current_dir(&repo.root).stdin(Stdio::null());
    command
}

fn describes_this_package(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || matches!(name, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE")
}

/// Runs a command whose output goes straight to the person.
pub(crate) fn stream(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    check(command, status, "")
}

/// Runs a command and hands back what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    check(command, output.status, &String::from_utf8_lossy(&output.stderr))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a long command with its output in `log`, the step's clock ticking, and an end after `limit`.
pub(crate) fn logged(step: &mut Step, command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!(
                "`{}` did not end within {} s; its output is in {}",
                shown(command),
                limit.as_secs(),
                log.display()
            );
        }
        step.tick(&tail(log, 1));
        std::thread::sleep(GLANCE);
    };
    let told = if status.success() { String::new() } else { tail(log, TAIL_LINES) };
    check(command, status, &told)
}

fn check(command: &Command, status: ExitStatus, told: &str) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let told = told.trim_end();
    let colon = if told.is_empty() { "" } else { ":\n" };
    bail!("`{}` failed ({status}){colon}{told}", shown(command))
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The last lines of a text file, or nothing when it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let text =
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    last_lines(&text, lines)
}

fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Finds a program by name on the search path, then in the named folders
/// (daemons live in `sbin`, which is not on everybody's path).
pub(crate) fn find_program(names: &[&str], also_in: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(also_in.iter().map(PathBuf::from)).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_skips_blank_lines() {
        assert_eq!(last_lines("a\n\nb\nc\n\n", 2), "b\nc");
        assert_eq!(last_lines("a", 5), "a");
        assert_eq!(last_lines("", 5), "");
    }

    #[test]
    fn a_failed_command_tells_its_name_and_its_error() {
        let failure = capture(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("sh -c"), "{text}");
        assert!(text.contains("broken"), "{text}");
        assert!(text.contains('3'), "{text}");
    }

    #[test]
    fn only_variables_about_this_package_are_dropped() {
        assert!(describes_this_package(OsStr::new("CARGO_PKG_NAME")));
        assert!(describes_this_package(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!describes_this_package(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!describes_this_package(OsStr::new("CARGO_INCREMENTAL")));
    }
}
