//! The cluster: its nodes, who serves which shard, how the nodes reach each other, what moved lately. Looked at again
//! every two seconds while somebody looks.

use messages::http::cluster::{ClusterView, LinkState, NodeState};
use yew::prelude::*;

use crate::components::async_view;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Empty, PageHead};
use crate::hooks::{use_console, use_every, use_fetch, use_status, use_title};
use crate::state::cluster::shares;
use crate::state::format::{count, counted};

mod links;
mod moves;
mod nodes;
mod shards;

use nodes::Nodes;

/// A move takes about a second: seldom enough for the hub, often enough to watch one.
const LOOK_MS: u32 = 2_000;

part!(pub Cluster kept by use_cluster);

#[hook]
fn use_cluster() -> Html {
    use_title("Cluster");
    let console = use_console();
    let (_, round) = use_status();
    let fetched = {
        let api = console.api.clone();
        use_fetch((), round, move |()| {
            let api = api.clone();
            async move { api.cluster().await }
        })
    };
    let again = {
        let (reload, loading) = (fetched.reload.clone(), fetched.loading);
        // A hub that takes longer than the beat is not asked twice at once.
        Callback::from(move |()| {
            if !loading {
                reload.emit(());
            }
        })
    };
    use_every(LOOK_MS, again);
    let subtitle = match &fetched.data {
        Some(view) => html! { { headline(view) } },
        None => html! { "The hub's nodes and what each of them serves." },
    };
    let drained = fetched.reload.clone();
    html! {
        <>
            { draw!(PageHead { title: "Cluster", subtitle }) }
            { match (&fetched.data, &fetched.error) {
                (None, _) => html! { { draw!(Card { children: html! { <>{ async_view::view(&fetched, 8, |_| Html::default()) }</> } }) } },
                (Some(_), _) => async_view::view(&fetched, 8, |view| body(&view, &drained)),
            } }
        </>
    }
}

fn headline(view: &ClusterView) -> String {
    let serving = view.nodes.iter().filter(|node| node.state == NodeState::Serving).count() as u64;
    format!("{} serving, as this page's node sees it.", counted(serving, "node", "nodes"))
}

fn body(view: &ClusterView, changed: &Callback<()>) -> Html {
    let alone = view.nodes.iter().filter(|node| node.state != NodeState::Dead).count() < 2;
    html! {
        <>
            if let Some(words) = about_one(view, alone) {
                <div class="note" role="note" data-testid="one-node">
                    { draw!(Glyph { icon: Icon::Info }) }
                    <div><strong>{ "There is one node" }</strong><p>{ words }</p></div>
                </div>
            }
            { tiles(view) }
            { draw!(Nodes { view: view.clone(), changed: changed.clone() }) }
            { draw!(Card { title: "Shards", count: view.shards.len() as u64, children: shards::drawn(view) }) }
            if !alone || !view.links.is_empty() {
                { draw!(Card { title: "Links", count: view.links.len() as u64, children: links::drawn(view) }) }
            }
            { draw!(Card { title: "Moves", children: if view.moves.is_empty() {
                html! { { draw!(Empty { icon: Icon::Check, title: "No shard has moved", detail: "Since this node was started, every shard stayed where it was." }) } }
            } else {
                moves::drawn(view)
            } }) }
        </>
    }
}

/// What this page can show of a cluster that is none.
fn about_one(view: &ClusterView, alone: bool) -> Option<&'static str> {
    if view.single {
        Some(
            "It runs with its embedded database, which belongs to it alone, so it serves every shard and has no links. To run more nodes, give each of them the same MONGODB_URI.",
        )
    } else if alone {
        Some(
            "It serves every shard and has no links. More nodes join by being started with the same MONGODB_URI.",
        )
    } else {
        None
    }
}

fn tiles(view: &ClusterView) -> Html {
    let of = |state| view.nodes.iter().filter(|node| node.state == state).count() as u64;
    let unserved = shares(view).get(&None).map_or(0, |shards| shards.len() as u64);
    let served = view.shards.len() as u64 - unserved;
    let figures = view.nodes.iter().filter_map(|node| node.figures);
    let (agents, consoles, retailers) = figures.fold((0, 0, 0), |(agents, consoles, retailers), f| {
        (agents + f.agent_sockets, consoles + f.console_sockets, retailers + f.retailers_active)
    });
    let up = view.links.iter().filter(|link| link.state == LinkState::Up).count() as u64;
    let links = view.links.len() as u64;
    let dead = of(NodeState::Dead);
    let tile = |name: &'static str, value: u64, of: Option<u64>, note: String, tone: &'static str| {
        html! {
            <div class={classes!("tile", tone)}>
                <dt>{ name }</dt>
                <dd class="tabular">{ count(value) }if let Some(of) = of { <span class="of">{ format!(" / {}", count(of)) }</span> }</dd>
                <dd class="tile-note">{ note }</dd>
            </div>
        }
    };
    html! {
        <dl class="tiles">
            { tile("Nodes serving", of(NodeState::Serving), None, match (of(NodeState::Leaving), dead) {
                (0, 0) => "none leaving, none dead".to_owned(),
                (leaving, dead) => format!("{leaving} leaving, {dead} dead"),
            }, if dead == 0 { "good" } else { "warn" }) }
            { tile("Shards served", served, Some(view.shards.len() as u64), if unserved == 0 { "all of them".to_owned() } else { format!("{unserved} without a node") }, if unserved == 0 { "good" } else { "bad" }) }
            { tile("Retailers active", retailers, None, "on all nodes that answered".to_owned(), "") }
            { tile("Sockets", agents + consoles, None, format!("{} agents, {} consoles", count(agents), count(consoles)), "") }
            { tile("Links up", up, Some(links), if links == 0 { "one node needs none".to_owned() } else if up == links { "all of them".to_owned() } else { format!("{} not", links - up) }, if up == links { "" } else { "bad" }) }
        </dl>
    }
}
