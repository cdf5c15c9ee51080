//! From a filled form to the document that is sent, for each kind of thing. Pure.
//! Faults found here carry the same field names as those the hub finds.

use messages::connector::{
    ColumnName, Credentials, CsvSource, DestinationConfig, LocalFileDestination, SftpDestination,
    SourceConfig,
};
use messages::http::access::UserSpec;
use messages::http::agents::AgentSpec;
use messages::http::destinations::DestinationSpec;
use messages::http::jobs::{JobSpec, RejectRule};
use messages::http::retailers::RetailerSpec;
use messages::http::stores::StoreSpec;
use messages::item::ItemField;
use messages::permission::{RetailerScope, Role};
use messages::validate::Validate;
use messages::{FieldError, RetailerId, Secret};

use super::form::{FormValues, fault};
use super::words::{DECIMAL_MARKS, ENCODINGS, FORMATS};

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
    checked(RetailerSpec {
        code: form.text("code"),
        name: form.text("name"),
        currency: form.text("currency").to_uppercase(),
        time_zone: form.text("time_zone"),
        contact: form.text("contact"),
        notes: form.text("notes"),
        enabled: form.ticked("enabled"),
    })
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
    checked(AgentSpec {
        name: form.text("name"),
        store_id: form.text("store_id").parse().ok(),
        enabled: form.ticked("enabled"),
    })
}

/// Credentials left blank keep the stored ones; `stored` says whether there are any.
pub fn destination(form: &FormValues, stored: bool) -> Draft<DestinationSpec> {
    let format = one_of(&FORMATS, &form.text("config.format"));
    let mut early = Vec::new();
    let config = if form.text("config.kind") == "local_file" {
        DestinationConfig::LocalFile(LocalFileDestination { path: form.text("config.path"), format })
    } else {
        DestinationConfig::Sftp(SftpDestination {
            host: form.text("config.host"),
            port: form.number("config.port").unwrap_or_else(|error| {
                early.push(error);
                22
            }),
            user: form.text("config.user"),
            path: form.text("config.path"),
            host_key: form.text("config.host_key"),
            format,
        })
    };
    let credentials = if config.needs_credentials() { credentials(form) } else { None };
    if config.needs_credentials() && credentials.is_none() && !stored {
        let field = if form.text("auth") == "private_key" {
            "credentials.private_key"
        } else {
            "credentials.password"
        };
        early.push(fault(field, "must not be empty"));
    }
    let spec =
        DestinationSpec { name: form.text("name"), config, enabled: form.ticked("enabled"), credentials };
    with_early(early, checked(spec))
}

fn credentials(form: &FormValues) -> Option<Credentials> {
    if form.text("auth") == "private_key" {
        let private_key = form.text("credentials.private_key");
        let passphrase = form.raw("credentials.passphrase");
        (!private_key.is_empty()).then(|| Credentials::PrivateKey {
            // An OpenSSH key without its last line end is refused by some readers.
            private_key: Secret::new(private_key + "\n"),
            passphrase: (!passphrase.is_empty()).then(|| Secret::new(passphrase)),
        })
    } else {
        let password = form.raw("credentials.password");
        (!password.is_empty()).then(|| Credentials::Password { password: Secret::new(password) })
    }
}

pub fn job(form: &FormValues) -> Draft<JobSpec> {
    let mut early = Vec::new();
    let agent_id = form.choice("agent_id");
    let destination_id = form.choice("destination_id");
    let timeout = form.number::<u32>("timeout_min");
    let reject_rule = match form.text("reject_rule").as_str() {
        "stop_above" => form.number("reject_rule.items").map(|items| RejectRule::StopAbove { items }),
        _ => Ok(RejectRule::Continue),
    };
    let columns = ItemField::ALL
        .into_iter()
        .map(|field| ColumnName { field, header: form.text(&column_field(field)) })
        .filter(|column| !column.header.is_empty())
        .collect();
    let source = SourceConfig::Csv(CsvSource {
        path: form.text("source.path"),
        delimiter: form.raw("source.delimiter"),
        encoding: one_of(&ENCODINGS, &form.text("source.encoding")),
        decimal_mark: one_of(&DECIMAL_MARKS, &form.text("source.decimal_mark")),
        columns,
    });
    match (agent_id, destination_id, timeout, reject_rule) {
        (Ok(agent_id), Ok(destination_id), Ok(minutes), Ok(reject_rule)) => checked(JobSpec {
            name: form.text("name"),
            agent_id,
            destination_id,
            source,
            reject_rule,
            timeout_s: minutes.saturating_mul(60),
            enabled: form.ticked("enabled"),
        })
        .map_err(|mut errors| {
            for error in errors.iter_mut().filter(|error| error.field == "timeout_s") {
                *error = fault("timeout_min", "must lie between 1 and 1440 minutes");
            }
            errors
        }),
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
