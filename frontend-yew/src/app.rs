//! The application: who is signed in decides what is drawn.
//! Providers are nested once, here: the router outermost, for pages behind the login keep their address.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Interval;
use messages::http::access::Me;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::BrowserRouter;

use crate::api::session::OtherTabs;
use crate::api::{Api, ApiError, Live, browser};
use crate::components::toasts::ToastRegion;
use crate::context::{Console, Notices};
use crate::hooks::{Now, use_clock};
use crate::pages::later::{Later, Page};
use crate::pages::login::Login;
use crate::pages::shell::Shell;
use crate::pages::unreachable::Unreachable;

/// Tells that this browser has a refresh cookie, which a page cannot see.
const SIGNED_IN: &str = "grocerysync-signed-in";
/// How often the age of the access token is looked at.
const WATCH_MS: u32 = 10_000;
/// It is renewed when less than this is left.
const RENEW_BEFORE_MS: f64 = 30_000.0;
/// The words "5 min ago" move with this clock.
const CLOCK_MS: u32 = 5_000;

/// Who is at the door.
#[derive(Debug, Clone, PartialEq)]
enum Gate {
    Starting,
    Unreachable(ApiError),
    Setup,
    SignedOut,
    In(Rc<Me>),
}

/// A panic stops the program. The page then says so, instead of looking alive.
pub fn show_panics() {
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&info.to_string().into());
        if let Some(root) = browser::document().and_then(|d| d.document_element()) {
            root.set_attribute("data-boot", "failed").ok();
        }
    }));
}

#[component]
pub fn App() -> Html {
    html! {
        <BrowserRouter>
            { draw!(Door) }
        </BrowserRouter>
    }
}

part!(Door kept by use_door);

#[hook]
fn use_door() -> Html {
    let gate = use_state_eq(|| Gate::Starting);
    let notices = use_reducer(Notices::default);
    let now = use_clock(CLOCK_MS);
    let parts = {
        let gate = gate.setter();
        use_memo((), move |()| connect(gate))
    };
    let (api, live) = parts.as_ref().clone();
    use_start(&gate, &api);
    use_session_upkeep(&gate, &api, &live);

    let me = if let Gate::In(me) = &*gate { Some(me.clone()) } else { None };
    let console = Console::new(api.clone(), live, notices.dispatcher(), me);
    let page = match &*gate {
        Gate::Starting => html! {
            <div class="splash" role="status"><span class="visually-hidden">{ "Loading" }</span><i class="spinner" /></div>
        },
        Gate::Unreachable(error) => {
            let gate = gate.setter();
            let retry = Callback::from(move |()| gate.set(Gate::Starting));
            html! {
                { draw!(Unreachable { error: error.clone(), retry }) }
            }
        }
        Gate::Setup => html! {
            { draw!(Later { page: Page::Setup }) }
        },
        Gate::SignedOut => html! {
            { draw!(Login) }
        },
        Gate::In(_) => html! {
            { draw!(Shell) }
        },
    };
    html! {
        <ContextProvider<Console> context={console}>
            <ContextProvider<Now> context={Now(now)}>
                { page }
                { draw!(ToastRegion { notices }) }
            </ContextProvider<Now>>
        </ContextProvider<Console>>
    }
}

/// The hub's two faces, with the door told of every change.
fn connect(gate: UseStateSetter<Gate>) -> (Api, Live) {
    // The live connection is told of renewals, and is made after what tells it.
    let slot: Rc<RefCell<Option<Live>>> = Rc::default();
    let granted = {
        let (gate, slot) = (gate.clone(), slot.clone());
        Callback::from(move |me: Me| {
            browser::remember(SIGNED_IN, Some("1"));
            gate.set(Gate::In(Rc::new(me)));
            if let Some(live) = slot.borrow().as_ref() {
                live.renewed();
            }
        })
    };
    let lost = Callback::from(move |()| {
        browser::remember(SIGNED_IN, None);
        gate.set(Gate::SignedOut);
    });
    let api = Api::new(granted, lost);
    let live = Live::new(api.clone());
    *slot.borrow_mut() = Some(live.clone());
    (api, live)
}

/// Finds out who is at the door: a session from before, a system without users, or somebody to sign in.
#[hook]
fn use_start(gate: &UseStateHandle<Gate>, api: &Api) {
    let (setter, api) = (gate.setter(), api.clone());
    use_effect_with(**gate == Gate::Starting, move |starting| {
        if *starting {
            spawn_local(async move {
                if browser::remembered(SIGNED_IN).is_some() {
                    match api.renew().await {
                        // The answer has opened the door already.
                        Ok(()) => return,
                        Err(ApiError::SignedOut) => {}
                        Err(error) => return setter.set(Gate::Unreachable(error)),
                    }
                }
                setter.set(match api.setup_status().await {
                    Ok(status) if status.required => Gate::Setup,
                    Ok(_) => Gate::SignedOut,
                    Err(error) => Gate::Unreachable(error),
                });
            });
        }
    });
}

/// While somebody is signed in: the socket runs, the token stays fresh, other tabs are heard.
#[hook]
fn use_session_upkeep(gate: &UseStateHandle<Gate>, api: &Api, live: &Live) {
    let inside = matches!(**gate, Gate::In(_));
    let (api, live) = (api.clone(), live.clone());
    use_effect_with(inside, move |inside| {
        let upkeep = inside.then(|| {
            live.start();
            let (watched, told) = (api.clone(), api.clone());
            let watch = Interval::new(WATCH_MS, move || {
                if watched.renew_in_ms().is_some_and(|left| left < RENEW_BEFORE_MS) {
                    let api = watched.clone();
                    // A failure shows at the next request, which tries again.
                    spawn_local(async move {
                        api.renew().await.ok();
                    });
                }
            });
            let others = OtherTabs::listen(Callback::from(move |()| told.forget()));
            (watch, others)
        });
        move || {
            if upkeep.is_some() {
                live.stop();
            }
            drop(upkeep);
        }
    });
}
