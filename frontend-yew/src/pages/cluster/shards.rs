//! The shards as a picture, coloured by node, and the same as a table for whom colours tell nothing.

use messages::http::cluster::ClusterView;
use yew::prelude::*;

use crate::state::cluster::{called, colours, ranges, shares};

/// Cells in a row: 256 shards make eight rows.
const ACROSS: usize = 32;
/// Of a cell and its gap, in the picture's own units.
const STEP: usize = 10;

pub(super) fn drawn(view: &ClusterView) -> Html {
    let shares = shares(view);
    let colours = colours(view);
    let name = |owner: Option<_>| owner.map_or_else(|| "no node".to_owned(), |id| called(view, id));
    let class = |owner: Option<_>| match owner.and_then(|id| colours.get(&id)) {
        Some(colour) => format!("node-{colour}"),
        None => "node-none".to_owned(),
    };
    let words: Vec<String> =
        shares.iter().map(|(owner, shards)| format!("{}: {}", name(*owner), shards.len())).collect();
    let rows = view.shards.len().div_ceil(ACROSS);
    html! {
        <div class="card-pad">
            <svg
                class="shards"
                viewBox={format!("0 0 {} {}", ACROSS * STEP, rows * STEP)}
                role="img"
                aria-label={format!("{} shards. {}", view.shards.len(), words.join(", "))}
                data-testid="shards"
            >
                { for view.shards.iter().enumerate().map(|(at, shard)| html! {
                    <rect
                        key={at}
                        class={class(shard.owner)}
                        x={(at % ACROSS * STEP + 1).to_string()}
                        y={(at / ACROSS * STEP + 1).to_string()}
                        width={(STEP - 2).to_string()}
                        height={(STEP - 2).to_string()}
                        rx="1.5"
                    >
                        <title>{ format!("Shard {}: {}, epoch {}", shard.shard, name(shard.owner), shard.epoch) }</title>
                    </rect>
                }) }
            </svg>
            <ul class="legend">
                { for shares.iter().map(|(owner, shards)| html! {
                    <li>
                        <i class={classes!("swatch", class(*owner))} aria-hidden="true" />
                        { name(*owner) }<span class="dim tabular">{ shards.len() }</span>
                    </li>
                }) }
            </ul>
            <details class="as-table">
                <summary>{ "The same as a table" }</summary>
                <div class="table-box">
                    <table class="table cards" data-testid="shards-table">
                        <thead><tr><th>{ "Node" }</th><th class="num">{ "Shards" }</th><th>{ "Which" }</th></tr></thead>
                        <tbody>
                            { for shares.iter().map(|(owner, shards)| html! {
                                <tr>
                                    <td data-label="Node">{ name(*owner) }</td>
                                    <td data-label="Shards" class="num tabular">{ shards.len() }</td>
                                    <td data-label="Which" class="which">{ ranges(shards) }</td>
                                </tr>
                            }) }
                        </tbody>
                    </table>
                </div>
            </details>
        </div>
    }
}
