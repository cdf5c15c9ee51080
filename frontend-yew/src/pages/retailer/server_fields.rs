//! The fields of sources that are servers: JSON over HTTP, and databases. Secrets go in and never come back.

use messages::connector::{
    DatabaseServer, DatabaseTls, DecimalMark, HttpAuth, HttpJsonSource, Paging, SourceConfig,
};
use yew::prelude::*;

use super::destination_form::{choices, chosen, kept};
use super::source_fields::{mark, named};
use crate::components::field::{SelectField, TextField};
use crate::state::words::{PAGINGS, SIGN_INS, TLS};

pub(super) fn secret(name: &'static str, label: &'static str, stored: bool) -> Html {
    draw!(TextField {
        name,
        label,
        kind: "password",
        autocomplete: "new-password",
        required: !stored,
        hint: html! { kept(stored) },
        testid: name
    })
}

#[derive(Properties, PartialEq)]
pub(super) struct HttpProps {
    pub source: Option<SourceConfig>,
    pub stored: bool,
}

part!(pub(super) HttpFields(HttpProps) kept by use_http_fields);

/// Way of signing in, and the name that goes with it.
const fn sign_in(auth: &HttpAuth) -> (&'static str, &str) {
    match auth {
        HttpAuth::None => ("none", ""),
        HttpAuth::Bearer => ("bearer", ""),
        HttpAuth::Basic { user } => ("basic", user.as_str()),
        HttpAuth::Header { name } => ("header", name.as_str()),
    }
}

#[hook]
fn use_http_fields(props: &HttpProps) -> Html {
    let from = if let Some(SourceConfig::HttpJson(from)) = &props.source {
        (**from).clone()
    } else {
        HttpJsonSource::default()
    };
    let (now, name) = sign_in(&from.auth);
    let way = use_state_eq(|| now.to_owned());
    let on_way = {
        let way = way.clone();
        Callback::from(move |value: String| way.set(value))
    };
    let stored = props.stored && *way == now;
    let name = if *way == now { name.to_owned() } else { String::new() };
    let signing = match way.as_str() {
        "basic" => html! {
            <>
                { draw!(key = "user"; TextField { name: "source.auth.user", label: "User", required: true, mono: true, value: name, testid: "http-user" }) }
                { secret("source_credentials.password", "Password", stored) }
            </>
        },
        "header" => html! {
            <>
                { draw!(key = "name"; TextField { name: "source.auth.name", label: "Name of the header", required: true, mono: true, value: name, placeholder: "X-Api-Key", testid: "http-header" }) }
                { secret("source_credentials.token", "Token", stored) }
            </>
        },
        "bearer" => secret("source_credentials.token", "Token", stored),
        _ => Html::default(),
    };
    html! {
        <>
            { draw!(TextField { name: "source.url", label: "Address", required: true, mono: true, value: from.url.clone(), placeholder: "https://till.example/api/items", hint: html! { "As the agent's machine reaches it. Without sign-in, http:// may lead to the shop's own network." }, testid: "http-url" }) }
            <div class="fields-2">
                { draw!(TextField { name: "source.items", label: "Where the list of items stands in the answer", mono: true, value: from.items.clone(), placeholder: "data.items", hint: html! { "Blank: the answer is the list." }, testid: "http-items" }) }
                { mark(from.decimal_mark) }
            </div>
            <div class="fields-3">
                { draw!(SelectField { name: "source.auth.way", label: "Signs in", choices: named(&SIGN_INS), value: (*way).clone(), onchange: on_way, testid: "http-auth" }) }
                { signing }
            </div>
            { draw!(PagingFields { paging: from.paging.clone() }) }
            <details class="more">
                <summary>{ "Limits" }</summary>
                <div class="fields-3 tight">
                    { draw!(TextField { name: "source.most_pages", label: "Pages of a run at most", required: true, value: from.most_pages.to_string() }) }
                    { draw!(TextField { name: "source.page_mb", label: "Size of a page at most, in MB", required: true, value: from.page_mb.to_string() }) }
                    { draw!(TextField { name: "source.answer_s", label: "Seconds to wait for an answer", required: true, value: from.answer_s.to_string() }) }
                </div>
            </details>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct PagingProps {
    paging: Paging,
}

part!(PagingFields(PagingProps) kept by use_paging_fields);

/// What the form begins with.
struct Pages<'p> {
    way: &'static str,
    parameter: &'p str,
    /// Of the limit, or the path.
    second: &'p str,
    number: u32,
}

const fn pages(paging: &Paging) -> Pages<'_> {
    match paging {
        Paging::None => Pages { way: "none", parameter: "", second: "", number: 1 },
        Paging::Page { parameter, first } => {
            Pages { way: "page", parameter: parameter.as_str(), second: "", number: *first }
        }
        Paging::Offset { parameter, limit_parameter, limit } => Pages {
            way: "offset",
            parameter: parameter.as_str(),
            second: limit_parameter.as_str(),
            number: *limit,
        },
        Paging::Cursor { parameter, path } => {
            Pages { way: "cursor", parameter: parameter.as_str(), second: path.as_str(), number: 1 }
        }
        Paging::NextUrl { path } => {
            Pages { way: "next_url", parameter: "", second: path.as_str(), number: 1 }
        }
        Paging::Link => Pages { way: "link", parameter: "", second: "", number: 1 },
    }
}

#[hook]
fn use_paging_fields(props: &PagingProps) -> Html {
    let now = pages(&props.paging);
    let way = use_state_eq(|| now.way.to_owned());
    let on_way = {
        let way = way.clone();
        Callback::from(move |value: String| way.set(value))
    };
    let same = *way == now.way;
    let (first, second, number) = if same {
        (now.parameter, now.second, now.number)
    } else {
        ("", "", if *way == "offset" { 100 } else { 1 })
    };
    let parameter = |label: &'static str, example: &'static str| draw!(key = format!("{}-parameter", *way); TextField { name: "source.paging.parameter", label, required: true, mono: true, value: first.to_owned(), placeholder: example, testid: "paging-parameter" });
    let path = |label: &'static str, example: &'static str| draw!(key = format!("{}-path", *way); TextField { name: "source.paging.path", label, required: true, mono: true, value: second.to_owned(), placeholder: example, testid: "paging-path" });
    let fields = match way.as_str() {
        "page" => html! {
            <>
                { parameter("Parameter of the page", "page") }
                { draw!(TextField { name: "source.paging.first", label: "Number of the first page", required: true, value: number.to_string() }) }
            </>
        },
        "offset" => html! {
            <>
                { parameter("Parameter of the number", "offset") }
                { draw!(TextField { name: "source.paging.limit_parameter", label: "Parameter of the page's size", mono: true, value: second.to_owned(), placeholder: "limit" }) }
                { draw!(TextField { name: "source.paging.limit", label: "Items of a page", required: true, value: number.to_string() }) }
            </>
        },
        "cursor" => html! {
            <>
                { parameter("Parameter of the cursor", "cursor") }
                { path("Where the answer has it", "meta.next") }
            </>
        },
        "next_url" => path("Where the answer has it", "links.next"),
        _ => Html::default(),
    };
    html! {
        <div class="fields-3">
            { draw!(SelectField { name: "source.paging.way", label: "Pages", choices: named(&PAGINGS), value: (*way).clone(), onchange: on_way, testid: "http-paging" }) }
            { fields }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct ServerProps {
    pub mysql: bool,
    pub source: Option<SourceConfig>,
    pub stored: bool,
}

part!(pub(super) ServerFields(ServerProps) drawn by draw_server_fields);

fn draw_server_fields(props: &ServerProps) -> Html {
    let from = match &props.source {
        Some(SourceConfig::PostgreSql(from) | SourceConfig::MySql(from)) => (**from).clone(),
        _ => DatabaseServer::default(),
    };
    let usual = if props.mysql { "3306" } else { "5432" };
    let port = if from.port == 0 { String::new() } else { from.port.to_string() };
    html! {
        <>
            <div class="fields-host">
                { draw!(TextField { name: "source.host", label: "Host", required: true, mono: true, value: from.host.clone(), placeholder: "pos-server", hint: html! { "As the agent's machine reaches it." }, testid: "db-host" }) }
                { draw!(TextField { name: "source.port", label: "Port", mono: true, value: port, placeholder: usual, testid: "db-port" }) }
            </div>
            <div class="fields-2">
                { draw!(TextField { name: "source.database", label: "Database", required: true, mono: true, value: from.database.clone(), testid: "db-name" }) }
                { draw!(SelectField { name: "source.tls", label: "Line", choices: choices(&TLS), value: chosen::<DatabaseTls>(&TLS, &from.tls), testid: "db-tls" }) }
            </div>
            <div class="fields-2">
                { draw!(TextField { name: "source.user", label: "User", required: true, mono: true, value: from.user.clone(), hint: html! { "One that may read and nothing else." }, testid: "db-user" }) }
                { secret("source_credentials.password", "Password", props.stored) }
            </div>
            { draw!(Query { query: from.query.clone(), query_s: from.query_s, mark: from.decimal_mark }) }
        </>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct QueryProps {
    pub query: String,
    pub query_s: u32,
    pub mark: DecimalMark,
}

part!(pub(super) Query(QueryProps) drawn by draw_query);

fn draw_query(props: &QueryProps) -> Html {
    html! {
        <>
            { draw!(TextField { name: "source.query", label: "Query", required: true, mono: true, rows: 5, value: props.query.clone(), placeholder: "select code as sku, title as name, price from articles where active", hint: html! { "One statement that reads. Its columns are matched with the fields by name." }, testid: "job-query" }) }
            <div class="fields-2">
                { draw!(TextField { name: "source.query_s", label: "Seconds the query may take", required: true, value: props.query_s.to_string() }) }
                { mark(props.mark) }
            </div>
        </>
    }
}
