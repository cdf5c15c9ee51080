//! Enrolling an agent: the exact command to run at the shop, and the moment it arrives.

use messages::RetailerId;
use messages::http::agents::{AgentView, Enrolment};
use messages::live::Topic;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::ApiError;
use crate::components::async_view;
use crate::components::button::{Button, Tone};
use crate::components::confirm::Confirm;
use crate::components::dialog::Dialog;
use crate::components::enrolment::{EnrolCommand, EnrolWait};
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{use_clock, use_console, use_fetch, use_topic};

const STEPS: [&str; 2] = [
    "Install the agent on a machine that can read the point of sale's files.",
    "Run this command there, as the account under which the agent will run:",
];

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub retailer: RetailerId,
    pub agent: AgentView,
    pub on_close: Callback<()>,
}

part!(pub(crate) EnrolDialog(Props) kept by use_enrol_dialog);

#[hook]
fn use_enrol_dialog(props: &Props) -> Html {
    let console = use_console();
    let topic = use_topic(Some(Topic::Retailer(props.retailer)));
    let now = use_clock(1_000);
    let fetched = {
        let (console, retailer, agent) = (console.clone(), props.retailer, props.agent.id);
        use_fetch(agent, 0, move |agent| {
            let console = console.clone();
            async move {
                let token = console.api.make_enrolment(retailer, agent).await?;
                console.live.touched(Topic::Retailer(retailer));
                Ok(token)
            }
        })
    };
    let agent = topic.as_ref().and_then(|topic| topic.agent(props.agent.id)).unwrap_or(&props.agent);
    let enrolled = fetched.data.is_some() && agent.enrolment == Enrolment::Enrolled;
    let connected = enrolled && agent.presence.is_connected();
    let expired = fetched.data.as_ref().is_some_and(|token| token.expires_at <= now);
    html! {
            { draw!(Dialog { title: format!("Enrol “{}”", props.agent.spec.name), subtitle: "Done once, on the machine at the shop.", wide: true, on_close: props.on_close.clone(), testid: "enrol-dialog", children: html! { <>
    <div class="dialog-body">
                    if connected {
                        { arrived(agent) }
                    } else {
                        { async_view::view(&fetched, 3, |token| draw!(EnrolCommand {
                            steps: STEPS.map(Into::into).to_vec(),
                            command: token.command.expose().to_owned(),
                            expires_at: token.expires_at,
                            now,
                        })) }
                        { draw!(EnrolWait {
                            expired: expired && !enrolled,
                            busy: fetched.loading,
                            again: fetched.reload.clone(),
                            text: if enrolled { "Enrolled. Waiting for it to connect: start it with “agent-node run”." } else { "Waiting for the agent. This turns green by itself." },
                        }) }
                    }
                </div>
                <footer class="dialog-foot">
                    { draw!(Button { label: if connected { "Done" } else { "Close" }, tone: if connected { Tone::Primary } else { Tone::Plain }, onclick: props.on_close.clone(), testid: "enrol-close" }) }
                </footer>
    </> } }) }
        }
}

fn arrived(agent: &AgentView) -> Html {
    let place = agent
        .machine
        .as_ref()
        .map(|m| format!("{} · {} · version {}", m.host, m.os, m.agent_version))
        .unwrap_or_default();
    html! {
        <div class="arrived" role="status" data-testid="enrol-state">
            <span class="empty-icon good">{ draw!(Glyph { icon: Icon::Check }) }</span>
            <h3>{ "Enrolled, connected" }</h3>
            <p>{ place }</p>
        </div>
    }
}

part!(pub(crate) RevokeDialog(Props) kept by use_revoke_dialog);

/// Voids an agent's secret, or the token that waits.
#[hook]
fn use_revoke_dialog(props: &Props) -> Html {
    let console = use_console();
    let busy = use_state_eq(|| false);
    let error = use_state(|| None::<ApiError>);
    let on_confirm = {
        let (busy, error) = (busy.clone(), error.clone());
        let (retailer, agent, on_close) = (props.retailer, props.agent.clone(), props.on_close.clone());
        Callback::from(move |()| {
            busy.set(true);
            let (console, busy, error) = (console.clone(), busy.clone(), error.clone());
            let (agent, on_close) = (agent.clone(), on_close.clone());
            spawn_local(async move {
                match console.api.revoke_agent(retailer, agent.id).await {
                    Ok(()) => {
                        console.good(format!("“{}” is revoked", agent.spec.name));
                        console.live.touched(Topic::Retailer(retailer));
                        on_close.emit(());
                    }
                    Err(refused) => {
                        error.set(Some(refused));
                        busy.set(false);
                    }
                }
            });
        })
    };
    html! {
        { draw!(Confirm { title: format!("Revoke “{}”?", props.agent.spec.name), action: "Revoke", busy: *busy, error: (*error).clone(), on_confirm, on_close: props.on_close.clone(), children: html! { <><p>{ "Its connection is closed at once and its secret or waiting token is void. A new token lets it enrol again." }</p></> } }) }
    }
}
