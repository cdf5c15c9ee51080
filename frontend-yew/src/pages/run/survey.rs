//! What a run found before it sent anything: counts, what the guard says, the first rows of a dry run. And the two
//! buttons by which somebody decides about a run that was stopped.

use messages::export::{Alarm, ItemChange, RunMode, Survey};
use messages::http::runs::RunView;
use messages::live::Topic;
use messages::permission::Permission;
use messages::{ErrorCode, RetailerId};
use yew::prelude::*;
use yew_router::prelude::*;

use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::confirm::Confirm;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::Card;
use crate::components::nav_link::NavLink;
use crate::components::time::Time;
use crate::hooks::{use_action, use_console};
use crate::route::Route;
use crate::state::format::count;
use crate::state::words::{self, Hue};

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub retailer: RetailerId,
    pub run: RunView,
}

part!(pub(crate) Found(Props) drawn by draw_found);

fn draw_found(props: &Props) -> Html {
    let Some(survey) = &props.run.survey else { return Html::default() };
    let dry = props.run.mode == RunMode::Dry;
    html! {
        { draw!(Card { title: if dry { "What would be sent" } else { "What was found" }, children: html! { <>
            <div class="card-pad" data-testid="run-survey">
                <p class="counts">{ for counts(survey).into_iter().map(|(name, number)| html! { <span><b>{ count(number) }</b>{ " " }{ name }</span> }) }</p>
                if let Some(note) = &survey.note {
                    <p class="hint">{ if survey.full { format!("Everything is sent: {note}.") } else { format!("{note}.") } }</p>
                }
                { for survey.alarms.iter().map(|alarm| html! { <p class="warn-text">{ words::alarm(alarm) }</p> }) }
            </div>
            if !survey.samples.is_empty() {
                { samples(survey) }
            }
            if !survey.preview.is_empty() {
                { preview(survey) }
            }
        </> } }) }
    }
}

fn counts(survey: &Survey) -> Vec<(&'static str, u64)> {
    let Survey { new, changed, unchanged, rejected, harm, .. } = survey;
    let all = [
        ("new", *new),
        ("changed", *changed),
        ("unchanged", *unchanged),
        ("vanished", harm.vanished),
        ("dropped to zero stock", harm.zeroed),
        ("with another price", harm.repriced),
        ("rejected", *rejected),
    ];
    // The last three say something only where there is something.
    all.into_iter()
        .enumerate()
        .filter(|(at, (_, number))| *at < 4 || *number > 0)
        .map(|(_, one)| one)
        .collect()
}

fn samples(survey: &Survey) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards">
                <thead><tr><th>{ "For example" }</th><th>{ "Article" }</th><th>{ "What" }</th><th>{ "Before" }</th><th>{ "After" }</th></tr></thead>
                <tbody>
                    { for survey.samples.iter().map(|sample| html! {
                        <tr>
                            <td data-label="Article number" class="mono">{ &sample.sku }</td>
                            <td data-label="Article">{ &sample.name }</td>
                            <td data-label="What">{ words::harm(sample.kind) }</td>
                            <td data-label="Before">{ &sample.before }</td>
                            <td data-label="After">{ if sample.after.is_empty() { "—" } else { &sample.after } }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}

fn preview(survey: &Survey) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="run-preview">
                <thead><tr><th>{ "Row" }</th><th>{ "In the source" }</th><th>{ "Article" }</th><th class="num">{ "Price" }</th><th class="num">{ "Stock" }</th><th>{ "State" }</th><th>{ "As it would be sent" }</th></tr></thead>
                <tbody>
                    { for survey.preview.iter().map(|row| {
                        let (word, hue) = match row.change {
                            ItemChange::New => ("New", Hue::Good),
                            ItemChange::Changed => ("Changed", Hue::Busy),
                            ItemChange::Unchanged => ("Unchanged", Hue::Quiet),
                        };
                        html! {
                            <tr>
                                <td data-label="Row" class="num">{ row.row }</td>
                                <td data-label="In the source"><code class="sent">{ if row.raw.is_empty() { "—" } else { &row.raw } }</code></td>
                                <td data-label="Article">{ &row.item.name }<small class="mono dim">{ &row.item.sku }</small></td>
                                <td data-label="Price" class="num">{ row.item.price.to_string() }</td>
                                <td data-label="Stock" class="num">{ row.item.stock.map_or_else(|| "—".to_owned(), |stock| stock.to_string()) }</td>
                                <td data-label="State">{ draw!(Badge { word, hue }) }</td>
                                <td data-label="As it would be sent"><code class="sent">{ &row.sent }</code></td>
                            </tr>
                        }
                    }) }
                </tbody>
            </table>
        </div>
    }
}

part!(pub(crate) Decision(Props) kept by use_decision);

/// Which of the two is being asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Nothing,
    Approve,
    Refuse,
}

#[hook]
fn use_decision(props: &Props) -> Html {
    let console = use_console();
    let navigator = use_navigator();
    let asking = use_state_eq(|| Asking::Nothing);
    let act = {
        let (console, retailer, run, asking) =
            (console.clone(), props.retailer, props.run.id, asking.clone());
        use_action(move |way: Asking| {
            let (console, navigator, asking) = (console.clone(), navigator.clone(), asking.clone());
            async move {
                let answer = match way {
                    Asking::Approve => console.api.approve_run(retailer, run).await,
                    _ => console.api.refuse_run(retailer, run).await,
                };
                asking.set(Asking::Nothing);
                console.live.touched(Topic::Run(retailer, run));
                let answer = answer?;
                if answer.id != run
                    && let Some(navigator) = navigator
                {
                    navigator.push(&Route::Run { id: retailer, run: answer.id });
                }
                Ok(())
            }
        })
    };
    let stopped = props.run.failure.as_ref().is_some_and(|failure| failure.code == ErrorCode::NeedsApproval);
    if !stopped {
        return Html::default();
    }
    if let Some(verdict) = &props.run.verdict {
        return html! {
            <div class="note plain" role="status" data-testid="run-verdict">
                { draw!(Glyph { icon: Icon::Info }) }
                <p>
                    { if verdict.approved_by_run.is_some() { "Approved by " } else { "Refused by " } }{ &verdict.user_name }{ ", " }{ draw!(Time { at: verdict.at }) }{ ". " }
                    if let Some(run) = verdict.approved_by_run {
                        { draw!(NavLink { to: Route::Run { id: props.retailer, run }, class: "link", children: html! { <>{ "To the run that does it" }</> } }) }
                    }
                </p>
            </div>
        };
    }
    if !console.may(Permission::RunControl) {
        return Html::default();
    }
    let ask = |what: Asking| {
        let asking = asking.clone();
        Callback::from(move |()| asking.set(what))
    };
    let now = *asking;
    let alarms = props.run.survey.as_ref().map(|survey| survey.alarms.clone()).unwrap_or_default();
    html! {
        <div class="note warn" data-testid="run-decision">
            { draw!(Glyph { icon: Icon::Alert }) }
            <div>
                <p>{ "Nothing was sent. Is this what the shop wants?" }</p>
                <p class="decide">
                    { draw!(Button { label: "Approve and send", tone: Tone::Primary, small: true, onclick: ask(Asking::Approve), testid: "approve-run" }) }
                    { draw!(Button { label: "Refuse", small: true, onclick: ask(Asking::Refuse), testid: "refuse-run" }) }
                </p>
            </div>
            { dialog(now, &alarms, act.busy, act.run.reform(move |()| now), ask(Asking::Nothing)) }
        </div>
    }
}

fn dialog(
    asking: Asking,
    alarms: &[Alarm],
    busy: bool,
    on_confirm: Callback<()>,
    on_close: Callback<()>,
) -> Html {
    let list =
        html! { <ul>{ for alarms.iter().map(|alarm| html! { <li>{ words::alarm(alarm) }</li> }) }</ul> };
    let (title, action, words) = match asking {
        Asking::Nothing => return Html::default(),
        Asking::Approve => (
            "Send it all the same?",
            "Approve and send",
            "A new run starts. It reads the source again and stops again if it would do more harm than this:",
        ),
        Asking::Refuse => (
            "Refuse this run?",
            "Refuse",
            "Nothing is sent. The job stays as it is; its next run is looked at anew.",
        ),
    };
    html! {
        { draw!(Confirm { title, action, busy, on_confirm, on_close, children: html! { <><p>{ words }</p>{ list }</> } }) }
    }
}
