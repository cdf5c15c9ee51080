//! The stores of all retailers on the dashboard: what was sold today, whose devices are not heard of, what was set aside.
//! Of the second module: it comes a moment after the first look.

use messages::http::figures::{StoresBrief, StoresToday};
use yew::prelude::*;

use super::retailer::stores::tile;
use crate::components::async_view;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::Card;
use crate::components::nav_link::NavLink;
use crate::hooks::{use_console, use_every, use_fetch, use_status};
use crate::route::{Route, Tab};
use crate::state::format::{count, counted};
use crate::state::stores::{receipts, sold};

/// The hub adds up for all who look, as seldom as this.
const LOOK_MS: u32 = 10_000;

part!(pub StoresTodayCard kept by use_stores_today);

#[hook]
fn use_stores_today() -> Html {
    let console = use_console();
    let (_, round) = use_status();
    let fetched = use_fetch((), round, move |()| {
        let api = console.api.clone();
        async move { api.stores_today().await }
    });
    let again = {
        let (reload, loading) = (fetched.reload.clone(), fetched.loading);
        Callback::from(move |()| {
            if !loading {
                reload.emit(());
            }
        })
    };
    use_every(LOOK_MS, again);
    // A company without store edges has nothing to see here.
    let any = fetched.data.as_ref().is_some_and(|all| all.devices.enrolled > 0 || !all.sums.is_empty());
    if !any {
        return Html::default();
    }
    async_view::view(&fetched, 3, |all| body(&all))
}

fn body(all: &StoresToday) -> Html {
    let devices = all.devices;
    let away = devices.enrolled.saturating_sub(devices.online);
    let online = html! { <>{ count(devices.online.into()) }<span class="of">{ format!(" / {}", count(devices.enrolled.into())) }</span></> };
    html! {
        <div data-testid="stores-today">
            <h2 class="section-head">{ "Stores" }</h2>
            <dl class="tiles">
                { tile(Icon::Shop, "Sold today", html! { <span class="money">{ sold(&all.sums) }</span> }, receipts(&all.sums), "") }
                { tile(Icon::Screen, "Devices online", online, if away == 0 { "all of them".to_owned() } else { format!("{} not heard of", count(away.into())) }, if away == 0 { "good" } else { "warn" }) }
                { tile(Icon::Clock, "Events waiting", html! { count(all.backlog) }, if all.backlog == 0 { "everything is here".to_owned() } else { "in the stores".to_owned() }, if all.backlog == 0 { "good" } else { "" }) }
                { tile(Icon::Alert, "Dead letters", html! { count(all.dead_letters) }, if all.dead_letters == 0 { "none set aside".to_owned() } else { "waiting for a decision".to_owned() }, if all.dead_letters == 0 { "good" } else { "bad" }) }
            </dl>
            if !all.attention.is_empty() {
                { draw!(Card { title: "Stores that need attention", count: all.attention.len() as u64, children: html! {
                    <ul class="list" data-testid="stores-attention">{ for all.attention.iter().map(needy) }</ul>
                } }) }
            }
        </div>
    }
}

fn needy(brief: &StoresBrief) -> Html {
    let down = brief.devices.down;
    html! {
        <li key={brief.retailer_id.to_string()}>
            { draw!(NavLink { to: Route::RetailerTab { id: brief.retailer_id, tab: Tab::Stores }, class: "list-row", children: html! { <>
                <span class={classes!("bar-mark", if brief.dead_letters > 0 { "bad" } else { "warn" })} aria-hidden="true" />
                <span class="grow">
                    <strong>{ &brief.name }</strong>
                    <small class="reasons">
                        if brief.dead_letters > 0 {
                            <span class="bad-text">{ counted(brief.dead_letters, "dead letter", "dead letters") }</span>
                        }
                        if down > 0 {
                            <span class="warn-text">{ format!("{} offline", counted(down.into(), "device", "devices")) }</span>
                        }
                        if brief.backlog > 0 {
                            <span>{ format!("{} waiting", counted(brief.backlog, "event", "events")) }</span>
                        }
                    </small>
                </span>
                { draw!(Glyph { icon: Icon::Right, class: "small dim" }) }
            </> } }) }
        </li>
    }
}
