//! Saving a document: made or changed, faults shown at their fields, and a conflict laid open instead of overwritten.

use std::rc::Rc;

use messages::{ErrorCode, FieldError, RetailerId, Version};
use serde_json::Value;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::page::use_console;
use crate::api::resource::Resource;
use crate::api::{Api, ApiError, browser};
use crate::state::draft::Draft;

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
pub struct Save<R: Resource> {
    pub busy: bool,
    pub errors: Rc<Vec<FieldError>>,
    pub error: Option<ApiError>,
    pub conflict: Option<Rc<Conflict>>,
    /// Sends the document, or shows what is wrong with the form.
    pub submit: Callback<Draft<R::Spec>>,
    /// Sends what was chosen out of both versions.
    pub resolve: Callback<Value>,
}

#[derive(Default)]
struct Progress {
    busy: bool,
    errors: Rc<Vec<FieldError>>,
    error: Option<ApiError>,
    conflict: Option<Rc<Conflict>>,
}

/// `existing` as it stood when the form was opened; absent, a new document is made.
#[hook]
pub fn use_save<R: Resource>(
    retailer: Option<RetailerId>,
    existing: Option<R::View>,
    done: Callback<R::View>,
) -> Save<R> {
    let console = use_console();
    // What the person saw when they began. It must not move under them.
    let opened = use_memo((), |()| existing);
    // Pressing twice makes one.
    let key = use_memo((), |()| browser::random_key());
    let progress = use_state(Progress::default);
    let send = {
        let (opened, progress, key) = (opened.clone(), progress.clone(), key);
        Callback::from(move |(spec, rev): (R::Spec, Option<Version>)| {
            progress.set(Progress { busy: true, ..Progress::default() });
            let (console, done, opened, progress) = (console.clone(), done.clone(), opened.clone(), progress.clone());
            let key = key.as_ref().clone();
            spawn_local(async move {
                let existing = opened.as_ref().as_ref();
                match sent::<R>(&console.api, retailer, existing, rev, &spec, key).await {
                    Ok(view) => {
                        progress.set(Progress::default());
                        let verb = if existing.is_some() { "saved" } else { "created" };
                        console.good(format!("{} “{}” {verb}", capital(R::NOUN), R::title(&view)));
                        if let Some(topic) = R::topic(retailer) {
                            console.live.touched(topic);
                        }
                        done.emit(view);
                    }
                    Err(error) => progress.set(told::<R>(existing, &spec, error)),
                }
            });
        })
    };
    let submit = {
        let (progress, send) = (progress.clone(), send.clone());
        Callback::from(move |draft: Draft<R::Spec>| match draft {
            _ if progress.busy => {}
            Ok(spec) => send.emit((spec, None)),
            Err(errors) => progress.set(Progress { errors: Rc::new(errors), ..Progress::default() }),
        })
    };
    let resolve = {
        let progress = progress.clone();
        Callback::from(move |value: Value| {
            let rev = progress.conflict.as_ref().map(|conflict| conflict.rev);
            match serde_json::from_value(value) {
                Ok(spec) => send.emit((spec, rev)),
                Err(_) => progress.set(Progress {
                    error: Some(ApiError::Unreadable { status: 412 }),
                    ..Progress::default()
                }),
            }
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

async fn sent<R: Resource>(
    api: &Api,
    retailer: Option<RetailerId>,
    existing: Option<&R::View>,
    rev: Option<Version>,
    spec: &R::Spec,
    key: String,
) -> Result<R::View, ApiError> {
    match existing {
        Some(view) => api.update::<R>(retailer, &R::id(view), rev.unwrap_or(R::rev(view)), spec).await,
        None => api.create::<R>(retailer, spec, key).await,
    }
}

fn told<R: Resource>(existing: Option<&R::View>, spec: &R::Spec, error: ApiError) -> Progress {
    if let (ApiError::Refused(problem), Some(view)) = (&error, existing)
        && problem.code == ErrorCode::Conflict
        && let Some(theirs) = &problem.current
    {
        let rev = theirs.get("rev").and_then(Value::as_u64).map(Version).unwrap_or(R::rev(view));
        let json = |spec: &R::Spec| serde_json::to_value(spec).unwrap_or_default();
        let conflict = Conflict { base: json(&R::spec(view)), mine: json(spec), theirs: theirs.clone(), rev };
        return Progress { conflict: Some(Rc::new(conflict)), ..Progress::default() };
    }
    Progress { errors: Rc::new(error.fields().to_vec()), error: Some(error), ..Progress::default() }
}

/// For the beginning of a sentence.
fn capital(noun: &str) -> String {
    let mut chars = noun.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
