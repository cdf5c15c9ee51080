//! Uploads a given amount of items through the agent's SFTP connector, and nothing else: what
//! `cargo xtask bench sftp` times. Takes a file with its order, answers with a line of JSON.

use std::io::Write as _;
use std::process::ExitCode;

use agent_node::connector::{ForRun, Means, Numbered, registry};
use messages::RunId;
use messages::connector::{Credentials, DestinationConfig};
use messages::item::Item;
use serde::Deserialize;

/// What shall be uploaded, and whereto.
#[derive(Deserialize)]
struct Order {
    /// At least so many.
    bytes: u64,
    /// About so many in a row.
    row_bytes: usize,
    destination: DestinationConfig,
    credentials: Credentials,
}

fn main() -> ExitCode {
    let _already = rustls::crypto::ring::default_provider().install_default();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unheard = writeln!(std::io::stderr(), "sftp_upload: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("name the file with the order"))?;
    let order: Order = serde_json::from_slice(&std::fs::read(file)?)?;
    // As the agent runs it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes = runtime.block_on(upload(&order))?;
    let answer = serde_json::json!({ "bytes": bytes, "peak_rss": peak_rss()? });
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

async fn upload(order: &Order) -> anyhow::Result<u64> {
    let connector = registry::destination(&order.destination, Some(&order.credentials), &Means::default());
    let mut sink = connector.open(&ForRun::alone(RunId::new())).await?;
    let items = batch(order.row_bytes)?;
    while sink.write(&items).await? < order.bytes {}
    Ok(sink.finish().await?.bytes)
}

/// One batch as a source hands it over.
fn batch(row_bytes: usize) -> anyhow::Result<Vec<Numbered>> {
    /// What the other fields take.
    const SHORTEST: usize = 78;
    let filler = "Fresh from the farm. ".chars().cycle().take(row_bytes.saturating_sub(SHORTEST));
    let description = Some(filler.collect::<String>()).filter(|text| !text.is_empty());
    let item = |at: usize| -> anyhow::Result<Numbered> {
        let item = Item {
            sku: (100_000 + at).to_string(),
            name: "Harvest Lane Whole Milk 1 l".to_owned(),
            barcode: Some("5012345678900".to_owned()),
            price: "1.29".parse()?,
            tax_rate: Some("0".parse()?),
            stock: Some("120".parse()?),
            unit: Some("pcs".to_owned()),
            category: Some("Dairy & Eggs".to_owned()),
            description: description.clone(),
        };
        Ok(Numbered { row: at as u64 + 2, item })
    };
    (0..agent_node::connector::BATCH_ROWS).map(item).collect()
}

/// The most memory this process ever held, in bytes.
fn peak_rss() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.and_then(|rest| rest.split_whitespace().next()).unwrap_or("0").parse()?;
    Ok(kib * 1024)
}
