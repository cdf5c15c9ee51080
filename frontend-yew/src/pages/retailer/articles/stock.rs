//! Putting the stock of an article right in one store. The store's device carries it out; the hub's stock moves when the
//! device has told so.

use std::rc::Rc;

use messages::http::articles::{ArticleView, StockSpec};
use messages::http::edges::EdgeView;
use messages::{FieldError, RetailerId, StoreId};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::components::field::{Choice, SelectField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::hooks::{use_console, use_fetch};
use crate::state::draft;
use crate::state::form::FormValues;
use crate::state::topic::TopicState;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) topic: Rc<TopicState>,
    pub(super) article: ArticleView,
    pub(super) on_close: Callback<()>,
}

#[derive(Default)]
struct Progress {
    busy: bool,
    errors: Rc<Vec<FieldError>>,
    error: Option<ApiError>,
}

part!(pub(super) StockForm(Props) kept by use_stock_form);

#[hook]
fn use_stock_form(props: &Props) -> Html {
    let console = use_console();
    let progress = use_state(Progress::default);
    let stores = props.topic.stores();
    let store = use_state_eq(|| stores.first().map(|store| store.id));
    let (api, retailer) = (console.api.clone(), props.retailer);
    let devices = use_fetch(*store, 0, move |store: Option<StoreId>| {
        let api = api.clone();
        async move {
            match store {
                Some(store) => api.edges(retailer, store).await,
                None => Ok(Vec::new()),
            }
        }
    });
    let send = {
        let (progress, on_close, name) =
            (progress.clone(), props.on_close.clone(), props.article.spec.name.clone());
        Callback::from(move |(store, spec): (StoreId, StockSpec)| {
            progress.set(Progress { busy: true, ..Progress::default() });
            let (console, progress) = (console.clone(), progress.clone());
            let (on_close, name) = (on_close.clone(), name.clone());
            spawn_local(async move {
                match console.api.correct_stock(retailer, store, &spec).await {
                    Ok(_) => {
                        console.good(format!(
                            "The stock of “{name}” is put right when the store's device has done it"
                        ));
                        on_close.emit(());
                    }
                    Err(error) => {
                        let errors = Rc::new(error.fields().to_vec());
                        progress.set(Progress { busy: false, errors, error: Some(error) });
                    }
                }
            });
        })
    };
    let on_submit = {
        let (progress, sku) = (progress.clone(), props.article.spec.sku.clone());
        Callback::from(move |form: FormValues| match draft::correction(&form, &sku) {
            _ if progress.busy => {}
            Ok(order) => send.emit(order),
            Err(errors) => progress.set(Progress { errors: Rc::new(errors), ..Progress::default() }),
        })
    };
    let choose = {
        let store = store.clone();
        Callback::from(move |id: String| store.set(id.parse().ok()))
    };
    let choices: Vec<Choice> =
        stores.iter().map(|store| (store.id.to_string().into(), store.spec.name.clone().into())).collect();
    let chosen = store.map(|id| id.to_string()).unwrap_or_default();
    let devices = devices.data.as_deref().map(Vec::as_slice).unwrap_or_default();
    html! {
        { draw!(FormDialog { title: "Put stock right", subtitle: props.article.spec.name.clone(), action: "Send to the store", busy: progress.busy, errors: progress.errors.clone(), error: progress.error.clone(), on_submit, on_close: props.on_close.clone(), children: html! { <>
            { draw!(SelectField { name: "store_id", label: "Store", choices, value: chosen, onchange: choose, testid: "stock-store" }) }
            { device(devices) }
            { draw!(TextField { name: "delta", label: "Difference", required: true, autofocus: true, hint: html! { "What there is more than was thought, or with a minus less. Not the count itself: goods are sold while one counts." }, testid: "stock-delta" }) }
            { draw!(TextField { name: "note", label: "Why", hint: html! { "For the record." } }) }
        </> } }) }
    }
}

/// Each device has a stock of its own; where there is one, it is the one.
fn device(devices: &[EdgeView]) -> Html {
    if devices.len() < 2 {
        return Html::default();
    }
    let choices: Vec<Choice> =
        devices.iter().map(|place| (place.id.to_string().into(), place.name.clone().into())).collect();
    let value = choices.first().map(|(id, _)| id.clone()).unwrap_or_default();
    html! {
        { draw!(SelectField { name: "edge_id", label: "Device", choices, value, testid: "stock-device" }) }
    }
}
