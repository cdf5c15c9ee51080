//! The form of a user: role, and the retailers they may reach.

use messages::RetailerId;
use messages::http::access::UserView;
use messages::http::paging::ListQuery;
use messages::permission::Role;
use yew::prelude::*;

use super::super::retailer::Open;
use super::super::setup::NewPassword;
use crate::api::resource::User;
use crate::components::async_view;
use crate::components::button::{Button, Tone};
use crate::components::field::{CheckField, Choice, RadioRow, SelectField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{json, use_console, use_debounced, use_fetch, use_save};
use crate::pages::retailer::delete::{DeleteDialog, Doomed};
use crate::state::draft;
use crate::state::form::FormValues;
use crate::state::words;

#[derive(Properties, PartialEq)]
pub(crate) struct DialogsProps {
    pub open: Open<UserView>,
    pub on_close: Callback<()>,
    pub on_done: Callback<()>,
}

part!(pub(crate) UserDialogs(DialogsProps) drawn by draw_user_dialogs);

fn draw_user_dialogs(props: &DialogsProps) -> Html {
    let (close, done) = (props.on_close.clone(), props.on_done.clone());
    let saved = {
        let close = close.clone();
        Callback::from(move |_: UserView| {
            close.emit(());
            done.emit(());
        })
    };
    match &props.open {
        Open::Nothing => Html::default(),
        Open::New => html! { { draw!(UserForm { on_close: close, on_done: saved }) } },
        Open::Edit(user) => {
            html! { { draw!(UserForm { existing: user.clone(), on_close: close, on_done: saved }) } }
        }
        Open::Delete(user) => html! {
            { draw!(DeleteDialog { doomed: Doomed::new::<User>(None, user), on_close: close, on_done: props.on_done.clone(), consequence: "They are signed out at once and cannot sign in again. What they did stays in the history." }) }
        },
    }
}

#[derive(Properties, PartialEq)]
struct FormProps {
    #[prop_or_default]
    existing: Option<UserView>,
    on_close: Callback<()>,
    on_done: Callback<UserView>,
}

part!(UserForm(FormProps) kept by use_user_form);

#[hook]
fn use_user_form(props: &FormProps) -> Html {
    let save = use_save::<User>(None, props.existing.clone(), props.on_done.clone());
    let user = props.existing.as_ref();
    let making = user.is_none();
    let scope = use_state_eq(|| {
        if user.is_some_and(|u| u.scope.allow.is_some()) { "some" } else { "all" }.to_owned()
    });
    let on_scope = {
        let scope = scope.clone();
        Callback::from(move |value: String| scope.set(value))
    };
    let on_submit = save.submit.reform(move |form: FormValues| json(draft::user(&form, making)));
    let roles: Vec<Choice> = Role::ALL
        .iter()
        .map(|role| {
            (role.as_str().into(), format!("{}: {}", words::role(*role).0, words::role(*role).1).into())
        })
        .collect();
    let ways: Vec<Choice> =
        vec![("all".into(), "All retailers".into()), ("some".into(), "Only these".into())];
    let (title, action) = if making { ("New user", "Create user") } else { ("Edit user", "Save") };
    let allow = user.and_then(|u| u.scope.allow.clone()).unwrap_or_default();
    let deny = user.map(|u| u.scope.deny.clone()).unwrap_or_default();
    html! {
            { draw!(FormDialog { title, action, wide: true, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    <div class="fields-2">
                    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: user.map(|u| u.name.clone()).unwrap_or_default(), testid: "user-name" }) }
                    { draw!(TextField { name: "login", label: "Login", required: true, mono: true, value: user.map(|u| u.login.clone()).unwrap_or_default(), testid: "user-login" }) }
                </div>
                { draw!(SelectField { name: "role", label: "Role", choices: roles, value: user.map_or(Role::Technician, |u| u.role).as_str() }) }
                { draw!(NewPassword { label: if making { "Password" } else { "New password (blank keeps the present one)" }, required: making, testid: "user-password" }) }
                { draw!(RadioRow { name: "scope", legend: "May reach", choices: ways, value: (*scope).clone(), onchange: on_scope }) }
                if *scope == "some" {
                    { draw!(key = "allow"; Picker { name: "scope.allow", label: "Allowed retailers", chosen: allow }) }
                }
                { draw!(key = "deny"; Picker { name: "scope.deny", label: "Denied retailers (a denial wins)", chosen: deny }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: user.is_none_or(|u| u.enabled), hint: "While disabled, nobody can sign in with it." }) }
    </> } }) }
        }
}

#[derive(Properties, PartialEq)]
struct PickerProps {
    name: AttrValue,
    label: AttrValue,
    chosen: Vec<RetailerId>,
}

/// Retailers shown beside the search field.
const SHOWN: u32 = 8;
/// Names of chosen retailers are looked up in one page.
const DEBOUNCE_MS: u32 = 200;

part!(Picker(PickerProps) kept by use_picker);

/// Chooses retailers by search. The form reads their ids from a hidden field.
#[hook]
fn use_picker(props: &PickerProps) -> Html {
    let console = use_console();
    let chosen = use_state_eq(|| props.chosen.iter().map(|id| (*id, None::<String>)).collect::<Vec<_>>());
    let sought = use_state_eq(String::new);
    let settle = {
        let sought = sought.clone();
        use_debounced(DEBOUNCE_MS, Callback::from(move |text: String| sought.set(text)))
    };
    let fetched = {
        let api = console.api.clone();
        use_fetch((*sought).clone(), 0, move |text: String| {
            let api = api.clone();
            let q = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            async move { api.summaries(&ListQuery { q, limit: Some(SHOWN), ..ListQuery::default() }).await }
        })
    };
    let ids = chosen.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" ");
    let oninput = Callback::from(move |event: InputEvent| {
        settle.emit(event.target_unchecked_into::<web_sys::HtmlInputElement>().value())
    });
    let remove = |id: RetailerId| {
        let chosen = chosen.clone();
        Callback::from(move |()| {
            chosen.set(chosen.iter().filter(|(other, _)| *other != id).cloned().collect())
        })
    };
    let add = |id: RetailerId, name: String| {
        let chosen = chosen.clone();
        Callback::from(move |_: MouseEvent| {
            let mut all = (*chosen).clone();
            all.push((id, Some(name.clone())));
            chosen.set(all);
        })
    };
    html! {
        <fieldset class="group picker">
            <legend>{ &props.label }</legend>
            <input type="hidden" name={props.name.clone()} value={ids} />
            <div class="chips">
                { for chosen.iter().map(|(id, name)| {
                    let name = name.clone().unwrap_or_else(|| known_name(&fetched, *id));
                    html! {
                        <span class="chip on" key={id.to_string()}>{ &name }{ draw!(Button { icon: Icon::Close, name: format!("Remove {name}"), tone: Tone::Ghost, small: true, onclick: remove(*id) }) }</span>
                    }
                }) }
                if chosen.is_empty() {
                    <span class="dim">{ "none" }</span>
                }
            </div>
            <label class="searchbox">{ draw!(Glyph { icon: Icon::Search }) }<input type="search" aria-label={format!("Find: {}", props.label)} placeholder="Find a retailer" {oninput} /></label>
            <div class="menu-list">
                { async_view::view(&fetched, 3, |page| html! {
                    <>{ for page.items.iter().filter(|s| chosen.iter().all(|(id, _)| *id != s.id)).map(|s| html! {
                        <button type="button" class="menu-item" key={s.id.to_string()} onclick={add(s.id, s.name.clone())}>{ draw!(Glyph { icon: Icon::Plus }) }<span class="grow">{ &s.name }</span><span class="mono dim">{ &s.code }</span></button>
                    }) }</>
                }) }
            </div>
        </fieldset>
    }
}

fn known_name(
    fetched: &crate::hooks::Fetched<messages::http::paging::Page<messages::http::retailers::RetailerSummary>>,
    id: RetailerId,
) -> String {
    let name =
        fetched.data.as_ref().and_then(|page| page.items.iter().find(|s| s.id == id).map(|s| s.name.clone()));
    name.unwrap_or_else(|| crate::state::format::short_id(&id))
}
