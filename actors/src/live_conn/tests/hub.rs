//! The hub actor: its restart, and the dashboard.

use std::time::Duration;

use messages::live::{Tick, ToConsole, Topic, Totals};
use messages::permission::{RetailerScope, Role};
use messages::{RetailerId, Version};

use super::{Live, Tab, missed, row};
use crate::failpoint;
use crate::ports::{LiveFeed as _, Publication, Today};
use crate::retailer::request::{Request, Response};
use crate::testkit::wait_until;

async fn totals(tab: &mut Tab) -> Totals {
    match tab.next().await {
        ToConsole::Tick { topic: Topic::Dashboard, ticks } => match &ticks[..] {
            [Tick::Totals { totals }] => totals.clone(),
            other => panic!("not totals: {other:?}"),
        },
        other => panic!("not a tick: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_of_the_hub_consoles_rejoin_and_miss_nothing() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let mut gone = live.admin().await;
    let topic = Topic::Retailer(RetailerId::new());
    tab.follow(topic).await;
    failpoint::arm("live_conn.frame", 1);
    gone.say(messages::live::FromConsole::Ping);
    assert_eq!(gone.out.recv().await, None);
    live.router.script(|request| match request {
        Request::Watch { since: Some(Version(since)), .. } => Some(Ok(Response::Watched(missed(*since, 7)))),
        _ => None,
    });
    failpoint::arm("live_hub.publish", 1);
    live.commit(topic, 6);
    live.commit(topic, 7);
    assert_eq!(tab.delta().await, (5, 7), "both were lost in the panic");
    assert_eq!(live.watches(), [(topic, None), (topic, Some(5))]);
    live.commit(topic, 8);
    assert_eq!(tab.delta().await, (7, 8));
    assert_eq!(live.consoles.all().len(), 1, "the one that panicked is forgotten");
    let actors = live.register.list().await.actors;
    assert_eq!(actors.iter().find(|actor| actor.kind == "live_hub").unwrap().restarts, 1);
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_dashboard_shows_each_scope_its_own_totals_and_only_changes() {
    let live = Live::start().await;
    let (a, b) = (RetailerId::new(), RetailerId::new());
    live.let_in("some", Role::Manager, RetailerScope { allow: Some(vec![a]), deny: vec![] });
    let mut all = live.admin().await;
    let mut some = live.open().await;
    some.hello("some").await;
    for tab in [&mut all, &mut some] {
        tab.follow(Topic::Dashboard).await;
    }
    for tab in [&mut all, &mut some] {
        assert_eq!(totals(tab).await.retailers, 0);
    }
    live.consoles.publish(Publication::Summary(row(a, 1)));
    live.consoles.publish(Publication::Summary(row(b, 1)));
    assert_eq!(totals(&mut all).await.agents_online, 2, "two changes in a second, told at once");
    assert_eq!(totals(&mut some).await.agents_online, 1);
    live.consoles.publish(Publication::Summary(row(b, 1)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    all.quiet().await;
    live.consoles.publish(Publication::Summary(row(b, 2)));
    assert_eq!(totals(&mut all).await.agents_online, 3);
    tokio::time::sleep(Duration::from_secs(2)).await;
    some.quiet().await;
    live.consoles.publish(Publication::Gone(b));
    assert_eq!(totals(&mut all).await.retailers, 1);
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_dashboard_is_asked_for_again_when_the_store_was_away() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    tab.follow(Topic::Dashboard).await;
    totals(&mut tab).await;
    *live.figures.failures.lock().unwrap() = 2;
    *live.figures.today.lock().unwrap() = Today { runs: 3, ..Today::default() };
    live.consoles.publish(Publication::Summary(row(RetailerId::new(), 1)));
    let totals = totals(&mut tab).await;
    assert_eq!((totals.runs_today, totals.retailers), (3, 1));
    let asked = *live.figures.asked.lock().unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(*live.figures.asked.lock().unwrap(), asked, "nothing is asked at rest");
    live.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_is_told_when_it_changes() {
    let live = Live::start().await;
    let mut tab = live.admin().await;
    let retailer = RetailerId::new();
    tab.follow(Topic::Summary(retailer)).await;
    live.consoles.publish(Publication::Summary(row(retailer, 1)));
    live.consoles.publish(Publication::Summary(row(retailer, 1)));
    let tick = Tick::Summary { summary: row(retailer, 1) };
    assert_eq!(tab.next().await, ToConsole::Tick { topic: Topic::Summary(retailer), ticks: vec![tick] });
    tab.quiet().await;
    wait_until("the fleet has it", || live.fleet.overlay(vec![row(retailer, 0)])[0].agents_online == 1).await;
    live.finish().await;
}
