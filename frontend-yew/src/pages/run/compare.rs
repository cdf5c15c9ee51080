//! A run beside another one of its job: what went otherwise. Read when somebody asks for it.

use std::rc::Rc;

use messages::RunId;
use messages::http::paging::ListQuery;
use messages::http::runs::RunView;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::api::browser;
use crate::api::runs::RunsAsked;
use crate::components::async_view;
use crate::components::button::Button;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::nav_link::NavLink;
use crate::hooks::{use_console, use_fetch};
use crate::route::Route;
use crate::state::compare::rows;
use crate::state::format::date_time;
use crate::state::words;

/// Runs to choose from.
const LATEST: u32 = 50;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub run: RunView,
}

part!(pub(crate) Compare(Props) kept by use_compare);

#[hook]
fn use_compare(props: &Props) -> Html {
    let open = use_state_eq(|| false);
    if *open {
        return html! { { draw!(Comparison { run: props.run.clone() }) } };
    }
    let compare = Callback::from(move |()| open.set(true));
    let actions = html! { { draw!(Button { label: "Compare", icon: Icon::Chart, small: true, onclick: compare, testid: "compare" }) } };
    html! {
        { draw!(Card { title: "Compared with another run", actions, children: html! { <p class="card-pad hint">{ "What went otherwise than in another run of this job." }</p> } }) }
    }
}

part!(Comparison(Props) kept by use_comparison);

#[hook]
fn use_comparison(props: &Props) -> Html {
    let console = use_console();
    let chosen = use_state_eq(|| None::<RunId>);
    let run = &props.run;
    let others = {
        let (api, retailer, this) = (console.api, run.retailer_id, run.id);
        use_fetch(run.job_id, 0, move |job| {
            let api = api.clone();
            async move {
                let which = RunsAsked { job: Some(job), ..RunsAsked::default() };
                let query = ListQuery { limit: Some(LATEST), ..ListQuery::default() };
                let mut runs = api.runs(retailer, &which, &query).await?.items;
                runs.retain(|run| run.id != this && run.state.is_over());
                Ok(runs)
            }
        })
    };
    html! {
        { draw!(Card { title: "Compared with another run", children: html! { <>
            { async_view::view(&others, 6, |runs: Rc<Vec<RunView>>| {
                // The one before it, unless somebody chooses; of the first run, the one after it.
                let before = || runs.iter().find(|other| other.id < run.id).or(runs.last());
                match chosen.and_then(|id| runs.iter().find(|other| other.id == id)).or_else(before) {
                    None => html! { { draw!(Empty { icon: Icon::Chart, title: "The job has no other run that is over" }) } },
                    Some(other) => html! { <>{ choice(&runs, other, &chosen) }{ table(run, other) }</> },
                }
            }) }
        </> } }) }
    }
}

fn choice(runs: &[RunView], other: &RunView, chosen: &UseStateHandle<Option<RunId>>) -> Html {
    let onchange = {
        let chosen = chosen.setter();
        Callback::from(move |event: Event| {
            chosen.set(event.target_unchecked_into::<HtmlSelectElement>().value().parse().ok());
        })
    };
    let named = |run: &RunView| {
        let at = date_time(run.created_at, browser::offset_min(run.created_at));
        format!("{at} · {}", words::run_state(run.state).0)
    };
    html! {
        <div class="toolbar">
            <label for="compare-with">{ "With the run of" }</label>
            <select id="compare-with" {onchange} data-testid="compare-with">
                { for runs.iter().map(|run| html! {
                    <option value={run.id.to_string()} selected={run.id == other.id}>{ named(run) }</option>
                }) }
            </select>
            { draw!(NavLink { to: Route::Run { id: other.retailer_id, run: other.id }, children: html! { { "Go to it" } } }) }
        </div>
    }
}

fn table(this: &RunView, other: &RunView) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="comparison">
                <thead><tr><th>{ "What" }</th><th class="num">{ "This run" }</th><th class="num">{ "The other" }</th><th class="num">{ "Difference" }</th></tr></thead>
                <tbody>
                    { for rows(this, other).into_iter().map(|row| {
                        let differs = row.differs();
                        let told = |text: String| if differs { html! { <strong>{ text }</strong> } } else { html! { text } };
                        html! {
                            <tr>
                                <td data-label="What">{ row.label }</td>
                                <td data-label="This run" class="num tabular">{ told(row.this) }</td>
                                <td data-label="The other" class="num tabular">{ row.other }</td>
                                <td data-label="Difference" class="num tabular">{ row.change.unwrap_or_else(|| if differs { "other".to_owned() } else { "same".to_owned() }) }</td>
                            </tr>
                        }
                    }) }
                </tbody>
            </table>
        </div>
    }
}
