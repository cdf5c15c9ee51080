//! The devices of a store: whether they are heard of, how far their events are, and their places: enrolment, revoking.

use messages::http::agents::Enrolment;
use messages::http::edges::EdgeView;
use messages::permission::Permission;
use messages::{EdgeId, RetailerId, Timestamp};
use yew::prelude::*;

use super::PartProps;
use super::enrolment::{EnrolDialog, NewDevice};
use crate::api::{Api, ApiError};
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::confirm::Confirm;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::time::maybe;
use crate::hooks::{use_console, use_fetch, use_now};
use crate::state::format::count;
use crate::state::stores::{device, latency};

/// Which dialog is open.
#[derive(Debug, Clone, PartialEq)]
enum Open {
    Nothing,
    New,
    Enrol(EdgeId, String),
    Revoke(EdgeView),
    Remove(EdgeView),
}

part!(pub(super) Devices(PartProps) kept by use_devices);

#[hook]
fn use_devices(props: &PartProps) -> Html {
    let console = use_console();
    let open = use_state(|| Open::Nothing);
    let now = use_now();
    let may = console.may(Permission::AgentEnrol);
    let (api, retailer) = (console.api.clone(), props.retailer);
    let fetched = use_fetch(props.store, props.moved, move |store| {
        let api = api.clone();
        async move { api.edges(retailer, store).await }
    });
    let show = |what: Open| {
        let open = open.clone();
        Callback::from(move |()| open.set(what.clone()))
    };
    let new = html! {
        if may {
            { draw!(Button { label: "New device", icon: Icon::Plus, tone: Tone::Primary, small: true, onclick: show(Open::New), testid: "new-device" }) }
        }
    };
    let actions = |edge: &EdgeView| {
        if may { place_actions(edge, &show) } else { Html::default() }
    };
    let made = {
        let open = open.clone();
        Callback::from(move |(edge, name): (EdgeId, String)| open.set(Open::Enrol(edge, name)))
    };
    // What was changed here is read again at once, whether or not the news of it come through.
    let done = {
        let (open, reload) = (open.clone(), fetched.reload.clone());
        Callback::from(move |()| {
            open.set(Open::Nothing);
            reload.emit(());
        })
    };
    let count_of = fetched.data.as_ref().map(|edges| edges.len() as u64);
    html! {
        <>
            { draw!(Card { title: "Devices", count: count_of, actions: new.clone(), children: html! { <>{ async_view::view(&fetched, 3, |edges| {
                if edges.is_empty() {
                    html! { { draw!(Empty { icon: Icon::Screen, title: "No device yet", detail: "A device is the store's own server: tills sell against it, with or without internet, and it brings the sales here.", children: new }) } }
                } else {
                    list(&edges, now, actions)
                }
            }) }</> } }) }
            { dialog(props, &open, made, done) }
        </>
    }
}

fn dialog(
    props: &PartProps,
    open: &UseStateHandle<Open>,
    made: Callback<(EdgeId, String)>,
    done: Callback<()>,
) -> Html {
    let (retailer, store, moved) = (props.retailer, props.store, props.moved);
    match &**open {
        Open::Nothing => Html::default(),
        Open::New => html! { { draw!(NewDevice { retailer, store, on_close: done, on_done: made }) } },
        Open::Enrol(edge, name) => html! {
            { draw!(EnrolDialog { retailer, store, edge: *edge, name: name.clone(), moved, on_close: done }) }
        },
        Open::Revoke(edge) => html! {
            { draw!(PlaceDialog { retailer, edge: edge.clone(), act: PlaceAct::Revoke, on_close: done }) }
        },
        Open::Remove(edge) => html! {
            { draw!(PlaceDialog { retailer, edge: edge.clone(), act: PlaceAct::Remove, on_close: done }) }
        },
    }
}

fn list(edges: &[EdgeView], now: Timestamp, actions: impl Fn(&EdgeView) -> Html) -> Html {
    html! {
        <ul class="list devices" data-testid="devices">
            { for edges.iter().map(|edge| {
                let (word, hue) = device(edge, now);
                html! {
                    <li key={edge.id.to_string()} class="device" data-testid="device-row">
                        <div class="device-head">
                            <strong>{ &edge.name }</strong>
                            { draw!(Badge { word, hue, testid: "device-state" }) }
                            <span class="device-actions">{ actions(edge) }</span>
                        </div>
                        { facts(edge) }
                    </li>
                }
            }) }
        </ul>
    }
}

fn facts(edge: &EdgeView) -> Html {
    let machine = match (&edge.device_name, &edge.version) {
        (Some(name), Some(version)) => format!("{name} · {version}"),
        (Some(name), None) => name.clone(),
        (None, _) => "no machine yet".to_owned(),
    };
    let fact = |name: &'static str, value: Html| {
        html! {
            <div><dt>{ name }</dt><dd class="tabular">{ value }</dd></div>
        }
    };
    let stream = edge.stream.as_ref();
    let number = |n: Option<u64>| html! { { n.map_or_else(|| "—".to_owned(), count) } };
    html! {
        <>
            <p class="dim">{ machine }</p>
            if edge.device_id.is_some() {
                <dl class="facts">
                    { fact("Last seen", maybe(edge.last_seen_at)) }
                    { fact("Waiting there", number(edge.backlog)) }
                    { fact("Last event", number(stream.map(|stream| stream.settled_seq))) }
                    { fact("Sync latency", html! { { latency(edge).unwrap_or_else(|| "—".to_owned()) } }) }
                    { fact("Last sale", maybe(stream.and_then(|stream| stream.last_sale_at))) }
                    { fact("Dead letters", number(Some(edge.dead_letters))) }
                    if let Some(lost) = stream.map(|stream| stream.lost).filter(|lost| *lost > 0) {
                        { fact("Lost events", html! { <span class="bad-text">{ count(lost) }</span> }) }
                    }
                </dl>
            }
        </>
    }
}

fn place_actions(edge: &EdgeView, show: &impl Fn(Open) -> Callback<()>) -> Html {
    let name = &edge.name;
    if edge.enrolment == Enrolment::Enrolled {
        return html! {
            { draw!(Button { label: "Revoke", small: true, name: format!("Revoke {name}"), onclick: show(Open::Revoke(edge.clone())), testid: "revoke-device" }) }
        };
    }
    html! {
        <>
            { draw!(Button { label: "Enrol", icon: Icon::Key, small: true, name: format!("Enrol {name}"), onclick: show(Open::Enrol(edge.id, name.clone())), testid: "enrol-device" }) }
            { draw!(Button { icon: Icon::Trash, tone: Tone::Ghost, small: true, name: format!("Delete {name}"), title: "Delete", onclick: show(Open::Remove(edge.clone())) }) }
        </>
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceAct {
    Revoke,
    Remove,
}

impl PlaceAct {
    async fn carry_out(self, api: &Api, retailer: RetailerId, edge: EdgeId) -> Result<(), ApiError> {
        match self {
            Self::Revoke => api.revoke_edge(retailer, edge).await,
            Self::Remove => api.remove_edge(retailer, edge).await,
        }
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Revoke => (
                "Revoke",
                "revoked",
                "It sells on, and what it sells stays there: its next batch is turned away. A new token lets it enrol again and send what waits.",
            ),
            Self::Remove => ("Delete", "deleted", "Its place goes; what it has sold stays."),
        }
    }
}

#[derive(Properties, PartialEq)]
struct PlaceProps {
    retailer: RetailerId,
    edge: EdgeView,
    act: PlaceAct,
    on_close: Callback<()>,
}

part!(PlaceDialog(PlaceProps) kept by use_place_dialog);

#[hook]
fn use_place_dialog(props: &PlaceProps) -> Html {
    let console = use_console();
    let busy = use_state_eq(|| false);
    let error = use_state(|| None::<ApiError>);
    let (verb, done, consequence) = props.act.words();
    let on_confirm = {
        let (busy, error, act, retailer) = (busy.clone(), error.clone(), props.act, props.retailer);
        let (edge, on_close) = (props.edge.clone(), props.on_close.clone());
        Callback::from(move |()| {
            busy.set(true);
            let (console, busy, error) = (console.clone(), busy.clone(), error.clone());
            let (edge, on_close) = (edge.clone(), on_close.clone());
            wasm_bindgen_futures::spawn_local(async move {
                match act.carry_out(&console.api, retailer, edge.id).await {
                    Ok(()) => {
                        console.good(format!("“{}” is {done}", edge.name));
                        on_close.emit(());
                    }
                    Err(refused) => {
                        error.set(Some(refused));
                        busy.set(false);
                    }
                }
            });
        })
    };
    html! {
        { draw!(Confirm { title: format!("{verb} “{}”?", props.edge.name), action: verb, busy: *busy, error: (*error).clone(), on_confirm, on_close: props.on_close.clone(), children: html! { <><p>{ consequence }</p></> } }) }
    }
}
