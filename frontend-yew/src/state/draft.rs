//! From a filled form to the document that is sent, for each kind of thing. Pure.
//! Faults found here carry the same field names as those the hub finds.

use messages::connector::{Credentials, SourceConfig};
use messages::http::access::UserSpec;
use messages::http::agents::{self, AgentSpec};
use messages::http::jobs::{JobBody, JobSpec, RejectRule};
use messages::http::retailers::{self, RetailerSpec};
use messages::http::stores::StoreSpec;
use messages::item::ItemField;
use messages::mapping::Mapping;
use messages::permission::{RetailerScope, Role};
use messages::validate::Validate;
use messages::{FieldError, RetailerId, Secret};

use super::form::{FormValues, fault};
use super::reader;

mod article;
mod destination;
pub mod export;
pub mod plugin;
mod source;
pub mod timing;

pub use article::{article, correction, in_words, typed};
pub use destination::destination;
pub use source::line_of;

/// A document, or what is wrong with the form.
pub type Draft<T> = Result<T, Vec<FieldError>>;

fn checked<T: Validate>(spec: T) -> Draft<T> {
    match spec.validate() {
        Ok(()) => Ok(spec),
        Err(problem) => Err(problem.errors),
    }
}

fn one_of<T: Copy + Default>(choices: &[(T, &str, &str)], name: &str) -> T {
    choices.iter().find(|(_, value, _)| *value == name).map(|(choice, ..)| *choice).unwrap_or_default()
}

pub fn retailer(form: &FormValues) -> Draft<RetailerSpec> {
    let maintenance = timing::windows(&form.text("maintenance"));
    let most_runs = limit(form, retailers::most_runs());
    let spec = checked(RetailerSpec {
        code: form.text("code"),
        name: form.text("name"),
        currency: form.text("currency").to_uppercase(),
        time_zone: form.text("time_zone"),
        contact: form.text("contact"),
        notes: form.text("notes"),
        enabled: form.ticked("enabled"),
        maintenance: maintenance.clone().unwrap_or_default(),
        most_runs: most_runs.clone().unwrap_or_default(),
    });
    with_early(maintenance.err().into_iter().chain(most_runs.err()).collect(), spec)
}

pub fn store(form: &FormValues) -> Draft<StoreSpec> {
    checked(StoreSpec {
        code: form.text("code"),
        name: form.text("name"),
        address: form.text("address"),
        time_zone: form.text("time_zone"),
        enabled: form.ticked("enabled"),
    })
}

pub fn agent(form: &FormValues) -> Draft<AgentSpec> {
    let most_runs = limit(form, agents::most_runs());
    let spec = checked(AgentSpec {
        name: form.text("name"),
        store_id: form.text("store_id").parse().ok(),
        enabled: form.ticked("enabled"),
        most_runs: most_runs.clone().unwrap_or_default(),
    });
    with_early(most_runs.err().into_iter().collect(), spec)
}

fn limit(form: &FormValues, usual: u32) -> Result<u32, FieldError> {
    if form.text("most_runs").is_empty() { Ok(usual) } else { form.number("most_runs") }
}

/// `stored` is the source for which credentials are stored, if there are any.
pub fn job(form: &FormValues, stored: Option<&SourceConfig>) -> Draft<JobBody> {
    let mut early = Vec::new();
    let agent_id = form.choice("agent_id");
    let destination_id = form.choice("destination_id");
    let timeout = form.number::<u32>("timeout_min");
    let reject_rule = match form.text("reject_rule").as_str() {
        "stop_above" => form.number("reject_rule.items").map(|items| RejectRule::StopAbove { items }),
        _ => Ok(RejectRule::Continue),
    };
    let source = source::source(form, &mut early);
    let source_credentials = source::credentials(form, &source, stored, &mut early);
    let timing = timing::timing(form, &mut early);
    let export = export::export(form, &mut early);
    let mapping = mapping(form, &mut early);
    match (agent_id, destination_id, timeout, reject_rule) {
        (Ok(agent_id), Ok(destination_id), Ok(minutes), Ok(reject_rule)) if early.is_empty() => {
            let spec = JobSpec {
                name: form.text("name"),
                agent_id,
                destination_id,
                source,
                mapping: Box::new(mapping),
                reject_rule,
                export: Box::new(export),
                timeout_s: minutes.saturating_mul(60),
                enabled: form.ticked("enabled"),
                timing,
            };
            checked(JobBody { spec, source_credentials }).map_err(|mut errors| {
                timing::rename(&mut errors);
                for error in errors.iter_mut().filter(|error| error.field == "timeout_s") {
                    *error = fault("timeout_min", "must lie between 1 and 1440 minutes");
                }
                errors
            })
        }
        (agent, destination, timeout, rule) => {
            early.extend(agent.err());
            early.extend(destination.err());
            early.extend(timeout.err());
            early.extend(rule.err());
            with_early(early, checked(source).map(|_| ()).map_err(prefixed_source))
                .and_then(|()| Err(Vec::new()))
        }
    }
}

/// What a look at the source needs of the form: the source, and what opens it unless that is stored.
pub fn look(form: &FormValues, stored: Option<&SourceConfig>) -> Draft<(SourceConfig, Option<Credentials>)> {
    let mut early = Vec::new();
    let source = source::source(form, &mut early);
    let credentials = source::credentials(form, &source, stored, &mut early);
    let whole = checked(source).map_err(prefixed_source);
    with_early(early, whole).map(|source| (source, credentials))
}

/// The mapping, which its editor keeps as JSON in a field of the form.
fn mapping(form: &FormValues, early: &mut Vec<FieldError>) -> Mapping {
    let text = form.raw("mapping");
    if text.is_empty() {
        return Mapping::default();
    }
    let read = serde_json::from_str(&text).ok().and_then(|value| reader::read(value).ok());
    read.unwrap_or_else(|| {
        early.push(fault("mapping", "cannot be read; close the form and open it again"));
        Mapping::default()
    })
}

/// What a new job begins with that is to be like this one: it runs when somebody has looked at it.
#[must_use]
pub fn copy_of(spec: &JobSpec) -> JobSpec {
    // As long as a name may be.
    let name: String = format!("{} (copy)", spec.name.chars().take(113).collect::<String>());
    JobSpec { name, enabled: false, ..spec.clone() }
}

fn prefixed_source(errors: Vec<FieldError>) -> Vec<FieldError> {
    errors
        .into_iter()
        .map(|e| FieldError { field: format!("source.{}", e.field), detail: e.detail })
        .collect()
}

/// Name of the form field that holds the header of an item's field.
#[must_use]
pub fn column_field(field: ItemField) -> String {
    format!("column.{}", field.as_str())
}

/// `making`: a new user needs a password.
pub fn user(form: &FormValues, making: bool) -> Draft<UserSpec> {
    let password = form.raw("password");
    let mut early = Vec::new();
    if making && password.is_empty() {
        early.push(fault("password", "must not be empty"));
    }
    let role = match form.text("role").as_str() {
        "admin" => Role::Admin,
        "manager" => Role::Manager,
        _ => Role::Technician,
    };
    let spec = UserSpec {
        login: form.text("login"),
        name: form.text("name"),
        role,
        scope: scope(form),
        enabled: form.ticked("enabled"),
        password: (!password.is_empty()).then(|| Secret::new(password)),
    };
    with_early(early, checked(spec))
}

fn scope(form: &FormValues) -> RetailerScope {
    let ids = |name: &str| -> Vec<RetailerId> {
        form.text(name).split_whitespace().filter_map(|id| id.parse().ok()).collect()
    };
    let allow = (form.text("scope") == "some").then(|| ids("scope.allow"));
    RetailerScope { allow, deny: ids("scope.deny") }
}

fn with_early<T>(mut early: Vec<FieldError>, draft: Draft<T>) -> Draft<T> {
    match draft {
        Ok(value) if early.is_empty() => Ok(value),
        Ok(_) => Err(early),
        Err(late) => {
            early.extend(late);
            Err(early)
        }
    }
}

#[cfg(test)]
mod tests;
