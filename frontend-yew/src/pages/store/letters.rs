//! Events of a store that were set aside: why, and what was decided.

use messages::http::dead_letters::{LetterQuery, LetterState, LetterView};
use messages::http::paging::Page;
use yew::prelude::*;

use super::PartProps;
use super::letter::LetterDialog;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::Button;
use crate::components::field::RadioRow;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::pager::Pager;
use crate::components::time::Time;
use crate::hooks::{use_console, use_fetch};
use crate::state::paging::Trail;
use crate::state::stores::{event_kind, letter_state};

const SIZE: u32 = 10;

part!(pub(super) Letters(PartProps) kept by use_letters);

#[hook]
fn use_letters(props: &PartProps) -> Html {
    let console = use_console();
    let state = use_state_eq(|| LetterState::Open);
    let trail = use_state_eq(Trail::default);
    let shown = use_state(|| None::<LetterView>);
    let (api, retailer, store) = (console.api.clone(), props.retailer, props.store);
    let fetched = use_fetch((*state, (*trail).clone()), props.moved, move |(state, trail)| {
        let api = api.clone();
        let query = LetterQuery {
            state: Some(state),
            store_id: Some(store),
            cursor: trail.cursor().cloned(),
            limit: Some(SIZE),
        };
        async move { api.letters(retailer, &query).await }
    });
    let choose = {
        let (state, trail) = (state.clone(), trail.clone());
        Callback::from(move |wanted: String| {
            let chosen = LetterState::ALL.into_iter().find(|state| state.as_str() == wanted);
            state.set(chosen.unwrap_or(LetterState::Open));
            trail.set(Trail::default());
        })
    };
    let show = |letter: Option<LetterView>| {
        let shown = shown.clone();
        Callback::from(move |()| shown.set(letter.clone()))
    };
    let done = {
        let (shown, reload) = (shown.clone(), fetched.reload.clone());
        Callback::from(move |()| {
            shown.set(None);
            reload.emit(());
        })
    };
    let turn = |to: Trail| {
        let trail = trail.clone();
        Callback::from(move |()| trail.set(to.clone()))
    };
    let choices =
        LetterState::ALL.map(|state| (state.as_str().into(), letter_state(state).0.into())).to_vec();
    let actions = html! {
        { draw!(RadioRow { name: "letters", legend: "Show", choices, value: state.as_str(), onchange: choose }) }
    };
    html! {
        <>
            { draw!(Card { title: "Dead letters", actions, children: html! { <>{ async_view::view(&fetched, 3, |page| {
                if page.items.is_empty() {
                    return nothing(*state);
                }
                let next = page.next.clone().map(|next| trail.forward(next));
                html! {
                    <>
                        { table(&page, |letter| show(Some(letter.clone()))) }
                        if trail.page() > 0 || next.is_some() {
                            <footer class="card-foot">
                                { draw!(Pager { page: trail.page(), size: SIZE, shown: page.items.len(), total: page.total, more: next.is_some(), on_back: turn(trail.back()), on_next: turn(next.unwrap_or_default()) }) }
                            </footer>
                        }
                    </>
                }
            }) }</> } }) }
            if let Some(letter) = &*shown {
                { draw!(key = letter.event_id.to_string(); LetterDialog { retailer, letter: letter.clone(), on_close: show(None), on_done: done }) }
            }
        </>
    }
}

fn nothing(state: LetterState) -> Html {
    let (title, detail) = match state {
        LetterState::Open => (
            "Nothing was set aside",
            "An event that cannot be applied waits here with its reason, and never holds up those behind it.",
        ),
        LetterState::Applied => ("None was applied yet", ""),
        LetterState::Discarded => ("None was discarded", ""),
    };
    html! {
        { draw!(Empty { icon: Icon::Check, title, detail }) }
    }
}

fn table(page: &Page<LetterView>, show: impl Fn(&LetterView) -> Callback<()>) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="letters">
                <thead><tr><th>{ "Event" }</th><th>{ "Why" }</th><th>{ "Happened" }</th><th>{ "Received" }</th><th class="num">{ "Tried" }</th><th>{ "State" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                <tbody>
                    { for page.items.iter().map(|letter| {
                        let (word, hue) = letter_state(letter.state);
                        let kind = event_kind(&letter.kind);
                        html! {
                            <tr key={letter.event_id.to_string()} data-testid="letter-row">
                                <td data-label="Event"><span class="strong">{ &kind }</span><small class="dim">{ format!("number {}", letter.seq) }</small></td>
                                <td data-label="Why" class="why">{ &letter.detail }<small class="mono dim">{ letter.code.as_str() }</small></td>
                                <td data-label="Happened">{ draw!(Time { at: letter.occurred_at }) }</td>
                                <td data-label="Received">{ draw!(Time { at: letter.received_at }) }</td>
                                <td data-label="Tried" class="num tabular">{ letter.retries + 1 }</td>
                                <td data-label="State">
                                    { draw!(Badge { word, hue, testid: "letter-state" }) }
                                    if letter.edited && letter.state == LetterState::Open { <small class="dim">{ "corrected" }</small> }
                                    if let Some(by) = &letter.decided_by { <small class="dim">{ format!("by {by}") }</small> }
                                </td>
                                <td class="actions">{ draw!(Button { label: if letter.state == LetterState::Open { "Decide" } else { "Look" }, small: true, name: format!("Look at “{kind}”, number {}", letter.seq), onclick: show(letter), testid: "open-letter" }) }</td>
                            </tr>
                        }
                    }) }
                </tbody>
            </table>
        </div>
    }
}
