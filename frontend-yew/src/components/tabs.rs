//! Tabs that are addresses: arrow keys move among them, enter opens, each can be linked to.

use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;
use yew_router::prelude::*;

use crate::api::browser;
use crate::route::Route;

#[derive(Debug, Clone, PartialEq)]
pub struct TabItem {
    pub slug: &'static str,
    pub label: &'static str,
    pub count: Option<usize>,
    pub to: Route,
}

#[derive(Properties, PartialEq)]
pub struct Props {
    pub label: AttrValue,
    pub tabs: Vec<TabItem>,
    pub selected: AttrValue,
}

part!(pub Tabs(Props) kept by use_tabs);

#[hook]
fn use_tabs(props: &Props) -> Html {
    let node = use_node_ref();
    let navigator = use_navigator();
    let at = props.tabs.iter().position(|tab| *tab.slug == *props.selected).unwrap_or_default();
    let onkeydown = {
        let (tabs, node, navigator) = (props.tabs.clone(), node.clone(), navigator.clone());
        Callback::from(move |event: KeyboardEvent| {
            let last = tabs.len().saturating_sub(1);
            let next = match event.key().as_str() {
                "ArrowRight" => {
                    if at == last {
                        0
                    } else {
                        at + 1
                    }
                }
                "ArrowLeft" => at.checked_sub(1).unwrap_or(last),
                "Home" => 0,
                "End" => last,
                _ => return,
            };
            event.prevent_default();
            if let (Some(tab), Some(navigator)) = (tabs.get(next), &navigator) {
                focus_tab(&node, tab.slug);
                navigator.replace(&tab.to);
            }
        })
    };
    html! {
        <div class="tabs" role="tablist" aria-label={props.label.clone()} ref={node} {onkeydown}>
            { for props.tabs.iter().map(|tab| {
                let selected = *tab.slug == *props.selected;
                let onclick = {
                    let (to, navigator) = (tab.to.clone(), navigator.clone());
                    Callback::from(move |_: MouseEvent| {
                        if let Some(navigator) = &navigator {
                            navigator.push(&to);
                        }
                    })
                };
                html! {
                    <button
                        key={tab.slug} type="button" role="tab" id={format!("tab-{}", tab.slug)} {onclick}
                        aria-selected={if selected { "true" } else { "false" }}
                        aria-controls={selected.then_some("tab-panel")}
                        tabindex={if selected { "0" } else { "-1" }}
                        data-testid={format!("tab-{}", tab.slug)}
                    >
                        { tab.label }
                        if let Some(count) = tab.count {
                            <span class="count">{ count }</span>
                        }
                    </button>
                }
            }) }
        </div>
    }
}

fn focus_tab(node: &NodeRef, slug: &str) {
    let tab =
        node.cast::<Element>().and_then(|list| list.query_selector(&format!("#tab-{slug}")).ok().flatten());
    if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<Element>().ok()) {
        browser::focus_element(&tab);
    }
}
