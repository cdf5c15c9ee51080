//! A retailer's configuration as a file: saved, copied to a new retailer, added to from a file.

use std::rc::Rc;

use messages::http::configuration::{ImportOutcome, ImportReport, Imported};
use messages::live::Topic;
use messages::permission::Permission;
use messages::{FieldError, RetailerId};
use serde_json::Value;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::prelude::*;

use crate::api::{ApiError, browser};
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::dialog::Dialog;
use crate::components::field::TextField;
use crate::components::file_field::FileField;
use crate::components::form_dialog::FormDialog;
use crate::components::icon::Icon;
use crate::components::layout::{Card, ErrorNote};
use crate::hooks::{use_action, use_console};
use crate::route::Route;
use crate::state::configuration as file;
use crate::state::form::FormValues;
use crate::state::toasts::Tone as Notice;
use crate::state::words::Hue;

/// The hub takes no larger body.
pub(super) const MOST_BYTES: u32 = 1024 * 1024;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) id: RetailerId,
    pub(super) code: AttrValue,
    pub(super) name: AttrValue,
}

#[derive(Clone, PartialEq)]
enum Open {
    Nothing,
    Copy(Rc<Value>),
    Import,
}

part!(pub(super) Files(Props) kept by use_files);

#[hook]
fn use_files(props: &Props) -> Html {
    let console = use_console();
    let open = use_state_eq(|| Open::Nothing);
    let close = {
        let open = open.setter();
        Callback::from(move |()| open.set(Open::Nothing))
    };
    let save = {
        let (api, id, code) = (console.api.clone(), props.id, props.code.clone());
        use_action(move |()| {
            let (api, code) = (api.clone(), code.clone());
            async move {
                let text = format!("{:#}\n", api.configuration(id).await?);
                browser::download(&format!("{code}.json"), "application/json", &text);
                Ok(())
            }
        })
    };
    let copy = {
        let (api, id, open) = (console.api.clone(), props.id, open.setter());
        use_action(move |()| {
            let (api, open) = (api.clone(), open.clone());
            async move {
                open.set(Open::Copy(Rc::new(api.configuration(id).await?)));
                Ok(())
            }
        })
    };
    let import = {
        let open = open.setter();
        Callback::from(move |()| open.set(Open::Import))
    };
    let actions = html! {
        <>
            { draw!(Button { label: "Save as a file", icon: Icon::Save, small: true, busy: save.busy, onclick: save.run.clone(), testid: "configuration-save" }) }
            if console.may(Permission::RetailerWrite) {
                { draw!(Button { label: "Copy to a new retailer", icon: Icon::Copy, small: true, busy: copy.busy, onclick: copy.run.clone(), testid: "configuration-copy" }) }
                { draw!(Button { label: "Add from a file", icon: Icon::Plus, small: true, onclick: import, testid: "configuration-import" }) }
            }
        </>
    };
    html! {
        <>
            { draw!(Card { title: "Configuration", actions, children: html! {
                <p class="card-pad hint">{ "Stores, agents, destinations and jobs, without passwords and keys." }</p>
            } }) }
            { match &*open {
                Open::Nothing => Html::default(),
                Open::Copy(template) => html! {
                    { draw!(MakeDialog { template: template.clone(), name: format!("{} copy", props.name), code: format!("{}-copy", props.code), on_close: close }) }
                },
                Open::Import => html! { { draw!(ImportDialog { id: props.id, name: props.name.clone(), on_close: close }) } },
            } }
        </>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct MakeProps {
    /// What the new retailer has.
    pub(super) template: Rc<Value>,
    pub(super) name: AttrValue,
    pub(super) code: AttrValue,
    pub(super) on_close: Callback<()>,
}

#[derive(Default)]
struct Making {
    busy: bool,
    errors: Rc<Vec<FieldError>>,
    error: Option<ApiError>,
}

part!(pub(super) MakeDialog(MakeProps) kept by use_make_dialog);

/// A new retailer with what another one has.
#[hook]
fn use_make_dialog(props: &MakeProps) -> Html {
    let console = use_console();
    let navigator = use_navigator();
    let making = use_state(Making::default);
    // Sending twice makes one; what was refused was not made, and what follows is another request.
    let key = use_mut_ref(browser::random_key);
    let on_submit = {
        let (making, template, on_close) = (making.clone(), props.template.clone(), props.on_close.clone());
        Callback::from(move |form: FormValues| {
            if making.busy {
                return;
            }
            making.set(Making { busy: true, ..Making::default() });
            let body = file::renamed(&template, &form.text("name"), &form.text("code"));
            let (console, making, on_close) = (console.clone(), making.clone(), on_close.clone());
            let (navigator, key) = (navigator.clone(), key.clone());
            spawn_local(async move {
                let sent_key = key.borrow().clone();
                match console.api.make_of(&body, sent_key).await {
                    Ok(report) => {
                        let title = format!("Retailer “{}” created", form.text("name"));
                        console.say(Notice::Good, title, file::told(&report));
                        on_close.emit(());
                        if let Some(navigator) = navigator {
                            navigator.push(&Route::Retailer { id: report.retailer_id });
                        }
                    }
                    Err(error) => {
                        *key.borrow_mut() = browser::random_key();
                        let errors = Rc::new(file::faults(error.fields()));
                        making.set(Making { busy: false, errors, error: Some(error) });
                    }
                }
            });
        })
    };
    html! {
        { draw!(FormDialog { title: "New retailer of a configuration", action: "Create retailer", busy: making.busy, errors: making.errors.clone(), error: making.error.clone(), on_submit, on_close: props.on_close.clone(), children: html! { <>
            <p>{ format!("It gets {}.", file::content(&props.template)) }</p>
            { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: props.name.clone(), testid: "retailer-name" }) }
            { draw!(TextField { name: "code", label: "Code", required: true, mono: true, value: props.code.clone(), hint: html! { "Short handle in lower case, unique over all retailers." }, testid: "retailer-code" }) }
            <p class="hint">{ "Agents are to be enrolled anew, passwords and keys to be entered again. Jobs come in disabled, so that nothing is written over what the original sends." }</p>
        </> } }) }
    }
}

#[derive(Properties, PartialEq)]
struct ImportProps {
    id: RetailerId,
    name: AttrValue,
    on_close: Callback<()>,
}

#[derive(Clone, PartialEq)]
enum Chosen {
    Nothing,
    Unfit(String),
    /// With what the hub says it would do.
    Asked(Rc<Value>, Option<Result<ImportReport, ApiError>>),
}

part!(ImportDialog(ImportProps) kept by use_import_dialog);

#[hook]
fn use_import_dialog(props: &ImportProps) -> Html {
    let console = use_console();
    let chosen = use_state_eq(|| Chosen::Nothing);
    let on_read = {
        let (api, id, chosen) = (console.api.clone(), props.id, chosen.setter());
        Callback::from(move |text: Result<String, String>| match text.and_then(|text| file::read(&text)) {
            Err(fault) => chosen.set(Chosen::Unfit(fault)),
            Ok(content) => {
                let content = Rc::new(content);
                chosen.set(Chosen::Asked(content.clone(), None));
                let (api, chosen) = (api.clone(), chosen.clone());
                spawn_local(async move {
                    let report = api.import(id, &content, true).await;
                    chosen.set(Chosen::Asked(content, Some(report)));
                });
            }
        })
    };
    let import = {
        let (console, id, on_close) = (console, props.id, props.on_close.clone());
        use_action(move |content: Rc<Value>| {
            let (console, on_close) = (console.clone(), on_close.clone());
            async move {
                let report = console.api.import(id, &content, false).await?;
                console.live.touched(Topic::Retailer(id));
                console.say(Notice::Good, "Configuration added", file::told(&report));
                on_close.emit(());
                Ok(())
            }
        })
    };
    let fault = match &*chosen {
        Chosen::Unfit(fault) => Some(AttrValue::from(fault.clone())),
        _ => None,
    };
    let ready = match &*chosen {
        Chosen::Asked(content, Some(Ok(report))) if report.count(ImportOutcome::Made) > 0 => {
            let (run, content) = (import.run.clone(), content.clone());
            Some(Callback::from(move |()| run.emit(content.clone())))
        }
        _ => None,
    };
    html! {
        { draw!(Dialog { title: format!("Add to {} from a file", props.name), on_close: props.on_close.clone(), testid: "import-dialog", children: html! { <>
            <div class="dialog-body">
                { draw!(FileField { label: "Configuration", accept: ".json,application/json", most_bytes: MOST_BYTES, on_read, fault, testid: "import-file" }) }
                { outlook(&chosen) }
            </div>
            <footer class="dialog-foot">
                { draw!(Button { label: "Cancel", onclick: props.on_close.clone() }) }
                if let Some(onclick) = ready {
                    { draw!(Button { label: "Add", tone: Tone::Primary, busy: import.busy, onclick, testid: "import-confirm" }) }
                }
            </footer>
        </> } }) }
    }
}

/// What would be done.
fn outlook(chosen: &Chosen) -> Html {
    match chosen {
        Chosen::Nothing | Chosen::Unfit(_) => html! {
            <p class="hint">{ "A file that was saved from a retailer. What is there already by its name stays as it is. Jobs come in disabled." }</p>
        },
        Chosen::Asked(_, None) => html! { <p role="status">{ "Looking at it…" }</p> },
        Chosen::Asked(_, Some(Err(error))) => html! {
            <>
                { draw!(ErrorNote { error: error.clone() }) }
                <ul class="faults">
                    { for error.fields().iter().map(|fault| html! { <li><code>{ &fault.field }</code>{ " " }{ &fault.detail }</li> }) }
                </ul>
            </>
        },
        Chosen::Asked(_, Some(Ok(report))) if report.things.is_empty() => html! {
            <p role="status">{ "There is nothing in it beside the retailer itself." }</p>
        },
        Chosen::Asked(_, Some(Ok(report))) => html! {
            <div class="table-box" data-testid="import-outlook">
                <table class="table">
                    <thead><tr><th>{ "Kind" }</th><th>{ "Name" }</th><th>{ "What happens" }</th></tr></thead>
                    <tbody>{ for report.things.iter().map(thing) }</tbody>
                </table>
            </div>
        },
    }
}

fn thing(thing: &Imported) -> Html {
    let (word, hue) = match thing.outcome {
        ImportOutcome::Made => ("Is added", Hue::Good),
        ImportOutcome::Kept => ("Is there", Hue::Quiet),
    };
    html! {
        <tr>
            <td>{ &thing.kind }</td>
            <td><strong>{ &thing.name }</strong></td>
            <td>
                { draw!(Badge { word, hue }) }
                if thing.needs_credentials {
                    <span class="dim">{ " then needs a password or key" }</span>
                }
            </td>
        </tr>
    }
}
