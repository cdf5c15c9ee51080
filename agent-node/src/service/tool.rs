//! Asking a program of the system to do something: with a deadline, and with its own words when it refuses.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::ServiceError;

/// Longer than the longest stop: a grace of five minutes, and the 45 seconds beyond it. Nothing else takes as long.
pub(super) const PATIENCE: Duration = Duration::from_secs(400);

/// Runs it to its end, whatever that is.
pub(super) async fn ran(program: &'static str, words: &[&str]) -> Result<Output, ServiceError> {
    let mut command = Command::new(program);
    command.args(words).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Err(ServiceError::Absent(program)),
        Ok(Err(source)) => Err(ServiceError::Output(source)),
        Err(_) => Err(ServiceError::Silent(program)),
    }
}

/// Runs it and hands back what it said, if it did what it was asked.
pub(super) async fn done(program: &'static str, words: &[&str]) -> Result<String, ServiceError> {
    let output = ran(program, words).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(refused(&format!("{program} {}", words.join(" ")), &output))
}

pub(super) fn refused(what: &str, output: &Output) -> ServiceError {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = if said.is_empty() { output.status.to_string() } else { said };
    ServiceError::Refused { what: what.to_owned(), said }
}
