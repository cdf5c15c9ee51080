//! The first start: the one-time token makes the first administrator.

use std::rc::Rc;

use messages::Secret;
use messages::http::access::SetupRequest;
use messages::validate::Validate;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::login::Frame;
use crate::api::ApiError;
use crate::components::button::{Button, Tone};
use crate::components::field::TextField;
use crate::components::form_dialog::Form;
use crate::hooks::{use_console, use_title};
use crate::state::form::FormValues;
use crate::state::password::strength;

#[derive(Properties, PartialEq)]
pub struct PasswordProps {
    #[prop_or(AttrValue::Static("password"))]
    pub name: AttrValue,
    #[prop_or(AttrValue::Static("Password"))]
    pub label: AttrValue,
    #[prop_or(true)]
    pub required: bool,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

part!(pub NewPassword(PasswordProps) kept by use_new_password);

/// A field for a new password, with a meter of how good it is.
#[hook]
fn use_new_password(props: &PasswordProps) -> Html {
    let typed = use_state_eq(String::new);
    let oninput = {
        let typed = typed.clone();
        Callback::from(move |text: String| typed.set(text))
    };
    let judged = strength(&typed, &[]);
    let hint = html! {
        <span class="strength" role="status">
            <meter min="0" max="4" low="2" high="3" optimum="4" value={if typed.is_empty() { "0".to_owned() } else { judged.level().to_string() }} aria-label="Strength of the password" />
            <span>{ if typed.is_empty() { "At least 10 characters. A few words in a row are good." } else { judged.hint() } }</span>
        </span>
    };
    html! {
        { draw!(TextField { name: props.name.clone(), label: props.label.clone(), kind: "password", required: props.required, autocomplete: "new-password", hint, oninput, testid: props.testid.clone() }) }
    }
}

part!(pub Setup kept by use_setup);

#[hook]
fn use_setup() -> Html {
    use_title("Set up");
    let console = use_console();
    let error = use_state(|| None::<ApiError>);
    let busy = use_state_eq(|| false);
    let on_submit = {
        let (error, busy) = (error.clone(), busy.clone());
        Callback::from(move |form: FormValues| {
            let request = SetupRequest {
                token: Secret::new(form.text("token")),
                login: form.text("login"),
                name: form.text("name"),
                password: Secret::new(form.raw("password")),
            };
            if let Err(problem) = request.validate() {
                error.set(Some(problem.into()));
                return;
            }
            busy.set(true);
            let (console, error, busy) = (console.clone(), error.clone(), busy.clone());
            spawn_local(async move {
                if let Err(refused) = console.api.set_up(&request).await {
                    error.set(Some(refused));
                    busy.set(false);
                }
            });
        })
    };
    let errors =
        use_memo((*error).clone(), |error| error.as_ref().map(|e| e.fields().to_vec()).unwrap_or_default());
    let token_hint = html! { "The hub prints it at its first start, in its log." };
    html! {
            { draw!(Frame { title: "Welcome", lead: "This system is new. Make its first administrator.", children: html! { <>
    { draw!(Form { errors: Rc::clone(&errors), error: (*error).clone(), on_submit, class: "stack", children: html! { <>
    { draw!(TextField { name: "token", label: "Setup token", required: true, autofocus: true, mono: true, hint: token_hint, testid: "setup-token" }) }
                    { draw!(TextField { name: "name", label: "Your name", required: true, autocomplete: "name", testid: "setup-name" }) }
                    { draw!(TextField { name: "login", label: "Login", required: true, autocomplete: "username", testid: "setup-login" }) }
                    { draw!(NewPassword { testid: "setup-password" }) }
                    { draw!(Button { label: "Create administrator", submit: true, tone: Tone::Primary, busy: *busy, class: "wide", testid: "setup-submit" }) }
    </> } }) }
    </> } }) }
        }
}
