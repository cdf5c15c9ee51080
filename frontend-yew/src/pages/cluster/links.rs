//! How the nodes reach each other, each direction by itself.

use messages::http::cluster::ClusterView;
use yew::prelude::*;

use crate::components::badge::Badge;
use crate::components::icon::Icon;
use crate::components::layout::Empty;
use crate::components::time::Time;
use crate::state::cluster::{called, link_state, millis};

pub(super) fn drawn(view: &ClusterView) -> Html {
    if view.links.is_empty() {
        return html! {
            { draw!(Empty { icon: Icon::Alert, title: "No link is known", detail: "Nodes reach each other a moment after their start. If this stays, look at their cluster addresses." }) }
        };
    }
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="links">
                <thead>
                    <tr>
                        <th>{ "From" }</th>
                        <th>{ "To" }</th>
                        <th>{ "State" }</th>
                        <th>{ "Since" }</th>
                        <th class="num">{ "Round trip p50" }</th>
                        <th class="num">{ "p99" }</th>
                        <th class="num">{ "In flight" }</th>
                        <th class="num">{ "Queued" }</th>
                    </tr>
                </thead>
                <tbody>
                    { for view.links.iter().map(|link| {
                        let (word, hue) = link_state(link.state);
                        let trip = |us: Option<u64>| us.map_or_else(|| "—".to_owned(), millis);
                        html! {
                            <tr key={format!("{}-{}", link.from, link.to)}>
                                <td data-label="From">{ called(view, link.from) }</td>
                                <td data-label="To">{ called(view, link.to) }</td>
                                <td data-label="State">{ draw!(Badge { word, hue }) }</td>
                                <td data-label="Since">{ draw!(Time { at: link.since }) }</td>
                                <td data-label="Round trip p50" class="num tabular">{ trip(link.rtt_us.map(|rtt| rtt.p50)) }</td>
                                <td data-label="p99" class="num tabular">{ trip(link.rtt_us.map(|rtt| rtt.p99)) }</td>
                                <td data-label="In flight" class="num tabular">{ link.in_flight }</td>
                                <td data-label="Queued" class="num tabular">{ link.queued }</td>
                            </tr>
                        }
                    }) }
                </tbody>
            </table>
        </div>
    }
}
