//! The dialog in which things are made and changed: fields, faults, a conflict when there is one.

use std::rc::Rc;

use messages::FieldError;
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, FormData, HtmlFormElement};
use yew::prelude::*;

use super::button::{Button, Tone};
use super::conflict::ConflictView;
use super::dialog::Dialog;
use super::field::Faults;
use super::layout::ErrorNote;
use crate::api::error::sentence;
use crate::api::{ApiError, browser};
use crate::hooks::Conflict;
use crate::state::form::FormValues;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub title: AttrValue,
    #[prop_or_default]
    pub subtitle: AttrValue,
    #[prop_or(AttrValue::Static("Save"))]
    pub action: AttrValue,
    #[prop_or_default]
    pub wide: bool,
    pub busy: bool,
    pub errors: Rc<Vec<FieldError>>,
    #[prop_or_default]
    pub error: Option<ApiError>,
    #[prop_or_default]
    pub conflict: Option<Rc<Conflict>>,
    pub on_submit: Callback<FormValues>,
    #[prop_or_default]
    pub on_resolve: Callback<Value>,
    pub on_close: Callback<()>,
    pub children: Html,
}

part!(pub FormDialog(Props) drawn by draw_form_dialog);

fn draw_form_dialog(props: &Props) -> Html {
    let body = match &props.conflict {
        Some(conflict) => html! {
            { draw!(ConflictView { conflict: conflict.clone(), busy: props.busy, on_resolve: props.on_resolve.clone(), on_close: props.on_close.clone() }) }
        },
        None => html! {
                    { draw!(Form { errors: props.errors.clone(), error: props.error.clone(), on_submit: props.on_submit.clone(), children: html! { <>
        <div class="dialog-body">
                            { props.children.clone() }
                        </div>
                        <footer class="dialog-foot">
                            { draw!(Button { label: "Cancel", onclick: props.on_close.clone() }) }
                            { draw!(Button { label: props.action.clone(), submit: true, tone: Tone::Primary, busy: props.busy, testid: "form-submit" }) }
                        </footer>
        </> } }) }
                },
    };
    html! {
        { draw!(Dialog { title: props.title.clone(), subtitle: props.subtitle.clone(), wide: props.wide, on_close: props.on_close.clone(), testid: "form-dialog", children: html! { <>{ body }</> } }) }
    }
}

#[derive(Properties, PartialEq)]
pub struct FormProps {
    pub errors: Rc<Vec<FieldError>>,
    #[prop_or_default]
    pub error: Option<ApiError>,
    pub on_submit: Callback<FormValues>,
    #[prop_or_default]
    pub class: Classes,
    pub children: Html,
}

part!(pub Form(FormProps) kept by use_form);

/// A form that hands over its values by name, and moves to the first field with a fault.
#[hook]
fn use_form(props: &FormProps) -> Html {
    let node = use_node_ref();
    let homeless = use_state_eq(Vec::<FieldError>::new);
    {
        let (node, homeless) = (node.clone(), homeless.clone());
        use_effect_with(props.errors.clone(), move |errors| {
            if let Some(form) = node.cast::<Element>() {
                homeless.set(without_field(&form, errors));
                if let Ok(Some(first)) = form.query_selector("[aria-invalid=true]") {
                    browser::focus_element(&first);
                }
            }
        });
    }
    let onsubmit = {
        let told = props.on_submit.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok()) {
                told.emit(values(&form));
            }
        })
    };
    html! {
        <form ref={node} {onsubmit} novalidate=true class={props.class.clone()}>
            <ContextProvider<Faults> context={Faults(props.errors.clone())}>
                if let Some(error) = props.error.as_ref().filter(|_| props.errors.is_empty()) {
                    { draw!(ErrorNote { error: error.clone() }) }
                }
                if !homeless.is_empty() {
                    <ul class="note bad" role="alert">
                        { for homeless.iter().map(|fault| html! {
                            <li>{ format!("{}: {}", fault.field, sentence(&fault.detail)) }</li>
                        }) }
                    </ul>
                }
                { props.children.clone() }
            </ContextProvider<Faults>>
        </form>
    }
}

/// Faults that no field of the form shows.
fn without_field(form: &Element, errors: &[FieldError]) -> Vec<FieldError> {
    let Ok(fields) = form.query_selector_all("[name]") else { return errors.to_vec() };
    let names: Vec<String> = (0..fields.length())
        .filter_map(|at| fields.get(at)?.dyn_into::<Element>().ok()?.get_attribute("name"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    crate::state::form::homeless(errors, &names).into_iter().cloned().collect()
}

fn values(form: &HtmlFormElement) -> FormValues {
    let Ok(data) = FormData::new_with_form(form) else { return FormValues::default() };
    let entries = js_sys::try_iter(&data).ok().flatten();
    let pair = |entry: JsValue| {
        let entry = js_sys::Array::from(&entry);
        Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
    };
    entries.into_iter().flatten().filter_map(|entry| pair(entry.ok()?)).collect()
}
