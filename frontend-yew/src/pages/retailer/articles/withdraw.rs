//! Taking an article out of sale: asked first, for every till of the retailer feels it within seconds.

use messages::RetailerId;
use messages::http::articles::ArticleView;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::api::resource::{Article, Resource as _};
use crate::components::confirm::Confirm;
use crate::hooks::use_console;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) article: ArticleView,
    pub(super) on_close: Callback<()>,
    /// It is withdrawn.
    pub(super) on_done: Callback<()>,
}

part!(pub(super) WithdrawDialog(Props) kept by use_withdraw_dialog);

#[hook]
fn use_withdraw_dialog(props: &Props) -> Html {
    let console = use_console();
    let error = use_state(|| None::<ApiError>);
    let busy = use_state_eq(|| false);
    let name = props.article.spec.name.clone();
    let on_confirm = {
        let path = format!("{}/{}", Article::collection(Some(props.retailer)), Article::id(&props.article));
        let (rev, name, on_done) = (props.article.rev, name.clone(), props.on_done.clone());
        let (error, busy) = (error.clone(), busy.clone());
        Callback::from(move |()| {
            busy.set(true);
            let (console, error, busy) = (console.clone(), error.clone(), busy.clone());
            let (path, name, on_done) = (path.clone(), name.clone(), on_done.clone());
            spawn_local(async move {
                match console.api.remove(&path, rev).await {
                    Ok(()) => {
                        console.good(format!("“{name}” withdrawn"));
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
        { draw!(Confirm { title: format!("Withdraw the article “{name}”?"), action: "Withdraw article", busy: *busy, error: (*error).clone(), on_confirm, on_close: props.on_close.clone(), children: html! { <><p>{ "Tills of all stores refuse it within seconds. What was sold of it stays, and editing it brings it back." }</p></> } }) }
    }
}
