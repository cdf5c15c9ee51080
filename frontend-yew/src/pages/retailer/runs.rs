//! The runs of a retailer, all of them by pages, those at hand live.

use messages::Timestamp;
use messages::http::paging::ListQuery;
use messages::run::RunState;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::TabProps;
use crate::api::browser;
use crate::api::runs::RunsAsked;
use crate::components::async_view;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::pager::Pager;
use crate::components::run_table::RunTable;
use crate::hooks::{use_console, use_fetch, use_status};
use crate::state::paging::Trail;
use crate::state::words;

const SIZE: u32 = 25;

/// Days, and how they are called.
const AGES: [(&str, &str); 4] =
    [("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days")];

/// So many days ago.
fn since(now: Timestamp, days: &str) -> Option<Timestamp> {
    Some(Timestamp(now.0 - days.parse::<i64>().ok()? * 86_400_000))
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Asked {
    which: RunsAsked,
    state: Option<String>,
    trail: Trail,
}

part!(pub(crate) Runs(TabProps) kept by use_runs);

#[hook]
fn use_runs(props: &TabProps) -> Html {
    let console = use_console();
    let (_, round) = use_status();
    let asked = use_state_eq(Asked::default);
    // A run that begins or ends changes the list; the rows at hand follow by themselves.
    let newest = props.topic.runs().first().map(|run| run.id);
    let fetched = {
        let (api, retailer) = (console.api.clone(), props.id);
        use_fetch(((*asked).clone(), newest), round, move |(asked, _): (Asked, _)| {
            let api = api.clone();
            async move {
                let query = ListQuery {
                    state: asked.state,
                    cursor: asked.trail.cursor().cloned(),
                    limit: Some(SIZE),
                    ..ListQuery::default()
                };
                api.runs(retailer, &asked.which, &query).await
            }
        })
    };
    let turn = |trail: Trail| {
        let asked = asked.clone();
        Callback::from(move |()| asked.set(Asked { trail: trail.clone(), ..(*asked).clone() }))
    };
    html! {
            { draw!(Card { title: "Runs", actions: filters(&asked, props), children: html! { <>
    { async_view::view(&fetched, 10, |page| {
                    if page.items.is_empty() {
                        return if *asked == Asked::default() {
                            html! { { draw!(Empty { icon: Icon::Play, title: "No run yet", detail: "Run a job, and follow it here." }) } }
                        } else {
                            html! { { draw!(Empty { icon: Icon::Search, title: "Nothing matches", detail: "No run is like this." }) } }
                        };
                    }
                    let runs = page.items.iter().map(|run| props.topic.run(run.id).unwrap_or(run).clone()).collect::<Vec<_>>();
                    let next = page.next.clone().map(|next| asked.trail.forward(next));
                    html! {
                        <>
                            { draw!(RunTable { runs }) }
                            <footer class="card-foot">
                                { draw!(Pager { page: asked.trail.page(), size: SIZE, shown: page.items.len(), total: page.total, more: next.is_some(), on_back: turn(asked.trail.back()), on_next: turn(next.unwrap_or_default()) }) }
                            </footer>
                        </>
                    }
                }) }
    </> } }) }
        }
}

fn filters(asked: &UseStateHandle<Asked>, props: &TabProps) -> Html {
    let choose = |set: fn(&mut Asked, String)| {
        let asked = asked.clone();
        Callback::from(move |event: Event| {
            let mut next = Asked { trail: Trail::default(), ..(*asked).clone() };
            set(&mut next, event.target_unchecked_into::<HtmlSelectElement>().value());
            asked.set(next);
        })
    };
    let by_job = choose(|asked, value| asked.which.job = value.parse().ok());
    let by_agent = choose(|asked, value| asked.which.agent = value.parse().ok());
    let by_age = choose(|asked, value| asked.which.from = since(browser::now(), &value));
    let by_state = choose(|asked, value| asked.state = (!value.is_empty()).then_some(value));
    html! {
        <>
            <select aria-label="Job" onchange={by_job}>
                <option value="" selected={asked.which.job.is_none()}>{ "All jobs" }</option>
                { for props.topic.jobs().iter().map(|job| html! {
                    <option value={job.id.to_string()} selected={asked.which.job == Some(job.id)}>{ &job.spec.name }</option>
                }) }
            </select>
            <select aria-label="Agent" onchange={by_agent}>
                <option value="" selected={asked.which.agent.is_none()}>{ "All agents" }</option>
                { for props.topic.agents().iter().map(|agent| html! {
                    <option value={agent.id.to_string()} selected={asked.which.agent == Some(agent.id)}>{ &agent.spec.name }</option>
                }) }
            </select>
            <select aria-label="Age" onchange={by_age}>
                <option value="" selected={asked.which.from.is_none()}>{ "Any time" }</option>
                { for AGES.map(|(days, label)| html! { <option value={days}>{ label }</option> }) }
            </select>
            <select aria-label="State" onchange={by_state}>
                <option value="" selected={asked.state.is_none()}>{ "All states" }</option>
                { for RunState::ALL.map(|state| html! {
                    <option value={state.as_str()} selected={asked.state.as_deref() == Some(state.as_str())}>{ words::run_state(state).0 }</option>
                }) }
            </select>
        </>
    }
}
