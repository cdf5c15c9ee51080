//! Shards that changed hands lately, newest first.

use messages::http::cluster::ClusterView;
use yew::prelude::*;

use crate::components::time::Time;
use crate::state::cluster::{called, reason};

pub(super) fn drawn(view: &ClusterView) -> Html {
    html! {
        <div class="table-box moves" tabindex="0" role="region" aria-label="Moves of shards">
            <table class="table cards" data-testid="moves">
                <thead>
                    <tr>
                        <th>{ "When" }</th>
                        <th class="num">{ "Shard" }</th>
                        <th>{ "From" }</th>
                        <th>{ "To" }</th>
                        <th>{ "Why" }</th>
                    </tr>
                </thead>
                <tbody>
                    { for view.moves.iter().map(|moved| html! {
                        <tr key={format!("{}-{}", moved.shard, moved.epoch)}>
                            <td data-label="When">{ draw!(Time { at: moved.at }) }</td>
                            <td data-label="Shard" class="num tabular">{ moved.shard }</td>
                            <td data-label="From">{ moved.from.map_or_else(|| "—".to_owned(), |id| called(view, id)) }</td>
                            <td data-label="To">{ called(view, moved.to) }</td>
                            <td data-label="Why">{ reason(moved.why) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}
