//! `agent-node check`: is everything in place for the agent to work? One line each, with what to do.

mod source;

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::config::Config;
use crate::connector::singer::{self, Discovery};
use crate::connector::sql;
use crate::disk;
use crate::identity::Identity;
use crate::net::websocket::{self, UpgradeError};
use crate::net::{Dialer, HubAddress, NetError, Stage, request};
use crate::uplink::fallback::{self, Setting, Verdict};
use crate::uplink::https;
use crate::uplink::line::{self, Line};

/// Writes the findings; true when all is well. `job` is a file with the settings of a job, whose source is tried.
pub async fn check(
    config: &Config,
    job: Option<&Path>,
    out: &mut (dyn Write + Send),
) -> std::io::Result<bool> {
    let mut report = Report { out, all_well: true };
    report.line("data folder", data_folder(config))?;
    let identity = Identity::load(&config.data_dir);
    let shown = identity.as_ref().map(|identity| format!("agent {}", identity.agent_id));
    report.line("identity", shown.map_err(ToString::to_string))?;
    if let Some(folder) = &config.plugins {
        let Discovery { plugins, faults } = singer::discover(folder);
        let names: Vec<_> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        let shown = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        report.line("plugins", Ok(format!("{shown} in {}", folder.display())))?;
        for fault in faults {
            report.line("plugins", Err(fault))?;
        }
    }
    for reader in match &config.readers {
        Some(folder) => sql::present(folder).await,
        None => Vec::new(),
    } {
        // No fault of the machine: most shops need none of them.
        let shown =
            reader.kinds.map_or_else(|why| why, |kinds| format!("{} for {}", reader.name, kinds.join(", ")));
        report.line("reader", Ok(shown))?;
    }
    let dialer = Dialer::new(config.ca_file.as_ref(), config.proxy.clone());
    match (dialer, hubs(config, identity.as_ref().ok())) {
        (Ok(dialer), Ok(hubs)) => {
            for hub in hubs {
                report.line(&format!("hub {hub}"), reach(&dialer, &hub).await)?;
                if let Ok(identity) = &identity {
                    report.line("credential", credential(config, &dialer, &hub, identity).await)?;
                }
            }
        }
        (Err(error), _) => report.line("trust", Err(error.to_string()))?,
        (_, Err(error)) => report.line("hub", Err(error))?,
    }
    if let Some(job) = job {
        report.line("source", source::check(config, job).await)?;
    }
    Ok(report.all_well)
}

struct Report<'o> {
    out: &'o mut (dyn Write + Send),
    all_well: bool,
}

impl Report<'_> {
    fn line(&mut self, what: &str, found: Result<String, String>) -> std::io::Result<()> {
        let (mark, text) = match found {
            Ok(text) => ("ok  ", text),
            Err(text) => {
                self.all_well = false;
                ("FAIL", text)
            }
        };
        writeln!(self.out, "{mark}  {what}: {text}")
    }
}

/// The configured hubs, or the one that enrolled the agent.
pub(crate) fn hubs(config: &Config, identity: Option<&Identity>) -> Result<Vec<HubAddress>, String> {
    if !config.hubs.is_empty() {
        return Ok(config.hubs.clone());
    }
    let identity = identity.ok_or("none is configured, and the agent is not enrolled")?;
    let hub = HubAddress::parse(&identity.hub, config.allow_plaintext).map_err(|error| error.to_string())?;
    Ok(vec![hub])
}

fn data_folder(config: &Config) -> Result<String, String> {
    let shown = config.data_dir.display();
    let probe = config.data_dir.join("probe");
    disk::create_private_dir(&config.data_dir)
        .and_then(|()| disk::replace(&probe, b"x"))
        .and_then(|()| disk::remove_if_there(&probe))
        .map_err(|error| format!("{shown} cannot be written: {error}; run this as the user of the agent"))?;
    Ok(format!("{shown} can be written"))
}

async fn reach(dialer: &Dialer, hub: &HubAddress) -> Result<String, String> {
    let request = Request::get("/health/ready")
        .header(http::header::CONNECTION, "close")
        .body(Full::<Bytes>::default())
        .map_err(|error| error.to_string())?;
    let answer = request::send(dialer, hub, request).await.map_err(|error| advised(&error))?;
    if answer.status.is_success() {
        return Ok("it is ready".to_owned());
    }
    let said = answer.problem().map_or_else(|status| format!("status {status}"), |problem| problem.detail);
    Err(format!("it answers, but is not ready: {said}"))
}

async fn credential(
    config: &Config,
    dialer: &Dialer,
    hub: &HubAddress,
    identity: &Identity,
) -> Result<String, String> {
    let mut blocked = None;
    if config.transport != Setting::Https {
        // Without hello this takes nobody's place; the goodbye keeps the hub's log clean.
        match websocket::prove(dialer, hub, &identity.credential).await {
            Ok(socket) => {
                Line::Socket(Box::new(socket)).close(false).await;
                return Ok("it is accepted".to_owned());
            }
            Err(error) => {
                let judged = fallback::judge(line::evidence(&error));
                if judged == Verdict::NotBlocked || config.transport == Setting::WebSocket {
                    return Err(said(&error));
                }
                blocked = Some(error);
            }
        }
    }
    match (https::prove(dialer, hub, &identity.credential).await, blocked) {
        (Ok(()), Some(seen)) => Ok(format!(
            "it is accepted over HTTPS, which the agent will use; WebSockets do not get through: {seen}"
        )),
        (Ok(()), None) => Ok("it is accepted over HTTPS".to_owned()),
        (Err(error), _) if error.is_the_hubs() => Err(said(&error)),
        (Err(error), Some(seen)) => Err(format!("{}; nor does HTTPS get through: {error}", said(&seen))),
        (Err(error), None) => Err(said(&error)),
    }
}

fn said(error: &UpgradeError) -> String {
    match error {
        UpgradeError::Refused(problem) => format!(
            "{}; if this lasts, make a new enrolment token in the console and enrol again",
            problem.detail
        ),
        UpgradeError::Net(error) => advised(error),
        error => error.to_string(),
    }
}

fn advised(error: &NetError) -> String {
    let advice = match error.stage {
        Stage::Name => "check the address, and the DNS of this machine",
        Stage::Connect => "check the address and the port, and whether the firewall lets this machine out",
        Stage::Proxy => "check the proxy setting, and whether the proxy lets this machine through",
        Stage::Tls => "if the hub or a proxy has a certificate of its own authority, name that with ca_file",
        Stage::Http | Stage::Silence => "check that the address is that of a hub and nothing stands between",
    };
    format!("{error}; {advice}")
}
