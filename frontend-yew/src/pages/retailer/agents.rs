//! The agents of a retailer: presence in words, enrolment, revoking and rotating their secret.

use messages::http::agents::{AgentView, Enrolment, TransportKind, most_runs};
use messages::permission::Permission;
use messages::plugin::{Plugin, PluginKind};
use messages::{RetailerId, Timestamp};
use yew::prelude::*;

use super::delete::{DeleteDialog, Doomed};
use super::enrolment::{EnrolDialog, RevokeDialog};
use super::{Open, TabProps, opener, row_actions};
use crate::api::resource::Agent;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::field::{CheckField, Choice, SelectField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::time::maybe;
use crate::hooks::{Action, json, use_action, use_console, use_now, use_save};
use crate::state::draft;
use crate::state::form::FormValues;
use crate::state::topic::TopicState;
use crate::state::words::{self, Hue};

/// Dialogs that only agents have.
#[derive(Debug, Clone, PartialEq)]
enum Extra {
    Nothing,
    Enrol(AgentView),
    Revoke(AgentView),
}

part!(pub(crate) Agents(TabProps) kept by use_agents);

#[hook]
fn use_agents(props: &TabProps) -> Html {
    let console = use_console();
    let open = use_state(Open::<AgentView>::default);
    let extra = use_state(|| Extra::Nothing);
    let may = console.may(Permission::ConfigWrite);
    let may_enrol = console.may(Permission::AgentEnrol);
    let rotate = {
        let (console, retailer) = (console.clone(), props.id);
        use_action(move |agent: AgentView| {
            let console = console.clone();
            async move {
                console.api.rotate_agent(retailer, agent.id).await?;
                console.good(format!(
                    "“{}” gets a new secret; the old one stays good until it has it",
                    agent.spec.name
                ));
                Ok(())
            }
        })
    };
    let agents = props.topic.agents();
    let now = use_now();
    let new = html! {
        if may {
            { draw!(Button { label: "New agent", icon: Icon::Plus, tone: Tone::Primary, small: true, onclick: opener(&open, Open::New), testid: "new-agent" }) }
        }
    };
    let close = opener(&open, Open::Nothing);
    let show = |what: Extra| {
        let extra = extra.clone();
        Callback::from(move |()| extra.set(what.clone()))
    };
    let actions = |agent: &AgentView| {
        html! {
            <>
                if may_enrol {
                    { enrol_actions(agent, show(Extra::Enrol(agent.clone())), show(Extra::Revoke(agent.clone())), &rotate) }
                }
                if may {
                    { row_actions(&agent.spec.name, opener(&open, Open::Edit(agent.clone())), opener(&open, Open::Delete(agent.clone()))) }
                }
            </>
        }
    };
    // A new agent is of no use before it is enrolled: go on at once.
    let created = {
        let (extra, open) = (extra.clone(), open.clone());
        Callback::from(move |view: AgentView| {
            open.set(Open::Nothing);
            if may_enrol {
                extra.set(Extra::Enrol(view));
            }
        })
    };
    html! {
            { draw!(Card { title: "Agents", count: agents.len() as u64, actions: new.clone(), children: html! { <>
    if agents.is_empty() {
                    { draw!(Empty { icon: Icon::Agent, title: "No agent yet", detail: "An agent runs on a machine at the shop, reads the point of sale and sends its items. It only connects outwards: no port has to be opened.", children: html! { <>{ new }</> } }) }
                } else {
                    { table(&agents, &props.topic, now, actions) }
                }
                { match &*open {
                    Open::Nothing => Html::default(),
                    Open::New => html! { { draw!(AgentForm { retailer: props.id, topic: props.topic.clone(), on_close: close, on_done: created }) } },
                    Open::Edit(view) => html! { { draw!(AgentForm { retailer: props.id, topic: props.topic.clone(), existing: view.clone(), on_close: close.clone(), on_done: close.reform(|_| ()) }) } },
                    Open::Delete(view) => html! {
                        { draw!(DeleteDialog { doomed: Doomed::new::<Agent>(Some(props.id), view), on_close: close, consequence: "Its connection is closed and its secret is void. This cannot be undone." }) }
                    },
                } }
                { match &*extra {
                    Extra::Nothing => Html::default(),
                    Extra::Enrol(agent) => html! { { draw!(EnrolDialog { retailer: props.id, agent: agent.clone(), on_close: show(Extra::Nothing) }) } },
                    Extra::Revoke(agent) => html! { { draw!(RevokeDialog { retailer: props.id, agent: agent.clone(), on_close: show(Extra::Nothing) }) } },
                } }
    </> } }) }
        }
}

fn table(
    agents: &[&AgentView],
    topic: &TopicState,
    now: Timestamp,
    actions: impl Fn(&AgentView) -> Html,
) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards">
                <thead><tr><th>{ "Agent" }</th><th>{ "Presence" }</th><th>{ "Enrolment" }</th><th>{ "Store" }</th><th>{ "Machine" }</th><th>{ "Last seen" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                <tbody>
                    { for agents.iter().map(|agent| {
                        let (presence, hue) = words::presence(agent.presence);
                        let (enrolment, enrolment_hue) = words::enrolment(agent.enrolment, agent.token_expires_at, now);
                        html! {
                            <tr key={agent.id.to_string()} data-testid="agent-row">
                                <td data-label="Agent">
                                    <span class="strong">{ &agent.spec.name }</span>
                                    if !agent.spec.enabled {
                                        { " " }{ draw!(Badge { word: "Disabled", hue: Hue::Quiet, title: "Stays connected but gets no work." }) }
                                    }
                                </td>
                                <td data-label="Presence">{ draw!(Badge { word: presence, hue, testid: "presence" }) }{ via(agent) }</td>
                                <td data-label="Enrolment">{ draw!(Badge { word: enrolment, hue: enrolment_hue }) }</td>
                                <td data-label="Store">{ store_name(topic, agent) }</td>
                                <td data-label="Machine">{ machine(agent) }</td>
                                <td data-label="Last seen">{ maybe(agent.last_seen_at) }</td>
                                <td class="actions">{ actions(agent) }</td>
                            </tr>
                        }
                    }) }
                </tbody>
            </table>
        </div>
    }
}

fn store_name(topic: &TopicState, agent: &AgentView) -> String {
    let Some(id) = agent.spec.store_id else { return "All stores".to_owned() };
    topic
        .stores()
        .iter()
        .find(|store| store.id == id)
        .map_or_else(|| "—".to_owned(), |store| store.spec.name.clone())
}

/// Shown when the agent does not speak WebSocket, and why.
fn via(agent: &AgentView) -> Html {
    let transport = agent.machine.as_ref().and_then(|machine| machine.transport.as_ref());
    let Some(transport) = transport.filter(|transport| transport.kind == TransportKind::Https) else {
        return Html::default();
    };
    let why = transport.reason.as_deref().unwrap_or("the agent does not say why");
    let title = format!("Works as well, by requests instead of a WebSocket: {why}.");
    html! { <>{ " " }{ draw!(Badge { word: "via HTTPS", hue: Hue::Quiet, title, testid: "via-https" }) }</> }
}

fn machine(agent: &AgentView) -> Html {
    match &agent.machine {
        Some(machine) => html! {
            <span title={machine.capabilities.join(", ")}>
                { &machine.host }
                <small class="dim">{ format!("{} · {}", machine.os, machine.agent_version) }</small>
                { plugins(&machine.plugins) }
            </span>
        },
        None => html! {
            <span class="dim">{ "—" }</span>
        },
    }
}

/// The plugins that it has, with what they are for.
fn plugins(plugins: &[Plugin]) -> Html {
    if plugins.is_empty() {
        return Html::default();
    }
    html! {
        <small class="dim" data-testid="agent-plugins">
            { "Plugins: " }
            { for plugins.iter().enumerate().map(|(at, plugin)| {
                let what = match plugin.kind {
                    PluginKind::Tap => "reads",
                    PluginKind::Target => "writes",
                    PluginKind::Other => "of a kind that this console does not know",
                };
                let version = if plugin.version.is_empty() { String::new() } else { format!(" {}", plugin.version) };
                html! {
                    <>
                        if at > 0 { { ", " } }
                        <span title={plugin.about.clone()}>{ format!("{}{version} ({what})", plugin.name) }</span>
                    </>
                }
            }) }
        </small>
    }
}

fn enrol_actions(
    agent: &AgentView,
    enrol: Callback<()>,
    revoke: Callback<()>,
    rotate: &Action<AgentView>,
) -> Html {
    let name = &agent.spec.name;
    let turn = {
        let (run, agent) = (rotate.run.clone(), agent.clone());
        Callback::from(move |()| run.emit(agent.clone()))
    };
    if agent.enrolment == Enrolment::Enrolled {
        return html! {
            <>
                { draw!(Button { label: "Rotate", icon: Icon::Key, small: true, busy: rotate.busy, name: format!("Rotate the secret of {name}"), title: "Give it a new secret", onclick: turn }) }
                { draw!(Button { label: "Revoke", small: true, name: format!("Revoke {name}"), onclick: revoke, testid: "revoke" }) }
            </>
        };
    }
    html! {
        <>
            { draw!(Button { label: "Enrol", icon: Icon::Key, tone: Tone::Primary, small: true, name: format!("Enrol {name}"), onclick: enrol, testid: "enrol" }) }
            if agent.enrolment == Enrolment::Pending {
                { draw!(Button { label: "Void token", small: true, name: format!("Void the token of {name}"), onclick: revoke }) }
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct FormProps {
    retailer: RetailerId,
    topic: std::rc::Rc<TopicState>,
    #[prop_or_default]
    existing: Option<AgentView>,
    on_close: Callback<()>,
    on_done: Callback<AgentView>,
}

part!(AgentForm(FormProps) kept by use_agent_form);

#[hook]
fn use_agent_form(props: &FormProps) -> Html {
    let save = use_save::<Agent>(Some(props.retailer), props.existing.clone(), props.on_done.clone());
    let spec = props.existing.as_ref().map(|view| &view.spec);
    let mut choices: Vec<Choice> = vec![("".into(), "All stores of the retailer".into())];
    choices.extend(
        props
            .topic
            .stores()
            .iter()
            .map(|store| (store.id.to_string().into(), store.spec.name.clone().into())),
    );
    let chosen = spec.and_then(|s| s.store_id).map(|id| id.to_string()).unwrap_or_default();
    let on_submit = save.submit.reform(|form: FormValues| json(draft::agent(&form)));
    let (title, action) = if spec.is_some() { ("Edit agent", "Save") } else { ("New agent", "Create agent") };
    html! {
            { draw!(FormDialog { title, action, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: spec.map(|s| s.name.clone()).unwrap_or_default(), placeholder: "Back office PC", testid: "agent-name" }) }
                { draw!(SelectField { name: "store_id", label: "Store", choices, value: chosen, hint: html! { "Where it stands, if it serves one store only." } }) }
                { draw!(TextField { name: "most_runs", label: "Runs out with it at once", required: true, value: spec.map_or(most_runs(), |s| s.most_runs).to_string() }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: spec.is_none_or(|s| s.enabled), hint: "While disabled, it stays connected but gets no work." }) }
    </> } }) }
        }
}
