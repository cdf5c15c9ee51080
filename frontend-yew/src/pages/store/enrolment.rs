//! Enrolling a store's device: its name, the exact command to run in the store, and the moment it is heard.

use std::rc::Rc;

use messages::http::agents::Enrolment;
use messages::http::edges::EdgeView;
use messages::run::Presence;
use messages::{EdgeId, RetailerId, StoreId};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::components::async_view;
use crate::components::button::{Button, Tone};
use crate::components::dialog::Dialog;
use crate::components::enrolment::{EnrolCommand, EnrolWait};
use crate::components::field::TextField;
use crate::components::form_dialog::FormDialog;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{use_clock, use_console, use_fetch};
use crate::state::form::FormValues;

const STEPS: [&str; 2] = [
    "Install the store edge on the machine that the tills will call.",
    "Run this command there, as the account under which it will run:",
];

#[derive(Properties, PartialEq)]
pub(super) struct NewProps {
    pub(super) retailer: RetailerId,
    pub(super) store: StoreId,
    pub(super) on_close: Callback<()>,
    /// The place that was made, and its name.
    pub(super) on_done: Callback<(EdgeId, String)>,
}

part!(pub(super) NewDevice(NewProps) kept by use_new_device);

#[hook]
fn use_new_device(props: &NewProps) -> Html {
    let console = use_console();
    let busy = use_state_eq(|| false);
    let refused = use_state(|| None::<ApiError>);
    let on_submit = {
        let (busy, refused, on_done) = (busy.clone(), refused.clone(), props.on_done.clone());
        let (retailer, store) = (props.retailer, props.store);
        Callback::from(move |form: FormValues| {
            if *busy {
                return;
            }
            busy.set(true);
            let (api, busy, refused) = (console.api.clone(), busy.clone(), refused.clone());
            let (name, on_done) = (form.text("name"), on_done.clone());
            spawn_local(async move {
                match api.make_edge(retailer, store, name.clone()).await {
                    // Its token is not shown: the next dialog makes one, as it does for a place that was there before.
                    Ok(made) => on_done.emit((made.edge_id, name)),
                    Err(error) => {
                        refused.set(Some(error));
                        busy.set(false);
                    }
                }
            });
        })
    };
    let faults = match &*refused {
        Some(ApiError::Refused(problem)) => problem.errors.clone(),
        _ => Vec::new(),
    };
    let error = (*refused).clone().filter(|_| faults.is_empty());
    html! {
        { draw!(FormDialog { title: "New device", subtitle: "A place for one server of this store.", action: "Create device", busy: *busy, errors: Rc::new(faults), error, on_submit, on_close: props.on_close.clone(), children: html! { <>
            { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, placeholder: "Checkout server", testid: "device-name" }) }
        </> } }) }
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) store: StoreId,
    pub(super) edge: EdgeId,
    pub(super) name: String,
    /// Moves when there is something new to read.
    pub(super) moved: u32,
    pub(super) on_close: Callback<()>,
}

part!(pub(super) EnrolDialog(Props) kept by use_enrol_dialog);

#[hook]
fn use_enrol_dialog(props: &Props) -> Html {
    let console = use_console();
    let now = use_clock(1_000);
    let (retailer, store, edge) = (props.retailer, props.store, props.edge);
    let token = {
        let api = console.api.clone();
        use_fetch(edge, 0, move |edge| {
            let api = api.clone();
            async move { api.offer_edge(retailer, edge).await }
        })
    };
    let places = {
        let api = console.api.clone();
        use_fetch((), props.moved, move |()| {
            let api = api.clone();
            async move { api.edges(retailer, store).await }
        })
    };
    let place = places.data.as_ref().and_then(|all| all.iter().find(|place| place.id == edge)).cloned();
    let enrolled =
        token.data.is_some() && place.as_ref().is_some_and(|place| place.enrolment == Enrolment::Enrolled);
    let heard = enrolled && place.as_ref().is_some_and(|place| place.presence == Presence::Online);
    let expired = token.data.as_ref().is_some_and(|token| token.expires_at <= now);
    let close = props.on_close.clone();
    html! {
        { draw!(Dialog { title: format!("Enrol “{}”", props.name), subtitle: "Done once, on the store's own machine.", wide: true, on_close: close.clone(), testid: "enrol-dialog", children: html! { <>
            <div class="dialog-body">
                if let Some(place) = place.filter(|_| heard) {
                    { arrived(&place) }
                } else {
                    { async_view::view(&token, 3, |token| draw!(EnrolCommand {
                        steps: STEPS.map(Into::into).to_vec(),
                        command: token.command.expose().to_owned(),
                        expires_at: token.expires_at,
                        now,
                    })) }
                    { draw!(EnrolWait {
                        expired: expired && !enrolled,
                        busy: token.loading,
                        again: token.reload.clone(),
                        text: if enrolled { "Enrolled. Waiting to hear of it: start it with “edge-node run”." } else { "Waiting for the device. This turns green by itself." },
                    }) }
                }
            </div>
            <footer class="dialog-foot">
                { draw!(Button { label: if heard { "Done" } else { "Close" }, tone: if heard { Tone::Primary } else { Tone::Plain }, onclick: close, testid: "enrol-close" }) }
            </footer>
        </> } }) }
    }
}

fn arrived(place: &EdgeView) -> Html {
    let machine = place.device_name.clone().unwrap_or_default();
    let version = place.version.as_ref().map(|version| format!(" · version {version}")).unwrap_or_default();
    html! {
        <div class="arrived" role="status" data-testid="enrol-state">
            <span class="empty-icon good">{ draw!(Glyph { icon: Icon::Check }) }</span>
            <h3>{ "Enrolled, online" }</h3>
            <p>{ format!("{machine}{version}") }</p>
        </div>
    }
}
