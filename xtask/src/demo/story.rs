//! What the demo shows, made through the public interface only, step by step as a technician would:
//! two retailers with stores, agents, an SFTP destination each, jobs, one run that is over, and a store with an edge.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::goods::{self, Dialect};
use crate::stage::StopRequest;
use crate::stage::agent::AgentPlan;
use crate::stage::api::{Api, text};
use crate::stage::edge::EdgePlan;
use crate::stage::sshd::Account;
use crate::ui;

/// An agent connects within a second; this is for a busy machine.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// A thousand rows take well under a second.
const RUN_LIMIT: Duration = Duration::from_secs(60);

const FRESHMART_TILL: Dialect = Dialect {
    headers: ["ArticleNo", "ItemName", "EAN", "Price", "VAT", "OnHand", "Unit", "Department"],
    delimiter: ',',
    decimal_mark: '.',
};

const GREEN_VALLEY_TILL: Dialect = Dialect {
    headers: ["PLU", "Product", "Barcode", "Retail", "Tax", "Qty", "UoM", "Group"],
    delimiter: ';',
    decimal_mark: ',',
};

/// One retailer of the demo.
pub(super) struct Sample {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) currency: &'static str,
    time_zone: &'static str,
    contact: &'static str,
    stores: &'static [(&'static str, &'static str, &'static str)],
    pub(super) agent: &'static str,
    till: Dialect,
    encoding: &'static str,
    jobs: &'static [SampleJob],
}

struct SampleJob {
    name: &'static str,
    /// At the shop.
    file: &'static str,
    destination: &'static str,
    /// At the destination.
    arrives_as: &'static str,
    rows: usize,
    already_run: bool,
}

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        code: "freshmart",
        name: "FreshMart",
        currency: "GBP",
        time_zone: "Europe/London",
        contact: "Priya Shah, store systems, priya.shah@freshmart.example",
        stores: &[
            ("high-street", "FreshMart High Street", "12 High Street, Leeds"),
            ("station", "FreshMart Station Road", "3 Station Road, York"),
        ],
        agent: "FreshMart back office",
        till: FRESHMART_TILL,
        encoding: "utf8",
        jobs: &[
            SampleJob {
                name: "Catalogue to web shop",
                file: "export/catalogue.csv",
                destination: "Web shop, products",
                arrives_as: "products.csv",
                rows: 1_200,
                already_run: true,
            },
            SampleJob {
                name: "Supplier price list",
                file: "export/price-list.csv",
                destination: "Web shop, supplier prices",
                arrives_as: "supplier-prices.csv",
                rows: 250_000,
                already_run: false,
            },
        ],
    },
    Sample {
        code: "green-valley",
        name: "Green Valley Grocers",
        currency: "EUR",
        time_zone: "Europe/Dublin",
        contact: "Declan Moore, owner, declan@greenvalley.example",
        stores: &[("market-square", "Green Valley Market Square", "1 Market Square, Kilkenny")],
        agent: "Green Valley till 1",
        till: GREEN_VALLEY_TILL,
        encoding: "windows1252",
        jobs: &[SampleJob {
            name: "Catalogue to web shop",
            file: "export/plu.csv",
            destination: "Web shop, products",
            arrives_as: "products.csv",
            rows: 300,
            already_run: false,
        }],
    },
];

impl Sample {
    pub(super) fn agent_plan(&self, program: &Path, home: &Path) -> AgentPlan {
        AgentPlan {
            name: format!("agent {}", self.code),
            program: program.to_path_buf(),
            data: home.join(format!("agent-{}", self.code)),
            site: home.join("tills").join(self.code),
            log: home.join("logs").join(format!("agent-{}.log", self.code)),
        }
    }

    /// Writes the files that this retailer's tills would export.
    fn write_exports(&self, site: &Path) -> Result<()> {
        for (job, seed) in self.jobs.iter().zip(1..) {
            let (text, _) = goods::export(self.till, job.rows, seed);
            let bytes = if self.encoding == "utf8" { text.into_bytes() } else { goods::windows_1252(&text) };
            let file = site.join(job.file);
            std::fs::create_dir_all(file.parent().context("an export has a folder")?)?;
            std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    fn source(&self, job: &SampleJob) -> Value {
        let columns: Vec<Value> = goods::FIELDS
            .iter()
            .zip(self.till.headers)
            .map(|(field, header)| json!({"field": field, "header": header}))
            .collect();
        json!({
            "kind": "csv",
            "path": job.file,
            "delimiter": self.till.delimiter.to_string(),
            "encoding": self.encoding,
            "decimal_mark": if self.till.decimal_mark == ',' { "comma" } else { "point" },
            "columns": columns,
        })
    }
}

/// Everything of one retailer except its run.
pub(super) fn create(api: &Api, sample: &Sample, sftp: &Account, agent: &AgentPlan) -> Result<Created> {
    ui::step(&format!("create {}", sample.name), |step| {
        sample.write_exports(&agent.site)?;
        let retailer = api.create(
            "/retailers",
            &json!({"code": sample.code, "name": sample.name, "currency": sample.currency,
                    "time_zone": sample.time_zone, "contact": sample.contact}),
        )?;
        let under = format!("/retailers/{retailer}");
        let mut first_store = None;
        for (code, name, address) in sample.stores {
            let body = json!({"code": code, "name": name, "address": address, "time_zone": sample.time_zone});
            let store = api.create(&format!("{under}/stores"), &body)?;
            first_store.get_or_insert(store);
        }
        let mut body = json!({"name": sample.agent});
        if let (Some(store), 1) = (&first_store, sample.stores.len()) {
            body["store_id"] = json!(store);
        }
        let agent_id = api.create(&format!("{under}/agents"), &body)?;
        let key = std::fs::read_to_string(&sftp.key_file)?;
        let mut job_to_run = None;
        for job in sample.jobs {
            let destination = api.create(
                &format!("{under}/destinations"),
                &json!({
                    "name": job.destination,
                    "config": {"kind": "sftp", "host": "127.0.0.1", "port": sftp.port, "user": sftp.user,
                               "path": format!("{}/{}", sample.code, job.arrives_as), "host_key": sftp.host_key},
                    "credentials": {"kind": "private_key", "private_key": key},
                }),
            )?;
            let body = json!({"name": job.name, "agent_id": agent_id, "destination_id": destination,
                              "source": sample.source(job), "timeout_s": 600});
            let id = api.create(&format!("{under}/jobs"), &body)?;
            if job.already_run {
                job_to_run = Some(id);
            }
        }
        let enrolment = api.post(&format!("{under}/agents/{agent_id}/enrolment"), &json!({}))?;
        agent.enrol(api.base(), &text(&enrolment, "token")?)?;
        let count =
            |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        let (stores, jobs) = (count(sample.stores.len(), "store"), count(sample.jobs.len(), "job"));
        step.result(format!("{stores}, {jobs}, agent enrolled"));
        Ok(Created { retailer, store: first_store.unwrap_or_default(), agent_id, job_to_run })
    })
}

/// What `create` made and the rest of the story needs.
pub(super) struct Created {
    retailer: String,
    /// The first one.
    store: String,
    agent_id: String,
    job_to_run: Option<String>,
}

/// Makes a place for the store's edge and enrols it, over the line that can be cut.
pub(super) fn enrol_edge(api: &Api, made: &Created, edge: &EdgePlan, hub: &str) -> Result<()> {
    ui::step("enrol the store edge", |_| {
        let place = format!("/retailers/{}/stores/{}/edges", made.retailer, made.store);
        let offered = api.post(&place, &json!({"name": "Checkout server"}))?;
        edge.enrol(hub, &text(&offered, "token")?)
    })
}

/// Waits until the agent is there, then runs the job that shall have been run.
pub(super) fn run_first_job(api: &Api, stop: &StopRequest, made: &Created) -> Result<()> {
    let agent = format!("/retailers/{}/agents/{}", made.retailer, made.agent_id);
    stop.wait_for("the agent connects", CONNECT_LIMIT, || {
        let presence = text(&api.get(&agent)?, "presence")?;
        Ok(matches!(presence.as_str(), "online" | "busy").then_some(()))
    })?;
    let Some(job) = &made.job_to_run else { return Ok(()) };
    ui::step("run the first job", |step| {
        let run = api.create(&format!("/retailers/{}/jobs/{job}/runs", made.retailer), &json!({}))?;
        let path = format!("/retailers/{}/runs/{run}", made.retailer);
        let over = stop.wait_for("the first run is over", RUN_LIMIT, || {
            let view = api.get(&path)?;
            let state = text(&view, "state")?;
            Ok((!matches!(state.as_str(), "queued" | "dispatched" | "running")).then_some(view))
        })?;
        let progress = &over["progress"];
        if text(&over, "state")? != "succeeded" {
            bail!("the first run ended as {}: {}", over["state"], over["failure"]);
        }
        step.result(format!("{} items sent, {} rejected", progress["sent"], progress["rejected"]));
        Ok(())
    })
}
