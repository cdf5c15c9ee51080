//! The jobs of a retailer, and the button that runs them.

use messages::RetailerId;
use messages::export::RunMode;
use messages::http::jobs::JobView;
use messages::live::Topic;
use messages::permission::Permission;
use messages::run::Presence;
use yew::prelude::*;
use yew_router::prelude::*;

use super::delete::{DeleteDialog, Doomed};
use super::job_form::JobForm;
use super::{Open, TabProps, enabled_badge, opener, row_actions};
use crate::api::resource::Job;
use crate::api::{ApiError, browser};
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::dialog::Dialog;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::nav_link::NavLink;
use crate::components::time::Time;
use crate::hooks::{use_action, use_console};
use crate::route::{Route, Tab};
use crate::state::format::count;
use crate::state::toasts::Tone as Say;
use crate::state::topic::TopicState;
use crate::state::words::{self, Hue};

part!(pub(crate) Jobs(TabProps) kept by use_jobs);

#[hook]
fn use_jobs(props: &TabProps) -> Html {
    let console = use_console();
    let open = use_state(Open::<JobView>::default);
    let may = console.may(Permission::ConfigWrite);
    let jobs = props.topic.jobs();
    let ready = !props.topic.agents().is_empty() && !props.topic.destinations().is_empty();
    let new = html! {
        if may {
            { draw!(Button { label: "New job", icon: Icon::Plus, tone: Tone::Primary, small: true, disabled: !ready, onclick: opener(&open, Open::New), testid: "new-job" }) }
        }
    };
    let close = opener(&open, Open::Nothing);
    let copied = use_state(|| None::<JobView>);
    let copy = |of: Option<JobView>| {
        let copied = copied.clone();
        Callback::from(move |()| copied.set(of.clone()))
    };
    let actions = |job: &JobView| {
        html! {
            <>
                if console.may(Permission::RunControl) {
                    if !job.spec.timing.schedule.is_manual() {
                        { draw!(PauseButton { retailer: props.id, job: job.clone(), presence: None }) }
                    }
                    { draw!(RunButton { retailer: props.id, job: job.clone(), presence: presence_of(&props.topic, job) }) }
                }
                if may {
                    { draw!(Button { icon: Icon::Copy, tone: Tone::Ghost, small: true, name: format!("Copy {}", job.spec.name), title: "Copy", onclick: copy(Some(job.clone())), testid: "copy-job" }) }
                    { row_actions(&job.spec.name, opener(&open, Open::Edit(job.clone())), opener(&open, Open::Delete(job.clone()))) }
                }
            </>
        }
    };
    html! {
            { draw!(Card { title: "Jobs", count: jobs.len() as u64, actions: new.clone(), children: html! { <>
    if !ready && jobs.is_empty() {
                    { missing_parts(props) }
                } else if jobs.is_empty() {
                    { draw!(Empty { icon: Icon::Play, title: "No job yet", detail: "A job says what is read from where, by which agent, and where it goes.", children: html! { <>{ new }</> } }) }
                } else {
                    { table(&jobs, &props.topic, actions) }
                }
                if let Some(template) = &*copied {
                    { draw!(JobForm { retailer: props.id, topic: props.topic.clone(), template: template.clone(), on_close: copy(None) }) }
                }
                { match &*open {
                    Open::Nothing => Html::default(),
                    Open::New => html! { { draw!(JobForm { retailer: props.id, topic: props.topic.clone(), on_close: close }) } },
                    Open::Edit(view) => html! { { draw!(JobForm { retailer: props.id, topic: props.topic.clone(), existing: view.clone(), on_close: close }) } },
                    Open::Delete(view) => html! {
                        { draw!(DeleteDialog { doomed: Doomed::new::<Job>(Some(props.id), view), on_close: close, consequence: "Its earlier runs stay in the history. This cannot be undone." }) }
                    },
                } }
    </> } }) }
        }
}

fn missing_parts(props: &TabProps) -> Html {
    let link = |tab: Tab, label: &'static str| {
        html! {
            { draw!(NavLink { to: Route::RetailerTab { id: props.id, tab }, class: "btn plain", children: html! { <>{ label }</> } }) }
        }
    };
    html! {
            { draw!(Empty { icon: Icon::Play, title: "A job needs an agent and a destination", detail: "Make them first; then a job brings the two together.", children: html! { <>
    if props.topic.agents().is_empty() {
                    { link(Tab::Agents, "Go to agents") }
                }
                if props.topic.destinations().is_empty() {
                    { link(Tab::Destinations, "Go to destinations") }
                }
    </> } }) }
        }
}

fn presence_of(topic: &TopicState, job: &JobView) -> Option<Presence> {
    topic.agent(job.spec.agent_id).map(|agent| agent.presence)
}

fn table(jobs: &[&JobView], topic: &TopicState, actions: impl Fn(&JobView) -> Html) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards">
                <thead><tr><th>{ "Job" }</th><th>{ "From" }</th><th>{ "To" }</th><th>{ "Next run" }</th><th>{ "Latest run" }</th><th class="num">{ "Sent" }</th><th>{ "State" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                <tbody>
                    { for jobs.iter().map(|job| row(job, topic, actions(job))) }
                </tbody>
            </table>
        </div>
    }
}

fn row(job: &JobView, topic: &TopicState, actions: Html) -> Html {
    let agent = topic.agent(job.spec.agent_id).map_or("—", |agent| agent.spec.name.as_str()).to_owned();
    let destination = topic
        .destinations()
        .iter()
        .find(|d| d.id == job.spec.destination_id)
        .map_or_else(|| "—".to_owned(), |d| d.name.clone());
    html! {
            <tr key={job.id.to_string()} data-testid="job-row">
                <td data-label="Job" class="strong">{ &job.spec.name }</td>
                <td data-label="From">{ agent }<small class="mono dim">{ job.spec.source.summary() }</small></td>
                <td data-label="To">{ destination }</td>
                <td data-label="Next run">{ next_run(job) }</td>
                <td data-label="Latest run">
                    if let Some(run) = &job.last_run {
                        { draw!(NavLink { to: Route::Run { id: job.retailer_id, run: run.id }, class: "run-brief", children: html! { <>
    <span class={classes!("dot", words::run_state(run.state).1.class())} aria-hidden="true" />
                            { words::run_state(run.state).0 }{ " " }{ draw!(Time { at: run.at }) }
    </> } }) }
                    } else {
                        <span class="dim">{ "never" }</span>
                    }
                </td>
                <td data-label="Sent" class="num">{ job.last_run.as_ref().map_or_else(|| "—".to_owned(), |run| count(run.sent)) }</td>
                <td data-label="State">{ state(job) }</td>
                <td class="actions">{ actions }</td>
            </tr>
        }
}

/// When it runs by itself next, and what it has missed.
fn next_run(job: &JobView) -> Html {
    let standing = &job.standing;
    html! {
        <>
            { match standing.next_at {
                Some(at) => html! { { draw!(Time { at, exact: true }) } },
                None if job.spec.timing.schedule.is_manual() => html! { <span class="dim">{ "by hand" }</span> },
                None => html! { <span class="dim">{ "—" }</span> },
            } }
            if standing.missed_slots > 0 {
                <small class="dim">{ format!("{} missed", count(standing.missed_slots)) }</small>
            }
        </>
    }
}

fn state(job: &JobView) -> Html {
    let standing = &job.standing;
    match &standing.paused {
        Some(paused) => html! {
            { draw!(Badge { word: "Paused", hue: Hue::Warn, title: AttrValue::from(paused.reason.clone()), testid: "job-paused" }) }
        },
        None if standing.warning => html! {
            { draw!(Badge { word: format!("{} failures", standing.failures_in_row), hue: Hue::Warn, title: "It pauses itself if it goes on failing." }) }
        },
        None => enabled_badge(job.spec.enabled),
    }
}

part!(PauseButton(RunProps) kept by use_pause_button);

#[hook]
fn use_pause_button(props: &RunProps) -> Html {
    let console = use_console();
    let (retailer, job, paused) = (props.retailer, props.job.id, props.job.standing.paused.is_some());
    let turn = use_action(move |()| {
        let console = console.clone();
        async move {
            if paused {
                console.api.resume_job(retailer, job).await?;
            } else {
                console.api.pause_job(retailer, job).await?;
            }
            console.live.touched(Topic::Retailer(retailer));
            Ok(())
        }
    });
    let (label, testid) = if paused { ("Resume", "resume-job") } else { ("Pause", "pause-job") };
    html! {
        { draw!(Button { label, small: true, busy: turn.busy, name: format!("{label} {}", props.job.spec.name), title: "Its schedule; Run works all the same", onclick: turn.run, testid }) }
    }
}

#[derive(Properties, PartialEq)]
pub(crate) struct RunProps {
    pub retailer: RetailerId,
    pub job: JobView,
    /// Of the job's agent.
    pub presence: Option<Presence>,
}

part!(pub(crate) RunButton(RunProps) kept by use_run_button);

/// Starts a run and goes to its page. Pressing twice starts one.
#[hook]
fn use_run_button(props: &RunProps) -> Html {
    let console = use_console();
    let navigator = use_navigator();
    let waits = !props.presence.is_some_and(Presence::is_connected);
    // One key until a run has been made of it: a request whose answer was lost is repeated, not doubled.
    let key = use_mut_ref(browser::random_key);
    let start = {
        let (retailer, job) = (props.retailer, props.job.id);
        use_action(move |mode: RunMode| {
            let (console, navigator, key) = (console.clone(), navigator.clone(), key.clone());
            async move {
                let sent = key.borrow().clone();
                let answer = console.api.start_run(retailer, job, mode, sent).await;
                if matches!(answer, Ok(_) | Err(ApiError::Refused(_))) {
                    *key.borrow_mut() = browser::random_key();
                }
                let run = answer?;
                console.live.touched(Topic::Retailer(retailer));
                if waits {
                    console.say(
                        Say::Plain,
                        "The run waits for its agent",
                        "The agent is not connected. The run starts as soon as it is.",
                    );
                }
                if let Some(navigator) = navigator {
                    navigator.push(&Route::Run { id: retailer, run: run.id });
                }
                Ok(())
            }
        })
    };
    let asking = use_state_eq(|| false);
    let ask = |on: bool| {
        let asking = asking.clone();
        Callback::from(move |()| asking.set(on))
    };
    let title =
        if waits { "The agent is not connected: the run will wait for it." } else { "Run this job now" };
    html! {
        <span class="run-button">
            if waits && props.job.spec.enabled {
                <small class="warn-text" data-testid="run-waits">{ "will wait for the agent" }</small>
            }
            { draw!(Button { label: "Run", icon: Icon::Play, tone: Tone::Primary, small: true, busy: start.busy, disabled: !props.job.spec.enabled, name: format!("Run {}", props.job.spec.name), title, onclick: start.run.reform(|()| RunMode::Usual), testid: "run-job" }) }
            { draw!(Button { icon: Icon::Down, tone: Tone::Ghost, small: true, disabled: !props.job.spec.enabled, name: format!("Run {} in another way", props.job.spec.name), title: "Full export, dry run", onclick: ask(true), testid: "run-ways" }) }
            if *asking {
                { draw!(WaysDialog { job: props.job.spec.name.clone(), busy: start.busy, on_start: start.run.clone(), on_close: ask(false) }) }
            }
        </span>
    }
}

#[derive(Properties, PartialEq)]
struct WaysProps {
    job: AttrValue,
    busy: bool,
    on_start: Callback<RunMode>,
    on_close: Callback<()>,
}

part!(WaysDialog(WaysProps) drawn by draw_ways_dialog);

/// The ways to run a job for once that are not what it says.
fn draw_ways_dialog(props: &WaysProps) -> Html {
    let way = |mode: RunMode, label: &'static str, text: &'static str, testid: &'static str| {
        html! {
            <div class="way">
                <p>{ text }</p>
                { draw!(Button { label, busy: props.busy, onclick: props.on_start.reform(move |()| mode), testid }) }
            </div>
        }
    };
    html! {
        { draw!(Dialog { title: format!("Run “{}” in another way", props.job), on_close: props.on_close.clone(), testid: "run-ways-dialog", children: html! { <>
            <div class="dialog-body">
                { way(RunMode::Dry, "Dry run", "Reads and checks everything, sends nothing, and shows what would be sent and what the guard would say.", "run-dry") }
                { way(RunMode::Full, "Full export", "Sends everything, also where the job sends changes only. The guard is on as usual.", "run-full") }
            </div>
        </> } }) }
    }
}
