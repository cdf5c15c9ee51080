//! When a job runs by itself: the part of its form that says so, with the next times as the hub reckons them.

use std::rc::Rc;

use messages::schedule::{MissedRule, OverlapRule, PreviewRequest, Schedule, Timing};
use yew::prelude::*;

use crate::api::ApiError;
use crate::components::field::{Choice, RadioRow, SelectField, TextField};
use crate::hooks::{use_console, use_fetch};
use crate::state::draft::timing::{UNITS, in_units, schedule};
use crate::state::topic::TopicState;

const KINDS: [(&str, &str); 3] =
    [("manual", "By hand"), ("interval", "Every so often"), ("cron", "At set times")];
const MISSED: [(&str, &str); 3] =
    [("once", "Make up for them once"), ("all", "Make up for each"), ("skip", "Leave them out")];
const OVERLAPS: [(&str, &str); 3] =
    [("skip", "Leave that time out"), ("queue", "Run after it"), ("cancel", "Stop it and run")];

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub topic: Rc<TopicState>,
    #[prop_or_default]
    pub timing: Option<Timing>,
}

/// What is typed so far.
#[derive(Debug, Clone, PartialEq)]
struct Typed {
    kind: String,
    every: String,
    unit: String,
    expression: String,
    zone: String,
}

impl Typed {
    fn of(timing: &Timing) -> Self {
        let mut typed = Self {
            kind: "manual".into(),
            every: "15".into(),
            unit: "min".into(),
            expression: "0 2 * * *".into(),
            zone: String::new(),
        };
        match &timing.schedule {
            Schedule::Manual => {}
            Schedule::Interval { every_s } => {
                let (every, unit) = in_units(*every_s);
                typed =
                    Self { kind: "interval".into(), every: every.to_string(), unit: unit.into(), ..typed };
            }
            Schedule::Cron { expression, time_zone } => {
                let zone = time_zone.clone().unwrap_or_default();
                typed = Self { kind: "cron".into(), expression: expression.clone(), zone, ..typed };
            }
        }
        typed
    }
}

fn choices(of: &[(&'static str, &'static str)]) -> Vec<Choice> {
    of.iter().map(|(value, label)| ((*value).into(), (*label).into())).collect()
}

part!(pub(crate) ScheduleFields(Props) kept by use_schedule_fields);

#[hook]
fn use_schedule_fields(props: &Props) -> Html {
    let timing = props.timing.clone().unwrap_or_default();
    let typed = use_state_eq(|| Typed::of(&timing));
    let set = |change: fn(&mut Typed, String)| {
        let typed = typed.clone();
        Callback::from(move |value: String| {
            let mut next = (*typed).clone();
            change(&mut next, value);
            typed.set(next);
        })
    };
    let spec = props.topic.retailer().map(|retailer| retailer.spec.clone());
    let home = spec.as_ref().map_or_else(|| "UTC".to_owned(), |spec| spec.time_zone.clone());
    let request = PreviewRequest {
        schedule: schedule(&typed.kind, &typed.every, &typed.unit, &typed.expression, &typed.zone),
        time_zone: home.clone(),
        maintenance: spec.map(|spec| spec.maintenance).unwrap_or_default(),
    };
    let units =
        UNITS.iter().map(|(value, label, _)| ((*value).into(), (*label).into())).collect::<Vec<Choice>>();
    html! {
        <fieldset class="group">
            <legend>{ "Schedule" }</legend>
            { draw!(RadioRow { name: "schedule.kind", legend: "Runs", choices: choices(&KINDS), value: typed.kind.clone(), onchange: set(|typed, value| typed.kind = value) }) }
            if typed.kind == "interval" {
                <div class="fields-2">
                    { draw!(TextField { name: "schedule.every", label: "Every", required: true, value: typed.every.clone(), oninput: set(|typed, value| typed.every = value), testid: "schedule-every" }) }
                    { draw!(SelectField { name: "schedule.unit", label: "Unit", choices: units, value: typed.unit.clone(), onchange: set(|typed, value| typed.unit = value) }) }
                </div>
            }
            if typed.kind == "cron" {
                <div class="fields-2">
                    { draw!(TextField { name: "schedule.expression", label: "Cron expression", required: true, mono: true, value: typed.expression.clone(), oninput: set(|typed, value| typed.expression = value), hint: html! { "Minute, hour, day of the month, month, day of the week." }, testid: "schedule-cron" }) }
                    { draw!(TextField { name: "schedule.time_zone", label: "Time zone", value: typed.zone.clone(), placeholder: home, oninput: set(|typed, value| typed.zone = value), hint: html! { "The retailer's unless told." } }) }
                </div>
            }
            if request.schedule.is_manual() {
                <p class="hint">{ "It runs when somebody presses Run." }</p>
            } else {
                { draw!(NextTimes { request }) }
            }
            { rules(&timing, typed.kind != "manual") }
        </fieldset>
    }
}

/// What becomes of runs that could not start, or did not succeed.
fn rules(timing: &Timing, by_itself: bool) -> Html {
    let missed = match timing.missed {
        MissedRule::Skip => "skip",
        MissedRule::Once => "once",
        MissedRule::All => "all",
    };
    let overlap = match timing.overlap {
        OverlapRule::Skip => "skip",
        OverlapRule::Queue => "queue",
        OverlapRule::Cancel => "cancel",
    };
    let number = |name: &'static str, label: &'static str, value: u32| {
        html! { { draw!(TextField { name, label, required: true, value: value.to_string() }) } }
    };
    html! {
        <details class="more">
            <summary>{ "Rules" }</summary>
            <div hidden={!by_itself}>
                <div class="fields-2">
                    { draw!(SelectField { name: "missed", label: "Times missed while the hub was down", choices: choices(&MISSED), value: missed }) }
                    { draw!(SelectField { name: "overlap", label: "While an earlier run is open", choices: choices(&OVERLAPS), value: overlap }) }
                </div>
                <div class="fields-3">
                    { number("missed_window_h", "Made up for within, hours", timing.missed_window_s / 3_600) }
                    { number("jitter_s", "Spread over, seconds", timing.jitter_s) }
                    { number("pause_after", "Pauses after failures (0: never)", timing.pause_after) }
                </div>
            </div>
            <div class="fields-3">
                { number("retries.attempts", "Further tries", timing.retries.attempts) }
                { number("retries.first_wait_s", "First wait, seconds", timing.retries.first_wait_s) }
                { number("retries.longest_wait_s", "Longest wait, seconds", timing.retries.longest_wait_s) }
            </div>
            { number("expiry_h", "Waits for its agent at most, hours", timing.expiry_s.div_ceil(3_600)) }
        </details>
    }
}

#[derive(Properties, PartialEq)]
struct NextProps {
    request: PreviewRequest,
}

part!(NextTimes(NextProps) kept by use_next_times);

#[hook]
fn use_next_times(props: &NextProps) -> Html {
    let console = use_console();
    let fetched = use_fetch(props.request.clone(), 0, move |request: PreviewRequest| {
        let api = console.api.clone();
        async move { api.next_times(&request).await }
    });
    let shown = match (&fetched.error, &fetched.data) {
        (Some(ApiError::Refused(problem)), _) => {
            let detail = problem.errors.first().map_or(&problem.detail, |error| &error.detail);
            html! { <p class="fault">{ detail }</p> }
        }
        (_, Some(preview)) if preview.next.is_empty() => {
            html! { <p class="fault">{ "Maintenance leaves it no time to run." }</p> }
        }
        (_, Some(preview)) => html! {
            <ol class="next-times">{ for preview.next.iter().map(|next| html! { <li>{ &next.text }</li> }) }</ol>
        },
        _ => html! { <p class="hint">{ "…" }</p> },
    };
    html! {
        <div class="next" aria-live="polite" data-testid="next-times">
            <p class="hint">{ "Next times" }</p>
            { shown }
        </div>
    }
}
