//! The nodes, one a row, and the way to take one out of service.

use messages::http::cluster::{ClusterView, NodeState, NodeView};
use messages::ids::BootId;
use messages::permission::Permission;
use yew::prelude::*;

use crate::components::badge::Badge;
use crate::components::button::Button;
use crate::components::confirm::Confirm;
use crate::components::layout::Card;
use crate::components::time::Time;
use crate::hooks::{use_action, use_console};
use crate::state::cluster::{called, colours, drainable, node_state, shares};
use crate::state::format::{bytes, count, counted, duration, short_id};
use crate::state::words::Hue;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub view: ClusterView,
    /// A node begins to leave.
    pub changed: Callback<()>,
}

part!(pub(super) Nodes(Props) kept by use_nodes);

#[hook]
fn use_nodes(props: &Props) -> Html {
    let console = use_console();
    let asked = use_state_eq(|| None::<BootId>);
    let drain = {
        let (api, asked, changed, console) =
            (console.api.clone(), asked.clone(), props.changed.clone(), console.clone());
        use_action(move |node: BootId| {
            let (api, asked, changed, console) =
                (api.clone(), asked.clone(), changed.clone(), console.clone());
            async move {
                api.drain(node).await?;
                asked.set(None);
                console.good("The node is being drained");
                changed.emit(());
                Ok(())
            }
        })
    };
    let view = &props.view;
    let may = console.may(Permission::SystemWrite);
    let ask = |id: Option<BootId>| {
        let asked = asked.clone();
        Callback::from(move |()| asked.set(id))
    };
    let mine = shares(view);
    let colours = colours(view);
    let row = |node: &NodeView| {
        let shards = mine.get(&Some(node.id)).map_or(0, Vec::len);
        let colour = colours.get(&node.id).copied().unwrap_or_default();
        let drain = (may && drainable(view, node)).then(|| ask(Some(node.id)));
        draw_row(view, node, (shards, colour), drain)
    };
    html! {
        <>
            { draw!(Card { title: "Nodes", count: view.nodes.len() as u64, children: html! {
                <div class="table-box">
                    <table class="table cards" data-testid="nodes">
                        <thead>
                            <tr>
                                <th>{ "Node" }</th>
                                <th>{ "State" }</th>
                                <th>{ "Address" }</th>
                                <th>{ "Version" }</th>
                                <th>{ "Started" }</th>
                                <th class="num">{ "Lease left" }</th>
                                <th class="num">{ "Shards" }</th>
                                <th class="num">{ "Agents" }</th>
                                <th class="num">{ "Consoles" }</th>
                                <th class="num">{ "Retailers" }</th>
                                <th class="num">{ "Memory" }</th>
                                <th><span class="visually-hidden">{ "Actions" }</span></th>
                            </tr>
                        </thead>
                        <tbody>{ for view.nodes.iter().map(row) }</tbody>
                    </table>
                </div>
            } }) }
            if let Some(node) = *asked {
                { draw!(Confirm {
                    title: format!("Drain {}?", called(view, node)),
                    action: "Drain",
                    busy: drain.busy,
                    on_confirm: { let run = drain.run.clone(); Callback::from(move |()| run.emit(node)) },
                    on_close: ask(None),
                    children: html! {
                        <>
                            <p>{ format!("Its {} move to the other nodes, a few at a time, and its agents and consoles connect to those.", counted(mine.get(&Some(node)).map_or(0, |shards| shards.len() as u64), "shard", "shards")) }</p>
                            <p>{ "It takes no shard again until its process is started anew. Stop it when it has none left." }</p>
                        </>
                    },
                }) }
            }
        </>
    }
}

fn draw_row(
    view: &ClusterView,
    node: &NodeView,
    (shards, colour): (usize, usize),
    drain: Option<Callback<()>>,
) -> Html {
    let (word, hue) = node_state(node.state);
    let name = called(view, node.id);
    let alive = node.state != NodeState::Dead;
    let figure = |value: Option<String>| value.unwrap_or_else(|| "—".to_owned());
    let figures = node.figures;
    let lease = format!("{} of {}", duration(node.lease_left_ms.into()), duration(view.lease_ms.into()));
    html! {
        <tr key={node.id.to_string()} data-testid="node">
            <td data-label="Node">
                <span class="node-name">
                    <i class={classes!("swatch", format!("node-{colour}"))} aria-hidden="true" />
                    <strong title={node.id.to_string()}>{ &name }</strong>
                    if node.id == view.this_node {
                        { draw!(Badge { word: "this node", hue: Hue::Quiet }) }
                    }
                </span>
                if node.name.is_some() {
                    <small class="mono dim" title={node.id.to_string()}>{ short_id(&node.id) }</small>
                }
            </td>
            <td data-label="State">
                { draw!(Badge { word, hue }) }
                if alive && figures.is_none() {
                    <small class="warn-text">{ "does not answer" }</small>
                }
            </td>
            <td data-label="Address" class="mono">
                { &node.address }
                if let Some(address) = &node.cluster_address {
                    <small class="dim">{ format!("nodes: {address}") }</small>
                }
            </td>
            <td data-label="Version" class="mono">{ &node.version }</td>
            <td data-label="Started">{ draw!(Time { at: node.started_at }) }</td>
            <td data-label="Lease left" class="num tabular">{ if alive { lease } else { "—".to_owned() } }</td>
            <td data-label="Shards" class="num tabular">{ shards }</td>
            <td data-label="Agents" class="num tabular">{ figure(figures.map(|f| count(f.agent_sockets))) }</td>
            <td data-label="Consoles" class="num tabular">{ figure(figures.map(|f| count(f.console_sockets))) }</td>
            <td data-label="Retailers" class="num tabular">{ figure(figures.map(|f| count(f.retailers_active))) }</td>
            <td data-label="Memory" class="num tabular">{ figure(figures.map(|f| bytes(f.rss_bytes))) }</td>
            <td class="actions">
                if let Some(onclick) = drain {
                    { draw!(Button { label: "Drain", small: true, name: format!("Drain {name}"), onclick, testid: "drain" }) }
                }
            </td>
        </tr>
    }
}
