//! Another program at work for the agent, a plugin or a reader: a process in a [group] of its own, with limits, an
//! environment made for it and nothing inherited.
//!
//! Whatever happens (it is done, it fails, it takes too long, the run is cancelled, the agent stops), the whole group is
//! killed, so that no child of it stays behind. One that leaves its group on purpose is beyond what can be held here;
//! the service manager ends it with the agent. `ear` hears what it says on standard error, `lines` bounds what it writes,
//! `place` is its home.

mod ear;
mod group;
mod lines;
mod place;

use std::collections::BTreeMap;

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use messages::ErrorCode;
use serde::Deserialize;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use ear::Ear;
use group::Group;

pub use place::sweep;

pub(super) use lines::{Lines, Next};
pub(super) use place::Place;

use crate::connector::Failure;

/// Where such a program finds others.
pub(super) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Of a line of its output: a record of 256 KiB and a schema of a thousand columns fit.
pub(super) const MOST_LINE: usize = 4 * 1024 * 1024;
const MOST_WORDS: usize = 4 * 1024;
/// For a program that has closed its output, to end.
const LINGER: Duration = Duration::from_secs(30);
/// For what a program that has ended wrote before, to be read; a child of it may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_secs(2);

/// What is started, and how.
pub(super) struct Program<'p> {
    /// Its name alone, and as sentences have it: `the plugin "tap-x"`.
    pub(super) name: &'p str,
    pub(super) called: String,
    pub(super) file: &'p Path,
    pub(super) arguments: Vec<OsString>,
    /// Where it begins.
    pub(super) folder: &'p Path,
    pub(super) environment: BTreeMap<String, OsString>,
    pub(super) limits: Limits,
    /// What its words must not hold when they are shown.
    pub(super) secrets: Vec<String>,
    pub(super) with_input: bool,
}

/// What one start of it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) time_s: u32,
    /// Address space of each of its processes; 0 is without limit, for runtimes that reserve far more than they use.
    pub(super) memory_mib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        // An hour reads a catalogue from anywhere. A Python with its libraries reserves some 300 MiB.
        Self { time_s: 3_600, memory_mib: 1_024 }
    }
}

/// A program that was started.
pub(super) struct Started {
    /// Only where it was asked for.
    pub(super) input: Option<ChildStdin>,
    pub(super) output: Lines<ChildStdout>,
    pub(super) life: Life,
}

/// Ends the program when it is dropped.
pub(super) struct Life {
    name: String,
    called: String,
    limits: Limits,
    group: Arc<Group>,
    ear: Arc<Mutex<Ear>>,
    /// Its output has come to an end.
    output_ended: CancellationToken,
    watch: JoinHandle<Ended>,
    listening: JoinHandle<()>,
    _place: Arc<Place>,
}

/// How it ended.
#[derive(Debug)]
enum Ended {
    By(ExitStatus),
    TooLong,
    Lingered,
    Unknown(String),
}

/// Starts a program that has a place to live in.
pub(super) fn start(program: Program<'_>, place: &Arc<Place>) -> Result<Started, Failure> {
    let Program { name, called, file, arguments, folder, environment, limits, secrets, with_input } = program;
    let mut command = limited(file, limits);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(made_for_it(place.path()))
        .envs(environment)
        .stdin(if with_input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let failed =
        |what: &str| Failure::new(ErrorCode::Internal, format!("{called} could not be started: {what}"));
    let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    let group = match Group::of(&child) {
        Ok(group) => Arc::new(group),
        // It ends with its handle.
        Err(error) => return Err(failed(&error.to_string())),
    };
    let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("it has no output"));
    };
    let input = child.stdin.take();
    let ear = Arc::new(Mutex::new(Ear::new(secrets)));
    let output_ended = CancellationToken::new();
    let limit = Duration::from_secs(limits.time_s.into());
    let life = Life {
        listening: tokio::spawn(listen(errors, name.to_owned(), Arc::clone(&ear))),
        watch: tokio::spawn(watch(child, Arc::clone(&group), limit, output_ended.clone())),
        name: name.to_owned(),
        called,
        limits,
        group,
        ear,
        output_ended,
        _place: Arc::clone(place),
    };
    Ok(Started { input, output: Lines::new(output, MOST_LINE), life })
}

/// The program, to be started within its limits and in a group of its own.
#[cfg(unix)]
fn limited(program: &Path, limits: Limits) -> Command {
    // The shell sets the limits on itself before it becomes the program, so that there is no moment without them. No
    // core is written, for it would hold the secrets.
    const SCRIPT: &str =
        r#"ulimit -c 0; if [ "$1" != 0 ]; then ulimit -v "$1" || exit 126; fi; shift; exec "$@""#;
    let kib = u64::from(limits.memory_mib) * 1024;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT, "program"]).arg(kib.to_string()).arg(program).process_group(0);
    command
}

#[cfg(not(unix))]
fn limited(program: &Path, _: Limits) -> Command {
    Command::new(program)
}

/// All that it finds besides what is meant for it alone.
fn made_for_it(home: &Path) -> Vec<(&'static str, OsString)> {
    let home = home.as_os_str().to_owned();
    let mut all = vec![("HOME", home.clone()), ("TMPDIR", home.clone())];
    if cfg!(windows) {
        // Without these a program finds neither its libraries nor a place for its files.
        let inherited = ["PATH", "SystemRoot", "SystemDrive", "PATHEXT", "COMSPEC"];
        all.extend(inherited.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        all.extend([("TEMP", home.clone()), ("TMP", home.clone()), ("USERPROFILE", home)]);
    } else {
        all.extend([("PATH", PATH.into()), ("LANG", "C.UTF-8".into())]);
    }
    // Singer's lines are UTF-8, whatever Python makes of the machine.
    all.push(("PYTHONIOENCODING", "utf-8".into()));
    all
}

async fn listen(errors: ChildStderr, program: String, ear: Arc<Mutex<Ear>>) {
    let mut lines = Lines::cut(errors, MOST_WORDS);
    while let Ok(Next::Line | Next::TooLong) = lines.advance().await {
        let heard = ear.lock().unwrap_or_else(PoisonError::into_inner).hear(lines.line());
        tracing::debug!(program, "{heard}");
    }
}

async fn watch(
    mut child: Child,
    group: Arc<Group>,
    limit: Duration,
    output_ended: CancellationToken,
) -> Ended {
    let lingered = async {
        output_ended.cancelled().await;
        sleep(LINGER).await;
    };
    let ended = tokio::select! {
        status = child.wait() => match status {
            Ok(status) => Ended::By(status),
            Err(error) => Ended::Unknown(error.to_string()),
        },
        () = sleep(limit) => Ended::TooLong,
        () = lingered => Ended::Lingered,
    };
    if let Ended::By(_) = ended {
        // What it has written is still to be read, unless nobody reads.
        let _late = timeout(DRAIN, output_ended.cancelled()).await;
    }
    group.kill();
    if !matches!(ended, Ended::By(_)) {
        let _late = timeout(DRAIN, child.wait()).await;
    }
    ended
}

impl Life {
    /// Warnings and errors that it said since it was asked last.
    pub(super) fn notes(&self) -> Vec<String> {
        let notes = self.ear().notes();
        notes.into_iter().map(|note| format!("{} says: {note}", self.name)).collect()
    }

    fn ear(&self) -> std::sync::MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Text of the program's as it may be shown.
    pub(super) fn clean(&self, text: &str) -> String {
        self.ear().clean(text)
    }

    /// To be called when its output has ended, or when nobody reads it any more: waits for its end, and says what was
    /// wrong with it.
    pub(super) async fn end(&mut self) -> Result<(), String> {
        self.output_ended.cancel();
        let ended = (&mut self.watch).await.unwrap_or_else(|error| Ended::Unknown(error.to_string()));
        // The group is dead, and with it whoever could hold the pipe open.
        let _late = timeout(DRAIN, &mut self.listening).await;
        let what = match ended {
            Ended::By(status) if status.success() => return Ok(()),
            Ended::By(status) => of_status(status),
            Ended::TooLong => {
                format!("was stopped after the {} s that it is allowed", self.limits.time_s)
            }
            Ended::Lingered => format!("closed its output and did not end within {} s", LINGER.as_secs()),
            Ended::Unknown(what) => format!("ended, and nobody knows how: {what}"),
        };
        let last = self.ear().last_words().map_or_else(String::new, |words| format!("; it said: {words}"));
        Err(format!("{} {what}{last}", self.called))
    }

    /// Ends it now, with all its children.
    pub(super) fn kill(&self) {
        self.group.kill();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}

fn of_status(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "ended without a status".to_owned(),
    }
}
