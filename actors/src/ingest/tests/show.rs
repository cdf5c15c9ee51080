//! What consoles are told, and who is heard of.

use std::time::Duration;

use messages::edge::pulse::EdgePulse;
use messages::live::{LedgerMark, Tick, Topic};
use messages::run::Presence;
use messages::{ErrorCode, StreamId};

use super::super::request::{EdgeReply, EdgeRequest, Heard};
use super::super::show::SHOW_EVERY;
use super::faults::Bench;
use super::samples::{Till, hash};
use crate::ports::{LedgerBrief, Publication};
use crate::testkit::wait_until;

fn pulse(till: &Till, unsent: u64) -> EdgeRequest {
    let pulse = EdgePulse { stream_id: StreamId::new(), unsent, oldest_unsent_at: None, version: "1".into() };
    EdgeRequest::Pulse { edge: till.edge, credential: till.credential, pulse }
}

impl Bench {
    fn marks(&self) -> Vec<LedgerMark> {
        let ticks = self.world.ticks(|topic| topic == Topic::Stores(self.retailer));
        let mark = |tick: &Tick| if let Tick::Ledger { mark } = tick { Some(*mark) } else { None };
        ticks.iter().filter_map(mark).collect()
    }

    fn briefs(&self) -> Vec<LedgerBrief> {
        let all = self.world.publications();
        let brief = |it: &Publication| if let Publication::Stores(brief) = it { Some(*brief) } else { None };
        all.iter().filter_map(brief).collect()
    }

    async fn mark(&self) -> LedgerMark {
        match self.ask(EdgeRequest::Mark).await.unwrap() {
            EdgeReply::Mark(mark) => mark,
            other => panic!("{other:?}"),
        }
    }

    async fn heard(&self) -> Vec<Heard> {
        match self.ask(EdgeRequest::Heard).await.unwrap() {
            EdgeReply::Heard(heard) => heard,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_rounds_there_are_consoles_are_told_twice_a_second() {
    let bench = Bench::new().await;
    let till = bench.till(1, 40).await;
    tokio::time::sleep(SHOW_EVERY * 2).await; // slow: virtual time, until the enrolment has been told
    let (before, told) = (bench.mark().await, bench.marks().len());
    for n in 1..=40 {
        bench.ingest(till.batch(n, n)).await.unwrap();
    }
    let after = bench.mark().await;
    assert_eq!(after.version.0, before.version.0 + 40);
    wait_until("the last of it is told", || bench.marks().last() == Some(&after)).await;
    let told = bench.marks().len() - told;
    // All forty took no time: one at their beginning, one a rest later.
    assert!((1..=3).contains(&told), "told {told} times");
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_pulse_shows_at_once_and_silence_after_a_while() {
    let bench = Bench::new().await;
    let till = bench.till(1, 1).await;
    assert_eq!(bench.heard().await[0].presence, Presence::Unknown);
    bench.ask(pulse(&till, 7)).await.unwrap();
    let heard = bench.heard().await.remove(0);
    assert_eq!((heard.presence, heard.pulse.unwrap().unsent), (Presence::Online, 7));
    let after = bench.mark().await;
    wait_until("it is told", || bench.marks().last() == Some(&after)).await;
    bench.clock(Duration::from_secs(31));
    wait_until("its silence is told", || bench.marks().last().is_some_and(|mark| mark.pulse > after.pulse))
        .await;
    wait_until("dashboards know", || bench.briefs().last().is_some_and(|brief| brief.devices.online == 0))
        .await;
    assert_eq!(bench.heard().await[0].presence, Presence::Unknown);
    bench.ingest(till.all()).await.unwrap();
    assert_eq!(bench.heard().await[0].presence, Presence::Online, "a batch is a sign of life too");
    bench.close().await;
}

#[tokio::test]
async fn a_pulse_needs_the_credential_of_its_place() {
    let bench = Bench::new().await;
    let till = bench.till(1, 1).await;
    let stranger = Till { credential: hash(9), ..till.clone() };
    assert_eq!(bench.ask(pulse(&stranger, 1)).await.unwrap_err().code, ErrorCode::BadCredentials);
    assert_eq!(bench.heard().await[0].presence, Presence::Unknown);
    let revoke = EdgeRequest::Revoke { edge: till.edge, author: super::samples::author() };
    bench.ask(revoke).await.unwrap();
    assert_eq!(bench.ask(pulse(&till, 1)).await.unwrap_err().code, ErrorCode::EdgeRevoked);
    bench.close().await;
}
