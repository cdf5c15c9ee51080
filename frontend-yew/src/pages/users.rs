//! The people who use the console.

use messages::http::access::UserView;
use messages::http::paging::ListQuery;
use yew::prelude::*;

use super::retailer::Open;
use super::retailer::opener;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Empty, PageHead};
use crate::components::pager::Pager;
use crate::components::time::maybe;
use crate::hooks::{use_action, use_console, use_debounced, use_fetch, use_status, use_title};
use crate::state::format::counted;
use crate::state::paging::Trail;
use crate::state::words::{self, Hue};

mod user_form;

use user_form::UserDialogs;

const SIZE: u32 = 50;
const DEBOUNCE_MS: u32 = 250;

#[derive(Debug, Clone, PartialEq, Default)]
struct Asked {
    q: Option<String>,
    trail: Trail,
}

part!(pub Users kept by use_users);

#[hook]
fn use_users() -> Html {
    use_title("Users");
    let console = use_console();
    let (_, round) = use_status();
    let asked = use_state_eq(Asked::default);
    let open = use_state(Open::<UserView>::default);
    let fetched = {
        let api = console.api.clone();
        use_fetch((*asked).clone(), round, move |asked: Asked| {
            let api = api.clone();
            let query = ListQuery {
                q: asked.q,
                cursor: asked.trail.cursor().cloned(),
                limit: Some(SIZE),
                ..ListQuery::default()
            };
            async move { api.list::<crate::api::resource::User>(None, &query).await }
        })
    };
    let end = {
        let console = console.clone();
        use_action(move |user: UserView| {
            let console = console.clone();
            async move {
                console.api.end_sessions_of(user.id).await?;
                console.good(format!("All sessions of “{}” have ended", user.name));
                Ok(())
            }
        })
    };
    let search = {
        let asked = asked.clone();
        use_debounced(
            DEBOUNCE_MS,
            Callback::from(move |text: String| {
                let q = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
                asked.set(Asked { q, trail: Trail::default() });
            }),
        )
    };
    let oninput = Callback::from(move |event: InputEvent| {
        search.emit(event.target_unchecked_into::<web_sys::HtmlInputElement>().value());
    });
    let actions = |user: &UserView| {
        let (run, ended) = (end.run.clone(), user.clone());
        let onclick = Callback::from(move |()| run.emit(ended.clone()));
        html! {
            <>
                { draw!(Button { label: "End sessions", small: true, name: format!("End all sessions of {}", user.name), onclick }) }
                { super::retailer::row_actions(&user.name, opener(&open, Open::Edit(user.clone())), opener(&open, Open::Delete(user.clone()))) }
            </>
        }
    };
    let turn = |trail: Trail| {
        let asked = asked.clone();
        Callback::from(move |()| asked.set(Asked { trail: trail.clone(), ..(*asked).clone() }))
    };
    let subtitle = html! { "Who may sign in, what they may do, and whose retailers they see." };
    html! {
            <>
                { draw!(PageHead { title: "Users", subtitle, children: html! { <>{ draw!(Button { label: "New user", icon: Icon::Plus, tone: Tone::Primary, onclick: opener(&open, Open::New), testid: "new-user" }) }</> } }) }
                { draw!(Card { class: "list-card", children: html! { <>
    <div class="toolbar">
                        <label class="searchbox">{ draw!(Glyph { icon: Icon::Search }) }<input type="search" aria-label="Search users" placeholder="Search name or login" {oninput} /></label>
                    </div>
                    { async_view::view(&fetched, 6, |page| {
                        if page.items.is_empty() {
                            return html! { { draw!(Empty { icon: Icon::Users, title: "Nobody matches", detail: "No user has this in name or login." }) } };
                        }
                        let next = page.next.clone().map(|next| asked.trail.forward(next));
                        html! {
                            <>
                                <div class="table-box">
                                    <table class="table cards">
                                        <thead><tr><th>{ "Name" }</th><th>{ "Login" }</th><th>{ "Role" }</th><th>{ "Retailers" }</th><th>{ "State" }</th><th>{ "Last login" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                                        <tbody>{ for page.items.iter().map(|user| row(user, actions(user))) }</tbody>
                                    </table>
                                </div>
                                <footer class="card-foot">
                                    { draw!(Pager { page: asked.trail.page(), size: SIZE, shown: page.items.len(), total: page.total, more: next.is_some(), on_back: turn(asked.trail.back()), on_next: turn(next.unwrap_or_default()) }) }
                                </footer>
                            </>
                        }
                    }) }
    </> } }) }
                { draw!(UserDialogs { open: (*open).clone(), on_close: opener(&open, Open::Nothing), on_done: fetched.reload.clone() }) }
            </>
        }
}

fn row(user: &UserView, actions: Html) -> Html {
    let (role, means) = words::role(user.role);
    let (word, hue) = if user.enabled { ("Enabled", Hue::Good) } else { ("Disabled", Hue::Quiet) };
    html! {
        <tr key={user.id.to_string()} data-testid="user-row">
            <td data-label="Name" class="strong">{ &user.name }</td>
            <td data-label="Login" class="mono">{ &user.login }</td>
            <td data-label="Role" title={means}>{ role }</td>
            <td data-label="Retailers">{ scope_words(user) }</td>
            <td data-label="State">{ draw!(Badge { word, hue }) }</td>
            <td data-label="Last login">{ maybe(user.last_login_at) }</td>
            <td class="actions">{ actions }</td>
        </tr>
    }
}

fn scope_words(user: &UserView) -> String {
    let allowed = match &user.scope.allow {
        None => "All".to_owned(),
        Some(list) => counted(list.len() as u64, "retailer", "retailers"),
    };
    match user.scope.deny.len() {
        0 => allowed,
        denied => format!("{allowed}, less {denied}"),
    }
}
