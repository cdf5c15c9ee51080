//! A retailer's ingestion moves between nodes of a cluster while an edge sends: its owner is killed, the next one is drained.

use messages::http::edges::EdgeView;
use rustix::process::Signal;

use super::super::api::Api;
use super::super::cluster::nodes::Cluster;
use super::super::wait::until;
use super::line::Line;
use super::machine::Edge;
use super::scene::Office;

/// How far the edge's stream has come at the hub.
async fn settled(office: &Office) -> Option<u64> {
    let path = format!("{}/edges?store_id={}", office.of, office.store);
    let page: messages::http::paging::Page<EdgeView> = office.api.try_get(&path).await?;
    Some(page.items.first()?.stream.as_ref()?.settled_seq)
}

/// Events come in after this moment.
async fn goes_on(office: &Office) {
    let before = until("an answer about the edge", || settled(office)).await;
    until("more events at the hub", || async { settled(office).await.filter(|now| *now > before + 60) })
        .await;
}

#[tokio::test]
async fn process_ingestion_moves_with_its_retailer_and_every_sale_counts_once_in_order() {
    let mut cluster = Cluster::start(3).await;
    let first = Api::set_up(&cluster.nodes[0].url).await;
    let view = Cluster::until_even(&first, 3).await;
    let mut office = Office::open(&first, "freshmart").await;
    let owner = cluster.owner(&view, &office.retailer);
    let entrance = (owner + 1) % 3;
    // Beside the owner: every batch takes the link between two nodes.
    let line = Line::to(&cluster.nodes[entrance].url).await;
    let token = office.token().await;
    let folder = cluster.folder.path().join("edge");
    let mut edge = Edge::enrol(&folder, &line.url(), &token, "grpc").await;
    edge.start().await;
    let selling = edge.sell_at(5, 100_000, 5, 40);
    office.api = first.at(&cluster.nodes[entrance].url);
    goes_on(&office).await;

    let entrance = cluster.nodes[entrance].name.clone();
    cluster.nodes.remove(owner).kill();
    let view = Cluster::until_even(&office.api, 2).await;
    goes_on(&office).await;
    // Through the node that stays, when the new owner is told to go.
    let owner = cluster.owner(&view, &office.retailer);
    let stays = 1 - owner;
    if cluster.nodes[stays].name != entrance {
        line.lead_to(&cluster.nodes[stays].url);
        office.api = first.at(&cluster.nodes[stays].url);
        goes_on(&office).await;
    }
    let mut drained = cluster.nodes.remove(owner);
    drained.signal(Signal::TERM);
    drained.ended().await;
    goes_on(&office).await;

    selling.close_the_doors();
    selling.all_served().await.unwrap();
    office.reconcile(&edge).await;
    drop(edge);
    assert!(!cluster.logs().contains("panicked"));
    cluster.stop().await;
}
