//! What a run rejected, by pages, and as a file.

use messages::run::Reject;
use messages::{RetailerId, RunId};
use yew::prelude::*;

use crate::api::browser;
use crate::components::async_view;
use crate::components::button::Button;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::pager::Pager;
use crate::components::rejects_table::RejectsTable;
use crate::hooks::{use_action, use_console, use_fetch};
use crate::state::format::{count, short_id};
use crate::state::paging::Trail;

const SIZE: u32 = 25;
/// While a run works, the list is asked for again when this many more have come.
const STEP: u64 = 25;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub retailer: RetailerId,
    pub run: RunId,
    pub rejected: u64,
    pub over: bool,
}

part!(pub(crate) Rejects(Props) kept by use_rejects);

#[hook]
fn use_rejects(props: &Props) -> Html {
    let console = use_console();
    let trail = use_state_eq(Trail::default);
    let fetched = {
        let (api, retailer, run) = (console.api.clone(), props.retailer, props.run);
        let moved = if props.over { u64::MAX } else { props.rejected.div_ceil(STEP) };
        use_fetch(((*trail).clone(), moved, props.rejected > 0), 0, move |(trail, ..): (Trail, u64, bool)| {
            let api = api.clone();
            async move { api.rejects(retailer, run, trail.cursor().cloned(), SIZE).await }
        })
    };
    let download = {
        let (api, retailer, run) = (console.api.clone(), props.retailer, props.run);
        use_action(move |()| {
            let api = api.clone();
            async move {
                let csv = api.rejects_csv(retailer, run).await?;
                browser::download(&format!("rejects-{}.csv", short_id(&run)), "text/csv", &csv);
                Ok(())
            }
        })
    };
    if props.rejected == 0 {
        return html! {
            { draw!(Card { title: "Rejected items", count: 0, children: html! { <>{ draw!(Empty { icon: Icon::Check, title: "Nothing was rejected", detail: if props.over { "" } else { "Items that are not sound appear here with their reason." } }) }</> } }) }
        };
    }
    let actions = html! {
        { draw!(Button { label: "Download CSV", icon: Icon::Save, small: true, busy: download.busy, onclick: download.run.clone(), testid: "rejects-download" }) }
    };
    let turn = |to: Trail| {
        let trail = trail.clone();
        Callback::from(move |()| trail.set(to.clone()))
    };
    html! {
            { draw!(Card { title: "Rejected items", count: props.rejected, actions, children: html! { <>
    if props.rejected > Reject::MAX_KEPT {
                    <p class="log-note">{ format!("The first {} are kept; the others are only counted.", count(Reject::MAX_KEPT)) }</p>
                }
                { async_view::view(&fetched, 5, |page| {
                    let next = page.next.clone().map(|next| trail.forward(next));
                    html! {
                        <>
                            { draw!(RejectsTable { rejects: page.items.clone() }) }
                            <footer class="card-foot">
                                { draw!(Pager { page: trail.page(), size: SIZE, shown: page.items.len(), total: page.total, more: next.is_some(), on_back: turn(trail.back()), on_next: turn(next.unwrap_or_default()) }) }
                            </footer>
                        </>
                    }
                }) }
    </> } }) }
        }
}
