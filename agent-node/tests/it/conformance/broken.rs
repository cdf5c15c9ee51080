//! Connectors that break the rules on purpose: a suite that does not find them is worth nothing.

use std::sync::{Arc, Mutex};

use agent_node::connector::{
    Answer, Batch, Delivered, DestinationConnector, Failure, ForRun, FoundColumn, ItemSink, Numbered,
    PosConnector, Reading, Receipt,
};
use futures_util::future::BoxFuture;
use messages::ErrorCode;

use super::{Subject, World};
use crate::platform::{Articles, Fault};

/// Sends at once, adds what is there already a second time, takes no fault seriously, and names no reasons.
#[derive(Clone, Default)]
struct Careless(Arc<Mutex<Vec<(String, String)>>>);

struct CarelessSink(Careless);

impl DestinationConnector for Careless {
    fn check(&self) -> Answer<'_, String> {
        Box::pin(async { Ok(String::new()) })
    }

    fn open<'a>(&'a self, _: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        Box::pin(async { Ok(Box::new(CarelessSink(self.clone())) as Box<dyn ItemSink>) })
    }
}

impl ItemSink for CarelessSink {
    fn write<'a>(&'a mut self, rows: &'a [Numbered]) -> Answer<'a, u64> {
        let mut there = self.0.0.lock().unwrap();
        for row in rows {
            let count = there.iter().filter(|(sku, _)| sku.starts_with(&row.item.sku)).count();
            there.push((format!("{}{}", row.item.sku, "'".repeat(count)), row.item.price.to_string()));
        }
        Box::pin(async { Ok(0) })
    }

    fn deliver(&mut self) -> Answer<'_, Option<Delivered>> {
        Box::pin(async { Ok(None) })
    }

    fn finish(&mut self) -> Answer<'_, Receipt> {
        Box::pin(async { Ok(Receipt { bytes: 0, place: String::new() }) })
    }

    fn abort(&mut self) -> BoxFuture<'_, ()> {
        let late = std::time::Duration::from_millis(1_200);
        Box::pin(tokio::time::sleep(late)) // slow: longer than a connector may take to stop
    }
}

/// Fails for every reason with one code, which is the wrong one as often as not.
struct Vague(ErrorCode);

impl DestinationConnector for Vague {
    fn check(&self) -> Answer<'_, String> {
        Box::pin(async { Err(Failure::new(self.0, "error")) })
    }

    fn open<'a>(&'a self, _: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        Box::pin(async { Err(Failure::new(self.0, "error")) })
    }
}

impl World for Careless {
    fn articles(&self) -> Articles {
        self.0.lock().unwrap().iter().cloned().collect()
    }

    fn refuse(&self, _: &str) {}

    fn fail(&self, _: Fault) {}

    fn largest(&self) -> usize {
        usize::MAX
    }
}

#[tokio::test]
async fn a_careless_connector_is_found_out() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("left"), "x").unwrap();
    let careless = Careless::default();
    let subject = Subject {
        connector: &careless,
        stranger: &Vague(ErrorCode::DestinationFailed),
        nowhere: &Vague(ErrorCode::DestinationRefused),
        world: &careless,
        scratch: scratch.path(),
        largest: 1,
    };
    let breaches = super::platform(&subject).await;
    for rule in [
        "nothing is sent before the source was read to its end",
        "nothing is visible after abort",
        "every item is counted as sent",
        "sent twice, every item is there once",
        "an answer that is lost is got over, and told",
        "the rest goes on when an item is not taken",
        "a reject has its row and reason",
        "it waits for an answer",
        "it stops within a second",
        "nobody there: may pass, and is told in a sentence",
        "wrong credentials: do not pass by themselves, and are told in a sentence",
        "a server that fails: given up, may pass",
        "nothing stays on the agent's disk",
        "requests are bounded",
    ] {
        assert!(breaches.iter().any(|breach| breach == rule), "{rule} in {breaches:?}");
    }
}

/// Hands over everything at once, without rows, and calls every failure final.
struct Greedy;

impl PosConnector for Greedy {
    fn check(&self) -> Answer<'_, String> {
        Box::pin(async { Err(Failure::new(ErrorCode::SourceMalformed, "error")) })
    }

    fn discover(&self) -> Answer<'_, Vec<FoundColumn>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn open(&self) -> Answer<'_, Reading> {
        let rows = (0..2_000).map(|number| Ok(Numbered { row: 0, ..crate::platform::row(number) })).collect();
        let batch = Batch { rows, ..Batch::default() };
        let batches = Box::pin(futures_util::stream::iter([Ok(batch)]));
        Box::pin(async { Ok(Reading { bytes_total: 5, batches, afterwards: None }) })
    }
}

#[tokio::test]
async fn a_greedy_source_is_found_out() {
    let breaches = super::source(&Greedy, (2_000, 1), &Greedy, &Greedy).await;
    for rule in [
        "check passes when the source is there",
        "discover finds the required fields",
        "batches are bounded",
        "rows are numbered in their order",
        "every other row is rejected",
        "all bytes are counted",
        "what is wrong has a sentence, and a code that says whether it may pass",
        "a reading that was dropped is in nobody's way",
    ] {
        assert!(breaches.iter().any(|breach| breach == rule), "{rule} in {breaches:?}");
    }
}
