//! The stores of a retailer.

use messages::RetailerId;
use messages::http::stores::StoreView;
use messages::permission::Permission;
use yew::prelude::*;

use super::delete::{DeleteDialog, Doomed};
use super::{Open, TabProps, enabled_badge, opener, row_actions};
use crate::api::resource::Store;
use crate::components::button::{Button, Tone};
use crate::components::field::{CheckField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::time::Time;
use crate::hooks::{json, use_console, use_save};
use crate::state::draft;
use crate::state::form::FormValues;

part!(pub(crate) Stores(TabProps) kept by use_stores);

#[hook]
fn use_stores(props: &TabProps) -> Html {
    let console = use_console();
    let open = use_state(Open::<StoreView>::default);
    let may = console.may(Permission::RetailerWrite);
    let stores = props.topic.stores();
    let new = html! {
        if may {
            { draw!(Button { label: "New store", icon: Icon::Plus, tone: Tone::Primary, small: true, onclick: opener(&open, Open::New), testid: "new-store" }) }
        }
    };
    let close = opener(&open, Open::Nothing);
    let zone = props.topic.retailer().map(|r| r.spec.time_zone.clone()).unwrap_or_default();
    html! {
            { draw!(Card { title: "Stores", count: stores.len() as u64, actions: new.clone(), children: html! { <>
    if stores.is_empty() {
                    { draw!(Empty { icon: Icon::Shop, title: "No store yet", detail: "A store is one shop of this retailer.", children: html! { <>{ new }</> } }) }
                } else {
                    <div class="table-box">
                        <table class="table cards">
                            <thead><tr><th>{ "Name" }</th><th>{ "Code" }</th><th>{ "Address" }</th><th>{ "Time zone" }</th><th>{ "State" }</th><th>{ "Changed" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                            <tbody>
                                { for stores.iter().map(|store| html! {
                                    <tr key={store.id.to_string()} data-testid="store-row">
                                        <td data-label="Name" class="strong">{ &store.spec.name }</td>
                                        <td data-label="Code" class="mono">{ &store.spec.code }</td>
                                        <td data-label="Address">{ if store.spec.address.is_empty() { "—" } else { &store.spec.address } }</td>
                                        <td data-label="Time zone">{ &store.spec.time_zone }</td>
                                        <td data-label="State">{ enabled_badge(store.spec.enabled) }</td>
                                        <td data-label="Changed">{ draw!(Time { at: store.updated_at }) }</td>
                                        <td class="actions">
                                            if may {
                                                { row_actions(&store.spec.name, opener(&open, Open::Edit((*store).clone())), opener(&open, Open::Delete((*store).clone()))) }
                                            }
                                        </td>
                                    </tr>
                                }) }
                            </tbody>
                        </table>
                    </div>
                }
                { match &*open {
                    Open::Nothing => Html::default(),
                    Open::New => html! { { draw!(StoreForm { retailer: props.id, zone, on_close: close }) } },
                    Open::Edit(view) => html! { { draw!(StoreForm { retailer: props.id, zone, existing: view.clone(), on_close: close }) } },
                    Open::Delete(view) => html! {
                        { draw!(DeleteDialog { doomed: Doomed::new::<Store>(Some(props.id), view), on_close: close, consequence: "Agents that stand there lose their place. This cannot be undone." }) }
                    },
                } }
    </> } }) }
        }
}

#[derive(Properties, PartialEq)]
struct FormProps {
    retailer: RetailerId,
    zone: String,
    #[prop_or_default]
    existing: Option<StoreView>,
    on_close: Callback<()>,
}

part!(StoreForm(FormProps) kept by use_store_form);

#[hook]
fn use_store_form(props: &FormProps) -> Html {
    let save = use_save::<Store>(Some(props.retailer), props.existing.clone(), props.on_close.reform(|_| ()));
    let spec = props.existing.as_ref().map(|view| &view.spec);
    let on_submit = save.submit.reform(|form: FormValues| json(draft::store(&form)));
    let (title, action) = if spec.is_some() { ("Edit store", "Save") } else { ("New store", "Create store") };
    html! {
            { draw!(FormDialog { title, action, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: spec.map(|s| s.name.clone()).unwrap_or_default() }) }
                { draw!(TextField { name: "code", label: "Code", required: true, mono: true, value: spec.map(|s| s.code.clone()).unwrap_or_default(), hint: html! { "Short handle in lower case, unique within the retailer." } }) }
                { draw!(TextField { name: "address", label: "Address", rows: 2, value: spec.map(|s| s.address.clone()).unwrap_or_default() }) }
                { draw!(TextField { name: "time_zone", label: "Time zone", required: true, value: spec.map_or_else(|| props.zone.clone(), |s| s.time_zone.clone()) }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: spec.is_none_or(|s| s.enabled) }) }
    </> } }) }
        }
}
