//! The form of a retailer, new or known.

use std::rc::Rc;

use messages::http::retailers::{RetailerView, most_runs};
use serde_json::Value;
use yew::prelude::*;
use yew_router::prelude::*;

use super::configuration::{MOST_BYTES, MakeDialog};
use super::delete::{DeleteDialog, Doomed};
use crate::api::browser;
use crate::api::resource::Retailer;
use crate::components::button::{Button, Tone};
use crate::components::field::{CheckField, TextField};
use crate::components::file_field::FileField;
use crate::components::form_dialog::FormDialog;
use crate::components::icon::Icon;
use crate::hooks::{json, use_save};
use crate::route::Route;
use crate::state::configuration;
use crate::state::draft::{self, timing::windows_text};
use crate::state::form::FormValues;

#[derive(Properties, PartialEq)]
pub struct Props {
    #[prop_or_default]
    pub existing: Option<RetailerView>,
    pub on_close: Callback<()>,
    pub on_done: Callback<RetailerView>,
}

/// Zones of the regions served first; any IANA name may be typed.
const ZONES: [&str; 8] = [
    "Asia/Ho_Chi_Minh",
    "Asia/Bangkok",
    "Asia/Singapore",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "UTC",
];
const CURRENCIES: [&str; 8] = ["VND", "USD", "EUR", "GBP", "SGD", "THB", "AUD", "JPY"];

part!(pub RetailerForm(Props) kept by use_retailer_form);

#[hook]
fn use_retailer_form(props: &Props) -> Html {
    let save = use_save::<Retailer>(None, props.existing.clone(), props.on_done.clone());
    let deleting = use_state_eq(|| false);
    // What was read of an exported retailer that the new one is to be made of.
    let file = use_state_eq(|| None::<Result<Rc<Value>, String>>);
    let navigator = use_navigator();
    let spec = props.existing.as_ref().map(|view| view.spec.clone());
    let value = |f: fn(&messages::http::retailers::RetailerSpec) -> &String| {
        spec.as_ref().map(|s| f(s).clone()).unwrap_or_default()
    };
    let zone = spec
        .as_ref()
        .map(|s| s.time_zone.clone())
        .or_else(browser::time_zone)
        .unwrap_or_else(|| "UTC".to_owned());
    let on_submit = save.submit.reform(|form: FormValues| json(draft::retailer(&form)));
    if let (true, Some(view)) = (*deleting, props.existing.clone()) {
        let on_done = Callback::from(move |()| {
            if let Some(navigator) = &navigator {
                navigator.push(&Route::Retailers);
            }
        });
        return html! {
            { draw!(DeleteDialog { doomed: Doomed::new::<Retailer>(None, &view), on_done, on_close: props.on_close.clone(), consequence: "Its stores, agents, destinations, jobs and the history of its runs go with it. This cannot be undone." }) }
        };
    }
    if let Some(Ok(template)) = &*file {
        let own = |field: &str| template["retailer"][field].as_str().unwrap_or_default().to_owned();
        return html! {
            { draw!(MakeDialog { template: template.clone(), name: own("name"), code: own("code"), on_close: props.on_close.clone() }) }
        };
    }
    let fault = file.as_ref().and_then(|read| read.as_ref().err().cloned()).map(AttrValue::from);
    let on_read = {
        let file = file.setter();
        Callback::from(move |text: Result<String, String>| {
            file.set(Some(text.and_then(|text| configuration::read(&text)).map(Rc::new)));
        })
    };
    let delete = Callback::from(move |()| deleting.set(true));
    let (title, action) = if props.existing.is_some() {
        ("Edit retailer", "Save")
    } else {
        ("New retailer", "Create retailer")
    };
    html! {
            { draw!(FormDialog { title, action, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: value(|s| &s.name), testid: "retailer-name" }) }
                { draw!(TextField { name: "code", label: "Code", required: true, mono: true, value: value(|s| &s.code), placeholder: "freshmart", hint: html! { "Short handle in lower case, unique over all retailers." }, testid: "retailer-code" }) }
                <div class="fields-2">
                    { draw!(TextField { name: "currency", label: "Currency", required: true, list: "currencies", value: value(|s| &s.currency), placeholder: "VND", testid: "retailer-currency" }) }
                    { draw!(TextField { name: "time_zone", label: "Time zone", required: true, list: "zones", value: zone, testid: "retailer-zone" }) }
                </div>
                { draw!(TextField { name: "contact", label: "Contact", value: value(|s| &s.contact), placeholder: "Name, telephone, mail" }) }
                { draw!(TextField { name: "notes", label: "Notes", rows: 3, value: value(|s| &s.notes) }) }
                { draw!(TextField { name: "maintenance", label: "Maintenance windows", rows: 2, mono: true, value: spec.as_ref().map(|s| windows_text(&s.maintenance)).unwrap_or_default(), placeholder: "0 2 * * sun | 90 min # stock taking", hint: html! { "One a line: when it starts (cron), how long. Nothing starts by itself meanwhile." }, testid: "retailer-maintenance" }) }
                { draw!(TextField { name: "most_runs", label: "Runs out with agents at once", required: true, value: spec.as_ref().map_or(most_runs(), |s| s.most_runs).to_string() }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: spec.as_ref().is_none_or(|s| s.enabled), hint: "While disabled, no run starts." }) }
                <datalist id="zones">{ for ZONES.map(|zone| html! { <option value={zone} /> }) }</datalist>
                <datalist id="currencies">{ for CURRENCIES.map(|currency| html! { <option value={currency} /> }) }</datalist>
                if props.existing.is_none() {
                    { draw!(FileField { label: "Or of a file that was saved from another retailer", accept: ".json,application/json", most_bytes: MOST_BYTES, on_read, fault, testid: "retailer-file" }) }
                } else {
                    <div class="danger-zone">
                        <span>{ "Deleting takes everything with it." }</span>
                        { draw!(Button { label: "Delete retailer", icon: Icon::Trash, tone: Tone::Danger, small: true, onclick: delete }) }
                    </div>
                }
    </> } }) }
        }
}
