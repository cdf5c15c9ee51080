//! Deleting one thing: asks, names it, and shows why it cannot be when something still uses it.

use messages::live::Topic;
use messages::{RetailerId, Version};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::api::resource::Resource;
use crate::components::confirm::Confirm;
use crate::hooks::use_console;

/// What is to be deleted, of whatever kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Doomed {
    noun: &'static str,
    title: String,
    path: String,
    rev: Version,
    topic: Option<Topic>,
}

impl Doomed {
    pub(crate) fn new<R: Resource>(retailer: Option<RetailerId>, view: &R::View) -> Self {
        Self {
            noun: R::NOUN,
            title: R::title(view),
            path: format!("{}/{}", R::collection(retailer), R::id(view)),
            rev: R::rev(view),
            topic: R::topic(retailer),
        }
    }
}

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub(crate) doomed: Doomed,
    /// What else goes with it.
    pub(crate) consequence: AttrValue,
    pub(crate) on_close: Callback<()>,
    /// It is gone.
    #[prop_or_default]
    pub(crate) on_done: Callback<()>,
}

part!(pub(crate) DeleteDialog(Props) kept by use_delete_dialog);

#[hook]
fn use_delete_dialog(props: &Props) -> Html {
    let console = use_console();
    let error = use_state(|| None::<ApiError>);
    let busy = use_state_eq(|| false);
    let Doomed { noun, title, .. } = &props.doomed;
    let on_confirm = {
        let (error, busy, doomed) = (error.clone(), busy.clone(), props.doomed.clone());
        let (on_close, on_done) = (props.on_close.clone(), props.on_done.clone());
        Callback::from(move |()| {
            busy.set(true);
            let (console, error, busy) = (console.clone(), error.clone(), busy.clone());
            let (doomed, on_close, on_done) = (doomed.clone(), on_close.clone(), on_done.clone());
            spawn_local(async move {
                match console.api.remove(&doomed.path, doomed.rev).await {
                    Ok(()) => {
                        console.good(format!("“{}” deleted", doomed.title));
                        if let Some(topic) = doomed.topic {
                            console.live.touched(topic);
                        }
                        on_close.emit(());
                        on_done.emit(());
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
        { draw!(Confirm { title: format!("Delete the {noun} “{title}”?"), action: format!("Delete {noun}"), busy: *busy, error: (*error).clone(), on_confirm, on_close: props.on_close.clone(), children: html! { <><p>{ &props.consequence }</p></> } }) }
    }
}
