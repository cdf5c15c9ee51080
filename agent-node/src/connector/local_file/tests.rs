//! The local file destination on a real folder.

use std::fs;
use std::path::PathBuf;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::connector::{FileFormat, LocalFileDestination};
use messages::{ErrorCode, RunId};

use super::LocalFileConnector;
use crate::connector::conformance::{self, Outside};
use crate::connector::{Answer, DestinationConnector, ForRun, ItemSink, Numbered, Receipt, leftovers};

struct Folder(PathBuf);

impl Outside for Folder {
    fn finished(&self) -> Option<Vec<u8>> {
        fs::read(self.0.join("items.csv")).ok()
    }

    fn leftovers(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.0) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "items.csv").collect()
    }
}

fn connector(path: PathBuf) -> LocalFileConnector {
    LocalFileConnector::new(LocalFileDestination {
        path: path.to_str().unwrap().into(),
        format: FileFormat::Csv,
    })
}

#[tokio::test]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("shop/new");
    let breaches = conformance::destination(&connector(out.join("items.csv")), &Folder(out)).await;
    assert_eq!(breaches, [""; 0]);
}

#[tokio::test]
async fn a_place_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    for path in ["file/items.csv", "."] {
        let failure = connector(folder.path().join(path)).check().await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::DestinationFailed, "{path}");
    }
    let taken = folder.path().join("taken");
    fs::create_dir_all(taken.join("inside")).unwrap();
    let mut sink = connector(taken).open(&ForRun::alone(RunId::new())).await.unwrap();
    assert_eq!(sink.finish().await.unwrap_err().code, ErrorCode::DestinationFailed);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_has_its_own_code() {
    let error = fs::File::options()
        .write(true)
        .open("/dev/full")
        .and_then(|mut full| std::io::Write::write_all(&mut full, b"x"))
        .unwrap_err();
    assert!(crate::disk::is_full(&error), "{error:?}");
}

#[tokio::test]
async fn what_a_finished_run_left_is_taken_away_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let [over, open] = [RunId::new(), RunId::new()];
    let temp = |name: &str, run: RunId| leftovers::temp_name(name, &run.to_string());
    let kept = [temp("items.csv", open), temp("other.csv", over), "items.csv.bak".to_owned()];
    for name in kept.iter().chain([&temp("items.csv", over)]) {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let run = ForRun { run_id: RunId::new(), over: vec![over] };
    let mut sink = connector(folder.path().join("items.csv")).open(&run).await.unwrap();
    sink.finish().await.unwrap();
    let mut left = Folder(folder.path().into()).leftovers();
    left.sort();
    let mut kept = kept.to_vec();
    kept.sort();
    assert_eq!(left, kept);
}

/// Writes straight to the final name, as a careless plugin would.
struct Careless(PathBuf);

struct CarelessSink(PathBuf, u64);

impl DestinationConnector for Careless {
    fn check(&self) -> Answer<'_, String> {
        async { Ok(String::new()) }.boxed()
    }

    fn open<'a>(&'a self, _run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        async { Ok(Box::new(CarelessSink(self.0.clone(), 0)) as Box<dyn ItemSink>) }.boxed()
    }
}

impl ItemSink for CarelessSink {
    fn write<'a>(&'a mut self, rows: &'a [Numbered]) -> Answer<'a, u64> {
        self.1 += rows.len() as u64;
        fs::write(&self.0, "x").unwrap();
        async { Ok(1) }.boxed()
    }

    fn finish(&mut self) -> Answer<'_, Receipt> {
        async { Ok(Receipt { bytes: self.1, place: String::new() }) }.boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

#[tokio::test]
async fn the_conformance_run_finds_a_broken_connector() {
    let folder = tempfile::tempdir().unwrap();
    let careless = Careless(folder.path().join("items.csv"));
    let breaches = conformance::destination(&careless, &Folder(folder.path().into())).await;
    for rule in
        ["nothing is visible before finish", "nothing is visible after abort", "the receipt names the bytes"]
    {
        assert!(breaches.iter().any(|breach| breach == rule), "{rule} in {breaches:?}");
    }
}
