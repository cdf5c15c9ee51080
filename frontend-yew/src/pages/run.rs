//! One run, live: its course, its progress, its log, what it rejected, and how it ended.

use messages::export::RunMode;
use messages::http::runs::RunView;
use messages::live::Topic;
use messages::permission::Permission;
use messages::run::RunState;
use messages::{RetailerId, RunId};
use yew::prelude::*;

use super::missing::refused;
use crate::api::error::sentence;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::confirm::Confirm;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, PageHead, Skeleton};
use crate::components::progress::RunProgress;
use crate::components::stepper::{History, Stepper};
use crate::components::time::Time;
use crate::hooks::{use_action, use_console, use_title, use_topic};
use crate::route::{Route, Tab};
use crate::state::format::{counted, short_id};
use crate::state::words;

mod compare;
mod log;
mod rejects;
mod survey;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub retailer: RetailerId,
    pub run: RunId,
}

part!(pub RunPage(Props) kept by use_run_page);

#[hook]
fn use_run_page(props: &Props) -> Html {
    let topic = use_topic(Some(Topic::Run(props.retailer, props.run)));
    let around = use_topic(Some(Topic::Retailer(props.retailer)));
    let run = topic.as_ref().and_then(|topic| topic.run(props.run));
    let title =
        run.map_or("Run".to_owned(), |run| format!("{} · {}", words::run_state(run.state).0, run.job_name));
    use_title(title);
    if let Some((code, _)) = topic.as_ref().and_then(|topic| topic.refused.clone()) {
        return refused(code);
    }
    let (Some(topic), Some(run)) = (topic.clone(), run) else {
        return html! {
            { draw!(Card { children: html! { <>{ draw!(Skeleton { rows: 8 }) }</> } }) }
        };
    };
    let retailer = around
        .as_ref()
        .and_then(|topic| topic.retailer())
        .map_or("Retailer".to_owned(), |r| r.spec.name.clone());
    let agent = around.as_ref().and_then(|topic| topic.agent(run.agent_id)).cloned();
    let (word, hue) = words::run_state(run.state);
    let trail = vec![
        (Route::Retailers, "Retailers".into()),
        (Route::Retailer { id: props.retailer }, retailer.into()),
        (Route::RetailerTab { id: props.retailer, tab: Tab::Runs }, "Runs".into()),
    ];
    let subtitle = html! {
        <>
            { "Run " }<span class="mono">{ short_id(&run.id) }</span>{ " · created " }{ draw!(Time { at: run.created_at }) }
            if let Some(agent) = &agent {
                { format!(" · {}", agent.spec.name) }
            }
            if run.attempt > 1 {
                { format!(" · attempt {}", run.attempt) }
            }
            if run.try_no > 1 {
                { format!(" · try {}", run.try_no) }
            }
            if let Some(slot) = run.slot {
                { " · due " }{ draw!(Time { at: slot, exact: true }) }
            }
            if run.mode != RunMode::Usual {
                { " · " }{ words::run_mode(run.mode) }
            }
            if let Some(moved) = run.moved {
                { " · " }{ words::moved(moved) }
            }
        </>
    };
    let beside = html! { { draw!(Badge { word, hue, testid: "run-state" }) } };
    let waiting = !run.state.is_over()
        && run.state != RunState::Running
        && agent.is_some_and(|agent| !agent.presence.is_connected());
    html! {
        <>
            { draw!(PageHead { title: run.job_name.clone(), subtitle, beside, trail, children: html! { <>{ draw!(CancelButton { retailer: props.retailer, run: run.clone() }) }</> } }) }
            { notes(run, waiting) }
            { draw!(survey::Decision { retailer: props.retailer, run: run.clone() }) }
            { draw!(Card { children: html! { <>{ draw!(Stepper { run: run.clone() }) }{ draw!(RunProgress { run: run.clone() }) }</> } }) }
            { draw!(survey::Found { retailer: props.retailer, run: run.clone() }) }
            <div class="columns run-columns">
                { draw!(log::RunLog { retailer: props.retailer, run: props.run, topic }) }
                { draw!(Card { title: "History", children: html! { <>{ draw!(History { run: run.clone() }) }</> } }) }
            </div>
            if run.state.is_over() {
                { draw!(compare::Compare { run: run.clone() }) }
            }
            { draw!(rejects::Rejects { retailer: props.retailer, run: props.run, rejected: run.progress.rejected, over: run.state.is_over() }) }
        </>
    }
}

/// What the reader must know before anything else.
fn notes(run: &RunView, waiting: bool) -> Html {
    html! {
        <>
            if let Some(failure) = &run.failure {
                <div class="note bad" role="alert" data-testid="run-failure">
                    { draw!(Glyph { icon: Icon::Alert }) }
                    <div>
                        <strong>{ failure.code.title() }</strong>
                        <code class="code-chip">{ failure.code.as_str() }</code>
                        <p>{ sentence(&failure.detail) }</p>
                        <p><b>{ "What to do: " }</b>{ words::advice(failure.code) }</p>
                    </div>
                </div>
            }
            if waiting {
                <div class="note warn" role="status" data-testid="run-waits">
                    { draw!(Glyph { icon: Icon::Clock }) }
                    <p>{ "The agent is not connected. The run waits and starts as soon as it is back." }</p>
                </div>
            }
            if run.cancelling {
                <div class="note plain" role="status">
                    { draw!(Glyph { icon: Icon::Clock }) }
                    <p>{ "Stopping: the agent has been asked and has not answered yet." }</p>
                </div>
            }
            if run.mode == RunMode::Dry {
                <div class="note plain" role="status" data-testid="run-dry">
                    { draw!(Glyph { icon: Icon::Info }) }
                    <p>{ "A dry run: it reads and checks everything, sends nothing and changes nothing." }</p>
                </div>
            }
            if run.state == RunState::Succeeded && run.progress.rejected > 0 && run.mode != RunMode::Dry {
                <div class="note warn">
                    { draw!(Glyph { icon: Icon::Info }) }
                    <p>{ format!("{} rejected; the rest was sent. Each is listed below with its reason.", counted(run.progress.rejected, "item was", "items were")) }</p>
                </div>
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct CancelProps {
    retailer: RetailerId,
    run: RunView,
}

part!(CancelButton(CancelProps) kept by use_cancel_button);

#[hook]
fn use_cancel_button(props: &CancelProps) -> Html {
    let console = use_console();
    let asking = use_state_eq(|| false);
    let cancel = {
        let (console, retailer, run, asking) =
            (console.clone(), props.retailer, props.run.id, asking.clone());
        use_action(move |()| {
            let (console, asking) = (console.clone(), asking.clone());
            async move {
                let result = console.api.cancel_run(retailer, run).await;
                asking.set(false);
                console.live.touched(Topic::Run(retailer, run));
                result.map(|_| ())
            }
        })
    };
    if props.run.state.is_over() || !console.may(Permission::RunControl) {
        return Html::default();
    }
    let ask = |on: bool| {
        let asking = asking.clone();
        Callback::from(move |()| asking.set(on))
    };
    html! {
        <>
            { draw!(Button { label: if props.run.cancelling { "Stopping…" } else { "Cancel run" }, icon: Icon::Stop, tone: Tone::Danger, disabled: props.run.cancelling, onclick: ask(true), testid: "cancel-run" }) }
            if *asking {
                { draw!(Confirm { title: format!("Cancel this run of “{}”?", props.run.job_name), action: "Cancel run", busy: cancel.busy, on_confirm: cancel.run, on_close: ask(false), children: html! { <><p>{ "The agent stops where it is. A file that is half sent does not replace the one before." }</p></> } }) }
            }
        </>
    }
}
