//! Which retailer is looked at, always in sight; another one is a few letters away.

use messages::http::paging::ListQuery;
use messages::http::retailers::RetailerSummary;
use messages::live::Topic;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};
use yew::prelude::*;

use crate::api::browser;
use crate::components::async_view;
use crate::components::icon::{Glyph, Icon};
use crate::components::nav_link::NavLink;
use crate::hooks::{use_console, use_debounced, use_fetch, use_topic};
use crate::route::Route;

const ID: &str = "retailer-switch";
/// As many as the box shows without scrolling.
const SHOWN: u32 = 10;
const DEBOUNCE_MS: u32 = 200;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub route: Route,
}

part!(pub(crate) RetailerSwitch(Props) kept by use_retailer_switch);

#[hook]
fn use_retailer_switch(props: &Props) -> Html {
    let current = props.route.retailer();
    let topic = use_topic(current.map(Topic::Summary));
    let open = use_state_eq(|| false);
    let name = match (&topic, current) {
        (Some(topic), Some(_)) => topic.summary().map_or_else(|| "…".to_owned(), |row| row.name.clone()),
        _ => "All retailers".to_owned(),
    };
    let ontoggle = {
        let open = open.clone();
        Callback::from(move |event: Event| {
            let shown = event
                .target()
                .and_then(|t| t.dyn_into::<Element>().ok())
                .is_some_and(|element| element.matches(":popover-open").unwrap_or(false));
            open.set(shown);
        })
    };
    html! {
        <div class="switch">
            <button type="button" class="switch-button" popovertarget={ID} data-testid="retailer-switch">
                { draw!(Glyph { icon: Icon::Shop }) }
                <span class="visually-hidden">{ "Retailer: " }</span>
                <span class="switch-name">{ name }</span>
                { draw!(Glyph { icon: Icon::Down, class: "small" }) }
            </button>
            <div id={ID} class="menu switch-menu" popover="auto" {ontoggle}>
                if *open {
                    { draw!(Search { route: props.route.clone() }) }
                }
            </div>
        </div>
    }
}

part!(Search(Props) kept by use_search);

#[hook]
fn use_search(props: &Props) -> Html {
    let console = use_console();
    let sought = use_state_eq(String::new);
    let input = use_node_ref();
    let settle = {
        let sought = sought.clone();
        use_debounced(DEBOUNCE_MS, Callback::from(move |text: String| sought.set(text)))
    };
    let fetched = {
        let api = console.api.clone();
        use_fetch((*sought).clone(), 0, move |text: String| {
            let api = api.clone();
            let q = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            async move { api.summaries(&ListQuery { q, limit: Some(SHOWN), ..ListQuery::default() }).await }
        })
    };
    {
        let input = input.clone();
        use_effect_with((), move |()| {
            if let Some(input) = input.cast::<Element>() {
                browser::focus_element(&input);
            }
        });
    }
    let oninput = Callback::from(move |event: InputEvent| {
        settle.emit(event.target_unchecked_into::<HtmlInputElement>().value())
    });
    let close = Callback::from(|()| browser::hide_popover(ID));
    let route = &props.route;
    html! {
        <>
            <label class="searchbox">
                { draw!(Glyph { icon: Icon::Search }) }
                <input ref={input} type="search" placeholder="Find a retailer" aria-label="Find a retailer" autocomplete="off" {oninput} onkeydown={Callback::from(onkey)} />
            </label>
            { draw!(NavLink { to: Route::Retailers, class: "menu-item", onclick: close.clone(), children: html! { <>{ draw!(Glyph { icon: Icon::Shop }) }{ "All retailers" }</> } }) }
            <div class="menu-list">
                { async_view::view(&fetched, 4, |page| html! {
                    <>
                        { for page.items.iter().map(|summary| entry(summary, route, &close)) }
                        if page.items.is_empty() {
                            <p class="dim pad">{ "No retailer has this in its name or code." }</p>
                        }
                    </>
                }) }
            </div>
        </>
    }
}

fn entry(summary: &RetailerSummary, route: &Route, close: &Callback<()>) -> Html {
    let current = route.retailer() == Some(summary.id);
    html! {
            { draw!(key = summary.id.to_string(); NavLink { to: route.for_retailer(summary.id), class: "menu-item", current, onclick: close.clone(), children: html! { <>
    <span class={classes!("dot", health(summary))} />
                <span class="grow">{ &summary.name }</span>
                <span class="mono dim">{ &summary.code }</span>
    </> } }) }
        }
}

fn health(summary: &RetailerSummary) -> &'static str {
    match summary {
        s if !s.enabled => "quiet",
        s if s.jobs_failing > 0 => "bad",
        s if s.agents_online < s.agents_total => "warn",
        _ => "good",
    }
}

/// Arrow keys walk through the menu, as in every list of choices.
fn onkey(event: KeyboardEvent) {
    if event.key() != "ArrowDown" {
        return;
    }
    let first =
        browser::document().and_then(|d| d.query_selector(&format!("#{ID} .menu-list a")).ok().flatten());
    if let Some(first) = first {
        event.prevent_default();
        browser::focus_element(&first);
    }
}
