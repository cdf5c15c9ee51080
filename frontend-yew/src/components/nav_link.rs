//! A link inside the console: a real address, opened without loading the page again.

use yew::prelude::*;
use yew_router::prelude::*;

use crate::route::Route;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub to: Route,
    #[prop_or_default]
    pub class: Classes,
    /// The page that is open.
    #[prop_or_default]
    pub current: bool,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
    #[prop_or_default]
    pub name: Option<AttrValue>,
    #[prop_or_default]
    pub onclick: Callback<()>,
    #[prop_or_default]
    pub children: Html,
}

part!(pub NavLink(Props) kept by use_nav_link);

#[hook]
fn use_nav_link(props: &Props) -> Html {
    let navigator = use_navigator();
    let onclick = {
        let (to, told) = (props.to.clone(), props.onclick.clone());
        Callback::from(move |event: MouseEvent| {
            // With a key held, the browser opens a new tab or window.
            if event.meta_key() || event.ctrl_key() || event.shift_key() || event.alt_key() {
                return;
            }
            if let Some(navigator) = &navigator {
                event.prevent_default();
                told.emit(());
                navigator.push(&to);
            }
        })
    };
    html! {
        <a
            class={props.class.clone()}
            href={props.to.to_path()}
            {onclick}
            aria-current={props.current.then_some("page")}
            aria-label={props.name.clone()}
            data-testid={props.testid.clone()}
        >
            { props.children.clone() }
        </a>
    }
}
