//! Signing in.

use std::rc::Rc;

use messages::Secret;
use messages::http::access::LoginRequest;
use messages::validate::Validate;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::components::button::{Button, Tone};
use crate::components::field::TextField;
use crate::components::form_dialog::Form;
use crate::components::icon::{Glyph, Icon};
use crate::components::theme::ThemeSwitch;
use crate::hooks::{use_console, use_title};
use crate::state::form::FormValues;

#[derive(Properties, PartialEq)]
pub struct FrameProps {
    pub title: AttrValue,
    pub lead: AttrValue,
    pub children: Html,
}

part!(pub Frame(FrameProps) drawn by draw_frame);

/// The frame of the pages before the door.
fn draw_frame(props: &FrameProps) -> Html {
    html! {
        <div class="door">
            <div class="door-theme">{ draw!(ThemeSwitch) }</div>
            <main id="main" class="door-card">
                <div class="brand">{ draw!(Glyph { icon: Icon::Mark }) }<span>{ "Grocery" }<b>{ "Sync" }</b></span></div>
                <h1>{ &props.title }</h1>
                <p class="lead">{ &props.lead }</p>
                { props.children.clone() }
            </main>
            <footer class="door-foot">{ "Point-of-sale data of every shop, in one place." }</footer>
        </div>
    }
}

part!(pub Login kept by use_login);

#[hook]
fn use_login() -> Html {
    use_title("Sign in");
    let console = use_console();
    let error = use_state(|| None::<ApiError>);
    let busy = use_state_eq(|| false);
    let on_submit = {
        let (error, busy) = (error.clone(), busy.clone());
        Callback::from(move |form: FormValues| {
            let request =
                LoginRequest { login: form.text("login"), password: Secret::new(form.raw("password")) };
            if let Err(problem) = request.validate() {
                error.set(Some(problem.into()));
                return;
            }
            busy.set(true);
            let (console, error, busy) = (console.clone(), error.clone(), busy.clone());
            spawn_local(async move {
                if let Err(refused) = console.api.log_in(&request).await {
                    error.set(Some(refused));
                    busy.set(false);
                }
            });
        })
    };
    let errors =
        use_memo((*error).clone(), |error| error.as_ref().map(|e| e.fields().to_vec()).unwrap_or_default());
    html! {
            { draw!(Frame { title: "Sign in", lead: "Use the account that your administrator gave you.", children: html! { <>
    { draw!(Form { errors: Rc::clone(&errors), error: (*error).clone(), on_submit, class: "stack", children: html! { <>
    { draw!(TextField { name: "login", label: "Login", required: true, autofocus: true, autocomplete: "username", testid: "login-name" }) }
                    { draw!(TextField { name: "password", label: "Password", kind: "password", required: true, autocomplete: "current-password", testid: "login-password" }) }
                    { draw!(Button { label: "Sign in", submit: true, tone: Tone::Primary, busy: *busy, class: "wide", testid: "login-submit" }) }
    </> } }) }
    </> } }) }
        }
}
