//! One's own account: password and sessions.

use std::rc::Rc;

use messages::Secret;
use messages::http::access::{PasswordChange, SessionView};
use messages::validate::Validate;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::setup::NewPassword;
use crate::api::ApiError;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::field::TextField;
use crate::components::form_dialog::Form;
use crate::components::icon::Icon;
use crate::components::layout::{Card, PageHead};
use crate::components::time::Time;
use crate::hooks::{Action, use_action, use_console, use_fetch, use_status, use_title};
use crate::state::form::FormValues;
use crate::state::words::{self, Hue};

part!(pub Account kept by use_account);

#[hook]
fn use_account() -> Html {
    use_title("My account");
    let console = use_console();
    let subtitle = match console.me() {
        Some(me) => html! { format!("{} · {} · {}", me.name, me.login, words::role(me.role).0) },
        None => Html::default(),
    };
    html! {
        <>
            { draw!(PageHead { title: "My account", subtitle }) }
            <div class="columns account-columns">
                { draw!(Sessions) }
                { draw!(Card { title: "Change password", children: html! { <>{ draw!(ChangePassword) }</> } }) }
            </div>
        </>
    }
}

part!(ChangePassword kept by use_change_password);

#[hook]
fn use_change_password() -> Html {
    let console = use_console();
    let error = use_state(|| None::<ApiError>);
    let busy = use_state_eq(|| false);
    // Counts changes made: each leaves an empty form.
    let made = use_state_eq(|| 0_u32);
    let on_submit = {
        let (error, busy, made) = (error.clone(), busy.clone(), made.clone());
        Callback::from(move |form: FormValues| {
            let change = PasswordChange {
                current: Secret::new(form.raw("current")),
                new: Secret::new(form.raw("new")),
            };
            if let Err(problem) = change.validate() {
                error.set(Some(problem.into()));
                return;
            }
            busy.set(true);
            let (console, error, busy, made) = (console.clone(), error.clone(), busy.clone(), made.clone());
            spawn_local(async move {
                match console.api.change_password(&change).await {
                    Ok(()) => {
                        console.good("Password changed; all other sessions have ended");
                        error.set(None);
                        made.set(*made + 1);
                    }
                    Err(refused) => error.set(Some(refused)),
                }
                busy.set(false);
            });
        })
    };
    let errors =
        use_memo((*error).clone(), |error| error.as_ref().map(|e| e.fields().to_vec()).unwrap_or_default());
    html! {
            { draw!(key = *made; Form { errors: Rc::clone(&errors), error: (*error).clone(), on_submit, class: "stack card-pad", children: html! { <>
    { draw!(TextField { name: "current", label: "Current password", kind: "password", required: true, autocomplete: "current-password" }) }
                { draw!(NewPassword { name: "new", label: "New password" }) }
                <p class="hint">{ "Your other sessions end when it changes." }</p>
                <div>{ draw!(Button { label: "Change password", submit: true, tone: Tone::Primary, busy: *busy }) }</div>
    </> } }) }
        }
}

part!(Sessions kept by use_sessions);

#[hook]
fn use_sessions() -> Html {
    let console = use_console();
    let (_, round) = use_status();
    let fetched = {
        let api = console.api.clone();
        use_fetch((), round, move |()| {
            let api = api.clone();
            async move { api.my_sessions().await }
        })
    };
    let end = {
        let (console, reload) = (console.clone(), fetched.reload.clone());
        use_action(move |session: SessionView| {
            let (console, reload) = (console.clone(), reload.clone());
            async move {
                console.api.end_session(session.id).await?;
                console.good("Session ended");
                reload.emit(());
                Ok(())
            }
        })
    };
    let everywhere = {
        let api = console.api.clone();
        use_action(move |()| {
            let api = api.clone();
            async move { api.log_out_everywhere().await }
        })
    };
    let actions = html! {
        { draw!(Button { label: "Sign out everywhere", icon: Icon::Exit, small: true, tone: Tone::Danger, busy: everywhere.busy, onclick: everywhere.run.clone() }) }
    };
    html! {
            { draw!(Card { title: "My sessions", actions, children: html! { <>
    { async_view::view(&fetched, 3, |page| html! {
                    <ul class="list">
                        { for page.items.iter().map(|session| row(session, &end)) }
                    </ul>
                }) }
    </> } }) }
        }
}

fn row(session: &SessionView, end: &Action<SessionView>) -> Html {
    let onclick = {
        let (run, session) = (end.run.clone(), session.clone());
        Callback::from(move |()| run.emit(session.clone()))
    };
    html! {
        <li key={session.id.to_string()} class="list-row">
            <span class="grow">
                <strong>{ browser_name(&session.user_agent) }</strong>
                <small title={session.user_agent.clone()}>{ format!("{} · signed in ", session.address) }{ draw!(Time { at: session.created_at }) }{ " · used " }{ draw!(Time { at: session.last_used_at }) }</small>
            </span>
            if session.current {
                { draw!(Badge { word: "This one", hue: Hue::Good }) }
            } else {
                { draw!(Button { label: "End", small: true, name: format!("End the session at {}", session.address), busy: end.busy, onclick }) }
            }
        </li>
    }
}

/// The browser's family, out of what it says of itself.
fn browser_name(agent: &str) -> &str {
    [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]
    .iter()
    .find(|(mark, _)| agent.contains(mark))
    .map_or("Another client", |(_, name)| name)
}
