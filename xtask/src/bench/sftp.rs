//! P-5: 200 MB through the agent's SFTP connector, against OpenSSH's own client putting a file of the same
//! size on the same server with the same cipher. The connector is driven by the agent's example `sftp_upload`,
//! so that reading a source does not count; forming rows out of items does. Twice: with the short rows of a
//! price list, and with the long ones of a catalogue.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Bench;
use super::rounds::{self, Duel, Report};
use super::rss;
use crate::process;
use crate::stage::free_port;
use crate::stage::sshd::{Account, SftpPlan};
use crate::ui;

const BYTES: u64 = 200_000_000;
const MEMORY_LIMIT: u64 = 32 << 20;

/// One tenth faster, in percent.
const SPEED_WANTED: u64 = 110;

/// What the connector agrees on with OpenSSH where the processor computes AES; the reference is told to take
/// the same, for its own choice is slower.
const CIPHER: &str = "aes256-gcm@openssh.com";

/// Bytes in a row, and how that is called.
const ROWS: [(usize, &str, &str); 2] =
    [(1_000, "rows of 1 KB", "P-5 speed"), (80, "rows of 80 bytes", "P-5 speed, short rows")];

pub(super) fn run(bench: &Bench) -> Result<Report> {
    ui::say("… building the uploader (release)");
    let mut cargo = process::cargo(&bench.repo);
    process::stream(cargo.args([
        "build",
        "--release",
        "--package",
        "agent-node",
        "--example",
        "sftp_upload",
    ]))?;
    let uploader = bench.repo.binary("release", "examples/sftp_upload");
    let files = bench.home.join("server");
    let plan = SftpPlan {
        home: bench.home.join("sshd"),
        files: files.clone(),
        port: free_port(None)?,
        log: bench.home.join("sftp.log"),
    };
    let account = plan.account()?;
    let server = ui::step("start the SFTP server", |_| plan.start(&bench.stop))?;
    let payload = bench.home.join("payload.bin");
    write_payload(&payload)?;
    let batch = bench.home.join("batch");
    std::fs::write(&batch, format!("put {} theirs.csv\n", payload.display()))?;
    let known = bench.home.join("known_hosts");
    std::fs::write(&known, format!("[127.0.0.1]:{} {}\n", account.port, account.host_key))?;

    let mut report = Report::default();
    let mut peak = 0;
    for (row_bytes, rows, bar) in ROWS {
        ui::say(rows);
        let order = bench.home.join("order.json");
        std::fs::write(&order, serde_json::to_vec(&order_of(&account, row_bytes)?)?)?;
        let mut used = (0, 0);
        let duel = Duel::run(
            || {
                let (begun, before) = (Instant::now(), rss::childrens_ticks()?);
                let answer = process::capture(Command::new(&uploader).arg(&order))?;
                let time = begun.elapsed();
                used.0 += rss::childrens_ticks()? - before;
                let answer: Value =
                    serde_json::from_str(&answer).context("the uploader's answer is not JSON")?;
                peak = peak.max(answer["peak_rss"].as_u64().context("the uploader did not tell its memory")?);
                arrived(&files.join("ours.csv"))?;
                Ok(time)
            },
            || {
                let (begun, before) = (Instant::now(), rss::childrens_ticks()?);
                process::capture(&mut openssh(&account, &batch, &known))?;
                let time = begun.elapsed();
                used.1 += rss::childrens_ticks()? - before;
                arrived(&files.join("theirs.csv"))?;
                Ok(time)
            },
        )?;
        report.durations(&format!("SFTP connector, 200 MB in {rows}"), &duel.subject);
        report.durations("OpenSSH sftp, 200 MB", &duel.reference);
        report.figure("processor time, connector", rounds::each_round(used.0));
        report.figure("processor time, OpenSSH", rounds::each_round(used.1));
        report.at_least(bar, SPEED_WANTED, duel.speed_percent());
    }
    server.stop()?;
    report.figure("connector, peak resident", ui::short_size(peak));
    report.figure("cipher of both", CIPHER);
    report.at_most_bytes("P-5 memory", MEMORY_LIMIT, peak);
    Ok(report)
}

/// What the uploader shall do, in the words of the hub's interface.
fn order_of(account: &Account, row_bytes: usize) -> Result<Value> {
    Ok(json!({
        "bytes": BYTES,
        "row_bytes": row_bytes,
        "destination": {"kind": "sftp", "host": "127.0.0.1", "port": account.port, "user": account.user,
                        "path": "ours.csv", "host_key": account.host_key},
        "credentials": {"kind": "private_key", "private_key": std::fs::read_to_string(&account.key_file)?},
    }))
}

fn openssh(account: &Account, batch: &Path, known: &Path) -> Command {
    let mut command = Command::new("sftp");
    command.args(["-q", "-b"]).arg(batch).arg("-i").arg(&account.key_file);
    command.args(["-P", &account.port.to_string(), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    command.args(["-c", CIPHER]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", known.display()));
    command.arg(format!("{}@127.0.0.1", account.user));
    command
}

/// Rows like those of the connector, so that neither side has more to compress or to copy.
fn write_payload(file: &Path) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let line = "100001,Harvest Lane Whole Milk 1 l,5012345678900,1.29,0,120,pcs,Dairy & Eggs,\n".as_bytes();
    let mut written = 0;
    while written < BYTES {
        out.write_all(line)?;
        written += line.len() as u64;
    }
    out.flush()?;
    Ok(())
}

/// The whole file must be there; a fast failure is no speed.
fn arrived(file: &Path) -> Result<()> {
    let size = std::fs::metadata(file).with_context(|| format!("{} did not arrive", file.display()))?.len();
    if size < BYTES {
        bail!("{} has {size} of {BYTES} bytes", file.display());
    }
    std::fs::remove_file(file)?;
    Ok(())
}
