//! A look inside the running hub: its actors as a tree, each with what it says of itself.

use messages::http::admin::{ActorList, ActorStatus, ActorView};
use yew::prelude::*;

use crate::api::error::sentence;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::Button;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, PageHead};
use crate::components::time::Time;
use crate::hooks::{use_console, use_fetch, use_status, use_title};
use crate::state::format::counted;
use crate::state::words::{self, Hue};

part!(pub Actors kept by use_actors);

#[hook]
fn use_actors() -> Html {
    use_title("System");
    let console = use_console();
    let (_, round) = use_status();
    let sought = use_state_eq(String::new);
    let fetched = {
        let api = console.api.clone();
        use_fetch((), round, move |()| {
            let api = api.clone();
            async move { api.actors().await }
        })
    };
    let oninput = {
        let sought = sought.clone();
        Callback::from(move |event: InputEvent| {
            sought.set(event.target_unchecked_into::<web_sys::HtmlInputElement>().value())
        })
    };
    let subtitle = html! {
        if let Some(list) = &fetched.data {
            { format!("{} alive", counted(list.total, "actor", "actors")) }
        } else {
            { "The hub's actors" }
        }
    };
    html! {
            <>
                { draw!(PageHead { title: "System", subtitle, children: html! { <>{ draw!(Button { label: "Refresh", icon: Icon::Refresh, busy: fetched.loading, onclick: fetched.reload.clone() }) }</> } }) }
                { draw!(Card { title: "Actors", class: "list-card", children: html! { <>
    <div class="toolbar">
                        <label class="searchbox">{ draw!(Glyph { icon: Icon::Search }) }<input type="search" aria-label="Search actors" placeholder="Search path or kind" value={(*sought).clone()} {oninput} /></label>
                        if let Some(list) = &fetched.data {
                            { summary(list) }
                        }
                    </div>
                    { async_view::view(&fetched, 10, |list| tree(&list, &sought)) }
    </> } }) }
            </>
        }
}

fn summary(list: &ActorList) -> Html {
    let count = |status: ActorStatus| list.actors.iter().filter(|actor| actor.status == status).count();
    html! {
        <div class="chips">
            { for [ActorStatus::Running, ActorStatus::Starting, ActorStatus::BackingOff, ActorStatus::GivenUp, ActorStatus::Silent].map(|status| {
                let (word, hue) = words::actor_status(status);
                let many = count(status);
                html! {
                    if many > 0 {
                        { draw!(Badge { word: format!("{word} {many}"), hue }) }
                    }
                }
            }) }
        </div>
    }
}

fn tree(list: &ActorList, sought: &str) -> Html {
    let needle = sought.trim().to_lowercase();
    let shown = list.actors.iter().filter(|actor| {
        needle.is_empty() || actor.path.to_lowercase().contains(&needle) || actor.kind.contains(&needle)
    });
    html! {
        <>
            if list.truncated {
                <p class="log-note">{ format!("Only the first {} of {} are shown.", list.actors.len(), list.total) }</p>
            }
            <ul class="tree">
                { for shown.map(|actor| html! { { draw!(key = actor.path.clone(); Row { actor: actor.clone() }) } }) }
            </ul>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    actor: ActorView,
}

part!(Row(RowProps) drawn by draw_row);

fn draw_row(props: &RowProps) -> Html {
    let actor = &props.actor;
    let (word, hue) = words::actor_status(actor.status);
    let depth = actor.path.matches('/').count().min(6);
    let name = actor.path.rsplit('/').next().unwrap_or(&actor.path).to_owned();
    let snapshot = serde_json::to_string_pretty(&actor.snapshot).unwrap_or_default();
    html! {
        <li class={format!("depth-{depth}")}>
            <details>
                <summary>
                    { draw!(Glyph { icon: Icon::Right, class: "small turn" }) }
                    <span class="grow mono" title={actor.path.clone()}>{ name }</span>
                    <span class="dim">{ &actor.kind }</span>
                    if actor.restarts > 0 {
                        { draw!(Badge { word: counted(actor.restarts, "restart", "restarts"), hue: Hue::Warn }) }
                    }
                    { draw!(Badge { word, hue }) }
                    <span class="dim list-time">{ draw!(Time { at: actor.started_at }) }</span>
                </summary>
                if let Some(failure) = &actor.last_failure {
                    <p class="bad-text">{ sentence(failure) }</p>
                }
                <pre class="snapshot" tabindex="0">{ snapshot }</pre>
            </details>
        </li>
    }
}
