//! The course of a run: its steps, and each change of state with its time and cause.

use messages::http::runs::RunView;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::time::Time;
use crate::state::format::duration;
use crate::state::timeline::{Mark, Step, steps};
use crate::state::words;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub run: RunView,
}

part!(pub Stepper(Props) drawn by draw_stepper);

fn draw_stepper(props: &Props) -> Html {
    html! {
        <ol class="stepper" aria-label="Course of the run">
            { for steps(&props.run).iter().map(step) }
        </ol>
    }
}

fn step(step: &Step) -> Html {
    let (label, _) = words::run_state(step.state);
    let (class, icon, spoken) = match step.mark {
        Mark::Done => ("done", Some(Icon::Check), "done"),
        Mark::Current => ("current", None, "now"),
        Mark::Ahead => ("ahead", None, "not yet"),
        Mark::Failed => ("failed", Some(Icon::Close), "failed"),
        Mark::Stopped => ("stopped", Some(Icon::Stop), "stopped"),
    };
    html! {
        <li class={class} aria-current={(step.mark == Mark::Current).then_some("step")}>
            <span class="step-mark">
                if let Some(icon) = icon {
                    { draw!(Glyph { icon }) }
                }
            </span>
            <span class="step-text">
                <strong>{ label }</strong>
                <span class="visually-hidden">{ format!(" ({spoken})") }</span>
                if let Some(transition) = &step.transition {
                    <small>{ draw!(Time { at: transition.at, exact: true }) }{ format!(" by {}", words::who(&transition.actor)) }</small>
                } else {
                    <small>{ "—" }</small>
                }
            </span>
        </li>
    }
}

part!(pub History(Props) drawn by draw_history);

/// Every change, with how long the state before lasted.
fn draw_history(props: &Props) -> Html {
    let transitions = &props.run.transitions;
    html! {
        <ol class="history">
            { for transitions.iter().enumerate().map(|(at, transition)| {
                let (label, hue) = words::run_state(transition.state);
                let before = at.checked_sub(1).and_then(|at| transitions.get(at));
                let lasted = before.map(|before| transition.at.since(before.at).as_millis()).and_then(|ms| u64::try_from(ms).ok());
                html! {
                    <li class={hue.class()}>
                        <strong>{ label }</strong>
                        <span>{ format!("by {}", words::who(&transition.actor)) }</span>
                        <span class="dim">{ draw!(Time { at: transition.at, exact: true }) }</span>
                        if let Some(lasted) = lasted {
                            <span class="dim">{ format!("after {}", duration(lasted)) }</span>
                        }
                        if let Some(note) = &transition.note {
                            <p>{ note }</p>
                        }
                    </li>
                }
            }) }
        </ol>
    }
}
