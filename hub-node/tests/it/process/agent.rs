//! An agent process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(super) struct Agent {
    child: Option<Child>,
    data_dir: PathBuf,
    /// Arguments of `run` and `check` besides the usual ones.
    pub(super) extra: Vec<String>,
}

/// The agent's program stands beside the hub's. `cargo xtask test` builds both.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_hub-node")).with_file_name("agent-node");
    assert!(
        program.exists(),
        "{} is not built: run `cargo build -p agent-node`, or `cargo xtask test`",
        program.display()
    );
    program
}

impl Agent {
    /// Swaps a token for a credential, as the console's dialog tells the technician to.
    pub(super) async fn enrol(folder: &Path, hub: &str, token: &str) -> Self {
        let data_dir = folder.join("agent");
        fs::create_dir_all(&data_dir).unwrap();
        let mut command = tokio::process::Command::new(program());
        command.args(["enrol", "--hub", hub, "--token", token, "--data-dir"]).arg(&data_dir);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "enrolment failed: {said}");
        Self { child: None, data_dir, extra: Vec::new() }
    }

    pub(super) fn start(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.data_dir.with_extension("log")).unwrap();
        let child = Command::new(program())
            .args(["run", "--stop-on-stdin-close", "--data-dir"])
            .arg(&self.data_dir)
            .args(&self.extra)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// What `agent-node check` finds, and whether all is well.
    pub(super) async fn check(&self) -> (bool, String) {
        let mut command = tokio::process::Command::new(program());
        command.args(["check", "--data-dir"]).arg(&self.data_dir).args(&self.extra);
        let output = command.output().await.unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.data_dir.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _already_gone = child.kill();
            let _already_gone = child.wait();
        }
    }
}
