//! How a run tells what it does: facts are gathered for a moment and handed to the spool together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::agent::{Fact, RejectedItem, Report};
use messages::export::Survey;
use messages::run::{LogLevel, LogLine, Progress, Reject};
use messages::{ErrorCode, RunId, Timestamp};
use tokio::sync::watch;

use crate::connector::Failure;
use crate::links::Links;
use crate::spool::SpoolMsg;

/// Four times a second is as often as an eye can follow.
const PACE: Duration = Duration::from_millis(250);
/// Facts handed over at once; the spool syncs once for all of them.
const BUNDLE: usize = 256;
/// Rejected items that are named in the log; all that are kept can be downloaded.
const NAMED_REJECTS: u64 = 5;

/// Bytes of what a run found: less than a record of the spool may have. Only texts of rare letters come near it.
const SURVEY: usize = 48 * 1024;

/// A reason repeats the value it is about, and that may be a whole file when a quote is missing.
const MAX_REASON: usize = 500;
const MAX_COLUMN: usize = 200;

pub struct Reporter {
    run_id: RunId,
    links: Arc<Links>,
    show: watch::Sender<Progress>,
    waiting: Vec<Report>,
    handed_over: Instant,
    progress_told: Instant,
    rejects: u64,
}

impl Reporter {
    #[must_use]
    pub fn new(run_id: RunId, links: Arc<Links>, show: watch::Sender<Progress>) -> Self {
        let now = Instant::now();
        Self { run_id, links, show, waiting: Vec::new(), handed_over: now, progress_told: now, rejects: 0 }
    }

    /// The run begins; the spool has it when this returns.
    pub async fn started(&mut self, attempt: u32) -> Result<(), Failure> {
        self.push(Fact::Started { attempt });
        self.flush().await
    }

    pub fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.push(Fact::Log { level, text: cut(text.into(), LogLine::MAX_TEXT) });
    }

    pub fn reject(&mut self, reject: RejectedItem) {
        let RejectedItem { column, reason, raw, .. } = reject;
        let (column, reason) = (column.map(|name| cut(name, MAX_COLUMN)), cut(reason, MAX_REASON));
        let reject = RejectedItem { column, reason, raw: cut(raw, Reject::MAX_RAW), ..reject };
        self.rejects += 1;
        if self.rejects <= NAMED_REJECTS {
            let place = match &reject.column {
                Some(column) => format!("line {}, column \"{column}\"", reject.row),
                None => format!("line {}", reject.row),
            };
            self.log(LogLevel::Warn, format!("rejected: {place}: {}", reject.reason));
        }
        if self.rejects <= Reject::MAX_KEPT {
            self.push(Fact::Rejected { reject });
        }
    }

    /// What the run found before it sent anything.
    pub fn surveyed(&mut self, mut survey: Survey) {
        let too_large = |survey: &Survey| serde_json::to_string(survey).is_ok_and(|text| text.len() > SURVEY);
        while too_large(&survey) && (survey.preview.pop().is_some() || survey.samples.pop().is_some()) {}
        self.push(Fact::Surveyed { survey: Box::new(survey) });
    }

    /// How many items were rejected, if the log has not named them all.
    #[must_use]
    pub fn unnamed_rejects(&self) -> Option<u64> {
        (self.rejects > NAMED_REJECTS).then_some(self.rejects)
    }

    /// To be called often: hands over what has gathered, and the progress, at their pace.
    pub async fn pace(&mut self, progress: &Progress) -> Result<(), Failure> {
        if self.progress_told.elapsed() >= PACE {
            self.progress_told = Instant::now();
            self.show.send_replace(*progress);
            let report = self.report(Fact::Progress(*progress));
            // The end of the run tells the progress again.
            let _unheard = self.links.spool.tell(SpoolMsg::Progress(report));
        }
        let due = !self.waiting.is_empty() && self.handed_over.elapsed() >= PACE;
        if due || self.waiting.len() >= BUNDLE { self.flush().await } else { Ok(()) }
    }

    /// Hands over everything; the spool has it when this returns.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        self.handed_over = Instant::now();
        while !self.waiting.is_empty() {
            let rest = self.waiting.split_off(self.waiting.len().min(BUNDLE));
            let bundle = std::mem::replace(&mut self.waiting, rest);
            let kept = self.links.spool.ask(|reply| SpoolMsg::Append(bundle, reply)).await;
            kept.unwrap_or_else(|absent| Err(Failure::new(ErrorCode::Internal, absent.to_string())))?;
        }
        Ok(())
    }

    fn push(&mut self, fact: Fact) {
        let report = self.report(fact);
        self.waiting.push(report);
    }

    fn report(&self, fact: Fact) -> Report {
        Report { seq: 0, at: Timestamp::now(), run_id: self.run_id, fact }
    }
}

/// Cuts a line that is too long, with a mark.
pub(super) fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most - 1) {
        Some((end, last)) if end + last.len_utf8() < text.len() => format!("{}…", &text[..end]),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_characters() {
        let exact = "ü".repeat(LogLine::MAX_TEXT);
        assert_eq!(cut(exact.clone(), LogLine::MAX_TEXT), exact);
        let long = cut("ü".repeat(LogLine::MAX_TEXT * 2), LogLine::MAX_TEXT);
        assert_eq!(long.chars().count(), LogLine::MAX_TEXT);
        assert!(long.ends_with('…'));
    }
}
