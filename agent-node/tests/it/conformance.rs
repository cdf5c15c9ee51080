//! What every connector must hold to, seen from outside: a platform is looked at through its simulator.
//! `agent_node::connector::conformance` has the like for files; `broken` are connectors that must be found out.

mod broken;

use std::path::Path;
use std::time::{Duration, Instant};

use agent_node::connector::csv::CsvConnector;
use agent_node::connector::{DestinationConnector, ForRun, Means, PosConnector};
use futures_util::StreamExt as _;
use messages::RunId;
use messages::connector::{Credentials, CsvSource, SourceConfig};

use crate::platform::{Articles, Fault, Reply, TRIES, articles, drive, drive_as, priced, rows};
use crate::support::{articles as csv_of, settle, shown};

/// A platform as it looks from outside.
pub(crate) trait World {
    fn articles(&self) -> Articles;
    /// This article is not taken from now on.
    fn refuse(&self, sku: &str);
    /// The next request that would change something goes wrong.
    fn fail(&self, fault: Fault);
    /// Bytes of the largest request so far.
    fn largest(&self) -> usize;
}

/// A destination, and others of its kind that cannot work.
pub(crate) struct Subject<'s> {
    pub(crate) connector: &'s dyn DestinationConnector,
    /// With credentials that are not the right ones.
    pub(crate) stranger: &'s dyn DestinationConnector,
    /// At an address where nobody is.
    pub(crate) nowhere: &'s dyn DestinationConnector,
    pub(crate) world: &'s dyn World,
    pub(crate) scratch: &'s Path,
    /// Bytes of a request that are still bounded.
    pub(crate) largest: usize,
}

/// Looks at a source of `sound` items and `rejected` other rows; `nowhere` points to nothing, `malformed` to what no
/// trying again makes better.
pub(crate) async fn source(
    subject: &dyn PosConnector,
    (sound, rejected): (usize, usize),
    nowhere: &dyn PosConnector,
    malformed: &dyn PosConnector,
) -> Breaches {
    let mut verdict = Verdict(agent_node::connector::conformance::source(subject, sound, rejected).await);
    for (absent, passes) in [(nowhere, true), (malformed, false)] {
        for failure in [absent.check().await.err(), absent.discover().await.err(), absent.open().await.err()]
        {
            let told = failure.is_some_and(|failure| {
                failure.code.retry_helps() == passes && failure.detail.split_whitespace().count() > 4
            });
            verdict.must(told, "what is wrong has a sentence, and a code that says whether it may pass");
        }
    }
    if let Ok(mut reading) = subject.open().await {
        verdict.must(reading.batches.next().await.is_some(), "a first batch comes");
        let asked = Instant::now();
        drop(reading);
        verdict.must(asked.elapsed() < Duration::from_secs(1), "it stops within a second");
        verdict.must(subject.check().await.is_ok(), "a reading that was dropped is in nobody's way");
    }
    verdict.0
}

/// Looks at what a source makes of a mapping.
pub(crate) async fn mapped(
    config: SourceConfig,
    credentials: Option<Credentials>,
    means: &Means,
) -> Breaches {
    agent_node::connector::conformance::mapped(&config, credentials.as_ref(), means).await.unwrap()
}

/// Rules that were broken; empty is good.
pub(crate) type Breaches = Vec<String>;

struct Verdict(Breaches);

impl Verdict {
    fn must(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.0.push(rule.to_owned());
        }
    }
}

/// Looks at a platform's connector whose world is empty.
pub(crate) async fn platform(subject: &Subject<'_>) -> Breaches {
    let mut verdict = Verdict(Vec::new());
    nothing_too_early(subject, &mut verdict).await;
    same_run_twice(subject, &mut verdict).await;
    rejects(subject, &mut verdict).await;
    cancel(subject, &mut verdict).await;
    failures(subject, &mut verdict).await;
    let left = std::fs::read_dir(subject.scratch).map_or(0, Iterator::count);
    verdict.must(left == 0, "nothing stays on the agent's disk");
    verdict.must(subject.world.largest() <= subject.largest, "requests are bounded");
    verdict.0
}

async fn nothing_too_early(subject: &Subject<'_>, verdict: &mut Verdict) {
    let world = subject.world;
    verdict.must(subject.connector.check().await.is_ok(), "check passes when the destination is there");
    verdict.must(world.articles().is_empty(), "check changes nothing");
    if let Ok(mut sink) = subject.connector.open(&ForRun::alone(RunId::new())).await {
        verdict.must(sink.write(&rows(3)).await.is_ok(), "items can be written");
        verdict.must(world.articles().is_empty(), "nothing is sent before the source was read to its end");
        sink.abort().await;
    }
    verdict.must(world.articles().is_empty(), "nothing is visible after abort");
}

async fn same_run_twice(subject: &Subject<'_>, verdict: &mut Verdict) {
    let (world, items) = (subject.world, rows(777));
    let run = ForRun::alone(RunId::new());
    for time in ["once", "twice"] {
        let sent = drive_as(subject.connector, &run, &items).await.map_or(0, |driven| driven.sent);
        verdict.must(sent == 777, "every item is counted as sent");
        verdict.must(world.articles() == articles(&items), &format!("sent {time}, every item is there once"));
    }
    let dearer: Vec<_> = (0..777).map(|number| priced(number, "2.75")).collect();
    world.fail(Fault::CutAfter);
    let again = drive(subject.connector, &dearer).await;
    verdict.must(
        again.is_ok_and(|driven| !driven.notes.is_empty()),
        "an answer that is lost is got over, and told",
    );
    verdict.must(
        world.articles() == articles(&dearer),
        "a later run changes what is there, also over a cut line",
    );
}

async fn rejects(subject: &Subject<'_>, verdict: &mut Verdict) {
    subject.world.refuse("A-900");
    let driven =
        drive(subject.connector, &[priced(899, "1.00"), priced(900, "1.00"), priced(901, "1.00")]).await;
    let driven = driven.unwrap_or_default();
    verdict.must(driven.sent == 2, "the rest goes on when an item is not taken");
    let told = driven.rejects.first().is_some_and(|reject| reject.row == 902 && reject.reason.len() > 8);
    verdict.must(driven.rejects.len() == 1 && told, "a reject has its row and reason");
}

async fn cancel(subject: &Subject<'_>, verdict: &mut Verdict) {
    subject.world.fail(Fault::Silence);
    let Ok(mut sink) = subject.connector.open(&ForRun::alone(RunId::new())).await else { return };
    verdict.must(sink.write(&rows(3)).await.is_ok(), "items can be written");
    let cut_short = tokio::time::timeout(Duration::from_millis(200), async {
        while let Ok(Some(_)) = sink.deliver().await {}
    });
    verdict.must(cut_short.await.is_err(), "it waits for an answer");
    let asked = Instant::now();
    sink.abort().await;
    drop(sink);
    verdict.must(asked.elapsed() < Duration::from_secs(1), "it stops within a second");
}

async fn failures(subject: &Subject<'_>, verdict: &mut Verdict) {
    let world = subject.world;
    let absent = subject.nowhere.check().await;
    verdict.must(
        absent.is_err_and(|failure| failure.code.retry_helps() && failure.detail.len() > 20),
        "nobody there: may pass, and is told in a sentence",
    );
    let refused = drive(subject.stranger, &rows(1)).await;
    verdict.must(
        refused.is_err_and(|failure| !failure.code.retry_helps() && failure.detail.len() > 20),
        "wrong credentials: do not pass by themselves, and are told in a sentence",
    );
    for _ in 0..TRIES {
        world.fail(Fault::Instead(Reply::empty(503)));
    }
    let down = drive(subject.connector, &rows(1)).await;
    verdict.must(
        down.is_err_and(|failure| failure.code.retry_helps()),
        "a server that fails: given up, may pass",
    );
}

#[tokio::test]
async fn csv_conforms_as_one_file_and_as_several() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("items-1.csv"), csv_of(2_000) + "x,,1,1\n").unwrap();
    std::fs::write(path("broken.csv"), "one,two\n1,2\n").unwrap();
    for name in ["items-1.csv", "broken.csv"] {
        settle(&path(name));
    }
    let connector =
        |name: &str| CsvConnector::new(CsvSource { path: shown(&path(name)), ..CsvSource::default() });
    for name in ["items-1.csv", "items-?.csv"] {
        let breaches =
            source(&connector(name), (2_000, 1), &connector("none-*.csv"), &connector("broken.csv")).await;
        assert_eq!(breaches, [""; 0]);
    }
}
