//! What waits at a retailer, in the order in which it goes out.

use messages::RunId;
use messages::http::runs::RunView;
use messages::live::Topic;
use messages::permission::Permission;
use messages::run::RunState;
use yew::prelude::*;

use super::TabProps;
use crate::components::button::{Button, Tone};
use crate::components::layout::Card;
use crate::components::time::Time;
use crate::hooks::{use_action, use_console, use_fetch, use_status};

part!(pub(crate) Queue(TabProps) kept by use_queue);

#[hook]
fn use_queue(props: &TabProps) -> Html {
    let console = use_console();
    let (_, round) = use_status();
    let open: Vec<(RunId, RunState, u64)> = props
        .topic
        .runs()
        .iter()
        .filter(|run| run.state == RunState::Queued)
        .map(|run| (run.id, run.state, run.rev.0))
        .collect();
    let waits = !open.is_empty();
    let fetched = {
        let (api, retailer) = (console.api.clone(), props.id);
        use_fetch(open, round, move |_| {
            let api = api.clone();
            async move { api.queue(retailer).await }
        })
    };
    let act = {
        let (console, retailer, reload) = (console.clone(), props.id, fetched.reload.clone());
        // A run goes first; none: all of them go.
        use_action(move |first: Option<RunId>| {
            let (console, reload) = (console.clone(), reload.clone());
            async move {
                match first {
                    Some(run) => console.api.put_first(retailer, run).await?,
                    None => console.api.purge(retailer).await?,
                }
                console.live.touched(Topic::Retailer(retailer));
                reload.emit(());
                Ok(())
            }
        })
    };
    let Some(page) = fetched.data.filter(|page| waits && !page.items.is_empty()) else {
        return Html::default();
    };
    let may = console.may(Permission::RunControl);
    let purge = html! {
        if may {
            { draw!(Button { label: "Cancel all", tone: Tone::Danger, small: true, busy: act.busy, onclick: act.run.reform(|()| None), testid: "purge-queue" }) }
        }
    };
    html! {
        { draw!(Card { title: "Waiting", count: page.total, actions: purge, children: html! {
            <ol class="queue" data-testid="queue">
                { for page.items.iter().enumerate().map(|(place, run)| html! {
                    <li key={run.id.to_string()}>
                        <span class="strong">{ &run.job_name }</span>
                        <small class="dim">{ why(run) }</small>
                        <small class="dim">{ "since " }{ draw!(Time { at: run.created_at }) }</small>
                        if may && place > 0 {
                            { draw!(Button { label: "First", tone: Tone::Ghost, small: true, busy: act.busy, name: format!("Have {} go first", run.job_name), onclick: first(&act.run, run.id) }) }
                        }
                    </li>
                }) }
            </ol>
        } }) }
    }
}

fn first(act: &Callback<Option<RunId>>, run: RunId) -> Callback<()> {
    act.reform(move |()| Some(run))
}

fn why(run: &RunView) -> String {
    if run.not_before.is_some() { format!("try {}", run.try_no) } else { "waits for its turn".to_owned() }
}
