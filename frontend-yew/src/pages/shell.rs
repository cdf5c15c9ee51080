//! The frame behind the door: header, navigation, the page, and where the focus goes when the page changes.

use messages::permission::Permission;
use yew::prelude::*;
use yew_router::prelude::*;

use super::dashboard::Dashboard;
use super::later::{Later, Page, use_load_ahead};
use super::missing::{Forbidden, NotFound};
use super::retailers::Retailers;
use crate::api::browser;
use crate::components::button::{Button, Tone};
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::RefreshButton;
use crate::components::live_state::LiveState;
use crate::components::nav_link::NavLink;
use crate::components::theme::ThemeSwitch;
use crate::context::Console;
use crate::hooks::use_console;
use crate::route::Route;

mod retailer_switch;
mod user_menu;

use retailer_switch::RetailerSwitch;
use user_menu::UserMenu;

part!(pub Shell kept by use_shell);

#[hook]
fn use_shell() -> Html {
    let console = use_console();
    let route = use_route::<Route>().unwrap_or(Route::NotFound);
    let open = use_state_eq(|| false);
    use_focus_on_arrival(&route);
    use_load_ahead();
    let toggle = {
        let open = open.clone();
        Callback::from(move |()| open.set(!*open))
    };
    let close = {
        let open = open.clone();
        Callback::from(move |()| open.set(false))
    };
    let refresh = {
        let live = console.live.clone();
        Callback::from(move |()| live.refresh())
    };
    html! {
        <div class={classes!("shell", open.then_some("nav-open"))}>
            <a class="skip" href="#main">{ "Skip to the content" }</a>
            <header class="top">
                { draw!(Button { icon: Icon::Menu, name: "Menu", tone: Tone::Ghost, class: "nav-toggle", pressed: *open, onclick: toggle }) }
                { draw!(NavLink { to: Route::Dashboard, class: "brand", name: "GrocerySync, dashboard", children: html! { <>{ draw!(Glyph { icon: Icon::Mark }) }<span>{ "Grocery" }<b>{ "Sync" }</b></span></> } }) }
                { draw!(RetailerSwitch { route: route.clone() }) }
                <div class="top-right">
                    { draw!(LiveState) }
                    { draw!(RefreshButton { onclick: refresh }) }
                    { draw!(ThemeSwitch) }
                    { draw!(UserMenu) }
                </div>
            </header>
            <nav class="side" aria-label="Main">
                { navigation(&console, &route, &close) }
            </nav>
            <div class="scrim" onclick={let close = close.clone(); move |_| close.emit(())} />
            <main id="main" tabindex="-1">
                { page(&console, route) }
            </main>
        </div>
    }
}

fn navigation(console: &Console, route: &Route, close: &Callback<()>) -> Html {
    let link = |to: Route, icon: Icon, label: &'static str, current: bool| {
        html! {
            { draw!(NavLink { to, class: "side-link", current, onclick: close.clone(), testid: format!("nav-{}", label.to_lowercase()), children: html! { <>{ draw!(Glyph { icon }) }<span>{ label }</span></> } }) }
        }
    };
    let users = console.may(Permission::UserAdmin);
    let system = console.may(Permission::SystemRead);
    html! {
        <>
            { link(Route::Dashboard, Icon::Dashboard, "Dashboard", *route == Route::Dashboard) }
            { link(Route::Retailers, Icon::Shop, "Retailers", *route == Route::Retailers || route.retailer().is_some()) }
            if users || system {
                <h2 class="side-head">{ "Administration" }</h2>
            }
            if users {
                { link(Route::Users, Icon::Users, "Users", *route == Route::Users) }
            }
            if system {
                { link(Route::Actors, Icon::Tree, "System", *route == Route::Actors) }
                { link(Route::Cluster, Icon::Cluster, "Cluster", *route == Route::Cluster) }
            }
            <p class="side-foot">{ concat!("GrocerySync ", env!("CARGO_PKG_VERSION")) }</p>
        </>
    }
}

fn page(console: &Console, route: Route) -> Html {
    let needs = match &route {
        Route::Users => Permission::UserAdmin,
        Route::Actors | Route::Cluster => Permission::SystemRead,
        Route::Account | Route::NotFound => Permission::OwnAccount,
        Route::Run { .. } => Permission::RunRead,
        Route::Dashboard
        | Route::Retailers
        | Route::Retailer { .. }
        | Route::RetailerTab { .. }
        | Route::Store { .. } => Permission::RetailerRead,
    };
    if !console.may(needs) {
        return html! {
            { draw!(Forbidden) }
        };
    }
    match route {
        Route::Dashboard => html! { { draw!(Dashboard) } },
        Route::Retailers => html! { { draw!(Retailers) } },
        Route::NotFound => html! { { draw!(NotFound) } },
        other => html! { { draw!(Later { page: Page::Route(other) }) } },
    }
}

/// On a new page the focus goes to its content, so that a keyboard or a screen reader starts there. Not at the
/// first one, and not between the tabs of one retailer, whose own focus must stay.
#[hook]
fn use_focus_on_arrival(route: &Route) {
    let place = match route {
        Route::RetailerTab { id, .. } => Route::Retailer { id: *id },
        other => other.clone(),
    };
    let first = use_mut_ref(|| true);
    use_effect_with(place, move |_| {
        if !first.replace(false) {
            browser::focus("main");
            if let Some(window) = web_sys::window() {
                window.scroll_to_with_x_and_y(0.0, 0.0);
            }
        }
    });
}
