//! Who is connected, told to consoles when it changes and not when it does not.

use std::time::Duration;

use messages::live::{Change, Entity, Tick};
use messages::run::Presence;
use messages::{AgentId, ErrorCode, RunId};

use crate::domain::EntityId;
use crate::ports::Publication;
use crate::retailer::request::{Draft, Request};
use crate::testkit::bench::Bench;
use crate::testkit::samples::{agent_spec, author, conn, create, hash, machine};
use messages::Timestamp;
use messages::agent::ToAgent;

fn presences(bench: &Bench, of: AgentId) -> Vec<Presence> {
    let ticks = bench.world.ticks(|_| true);
    let theirs = ticks.iter().filter_map(|tick| match tick {
        Tick::Presence { agent_id, presence, .. } if *agent_id == of => Some(*presence),
        _ => None,
    });
    theirs.collect()
}

async fn alive(bench: &Bench, conn: crate::ports::ConnAddr, active: Vec<RunId>) {
    bench.ask(Request::Alive { conn, active }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_step_by_step_and_a_sign_of_life_ends_it() {
    use Presence::{Busy, Down, Online, Unknown};
    let bench = Bench::new().await;
    let site = bench.site().await;
    let socket = conn(site.agent, 1);
    bench.attach(socket).await.unwrap();
    assert_eq!(presences(&bench, site.agent), [Online]);
    alive(&bench, socket, vec![]).await;
    assert_eq!(presences(&bench, site.agent), [Online], "nothing has changed");
    alive(&bench, socket, vec![RunId::new()]).await;
    assert_eq!(presences(&bench, site.agent), [Online, Busy]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(presences(&bench, site.agent), [Online, Busy, Unknown]);
    assert_eq!(bench.world.summaries().last().unwrap().agents_online, 0);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(presences(&bench, site.agent), [Online, Busy, Unknown, Down]);
    alive(&bench, socket, vec![]).await;
    assert_eq!(presences(&bench, site.agent), [Online, Busy, Unknown, Down, Online]);
    assert_eq!(bench.world.summaries().last().unwrap().agents_online, 1);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn one_silent_agent_does_not_delay_the_news_of_another() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let other = AgentId::new();
    bench.ask(create(EntityId::Agent(other), Draft::Agent(agent_spec("Other")))).await.unwrap();
    let expires_at = Timestamp::now() + Duration::from_secs(600);
    let offer = Request::OfferEnrolment { agent: other, token: hash(3), expires_at, author: author() };
    bench.ask(offer).await.unwrap();
    let enrol = Request::Enrol { agent: other, token: hash(3), credential: hash(2), machine: machine() };
    bench.ask(enrol).await.unwrap();
    bench.attach(conn(site.agent, 1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(40)).await;
    // The next change of the first is 80 s away, that of the second 30 s.
    bench.attach(conn(other, 1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(presences(&bench, other), [Presence::Online, Presence::Unknown]);
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(presences(&bench, site.agent), [Presence::Online, Presence::Unknown, Presence::Down]);
    bench.finish().await;
}

#[tokio::test]
async fn a_newer_socket_takes_over_and_the_older_is_sent_away() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let (old, new) = (conn(site.agent, 1), conn(site.agent, 2));
    bench.attach(old).await.unwrap();
    bench.attach(new).await.unwrap();
    let frames = bench.world.frames();
    let away = |(to, frame): &(_, ToAgent)| {
        *to == old && matches!(frame, ToAgent::Bye { code: ErrorCode::AgentSuperseded, .. })
    };
    assert!(frames.iter().any(away), "{frames:?}");
    let refusal = bench.refusal(Request::Alive { conn: old, active: vec![] }).await;
    assert_eq!(refusal, ErrorCode::AgentSuperseded);
    assert_eq!(bench.attach(old).await.unwrap_err().code, ErrorCode::AgentSuperseded);
    bench.ask(Request::Detach { conn: old }).await.unwrap();
    assert_eq!(bench.world.summaries().last().unwrap().agents_online, 1, "the newer one is still there");
    bench.finish().await;
}

#[tokio::test]
async fn a_revoked_agent_is_sent_away_and_shown_as_gone() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    bench.attach(conn(site.agent, 1)).await.unwrap();
    bench.world.take_frames();
    bench.ask(Request::Revoke { agent: site.agent, author: author() }).await.unwrap();
    let frames = bench.world.take_frames();
    assert!(matches!(frames[..], [ToAgent::Bye { code: ErrorCode::AgentRevoked, .. }]), "{frames:?}");
    let told: Vec<_> = bench
        .world
        .publications()
        .into_iter()
        .filter_map(|publication| match publication {
            Publication::Committed { changes, .. } => Some(changes),
            _ => None,
        })
        .collect();
    let Change::Put { entity: Entity::Agent(view) } = &told.last().unwrap()[0] else { panic!("{told:?}") };
    assert_eq!(view.presence, Presence::Down);
    assert_eq!(bench.world.summaries().last().unwrap().agents_online, 0);
    assert_eq!(bench.attach(conn(site.agent, 2)).await.unwrap_err().code, ErrorCode::AgentRevoked);
    bench.finish().await;
}

#[tokio::test]
async fn a_socket_of_an_earlier_life_is_asked_to_attach_again() {
    let bench = Bench::new().await;
    let site = bench.site().await;
    let unknown = Request::Alive { conn: conn(site.agent, 1), active: vec![] };
    assert_eq!(bench.refusal(unknown).await, ErrorCode::WrongState);
    bench.finish().await;
}
