//! Nodes find each other, lose each other, and find each other again.

use std::time::Duration;

use hub_node::cluster::link::{AskError, LinkState, Lost, Peer};
use messages::ids::BootId;
use ractor::pg;

use super::node::{Certs, Event, Node, Other, QUICK, pair, until};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn process_both_nodes_can_ask_whichever_of_them_dials() {
    for dials in [true, false] {
        let certs = Certs::new();
        let (node, other) = pair(&certs, QUICK, dials).await;
        assert_eq!(node.ask(other.boot, "echo hello", LONG).await.unwrap(), "hello");
        assert_eq!(node.events(), [Event::Up(other.boot)]);
        let view = node.view(other.boot).unwrap();
        assert_eq!((view.state, view.problem), (LinkState::Up, None));
        assert_eq!(view.address.as_deref(), Some(other.address.as_str()));
        until("a heartbeat to be measured", || node.view(other.boot)?.round_trip).await;
        drop(other);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_three_nodes_are_linked_each_with_each() {
    let certs = Certs::new();
    let boots = [BootId::new(), BootId::new(), BootId::new()];
    let mut first = Other::start(certs.path(), boots[0], QUICK);
    let node = Node::start(certs.path(), boots[1], QUICK).await;
    let mut last = Other::start(certs.path(), boots[2], QUICK);
    let all = [first.peer(), node.peer(), last.peer()];
    first.keep(&all);
    last.keep(&all);
    node.links.keep(all.to_vec());
    for peer in [boots[0], boots[2]] {
        node.until_up(peer).await;
        assert_eq!(node.ask(peer, "echo you", LONG).await.unwrap(), "you");
    }
    assert_eq!(node.view(boots[0]).unwrap().state, LinkState::Up);
    // It is in its own list and has no link with itself.
    assert_eq!(node.ask(boots[1], "echo me", LONG).await, Err(AskError::NoLink));
    assert_eq!(node.links.views().len(), 2);

    // One node's end is not the others' business.
    last.kill();
    node.until_down(boots[2]).await;
    assert_eq!(node.ask(boots[0], "echo still", LONG).await.unwrap(), "still");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_node_that_is_not_listed_any_more_is_cut_and_comes_back_when_it_is() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, false).await;
    let hanging = {
        let (links, to) = (node.links.clone(), other.boot);
        tokio::spawn(async move { links.ask(to, "hang".into(), LONG, None).await })
    };
    until("the question to be under way", || (node.view(other.boot)?.in_flight == 1).then_some(())).await;
    node.links.keep(Vec::new());
    assert_eq!(hanging.await.unwrap(), Err(AskError::Unknown));
    assert_eq!(node.ask(other.boot, "echo", LONG).await, Err(AskError::NoLink));

    // It dials again, as it does not know that it is not listed: it is let in for a while and not announced.
    let stranger = || Some(node.view(other.boot)?.state == LinkState::Stranger)?.then_some(());
    until("it to be a stranger", stranger).await;
    assert!(!node.links.is_up(other.boot));
    let gone = || node.view(other.boot).is_none_or(|view| view.state != LinkState::Stranger).then_some(());
    until("the stranger to be cut", gone).await;
    assert_eq!(node.events(), [Event::Up(other.boot), Event::Down(other.boot, Lost::Unlisted)]);

    node.links.keep(vec![other.peer()]);
    node.until_up(other.boot).await;
    assert_eq!(node.ask(other.boot, "echo again", LONG).await.unwrap(), "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_new_process_at_the_same_address_is_linked_and_never_taken_for_the_old_one() {
    let certs = Certs::new();
    let (node, mut other) = pair(&certs, QUICK, true).await;
    let (old, address) = (other.boot, other.address.clone());
    other.kill();
    node.until_down(old).await;
    let mut next = Other::start_at(certs.path(), BootId::new(), QUICK, &address, "test");
    next.keep(&[node.peer()]);
    // As long as only the old process is listed, the new one is told apart.
    let told_apart = || node.view(old)?.problem.filter(|problem| problem.contains(&next.boot.to_string()));
    until("the mistake to be noticed", told_apart).await;
    node.links.keep(vec![next.peer()]);
    node.until_up(next.boot).await;
    assert_eq!(node.ask(next.boot, "echo new", LONG).await.unwrap(), "new");
    assert!(node.view(old).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_node_that_was_not_there_yet_is_found_when_it_comes() {
    let certs = Certs::new();
    let node = Node::start(certs.path(), BootId::new(), QUICK).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let boot = BootId::new();
    node.links.keep(vec![Peer { boot, address: port.clone() }]);
    let refused = || node.view(boot)?.problem.filter(|problem| problem.contains("refused"));
    until("the first attempts to fail", refused).await;
    let mut other = Other::start_at(certs.path(), boot, QUICK, &port, "test");
    other.keep(&[node.peer()]);
    node.until_up(boot).await;
    assert_eq!(node.view(boot).unwrap().problem, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn process_the_keeper_is_rebuilt_with_all_links_when_a_part_of_it_dies() {
    let certs = Certs::new();
    let (node, other) = pair(&certs, QUICK, true).await;
    let group = format!("link:{}", node.boot);
    let mine = pg::get_scoped_local_members(&"hub".to_owned(), &group);
    mine.first().unwrap().kill();
    node.until_down(other.boot).await;
    node.until_up(other.boot).await;
    assert_eq!(node.ask(other.boot, "echo again", LONG).await.unwrap(), "again");
    let down = Event::Down(other.boot, Lost::Stopped);
    assert_eq!(node.events(), [Event::Up(other.boot), down, Event::Up(other.boot)]);
    let actors = node.register.list().await.actors;
    let links = actors.iter().find(|actor| actor.path == "hub/links").unwrap();
    assert_eq!((links.restarts, &links.snapshot["up"]), (1, &1.into()));
}
