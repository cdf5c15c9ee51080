//! How far a run is, in figures and as a bar.

use messages::http::runs::RunView;
use messages::run::RunState;
use yew::prelude::*;

use crate::state::format::{bytes, count, duration};
use crate::state::pace::pace;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub run: RunView,
}

part!(pub RunProgress(Props) drawn by draw_run_progress);

fn draw_run_progress(props: &Props) -> Html {
    let run = &props.run;
    let progress = &run.progress;
    let pace = pace(progress);
    let working = run.state == RunState::Running;
    let done = run.state == RunState::Succeeded;
    let permille = if done { Some(1_000) } else { pace.permille };
    let figure = |name: &'static str,
                  testid: &'static str,
                  value: String,
                  note: String,
                  tone: &'static str| {
        html! {
            <div class={classes!("figure", tone)}>
                <dt>{ name }</dt>
                <dd><span class="tabular" data-testid={testid}>{ value }</span><small>{ note }</small></dd>
            </div>
        }
    };
    let share =
        permille.map(|p| format!("{}.{} %", p / 10, p % 10)).unwrap_or_else(|| "size unknown".to_owned());
    let left = match pace.left_ms.filter(|_| working) {
        Some(ms) => format!("about {} left", duration(ms)),
        None if run.state.is_over() => "total".to_owned(),
        None => String::new(),
    };
    let rejected = if progress.rejected > 0 { "warn" } else { "" };
    html! {
        <div class="progress-panel">
            <div class="bar-row">
                <progress
                    class={classes!("bar", run.state.is_over().then_some(if done { "good" } else { "stopped" }))}
                    max="1000"
                    value={permille.map(|p| p.to_string()).or_else(|| (!working).then(|| "0".to_owned()))}
                    aria-label="Share of the source that has been read"
                />
                <span class="tabular bar-share" data-testid="run-share">{ share }</span>
            </div>
            <dl class="figures">
                { figure("Read", "run-read", count(progress.read), format!("{}/s", count(pace.items_s)), "") }
                { figure("Sent", "run-sent", count(progress.sent), bytes(progress.bytes_sent), "") }
                { figure("Rejected", "run-rejected", count(progress.rejected), rejected_share(progress.rejected, progress.read), rejected) }
                if progress.left_out > 0 {
                    { figure("Left out", "left-out", count(progress.left_out), "by the filter".to_owned(), "") }
                }
                { figure("Source", "run-bytes", bytes(progress.bytes_read), source_note(progress.bytes_total, pace.bytes_s), "") }
                { figure("Time", "run-elapsed", duration(progress.elapsed_ms), left, "") }
            </dl>
        </div>
    }
}

fn rejected_share(rejected: u64, read: u64) -> String {
    if rejected == 0 || read == 0 {
        return "none".to_owned();
    }
    let permille = u128::from(rejected) * 1_000 / u128::from(read);
    if permille == 0 {
        "under 0.1 %".to_owned()
    } else {
        format!("{}.{} % of items", permille / 10, permille % 10)
    }
}

fn source_note(total: u64, per_second: u64) -> String {
    let rate = format!("{}/s", bytes(per_second));
    if total > 0 { format!("of {} · {rate}", bytes(total)) } else { rate }
}
