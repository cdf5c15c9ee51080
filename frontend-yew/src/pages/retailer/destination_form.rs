//! The form of a destination. Credentials go in and never come back. The kinds that are spoken to over HTTP have
//! their fields in `platform_fields`.

use messages::connector::{DestinationConfig, FileFormat, SingerDestination};
use messages::http::destinations::DestinationView;
use messages::inspect::{InspectRequest, Subject};
use messages::plugin::Plugin;
use messages::{AgentId, DestinationId, FieldError, RetailerId};
use yew::prelude::*;

use super::look::{LookNote, Seen, form_around, use_look};
use super::platform_fields::PlatformFields;
use super::plugin_fields::PluginFields;
use crate::api::resource::Destination;
use crate::components::button::Button;
use crate::components::field::{CheckField, Choice, RadioRow, SelectField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::components::icon::Icon;
use crate::hooks::{json, use_save};
use crate::state::draft;
use crate::state::form::FormValues;
use crate::state::words::{DESTINATIONS, FORMATS};

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub retailer: RetailerId,
    #[prop_or_default]
    pub existing: Option<DestinationView>,
    /// Plugins that write, of all agents.
    pub targets: Vec<Plugin>,
    /// Agents that may try it from where they stand.
    pub agents: Vec<Choice>,
    pub on_close: Callback<()>,
}

/// A choice's values as the select wants them.
pub(super) fn choices<T>(all: &[(T, &'static str, &'static str)]) -> Vec<Choice> {
    all.iter().map(|(_, value, label)| (AttrValue::Static(value), AttrValue::Static(label))).collect()
}

/// The wire's name of a chosen value.
pub(super) fn chosen<T: PartialEq>(all: &[(T, &'static str, &'static str)], value: &T) -> &'static str {
    all.iter().find(|(choice, ..)| choice == value).map_or("", |(_, name, _)| name)
}

/// What becomes of a secret that is entered, or not.
pub(super) const fn kept(stored: bool) -> &'static str {
    if stored { "Leave blank to keep the stored one." } else { "Sealed at rest; nobody can read it back." }
}

part!(pub(crate) DestinationForm(Props) kept by use_destination_form);

#[hook]
fn use_destination_form(props: &Props) -> Html {
    let save =
        use_save::<Destination>(Some(props.retailer), props.existing.clone(), props.on_close.reform(|_| ()));
    let existing = props.existing.as_ref();
    let kind = use_state_eq(|| existing.map_or("sftp", |view| view.config.kind()).to_owned());
    // Those of one kind do not open another.
    let stored = existing.is_some_and(|view| view.has_credentials && view.config.kind() == kind.as_str());
    let on_submit = save.submit.reform(move |form: FormValues| json(draft::destination(&form, stored)));
    let on_kind = {
        let kind = kind.clone();
        Callback::from(move |value: String| kind.set(value))
    };
    let (format, path) = match existing.map(|view| &view.config) {
        Some(DestinationConfig::Sftp(to)) => (to.format, to.path.clone()),
        Some(DestinationConfig::LocalFile(to)) => (to.format, to.path.clone()),
        _ => (FileFormat::Csv, String::new()),
    };
    let (title, action) = if existing.is_some() {
        ("Edit destination", "Save")
    } else {
        ("New destination", "Create destination")
    };
    let kinds: Vec<Choice> =
        DESTINATIONS.iter().map(|(kind, word)| (AttrValue::Static(kind), AttrValue::Static(word))).collect();
    let to_file = matches!(kind.as_str(), "sftp" | "local_file");
    html! {
            { draw!(FormDialog { title, action, wide: true, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: existing.map(|v| v.name.clone()).unwrap_or_default(), placeholder: "Web shop import", testid: "destination-name" }) }
                { draw!(RadioRow { name: "config.kind", legend: "Kind", choices: kinds, value: (*kind).clone(), onchange: on_kind }) }
                if *kind == "sftp" {
                    { draw!(Sftp { existing: props.existing.clone(), path }) }
                } else if *kind == "singer" {
                    { draw!(Target { existing: props.existing.clone(), targets: props.targets.clone() }) }
                } else if !to_file {
                    { draw!(key = (*kind).clone(); PlatformFields { kind: (*kind).clone(), existing: props.existing.clone() }) }
                } else {
                    { draw!(TextField { name: "config.path", label: "File", required: true, mono: true, value: path, placeholder: "/srv/export/items.csv", hint: html! { "On the agent's machine. It is replaced in one step when the export is complete." }, testid: "destination-path" }) }
                }
                if to_file {
                    { draw!(SelectField { name: "config.format", label: "Format", choices: choices(&FORMATS), value: chosen(&FORMATS, &format) }) }
                }
                { draw!(TryIt { retailer: props.retailer, agents: props.agents.clone(), existing: existing.map(|view| view.id), stored }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: existing.is_none_or(|v| v.enabled) }) }
    </> } }) }
        }
}

#[derive(Properties, PartialEq)]
struct TargetProps {
    existing: Option<DestinationView>,
    targets: Vec<Plugin>,
}

part!(Target(TargetProps) drawn by draw_target);

fn draw_target(props: &TargetProps) -> Html {
    let to = match props.existing.as_ref().map(|view| &view.config) {
        Some(DestinationConfig::Singer(to)) => to.clone(),
        _ => SingerDestination::default(),
    };
    let stored = props.existing.as_ref().is_some_and(|view| view.has_credentials);
    let secrets = if stored { to.secrets.clone() } else { Vec::new() };
    html! {
        <>
            { draw!(PluginFields { prefix: "config", apart: "credentials", plugins: props.targets.clone(), plugin: to.plugin.clone(), settings: to.settings.clone(), secrets }) }
            { draw!(TextField { name: "config.stream", label: "Stream", mono: true, value: to.stream, placeholder: "items", hint: html! { "The name under which the plugin gets the items; it often becomes that of a table or a file." } }) }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct TryProps {
    retailer: RetailerId,
    agents: Vec<Choice>,
    existing: Option<DestinationId>,
    stored: bool,
}

part!(TryIt(TryProps) kept by use_try_it);

/// Whether an agent gets there, before anything is saved.
#[hook]
fn use_try_it(props: &TryProps) -> Html {
    let node = use_node_ref();
    let look = use_look(props.retailer, Callback::noop());
    let onclick = {
        let (node, ask, existing, stored) = (node.clone(), look.ask.clone(), props.existing, props.stored);
        Callback::from(move |()| ask.emit(tried(&form_around(&node), existing, stored)))
    };
    if props.agents.is_empty() {
        return Html::default();
    }
    html! {
        <fieldset class="group" ref={node}>
            <legend>{ "Try it" }</legend>
            <div class="with-test">
                { draw!(SelectField { name: "try_agent", label: "From the shop of", choices: props.agents.clone() }) }
                { draw!(Button { label: "Test the connection", icon: Icon::Bolt, small: true, busy: look.seen == Seen::Busy, onclick, testid: "test-destination" }) }
            </div>
            { draw!(LookNote { seen: look.seen }) }
        </fieldset>
    }
}

fn tried(
    form: &FormValues,
    existing: Option<DestinationId>,
    stored: bool,
) -> Result<(AgentId, InspectRequest), Vec<FieldError>> {
    let agent = form.choice("try_agent").map_err(|fault| vec![fault])?;
    // Whatever it is called, and if it is called nothing yet.
    let body = draft::destination(&form.clone().with("name", "tried"), stored)?;
    let subject = Subject::Destination { destination: body.config };
    Ok((
        agent,
        InspectRequest { subject, credentials: body.credentials, job_id: None, destination_id: existing },
    ))
}

#[derive(Properties, PartialEq)]
struct SftpProps {
    existing: Option<DestinationView>,
    path: String,
}

part!(Sftp(SftpProps) kept by use_sftp);

#[hook]
fn use_sftp(props: &SftpProps) -> Html {
    let to = match props.existing.as_ref().map(|view| &view.config) {
        Some(DestinationConfig::Sftp(to)) => Some(to),
        _ => None,
    };
    let stored = props.existing.as_ref().is_some_and(|view| view.has_credentials);
    let auth = use_state_eq(|| "password".to_owned());
    let host = use_state_eq(|| to.map(|to| to.host.clone()).unwrap_or_default());
    let port = use_state_eq(|| to.map_or(22, |to| to.port).to_string());
    let set = |state: &UseStateHandle<String>| {
        let state = state.clone();
        Callback::from(move |value: String| state.set(value))
    };
    let scan = format!(
        "ssh-keyscan -t ed25519 -p {} {}",
        *port,
        if host.trim().is_empty() { "HOST" } else { host.trim() }
    );
    let key_hint = html! {
        <>
            { "Pins the server, so that nobody can pose as it. On a machine you trust, run " }
            <code>{ scan }</code>
            { " and paste the line, or ask the server's administrator for it." }
        </>
    };
    let kept = kept(stored);
    let ways: Vec<Choice> =
        vec![("password".into(), "Password".into()), ("private_key".into(), "Private key".into())];
    html! {
        <>
            <div class="fields-host">
                { draw!(TextField { name: "config.host", label: "Host", required: true, mono: true, value: (*host).clone(), oninput: set(&host), placeholder: "sftp.example.com", testid: "sftp-host" }) }
                { draw!(TextField { name: "config.port", label: "Port", required: true, mono: true, value: (*port).clone(), oninput: set(&port), testid: "sftp-port" }) }
            </div>
            <div class="fields-2">
                { draw!(TextField { name: "config.user", label: "User", required: true, mono: true, value: to.map(|to| to.user.clone()).unwrap_or_default(), testid: "sftp-user" }) }
                { draw!(TextField { name: "config.path", label: "File on the server", required: true, mono: true, value: props.path.clone(), placeholder: "/upload/items.csv", testid: "destination-path" }) }
            </div>
            { draw!(TextField { name: "config.host_key", label: "Host key", required: true, mono: true, rows: 2, value: to.map(|to| to.host_key.clone()).unwrap_or_default(), placeholder: "ssh-ed25519 AAAA…", hint: key_hint, testid: "sftp-host-key" }) }
            { draw!(RadioRow { name: "auth", legend: "Signs in with", choices: ways, value: (*auth).clone(), onchange: set(&auth) }) }
            if *auth == "password" {
                { draw!(key = "password"; TextField { name: "credentials.password", label: "Password", kind: "password", autocomplete: "new-password", required: !stored, hint: html! { kept }, testid: "sftp-password" }) }
            } else {
                { draw!(key = "key"; TextField { name: "credentials.private_key", label: "Private key", mono: true, rows: 4, required: !stored, placeholder: "-----BEGIN OPENSSH PRIVATE KEY-----", hint: html! { kept }, testid: "sftp-private-key" }) }
                { draw!(key = "phrase"; TextField { name: "credentials.passphrase", label: "Passphrase of the key", kind: "password", autocomplete: "new-password" }) }
            }
        </>
    }
}
