//! The local file destination on a real folder.

use std::fs;
use std::path::PathBuf;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::connector::{FileFormat, LocalFileDestination};
use messages::item::Item;
use messages::{ErrorCode, RunId};

use super::LocalFileConnector;
use crate::connector::conformance::{self, Outside};
use crate::connector::{Answer, DestinationConnector, ItemSink, Receipt};

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
    let mut sink = connector(taken).open(RunId::new()).await.unwrap();
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

/// Writes straight to the final name, as a careless plugin would.
struct Careless(PathBuf);

struct CarelessSink(PathBuf, u64);

impl DestinationConnector for Careless {
    fn check(&self) -> Answer<'_, String> {
        async { Ok(String::new()) }.boxed()
    }

    fn open(&self, _run_id: RunId) -> Answer<'_, Box<dyn ItemSink>> {
        async { Ok(Box::new(CarelessSink(self.0.clone(), 0)) as Box<dyn ItemSink>) }.boxed()
    }
}

impl ItemSink for CarelessSink {
    fn write<'a>(&'a mut self, items: &'a [Item]) -> Answer<'a, u64> {
        self.1 += items.len() as u64;
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
