//! The second module of the program: pages that the first look does not need. It is loaded when one of them is drawn for
//! the first time, or a moment after the first look.
//!
//! `cargo xtask web` cuts the program at `parts`: what can be reached through it only goes into a file of its own. So
//! whoever draws one of these pages without going through `Later` brings its code back into the first load; the limit in
//! `xtask/src/web.rs` notices.

use std::sync::OnceLock;

use gloo_timers::callback::Timeout;
use messages::http::retailers::RetailerView;
use wasm_bindgen_futures::spawn_local;
use wasm_split_helpers::{SplitLoaderError, wasm_split};
use yew::prelude::*;

use super::account::Account;
use super::actors::Actors;
use super::cluster::Cluster;
use super::missing::NotFound;
use super::retailer::RetailerPage;
use super::retailer::edit_retailer::RetailerForm;
use super::run::RunPage;
use super::setup::Setup;
use super::store::StorePage;
use super::stores_today::StoresTodayCard;
use super::users::Users;
use crate::api::browser;
use crate::components::button::Button;
use crate::components::dialog::Dialog;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Skeleton};
use crate::route::{Route, Tab};
use crate::state::frame::{self, ReadEntity};

/// The first look has its data by then, on most lines; until then the module would only be in its way.
const AHEAD_AFTER_MS: u32 = 2_000;

/// What comes later.
#[derive(Debug, Clone, PartialEq)]
pub enum Page {
    Setup,
    /// A part of the dashboard.
    StoresToday,
    Route(Route),
    NewRetailer {
        on_close: Callback<()>,
        on_done: Callback<RetailerView>,
    },
}

type Draw = fn(&Page) -> Html;

/// Set once the module is there, so that the next page is drawn at once.
static LOADED: OnceLock<Draw> = OnceLock::new();

/// Here the program is cut.
#[wasm_split(later, fallible)]
fn parts() -> Result<(Draw, ReadEntity), SplitLoaderError> {
    Ok((draw_page, frame::entity_of_pages))
}

fn draw_page(page: &Page) -> Html {
    match page {
        Page::Setup => html! { { draw!(Setup) } },
        Page::StoresToday => html! { { draw!(StoresTodayCard) } },
        Page::NewRetailer { on_close, on_done } => html! {
            { draw!(RetailerForm { on_close: on_close.clone(), on_done: on_done.clone() }) }
        },
        // A page of another retailer starts afresh: nothing of the former one may show through.
        Page::Route(Route::Retailer { id }) => {
            html! { { draw!(key = id.to_string(); RetailerPage { id: *id, tab: Tab::Overview }) } }
        }
        Page::Route(Route::RetailerTab { id, tab }) => {
            html! { { draw!(key = id.to_string(); RetailerPage { id: *id, tab: *tab }) } }
        }
        Page::Route(Route::Run { id, run }) => {
            html! { { draw!(key = run.to_string(); RunPage { retailer: *id, run: *run }) } }
        }
        Page::Route(Route::Store { id, store }) => {
            html! { { draw!(key = store.to_string(); StorePage { retailer: *id, store: *store }) } }
        }
        Page::Route(Route::Users) => html! { { draw!(Users) } },
        Page::Route(Route::Actors) => html! { { draw!(Actors) } },
        Page::Route(Route::Cluster) => html! { { draw!(Cluster) } },
        Page::Route(Route::Account) => html! { { draw!(Account) } },
        Page::Route(Route::Dashboard | Route::Retailers | Route::NotFound) => html! { { draw!(NotFound) } },
    }
}

async fn load() -> Result<Draw, SplitLoaderError> {
    if let Some(draw) = LOADED.get() {
        return Ok(*draw);
    }
    let (draw, reader) = parts().await?;
    frame::read_more(reader);
    Ok(*LOADED.get_or_init(|| draw))
}

/// Loads the module before it is asked for, so that the first click does not wait for it.
#[hook]
pub fn use_load_ahead() {
    use_effect_with((), |()| {
        let soon = Timeout::new(AHEAD_AFTER_MS, || {
            // A failure shows when a page needs the module, which then tries again.
            spawn_local(async {
                load().await.ok();
            });
        });
        move || drop(soon)
    });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Module {
    Awaited,
    There,
    Failed,
}

#[derive(Properties, PartialEq)]
pub struct Props {
    pub page: Page,
}

part!(pub Later(Props) kept by use_later);

/// A page of the second module, and what stands there until the module has come.
#[hook]
fn use_later(props: &Props) -> Html {
    let module = use_state_eq(|| if LOADED.get().is_some() { Module::There } else { Module::Awaited });
    {
        let (known, module) = (*module, module.setter());
        use_effect_with(known == Module::Awaited, move |awaited| {
            if *awaited {
                spawn_local(async move {
                    module.set(load().await.map_or(Module::Failed, |_| Module::There));
                });
            }
        });
    }
    let retry = {
        let module = module.setter();
        Callback::from(move |()| module.set(Module::Awaited))
    };
    if let Some(draw) = LOADED.get() {
        return draw(&props.page);
    }
    match (*module, &props.page) {
        (Module::Failed, Page::NewRetailer { on_close, .. }) => html! {
            { draw!(Dialog { title: "New retailer", on_close: on_close.clone(), children: html! { <div class="dialog-body">{ failed(retry) }</div> } }) }
        },
        (Module::Failed, Page::StoresToday) => Html::default(),
        (Module::Failed, _) => html! {
            { draw!(Card { children: html! { <div class="card-pad">{ failed(retry) }</div> } }) }
        },
        // The dashboard is whole without it.
        (_, Page::NewRetailer { .. } | Page::StoresToday) => Html::default(),
        (_, _) => html! {
            { draw!(Card { children: html! { <>{ draw!(Skeleton { rows: 8 }) }</> } }) }
        },
    }
}

fn failed(retry: Callback<()>) -> Html {
    html! {
        <div class="note bad" role="alert" data-testid="part-missing">
            { draw!(Glyph { icon: Icon::Alert }) }
            <div>
                <strong>{ "This part of the console could not be loaded" }</strong>
                <p>{ "The hub cannot be reached, or was updated since this page was opened. Try again; if that does not help, reload the page." }</p>
            </div>
            <div class="row">
                { draw!(Button { label: "Try again", icon: Icon::Refresh, small: true, onclick: retry }) }
                { draw!(Button { label: "Reload", small: true, onclick: |()| browser::reload() }) }
            </div>
        </div>
    }
}
