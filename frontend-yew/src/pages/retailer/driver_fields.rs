//! The fields of sources that programs beside the agent read: Firebird, SQL Server, and whatever has an ODBC driver.

use messages::connector::{FirebirdSource, OdbcSource, SourceConfig, SqlServerSource};
use yew::prelude::*;

use super::destination_form::kept;
use super::server_fields::{Query, secret};
use super::source_fields::{encoding, named};
use crate::components::field::{SelectField, TextField};
use crate::state::draft::line_of;
use crate::state::words::SQL_SERVER_LINES;

#[derive(Properties, PartialEq)]
pub(super) struct DriverProps {
    pub source: Option<SourceConfig>,
    pub stored: bool,
}

fn host(host: &str, port: u16, usual: &'static str) -> Html {
    let port = if port == 0 { String::new() } else { port.to_string() };
    html! {
        <div class="fields-host">
            { draw!(TextField { name: "source.host", label: "Host", required: true, mono: true, value: host.to_owned(), placeholder: "pos-server", hint: html! { "As the agent's machine reaches it." }, testid: "db-host" }) }
            { draw!(TextField { name: "source.port", label: "Port", mono: true, value: port, placeholder: usual, testid: "db-port" }) }
        </div>
    }
}

fn login(user: &str, stored: bool) -> Html {
    html! {
        <div class="fields-2">
            { draw!(TextField { name: "source.user", label: "User", required: true, mono: true, value: user.to_owned(), hint: html! { "One that may read and nothing else." }, testid: "db-user" }) }
            { secret("source_credentials.password", "Password", stored) }
        </div>
    }
}

part!(pub(super) FirebirdFields(DriverProps) drawn by draw_firebird);

fn draw_firebird(props: &DriverProps) -> Html {
    let from = match &props.source {
        Some(SourceConfig::Firebird(from)) => (**from).clone(),
        _ => FirebirdSource::default(),
    };
    html! {
        <>
            { host(&from.host, from.port, "3050") }
            <div class="fields-2">
                { draw!(TextField { name: "source.database", label: "Database", required: true, mono: true, value: from.database.clone(), placeholder: "C:\\pos\\data.fdb", hint: html! { "Its alias, or its path on the server." }, testid: "db-name" }) }
                { encoding(from.encoding, Some("As the database says")) }
            </div>
            { login(&from.user, props.stored) }
            { draw!(Query { query: from.query.clone(), query_s: from.query_s, mark: from.decimal_mark }) }
        </>
    }
}

part!(pub(super) SqlServerFields(DriverProps) drawn by draw_sql_server);

fn draw_sql_server(props: &DriverProps) -> Html {
    let from = match &props.source {
        Some(SourceConfig::SqlServer(from)) => (**from).clone(),
        _ => SqlServerSource::default(),
    };
    html! {
        <>
            { host(&from.host, from.port, "1433") }
            <div class="fields-2">
                { draw!(TextField { name: "source.instance", label: "Instance", mono: true, value: from.instance.clone(), placeholder: "SQLEXPRESS", hint: html! { "Instead of a port, where the server has several." }, testid: "db-instance" }) }
                { draw!(TextField { name: "source.database", label: "Database", required: true, mono: true, value: from.database.clone(), testid: "db-name" }) }
            </div>
            { draw!(SelectField { name: "source.tls", label: "Line", choices: named(&SQL_SERVER_LINES), value: line_of(&from), testid: "db-tls" }) }
            { login(&from.user, props.stored) }
            { draw!(Query { query: from.query.clone(), query_s: from.query_s, mark: from.decimal_mark }) }
            <details class="more" open={!from.driver.is_empty()}>
                <summary>{ "Driver" }</summary>
                { draw!(TextField { name: "source.driver", label: "Name of the ODBC driver", mono: true, value: from.driver.clone(), placeholder: "ODBC Driver 18 for SQL Server", hint: html! { "Blank: the best one that the agent's machine has." } }) }
            </details>
        </>
    }
}

part!(pub(super) OdbcFields(DriverProps) drawn by draw_odbc);

fn draw_odbc(props: &DriverProps) -> Html {
    let from = match &props.source {
        Some(SourceConfig::Odbc(from)) => (**from).clone(),
        _ => OdbcSource::default(),
    };
    html! {
        <>
            { draw!(TextField { name: "source.connection", label: "Connection", required: true, mono: true, value: from.connection.clone(), placeholder: "DSN=pos", hint: html! { "A data source of the agent's machine, or a driver with what it wants. User and password stand below." }, testid: "odbc-connection" }) }
            <div class="fields-2">
                { draw!(TextField { name: "source.user", label: "User", mono: true, value: from.user.clone(), hint: html! { "Blank: nobody signs in." }, testid: "db-user" }) }
                { draw!(TextField { name: "source_credentials.password", label: "Password", kind: "password", autocomplete: "new-password", hint: html! { kept(props.stored) }, testid: "source_credentials.password" }) }
            </div>
            { draw!(Query { query: from.query.clone(), query_s: from.query_s, mark: from.decimal_mark }) }
        </>
    }
}
