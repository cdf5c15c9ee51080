//! The person's own menu: account, signing out.

use yew::prelude::*;

use crate::api::browser;
use crate::components::icon::{Glyph, Icon};
use crate::components::nav_link::NavLink;
use crate::hooks::{use_action, use_console};
use crate::route::Route;
use crate::state::format::initials;
use crate::state::words;

const ID: &str = "user-menu";

part!(pub(crate) UserMenu kept by use_user_menu);

#[hook]
fn use_user_menu() -> Html {
    let console = use_console();
    let sign_out = {
        let api = console.api.clone();
        use_action(move |everywhere: bool| {
            let api = api.clone();
            async move {
                if everywhere {
                    return api.log_out_everywhere().await;
                }
                // The page forgets the session even where the hub cannot be told.
                api.log_out().await.or(Ok(()))
            }
        })
    };
    let Some(me) = console.me() else { return Html::default() };
    let out = |everywhere: bool| {
        let run = sign_out.run.clone();
        Callback::from(move |_: MouseEvent| run.emit(everywhere))
    };
    let close = Callback::from(|()| browser::hide_popover(ID));
    html! {
        <>
            <button type="button" class="avatar" popovertarget={ID} aria-label={format!("Account of {}", me.name)} data-testid="user-menu">
                { initials(&me.name) }
            </button>
            <div id={ID} class="menu" popover="auto">
                <div class="menu-head">
                    <strong>{ &me.name }</strong>
                    <span class="dim">{ format!("{} · {}", me.login, words::role(me.role).0) }</span>
                </div>
                { draw!(NavLink { to: Route::Account, class: "menu-item", onclick: close, testid: "account", children: html! { <>{ draw!(Glyph { icon: Icon::Person }) }{ "My account and sessions" }</> } }) }
                <button type="button" class="menu-item" onclick={out(false)} data-testid="sign-out">{ draw!(Glyph { icon: Icon::Exit }) }{ "Sign out" }</button>
                <button type="button" class="menu-item" onclick={out(true)}>{ draw!(Glyph { icon: Icon::Lock }) }{ "Sign out everywhere" }</button>
            </div>
        </>
    }
}
