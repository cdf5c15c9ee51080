//! Runs in rows, newest first.

use messages::export::RunMode;
use messages::http::runs::RunView;
use messages::run::RunState;
use yew::prelude::*;

use super::badge::Badge;
use super::nav_link::NavLink;
use super::time::Time;
use crate::route::Route;
use crate::state::format::{bytes, count, duration, short_id};
use crate::state::pace::pace;
use crate::state::words;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub runs: Vec<RunView>,
}

part!(pub RunTable(Props) drawn by draw_run_table);

fn draw_run_table(props: &Props) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards">
                <thead>
                    <tr>
                        <th>{ "State" }</th>
                        <th>{ "Job" }</th>
                        <th>{ "Run" }</th>
                        <th class="num">{ "Sent" }</th>
                        <th class="num">{ "Rejected" }</th>
                        <th class="num">{ "Took" }</th>
                        <th>{ "Started by" }</th>
                        <th>{ "Created" }</th>
                    </tr>
                </thead>
                <tbody>
                    { for props.runs.iter().map(row) }
                </tbody>
            </table>
        </div>
    }
}

fn row(run: &RunView) -> Html {
    let to = Route::Run { id: run.retailer_id, run: run.id };
    let by = run.transitions.first().map_or("—", |first| words::who(&first.actor)).to_owned();
    html! {
        <tr key={run.id.to_string()} data-testid="run-row">
            <td data-label="State">{ draw!(StateCell { run: run.clone() }) }</td>
            <td data-label="Job">
                { draw!(NavLink { to, class: "strong", children: html! { <>{ &run.job_name }</> } }) }
                if run.mode != RunMode::Usual {
                    <small class="dim">{ words::run_mode(run.mode) }</small>
                }
            </td>
            <td data-label="Run" class="mono dim">{ short_id(&run.id) }</td>
            <td data-label="Sent" class="num">{ count(run.progress.sent) }</td>
            <td data-label="Rejected" class={classes!("num", (run.progress.rejected > 0).then_some("warn-text"))}>{ count(run.progress.rejected) }</td>
            <td data-label="Took" class="num">{ if run.progress.elapsed_ms > 0 { duration(run.progress.elapsed_ms) } else { "—".to_owned() } }</td>
            <td data-label="Started by">{ by }</td>
            <td data-label="Created">{ draw!(Time { at: run.created_at }) }</td>
        </tr>
    }
}

#[derive(Properties, PartialEq)]
pub struct StateProps {
    pub run: RunView,
}

part!(pub StateCell(StateProps) drawn by draw_state_cell);

/// The state, and how far it is while it works.
fn draw_state_cell(props: &StateProps) -> Html {
    let run = &props.run;
    let (word, hue) = words::run_state(run.state);
    let pace = pace(&run.progress);
    html! {
        <span class="state-cell">
            { draw!(Badge { word, hue, title: run.failure.as_ref().map(|failure| failure.detail.clone()) }) }
            if run.state == RunState::Running {
                <progress class="bar small" max="1000" value={pace.permille.map(|p| p.to_string())} aria-label="Progress" title={bytes(run.progress.bytes_read)} />
            }
        </span>
    }
}
