//! Saving a document: made or changed, faults shown at their fields, and a conflict laid open instead of overwritten.
//! Works on JSON inside, so that it stands once in the program and not once for each kind.

use std::rc::Rc;

use messages::live::Topic;
use messages::{ErrorCode, FieldError, RetailerId, Version};
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::page::use_console;
use crate::api::resource::Resource;
use crate::api::{Api, ApiError, Call, browser};
use crate::state::draft::Draft;
use crate::state::reader;

/// Somebody else was faster.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    pub base: Value,
    pub mine: Value,
    pub theirs: Value,
    rev: Version,
}

/// How the saving stands, and what can be done.
#[derive(Clone, PartialEq)]
pub struct Save {
    pub busy: bool,
    pub errors: Rc<Vec<FieldError>>,
    pub error: Option<ApiError>,
    pub conflict: Option<Rc<Conflict>>,
    /// Sends the document, or shows what is wrong with the form.
    pub submit: Callback<Draft<Value>>,
    /// Sends what was chosen out of both versions.
    pub resolve: Callback<Value>,
}

/// What is saved, of whatever kind.
struct Plan {
    noun: &'static str,
    collection: String,
    topic: Option<Topic>,
    /// Address, revision and content of the one that is changed.
    existing: Option<(String, Version, Value)>,
}

#[derive(Default)]
struct Progress {
    busy: bool,
    errors: Rc<Vec<FieldError>>,
    error: Option<ApiError>,
    conflict: Option<Rc<Conflict>>,
}

/// A draft as it goes over the wire.
pub fn json<T: Serialize>(draft: Draft<T>) -> Draft<Value> {
    // Our own types always serialise; nothing at all would be refused with a sentence.
    draft.map(|spec| serde_json::to_value(spec).unwrap_or_default())
}

/// `existing` as it stood when the form was opened; absent, a new document is made.
#[hook]
pub fn use_save<R: Resource>(
    retailer: Option<RetailerId>,
    existing: Option<R::View>,
    done: Callback<R::View>,
) -> Save {
    // What the person saw when they began. It must not move under them.
    let plan = use_memo((), |()| {
        let collection = R::collection(retailer);
        let existing = existing.map(|view| {
            let content = serde_json::to_value(R::spec(&view)).unwrap_or_default();
            (format!("{collection}/{}", R::id(&view)), R::rev(&view), content)
        });
        Plan { noun: R::NOUN, collection, topic: R::topic(retailer), existing }
    });
    let done = Callback::from(move |saved: Value| {
        if let Ok(view) = reader::read(saved) {
            done.emit(view);
        }
    });
    use_saving(plan, done)
}

#[hook]
fn use_saving(plan: Rc<Plan>, done: Callback<Value>) -> Save {
    let console = use_console();
    // Sending twice makes one; what was refused was not made, and what follows is another request.
    let key = use_mut_ref(browser::random_key);
    let progress = use_state(Progress::default);
    let send = {
        let progress = progress.clone();
        Callback::from(move |(spec, rev): (Value, Option<Version>)| {
            progress.set(Progress { busy: true, ..Progress::default() });
            let (console, done, plan, progress) =
                (console.clone(), done.clone(), plan.clone(), progress.clone());
            let key = key.clone();
            spawn_local(async move {
                let sent_key = key.borrow().clone();
                match sent(&console.api, &plan, rev, &spec, sent_key).await {
                    Ok(saved) => {
                        progress.set(Progress::default());
                        let verb = if plan.existing.is_some() { "saved" } else { "created" };
                        let name = saved.get("name").and_then(Value::as_str).unwrap_or_default();
                        console.good(format!("{} “{name}” {verb}", capital(plan.noun)));
                        if let Some(topic) = plan.topic {
                            console.live.touched(topic);
                        }
                        done.emit(saved);
                    }
                    Err(error) => {
                        if matches!(error, ApiError::Refused(_)) {
                            *key.borrow_mut() = browser::random_key();
                        }
                        progress.set(told(&plan, spec, error));
                    }
                }
            });
        })
    };
    let submit = {
        let (progress, send) = (progress.clone(), send.clone());
        Callback::from(move |draft: Draft<Value>| match draft {
            _ if progress.busy => {}
            Ok(spec) => send.emit((spec, None)),
            Err(errors) => progress.set(Progress { errors: Rc::new(errors), ..Progress::default() }),
        })
    };
    let resolve = {
        let progress = progress.clone();
        Callback::from(move |value: Value| {
            send.emit((value, progress.conflict.as_ref().map(|conflict| conflict.rev)));
        })
    };
    Save {
        busy: progress.busy,
        errors: progress.errors.clone(),
        error: progress.error.clone(),
        conflict: progress.conflict.clone(),
        submit,
        resolve,
    }
}

async fn sent(
    api: &Api,
    plan: &Plan,
    rev: Option<Version>,
    spec: &Value,
    key: String,
) -> Result<Value, ApiError> {
    let call = match &plan.existing {
        Some((path, opened, _)) => Call::put(path.clone()).if_match(rev.unwrap_or(*opened)),
        None => Call::post(plan.collection.clone()).once(key),
    };
    api.fetch(call.json(spec)).await
}

fn told(plan: &Plan, mine: Value, error: ApiError) -> Progress {
    if let (ApiError::Refused(problem), Some((_, opened, base))) = (&error, &plan.existing)
        && problem.code == ErrorCode::Conflict
        && let Some(theirs) = &problem.current
    {
        let rev = theirs.get("rev").and_then(Value::as_u64).map_or(*opened, Version);
        let conflict = Conflict { base: base.clone(), mine, theirs: theirs.clone(), rev };
        return Progress { conflict: Some(Rc::new(conflict)), ..Progress::default() };
    }
    Progress { errors: Rc::new(error.fields().to_vec()), error: Some(error), ..Progress::default() }
}

/// For the beginning of a sentence.
fn capital(noun: &str) -> String {
    let mut chars = noun.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
