//! A retailer at a glance: what it has, what needs a look, what ran last.

use messages::http::figures::StoreFigures;
use messages::permission::Permission;
use messages::run::{Presence, RunState};
use yew::prelude::*;

use super::TabProps;
use super::configuration::Files;
use super::jobs::RunButton;
use super::stores::tiles;
use crate::components::badge::Badge;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Empty};
use crate::components::nav_link::NavLink;
use crate::components::run_table::RunTable;
use crate::components::time::maybe;
use crate::hooks::{use_console, use_fetch, use_ledger};
use crate::route::{Route, Tab};
use crate::state::format::counted;
use crate::state::words;

/// Runs shown here; the tab has all.
const LATEST: usize = 8;

part!(pub(crate) Overview(TabProps) kept by use_overview);

#[hook]
fn use_overview(props: &TabProps) -> Html {
    let console = use_console();
    let config = console.may(Permission::ConfigRead);
    let (api, id) = (console.api.clone(), props.id);
    let moved = use_ledger(id);
    let figures = use_fetch((), moved, move |()| {
        let api = api.clone();
        async move { api.figures(id, None).await }
    });
    let runs: Vec<_> = props.topic.runs().into_iter().take(LATEST).cloned().collect();
    let all = html! {
        { draw!(NavLink { to: Route::RetailerTab { id: props.id, tab: Tab::Runs }, class: "more-link", children: html! { <>{ "All runs" }{ draw!(Glyph { icon: Icon::Right, class: "small" }) }</> } }) }
    };
    let begun = !props.topic.agents().is_empty() || !props.topic.jobs().is_empty();
    html! {
        <>
            if config {
                { checklist(props) }
            }
            if let Some(figures) = figures.data.as_ref().filter(|figures| figures.iter().any(sells)) {
                { tiles(figures) }
            }
            if config && begun {
                <div class="columns even">
                    { agents(props) }
                    { jobs(props, console.may(Permission::RunControl)) }
                </div>
            }
            if !runs.is_empty() {
                { draw!(Card { title: "Latest runs", actions: all, children: html! { <>{ draw!(RunTable { runs }) }</> } }) }
            } else if !config {
                { draw!(Card { title: "Latest runs", children: html! { <>{ draw!(Empty { icon: Icon::Play, title: "No run yet", detail: "Runs appear here as they happen." }) }</> } }) }
            }
            { about(props) }
            if let Some(retailer) = props.topic.retailer().filter(|_| config) {
                { draw!(Files { id: props.id, code: retailer.spec.code.clone(), name: retailer.spec.name.clone() }) }
            }
        </>
    }
}

/// Does the store have a device, or had it one?
fn sells(store: &StoreFigures) -> bool {
    store.devices.enrolled > 0 || !store.today.is_empty() || store.dead_letters > 0
}

/// What is still missing before the first export, until nothing is.
fn checklist(props: &TabProps) -> Html {
    let topic = &props.topic;
    let steps = [
        (!topic.agents().is_empty(), "Add an agent", Tab::Agents),
        (
            topic.agents().iter().any(|agent| agent.presence != Presence::Never),
            "Enrol it at the shop",
            Tab::Agents,
        ),
        (!topic.destinations().is_empty(), "Add a destination", Tab::Destinations),
        (!topic.jobs().is_empty(), "Define a job", Tab::Jobs),
        (!topic.runs().is_empty(), "Run it", Tab::Jobs),
    ];
    if steps.iter().all(|(done, ..)| *done) {
        return Html::default();
    }
    html! {
            { draw!(Card { title: "Getting started", children: html! { <>
    <ol class="checklist">
                    { for steps.iter().map(|(done, label, tab)| html! {
                        <li class={done.then_some("done")}>
                            <span class="step-mark">if *done { { draw!(Glyph { icon: Icon::Check }) } }</span>
                            if *done {
                                <span>{ *label }<span class="visually-hidden">{ " (done)" }</span></span>
                            } else {
                                { draw!(NavLink { to: Route::RetailerTab { id: props.id, tab: *tab }, children: html! { <>{ *label }</> } }) }
                            }
                        </li>
                    }) }
                </ol>
    </> } }) }
        }
}

fn agents(props: &TabProps) -> Html {
    let agents = props.topic.agents();
    let online = agents.iter().filter(|agent| agent.presence.is_connected()).count();
    html! {
            { draw!(Card { title: "Agents", actions: html! { <span class="dim">{ format!("{online} of {} online", agents.len()) }</span> }, children: html! { <>
    if agents.is_empty() {
                    { draw!(Empty { icon: Icon::Agent, title: "No agent yet" }) }
                } else {
                    <ul class="list">
                        { for agents.iter().map(|agent| {
                            let (word, hue) = words::presence(agent.presence);
                            html! {
                                <li key={agent.id.to_string()} class="list-row">
                                    <span class="grow"><strong>{ &agent.spec.name }</strong><small>{ agent.machine.as_ref().map_or("not enrolled yet", |m| m.host.as_str()).to_owned() }</small></span>
                                    <span class="dim">{ maybe(agent.last_seen_at) }</span>
                                    { draw!(Badge { word, hue }) }
                                </li>
                            }
                        }) }
                    </ul>
                }
    </> } }) }
        }
}

fn jobs(props: &TabProps, may_run: bool) -> Html {
    let jobs = props.topic.jobs();
    let failing =
        jobs.iter().filter(|job| job.last_run.as_ref().is_some_and(|run| is_bad(run.state))).count() as u64;
    let note = match (jobs.len(), failing) {
        (0, _) => String::new(),
        (_, 0) => "all well".to_owned(),
        _ => format!("{} failing", counted(failing, "job", "jobs")),
    };
    html! {
            { draw!(Card { title: "Jobs", actions: html! { <span class={if failing > 0 { "bad-text" } else { "dim" }}>{ note }</span> }, children: html! { <>
    if jobs.is_empty() {
                    { draw!(Empty { icon: Icon::Play, title: "No job yet" }) }
                } else {
                    <ul class="list">
                        { for jobs.iter().map(|job| html! {
                            <li key={job.id.to_string()} class="list-row">
                                <span class="grow"><strong>{ &job.spec.name }</strong><small>{ last_run(job.last_run.as_ref()) }</small></span>
                                if may_run {
                                    { draw!(RunButton { retailer: props.id, job: (*job).clone(), presence: props.topic.agent(job.spec.agent_id).map(|a| a.presence) }) }
                                }
                            </li>
                        }) }
                    </ul>
                }
    </> } }) }
        }
}

fn is_bad(state: RunState) -> bool {
    matches!(state, RunState::Failed | RunState::TimedOut | RunState::Lost)
}

fn last_run(run: Option<&messages::http::retailers::RunBrief>) -> Html {
    match run {
        Some(run) => html! {
            <><span class={if is_bad(run.state) { "bad-text" } else { "" }}>{ words::run_state(run.state).0 }</span>{ " · " }{ maybe(Some(run.at)) }</>
        },
        None => html! { "never run" },
    }
}

fn about(props: &TabProps) -> Html {
    let Some(retailer) = props.topic.retailer() else { return Html::default() };
    let text = |name: &'static str, value: &str| {
        html! {
            <div><dt>{ name }</dt><dd>{ if value.is_empty() { "—" } else { value } }</dd></div>
        }
    };
    html! {
            { draw!(Card { title: "About", children: html! { <>
    <dl class="about">
                    { text("Code", &retailer.spec.code) }
                    { text("Currency", &retailer.spec.currency) }
                    { text("Time zone", &retailer.spec.time_zone) }
                    { text("Stores", &props.topic.stores().len().to_string()) }
                    { text("Contact", &retailer.spec.contact) }
                    { text("Notes", &retailer.spec.notes) }
                </dl>
    </> } }) }
        }
}
