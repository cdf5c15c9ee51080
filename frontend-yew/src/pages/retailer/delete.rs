//! Deleting one thing: asks, names it, and shows why it cannot be when something still uses it.

use messages::RetailerId;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::api::resource::Resource;
use crate::components::confirm::Confirm;
use crate::hooks::use_console;

#[derive(Properties, PartialEq)]
pub(crate) struct Props<R: Resource> {
    pub retailer: Option<RetailerId>,
    pub view: R::View,
    /// What else goes with it.
    pub consequence: AttrValue,
    pub on_close: Callback<()>,
    /// It is gone.
    #[prop_or_default]
    pub on_done: Callback<()>,
}

#[component]
pub(crate) fn DeleteDialog<R: Resource>(props: &Props<R>) -> Html {
    let console = use_console();
    let error = use_state(|| None::<ApiError>);
    let busy = use_state_eq(|| false);
    let title = R::title(&props.view);
    let on_confirm = {
        let (error, busy, retailer) = (error.clone(), busy.clone(), props.retailer);
        let (id, rev, title) = (R::id(&props.view), R::rev(&props.view), title.clone());
        let (on_close, on_done) = (props.on_close.clone(), props.on_done.clone());
        Callback::from(move |()| {
            busy.set(true);
            let (console, error, busy) = (console.clone(), error.clone(), busy.clone());
            let (id, title, on_close, on_done) = (id.clone(), title.clone(), on_close.clone(), on_done.clone());
            spawn_local(async move {
                match console.api.remove::<R>(retailer, &id, rev).await {
                    Ok(()) => {
                        console.good(format!("“{title}” deleted"));
                        if let Some(topic) = R::topic(retailer) {
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
        <Confirm
            title={format!("Delete the {} “{title}”?", R::NOUN)} action={format!("Delete {}", R::NOUN)}
            busy={*busy} error={(*error).clone()} {on_confirm} on_close={props.on_close.clone()}
        >
            <p>{ &props.consequence }</p>
        </Confirm>
    }
}
