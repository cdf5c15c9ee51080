//! Where the readers are, and whether they answer: one that needs a library which the machine has not does not even start.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use messages::ErrorCode;
use messages::reader::{HELLO_ARGUMENT, Hello};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::connector::Failure;

/// The programs, with the kinds of sources that each reads.
const PROGRAMS: [(&str, &[&str]); 2] =
    [("grocerysync-firebird", &["firebird"]), ("grocerysync-odbc", &["odbc", "sql_server"])];

/// A program that only says what it is takes milliseconds; a till that comes up may take seconds.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// Of what it says; it has one short line.
const MOST_HELLO: u64 = 16 * 1024;

/// A reader that lies beside the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    pub name: &'static str,
    pub file: PathBuf,
    /// The kinds that it reads; or why it cannot be used, and what to do.
    pub kinds: Result<Vec<String>, String>,
}

/// The readers that are there, each asked what it is.
pub async fn present(folder: &Path) -> Vec<Presence> {
    let mut all = Vec::new();
    for (name, _) in PROGRAMS {
        let file = file(folder, name);
        if file.is_file() {
            let kinds = hello(&file).await.map_err(|why| format!("{name} cannot be used: {why}"));
            all.push(Presence { name, file, kinds });
        }
    }
    all
}

/// The program for this kind of source.
pub(super) fn find(folder: Option<&Path>, kind: &str) -> Result<(&'static str, PathBuf), Failure> {
    let found = PROGRAMS.iter().find(|(_, kinds)| kinds.contains(&kind)).and_then(|(name, _)| {
        let file = file(folder?, name);
        file.is_file().then_some((*name, file))
    });
    found.ok_or_else(|| {
        let name = PROGRAMS.iter().find(|(_, kinds)| kinds.contains(&kind)).map_or(kind, |(name, _)| name);
        let detail = format!(
            "the agent has no {name} beside it, which reads this kind of source; install the agent's package again"
        );
        Failure::new(ErrorCode::Unsupported, detail)
    })
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

async fn hello(file: &Path) -> Result<Vec<String>, String> {
    let asked = timeout(HELLO_WITHIN, said(file)).await;
    let (line, errors) =
        asked.map_err(|_| "it does not answer".to_owned())?.map_err(|error| error.to_string())?;
    match serde_json::from_str::<Hello>(line.trim()) {
        Ok(hello) if hello.is_understood() => Ok(hello.kinds),
        Ok(hello) => {
            Err(format!("its version {} does not fit this agent; install both of one version", hello.version))
        }
        Err(_) => Err(advised(errors.trim()).unwrap_or_else(|| "it does not say what it is".to_owned())),
    }
}

/// Its line, and what it says on standard error. The agent's own variables are none of its business.
async fn said(file: &Path) -> std::io::Result<(String, String)> {
    let mut command = Command::new(file);
    command
        .arg(HELLO_ARGUMENT)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in super::session::INHERITED {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let mut child = command.kill_on_drop(true).spawn()?;
    let (mut line, mut errors) = (Vec::new(), Vec::new());
    if let Some(output) = child.stdout.take() {
        output.take(MOST_HELLO).read_to_end(&mut line).await?;
    }
    if let Some(output) = child.stderr.take() {
        output.take(MOST_HELLO).read_to_end(&mut errors).await?;
    }
    child.wait().await?;
    Ok((String::from_utf8_lossy(&line).into_owned(), String::from_utf8_lossy(&errors).into_owned()))
}

/// What to do, where the system says that a program could not even be loaded.
pub(super) fn advised(said: &str) -> Option<String> {
    let missing = said.contains("error while loading shared libraries")
        || said.contains("Error loading shared library");
    if missing && said.contains("libodbc") {
        return Some(format!(
            "the machine has no ODBC; install unixODBC (on Debian the package unixodbc): {said}"
        ));
    }
    missing.then(|| format!("the machine lacks a library: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_odbc_is_told_what_to_install() {
        let said = "./grocerysync-odbc: error while loading shared libraries: libodbc.so.2: cannot open shared object file: No such file or directory";
        assert!(advised(said).unwrap().contains("unixodbc"));
        assert!(
            advised("error while loading shared libraries: libx.so").unwrap().contains("lacks a library")
        );
        assert_eq!(advised("segmentation fault"), None);
    }

    #[test]
    fn a_kind_without_its_program_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        for (at, kind, part) in
            [(Some(folder.path()), "odbc", "grocerysync-odbc"), (None, "firebird", "grocerysync-firebird")]
        {
            let failure = find(at, kind).unwrap_err();
            assert!(failure.code == ErrorCode::Unsupported && failure.detail.contains(part), "{failure}");
        }
        std::fs::write(file(folder.path(), "grocerysync-odbc"), "").unwrap();
        assert!(find(Some(folder.path()), "sql_server").is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_lies_there_is_asked_what_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [
            ("grocerysync-firebird", "echo '{\"protocol\":1,\"version\":\"1\",\"kinds\":[\"firebird\"]}'"),
            ("grocerysync-odbc", "echo 'error while loading shared libraries: libodbc.so.2' >&2; exit 127"),
        ] {
            let file = file(folder.path(), name);
            std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let found = present(folder.path()).await;
        assert_eq!(found[0].kinds, Ok(vec!["firebird".to_owned()]));
        assert!(found[1].kinds.as_ref().unwrap_err().contains("install unixODBC"), "{found:?}");
        let other = "echo '{\"protocol\":2,\"version\":\"9\",\"kinds\":[]}'";
        std::fs::write(file(folder.path(), "grocerysync-odbc"), format!("#!/bin/sh\n{other}\n")).unwrap();
        let found = present(folder.path()).await;
        assert!(found[1].kinds.as_ref().unwrap_err().contains("version 9"), "{found:?}");
    }
}
