//! A native modal dialog: the browser keeps the focus inside; this gives it back when it goes.

use web_sys::{Element, HtmlDialogElement};
use yew::prelude::*;

use super::button::{Button, Tone};
use super::icon::Icon;
use crate::api::browser;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub title: AttrValue,
    #[prop_or_default]
    pub subtitle: AttrValue,
    /// Escape, the cross, or the page's own buttons.
    pub on_close: Callback<()>,
    #[prop_or_default]
    pub wide: bool,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
    pub children: Html,
}

part!(pub Dialog(Props) kept by use_dialog);

#[hook]
fn use_dialog(props: &Props) -> Html {
    let node = use_node_ref();
    // Held from the first drawing on, for opening moves the focus.
    let opener = use_memo((), |()| browser::focused());
    {
        let node = node.clone();
        use_effect_with((), move |()| {
            let dialog = node.cast::<HtmlDialogElement>();
            if let Some(dialog) = &dialog {
                // It can only fail on one that is open already.
                dialog.show_modal().ok();
            }
            move || {
                // While it is open, nothing outside of it can take the focus.
                if let Some(dialog) = dialog {
                    dialog.close();
                }
                give_back(opener.as_ref().as_ref());
            }
        });
    }
    let oncancel = {
        let on_close = props.on_close.clone();
        Callback::from(move |event: Event| {
            event.prevent_default();
            on_close.emit(());
        })
    };
    // The key itself, because the browser asks by `cancel` only once: pressed twice, Escape would close the dialog behind
    // the page's back, and with it what was typed.
    let onkeydown = {
        let on_close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" && !event.default_prevented() {
                event.prevent_default();
                on_close.emit(());
            }
        })
    };
    html! {
        <dialog
            ref={node}
            class={classes!("dialog", props.wide.then_some("wide"))}
            aria-labelledby="dialog-title"
            data-testid={props.testid.clone()}
            {oncancel}
            {onkeydown}
        >
            <header class="dialog-head">
                <div>
                    <h2 id="dialog-title">{ &props.title }</h2>
                    if !props.subtitle.is_empty() {
                        <p class="dim">{ &props.subtitle }</p>
                    }
                </div>
                { draw!(Button { icon: Icon::Close, name: "Close", tone: Tone::Ghost, onclick: props.on_close.clone() }) }
            </header>
            { props.children.clone() }
        </dialog>
    }
}

fn give_back(opener: Option<&Element>) {
    // What opened it may be gone, such as the row of a deleted thing.
    match opener.filter(|element| element.is_connected()) {
        Some(element) => browser::focus_element(element),
        None => browser::focus("main"),
    }
}
