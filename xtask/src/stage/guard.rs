//! A hidden subcommand that runs one program and ends it when standard input ends: for programs that do
//! not watch their own. So an SSH server never outlives the tool, even when that is killed outright.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

/// How often the program is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// Looks after the program was told to stop; then it is killed.
const LAST_GLANCES: u32 = 25;

/// The command that runs `program` under this tool's guard.
pub(crate) fn command(program: &std::path::Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program's own file")?);
    command.args(["guard", "--"]).arg(program);
    Ok(command)
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let [program, arguments @ ..] = words else { bail!("guard needs a command to run") };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let (closed, input_ended) = mpsc::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ended_either_way = std::io::stdin().read_to_end(&mut rest);
        let _nobody_waits = closed.send(());
    });
    loop {
        match input_ended.recv_timeout(GLANCE) {
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    bail!("{program} ended ({status})");
                }
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return end(&mut child),
        }
    }
}

fn end(child: &mut Child) -> Result<()> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _gone_is_fine = rustix::process::kill_process(pid, Signal::TERM);
    }
    for _ in 0..LAST_GLANCES {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(GLANCE);
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}
