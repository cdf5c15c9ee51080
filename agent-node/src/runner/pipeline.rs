//! One attempt at a run: source → checks → destination, with its deadline, its stop and its report.
//!
//! Everything up to the commit can be stopped and leaves no trace. The commit itself is not stopped: a file
//! that is being put in place is a success or a failure, never half of either.

use std::time::{Duration, Instant};

use actors::failpoint;
use futures_util::StreamExt as _;
use messages::agent::RunCommand;
use messages::export::RunMode;
use messages::http::jobs::RejectRule;
use messages::run::{LogLevel, LogLine, Progress, RunFailure, RunOutcome};
use messages::{ErrorCode, RunId};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use super::comparison::Comparison;
use super::reporter::{Reporter, cut};
use super::worker::{StopReason, WorkerEnd};
use crate::connector::{
    Afterwards, Batch, Delivered, Failure, ForRun, ItemSink, Means, Numbered, Receipt, registry,
};
use crate::journal::entry::End;

/// A server may have to write out what it cached.
const COMMIT_DEADLINE: Duration = Duration::from_secs(300);
const ABORT_DEADLINE: Duration = Duration::from_secs(10);
/// Between two lines that say how far a long run has come.
const MILESTONE: Duration = Duration::from_secs(30);

/// What happened to the transfer.
enum Transfer {
    Complete,
    Failed(Failure),
    TimedOut,
    Stopped(StopReason),
}

struct Work<'c> {
    command: &'c RunCommand,
    reporter: Reporter,
    began: Instant,
    progress: Progress,
    milestone: Instant,
    afterwards: Option<Box<dyn Afterwards>>,
    /// What the destination has, where the run is to know it.
    comparison: Option<Comparison>,
    /// Items are leaving: what is sent cannot be taken back.
    delivering: bool,
}

/// Works at the run until it ends one way or another.
pub async fn run(
    command: &RunCommand,
    run: &ForRun,
    attempt: u32,
    reporter: Reporter,
    means: &Means,
    mut stopped: watch::Receiver<Option<StopReason>>,
) -> WorkerEnd {
    let began = Instant::now();
    let deadline = began + Duration::from_secs(command.timeout_s.into());
    let progress = Progress::default();
    let mut work = Work {
        command,
        reporter,
        began,
        progress,
        milestone: began,
        afterwards: None,
        comparison: None,
        delivering: false,
    };
    let mut sink = None;
    let transfer = tokio::select! {
        done = work.transfer(run, attempt, means, &mut sink) => done.map_or_else(Transfer::Failed, |()| Transfer::Complete),
        () = sleep_until(deadline.into()) => Transfer::TimedOut,
        reason = stop_asked(&mut stopped) => Transfer::Stopped(reason),
    };
    let outcome = match (transfer, sink.as_mut()) {
        (Transfer::Complete, Some(sink)) => work.commit(sink.as_mut()).await,
        (Transfer::Complete, None) if work.is_dry() => RunOutcome::Succeeded,
        (Transfer::Complete, None) => {
            RunOutcome::Failed(Failure::new(ErrorCode::Internal, "nothing was opened").into())
        }
        (Transfer::Failed(failure), _) => RunOutcome::Failed(failure.into()),
        (Transfer::TimedOut, _) => RunOutcome::TimedOut,
        (Transfer::Stopped(StopReason::Cancelled), _) => RunOutcome::Cancelled,
        (Transfer::Stopped(StopReason::Interrupted), sink) => {
            abort(command.run_id, sink).await;
            return WorkerEnd::Interrupted;
        }
    };
    if outcome != RunOutcome::Succeeded {
        abort(command.run_id, sink.as_mut()).await;
        if !sink.as_ref().is_some_and(|sink| sink.holds_back()) {
            // Nothing of it is visible there. What a platform has taken, it has.
            (work.progress.sent, work.progress.bytes_sent) = (0, 0);
        }
    } else if let Some(afterwards) = work.afterwards.take().filter(|_| !work.is_dry()) {
        work.end_of_source(afterwards).await;
    }
    WorkerEnd::Finished(work.end(outcome).await)
}

async fn stop_asked(stopped: &mut watch::Receiver<Option<StopReason>>) -> StopReason {
    match stopped.wait_for(Option::is_some).await {
        Ok(reason) => reason.unwrap_or(StopReason::Interrupted),
        // The worker is gone, and with it everybody who would want the result.
        Err(_) => StopReason::Interrupted,
    }
}

async fn abort(run_id: RunId, sink: Option<&mut Box<dyn ItemSink>>) {
    if let Some(sink) = sink
        && timeout(ABORT_DEADLINE, sink.abort()).await.is_err()
    {
        tracing::warn!(%run_id, "the destination did not let the run be taken back in time");
    }
}

impl Work<'_> {
    async fn transfer(
        &mut self,
        run: &ForRun,
        attempt: u32,
        means: &Means,
        slot: &mut Option<Box<dyn ItemSink>>,
    ) -> Result<(), Failure> {
        let RunCommand { source, mapping, source_credentials, destination, credentials, .. } = self.command;
        self.reporter.started(attempt).await?;
        if attempt > 1 {
            self.say(LogLevel::Warn, format!("beginning again, attempt {attempt}"));
        }
        self.comparison = Comparison::open(self.command, run, attempt, means).await?;
        let fresh = self.command.export.as_deref().is_some_and(|order| order.mode == RunMode::Full);
        let means = &means.of_job(self.command.job_id, fresh);
        let from = registry::source(source, mapping, source_credentials.as_ref(), means);
        let mut reading = from.open().await?;
        self.progress.bytes_total = reading.bytes_total;
        self.afterwards = reading.afterwards.take();
        self.say(LogLevel::Info, format!("reading {} ({})", source.summary(), size(reading.bytes_total)));
        self.say_all(self.comparison.as_ref().map(Comparison::opening_words));
        if self.is_dry() {
            self.say(LogLevel::Info, "this is a dry run: nothing is sent".to_owned());
        } else {
            let to = self.comparison.as_ref().map_or(destination, Comparison::destination);
            *slot = Some(registry::destination(to, credentials.as_ref(), means).open(run).await?);
            let summary = to.summary();
            self.say(LogLevel::Info, format!("sending to {summary}"));
        }
        while let Some(batch) = reading.batches.next().await {
            self.take(batch?, slot.as_deref_mut()).await?;
        }
        self.compare().await?;
        if let Some(sink) = slot.as_deref_mut() {
            self.deliver(sink).await?;
        }
        self.reporter.flush().await
    }

    /// Looks at what this run would do to what the destination has. Nothing has been sent so far.
    async fn compare(&mut self) -> Result<(), Failure> {
        let Some(comparison) = &mut self.comparison else { return Ok(()) };
        let survey = comparison.survey(self.progress.rejected).await?;
        let (words, judged) = (comparison.findings(&survey), comparison.judge(&survey.alarms));
        self.say_all(Some(words));
        self.reporter.surveyed(survey);
        self.reporter.flush().await?;
        judged
    }

    async fn deliver(&mut self, sink: &mut dyn ItemSink) -> Result<(), Failure> {
        let nothing = self.has_nothing_to_send();
        while let Some(comparison) = self.comparison.as_mut().filter(|_| !nothing)
            && let Some(items) = comparison.next().await?
        {
            self.write(&items, sink).await?;
            self.reporter.pace(&self.progress).await?;
        }
        if let Some(comparison) = &mut self.comparison {
            comparison.begin_delivery().await?;
        }
        if nothing {
            return Ok(());
        }
        self.delivering = sink.holds_back();
        while let Some(portion) = sink.deliver().await? {
            self.portion(portion)?;
            self.reporter.pace(&self.progress).await?;
        }
        Ok(())
    }

    async fn write(&mut self, items: &[Numbered], sink: &mut dyn ItemSink) -> Result<(), Failure> {
        let bytes = sink.write(items).await?;
        if !sink.holds_back() {
            self.progress.bytes_sent = bytes;
            self.progress.sent += items.len() as u64;
        }
        Ok(())
    }

    fn has_nothing_to_send(&self) -> bool {
        self.comparison.as_ref().is_some_and(Comparison::has_nothing_to_send)
    }

    fn is_dry(&self) -> bool {
        self.comparison.as_ref().is_some_and(Comparison::is_dry)
    }

    fn say_all(&mut self, words: Option<Vec<(LogLevel, String)>>) {
        for (level, text) in words.into_iter().flatten() {
            self.say(level, text);
        }
    }

    /// A portion that the destination took, or did not.
    fn portion(&mut self, portion: Delivered) -> Result<(), Failure> {
        for note in portion.notes {
            self.say(LogLevel::Warn, note);
        }
        if let Some(comparison) = &mut self.comparison {
            comparison.refused(portion.refused);
        }
        self.progress.sent += portion.sent;
        self.progress.bytes_sent = portion.bytes;
        self.progress.elapsed_ms = millis(self.began);
        for reject in portion.rejects {
            self.progress.rejected += 1;
            self.reporter.reject(reject);
        }
        self.hold_to_the_rule()
    }

    async fn end_of_source(&mut self, afterwards: Box<dyn Afterwards>) {
        match timeout(COMMIT_DEADLINE, afterwards.succeeded()).await {
            Ok(notes) => notes.into_iter().for_each(|note| self.say(LogLevel::Warn, note)),
            Err(_) => self.say(LogLevel::Warn, "the source could not be put away in time".to_owned()),
        }
    }

    async fn take(
        &mut self,
        batch: Batch,
        sink: Option<&mut (dyn ItemSink + 'static)>,
    ) -> Result<(), Failure> {
        failpoint::pass("run_worker.batch");
        let Batch { rows, left_out, raws, bytes_read, notes } = batch;
        for note in notes {
            self.reporter.log(LogLevel::Warn, note);
        }
        self.progress.read += rows.len() as u64;
        self.progress.left_out += left_out;
        self.progress.bytes_read = bytes_read;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(row) => items.push(row),
                Err(reject) => {
                    self.progress.rejected += 1;
                    if let Some(comparison) = &mut self.comparison {
                        comparison.unread(&reject.raw);
                    }
                    self.reporter.reject(reject);
                }
            }
        }
        self.hold_to_the_rule()?;
        if let Some(comparison) = &mut self.comparison {
            comparison.seen(raws);
            items = comparison.take(items).await?;
        }
        if let Some(sink) = sink.filter(|_| !self.comparison.as_ref().is_some_and(Comparison::holds_back)) {
            self.write(&items, sink).await?;
        }
        self.progress.elapsed_ms = millis(self.began);
        if self.milestone.elapsed() >= MILESTONE {
            self.milestone = Instant::now();
            let Progress { read, bytes_read, .. } = self.progress;
            self.say(LogLevel::Debug, format!("{read} rows read so far ({})", size(bytes_read)));
        }
        self.reporter.pace(&self.progress).await
    }

    fn hold_to_the_rule(&self) -> Result<(), Failure> {
        let rejected = self.progress.rejected;
        match self.command.reject_rule {
            RejectRule::StopAbove { items } if rejected > items => {
                let Progress { read, sent, .. } = self.progress;
                let so_far = if self.delivering {
                    format!("{sent} items had been sent by then")
                } else {
                    "nothing was sent".to_owned()
                };
                let detail = format!(
                    "{rejected} of the first {read} items were rejected, and the job allows {items}; {so_far}"
                );
                Err(Failure::new(ErrorCode::RejectLimit, detail))
            }
            _ => Ok(()),
        }
    }

    async fn commit(&mut self, sink: &mut dyn ItemSink) -> RunOutcome {
        if self.has_nothing_to_send() {
            sink.abort().await;
            self.say(LogLevel::Info, "nothing has changed: there is nothing to send".to_owned());
            self.note_delivered().await;
            return RunOutcome::Succeeded;
        }
        let done = timeout(COMMIT_DEADLINE, sink.finish()).await;
        let done = done.unwrap_or_else(|_| {
            Err(Failure::new(
                ErrorCode::DestinationFailed,
                "the destination did not complete the run in time",
            ))
        });
        match done {
            Ok(Receipt { bytes, place }) => {
                self.progress.bytes_sent = bytes;
                let what = if sink.holds_back() { "everything was sent" } else { "the file is complete" };
                self.say(LogLevel::Info, format!("{what}: {place} ({})", size(bytes)));
                self.note_delivered().await;
                RunOutcome::Succeeded
            }
            Err(failure) => RunOutcome::Failed(failure.into()),
        }
    }

    /// Without this note the articles in question are in doubt, and sent again.
    async fn note_delivered(&mut self) {
        failpoint::pass("run_worker.delivered");
        let Some(comparison) = &mut self.comparison else { return };
        if let Err(failure) = comparison.delivered().await {
            self.say(LogLevel::Warn, format!("{}; the next run sends what changed again", failure.detail));
        }
    }

    /// The last words of a run.
    async fn end(&mut self, outcome: RunOutcome) -> End {
        let outcome = match outcome {
            RunOutcome::Failed(RunFailure { code, detail }) => {
                RunOutcome::Failed(RunFailure { code, detail: cut(detail, LogLine::MAX_TEXT) })
            }
            other => other,
        };
        self.progress.elapsed_ms = millis(self.began);
        let Progress { read, sent, rejected, left_out, elapsed_ms, .. } = self.progress;
        if let Some(all) = self.reporter.unnamed_rejects() {
            self.say(LogLevel::Warn, format!("{all} items were rejected; see the list of rejected items"));
        }
        if left_out > 0 {
            self.say(LogLevel::Info, format!("{left_out} rows were left out by the job's filter"));
        }
        let seconds = elapsed_ms / 1_000;
        let counts = format!("{read} rows read, {sent} items sent, {rejected} rejected, in {seconds} s");
        match &outcome {
            RunOutcome::Succeeded => self.say(LogLevel::Info, format!("done: {counts}")),
            RunOutcome::Failed(failure) => self.say(LogLevel::Error, format!("failed: {}", failure.detail)),
            RunOutcome::Cancelled => self.say(LogLevel::Warn, format!("cancelled: {counts}")),
            RunOutcome::TimedOut => {
                let limit = self.command.timeout_s;
                self.say(
                    LogLevel::Error,
                    format!("stopped after the {limit} s that the job allows: {counts}"),
                );
            }
        }
        if let Err(failure) = self.reporter.flush().await {
            tracing::warn!(run_id = %self.command.run_id, %failure, "the last lines of a run were lost");
        }
        End { progress: self.progress, outcome }
    }

    /// Into the run's log, and into the agent's own.
    fn say(&mut self, level: LogLevel, text: String) {
        tracing::info!(run_id = %self.command.run_id, level = level.as_str(), "{text}");
        self.reporter.log(level, text);
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A size as people say it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KB", "MB", "GB"];
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} bytes")
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_as_people_say_them() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 KB"),
            (12_345_678, "12.3 MB"),
            (5_000_000_000, "5.0 GB"),
            (7_000_000_000_000, "7000.0 GB"),
        ] {
            assert_eq!(super::size(bytes), said);
        }
    }
}
