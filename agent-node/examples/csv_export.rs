//! Exports a CSV file to a local file by the agent's own connectors, and nothing else: for a profiler, where hub,
//! spool and socket would only be in the way. Takes the path of the source and that of the target, or the address of
//! a webhook in its place.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use agent_node::connector::{Failure, ForRun, Means, registry};
use futures_util::StreamExt as _;
use messages::RunId;
use messages::connector::{
    Credentials, CsvSource, DestinationConfig, FileFormat, LocalFileDestination, SourceConfig,
    WebhookDestination,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unheard = writeln!(std::io::stderr(), "csv_export: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut paths = std::env::args().skip(1);
    let (Some(from), Some(to)) = (paths.next(), paths.next()) else {
        anyhow::bail!("name the source and the target");
    };
    let begun = Instant::now();
    // As the agent runs it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sent, rejected) = runtime.block_on(export(from, to))?;
    let took = begun.elapsed().as_millis();
    writeln!(std::io::stdout(), "{sent} items sent, {rejected} rejected, in {took} ms")?;
    Ok(())
}

async fn export(from: String, to: String) -> Result<(usize, usize), Failure> {
    let (to, credentials) = target(to);
    let means = Means { scratch: std::env::temp_dir().join("csv_export"), ..Means::default() };
    let config = SourceConfig::Csv(CsvSource { path: from, ..CsvSource::default() });
    let source = registry::source(&config, &Default::default(), None, &means);
    let mut reading = source.open().await?;
    let mut sink =
        registry::destination(&to, credentials.as_ref(), &means).open(&ForRun::alone(RunId::new())).await?;
    let (mut sent, mut rejected) = (0, 0);
    while let Some(batch) = reading.batches.next().await {
        let (items, others): (Vec<_>, Vec<_>) = batch?.rows.into_iter().partition(Result::is_ok);
        let items: Vec<_> = items.into_iter().flatten().collect();
        sink.write(&items).await?;
        sent += items.len();
        rejected += others.len();
    }
    while let Some(portion) = sink.deliver().await? {
        rejected += portion.rejects.len();
    }
    sink.finish().await?;
    Ok((sent, rejected))
}

/// The file or the webhook; what this sends is signed with a secret that everybody can read here.
fn target(to: String) -> (DestinationConfig, Option<Credentials>) {
    if to.contains("://") {
        let credentials = Credentials::Token { token: "not-a-secret-at-all".into() };
        return (
            DestinationConfig::Webhook(WebhookDestination { url: to, batch_items: 500 }),
            Some(credentials),
        );
    }
    (DestinationConfig::LocalFile(LocalFileDestination { path: to, format: FileFormat::Csv }), None)
}
