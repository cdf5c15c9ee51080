//! The fields of a job's source, for each kind. Those of sources that are signed in to stand in `server_fields`
//! and `driver_fields`.

use messages::connector::{
    CsvSource, DbfSource, ExcelSource, FileSet, SingerSource, SourceConfig, SqliteSource, TextEncoding,
    XmlSource,
};
use messages::http::jobs::JobView;
use messages::item::ItemField;
use messages::plugin::Plugin;
use yew::prelude::*;

use super::destination_form::{choices, chosen};
use super::driver_fields::{FirebirdFields, OdbcFields, SqlServerFields};
use super::plugin_fields::PluginFields;
use super::server_fields::{HttpFields, Query, ServerFields};
use crate::components::field::{Choice, SelectField, TextField};
use crate::state::draft::column_field;
use crate::state::words::{self, DECIMAL_MARKS, ENCODINGS, PICKS, SOURCES};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub existing: Option<JobView>,
    /// Plugins that read, of all agents.
    pub taps: Vec<Plugin>,
}

part!(pub(super) SourceFields(Props) kept by use_source_fields);

/// A choice's values as the select wants them, where names stand for themselves.
pub(super) fn named(all: &[(&'static str, &'static str)]) -> Vec<Choice> {
    all.iter().map(|(name, word)| (AttrValue::Static(name), AttrValue::Static(word))).collect()
}

#[hook]
fn use_source_fields(props: &Props) -> Html {
    let existing = props.existing.as_ref().map(|job| &job.spec.source);
    let kind = use_state_eq(|| existing.map_or("csv", SourceConfig::kind).to_owned());
    let on_kind = {
        let kind = kind.clone();
        Callback::from(move |value: String| kind.set(value))
    };
    // Values of another kind are of no use.
    let source = existing.filter(|source| source.kind() == kind.as_str()).cloned();
    let stored = source.is_some() && props.existing.as_ref().is_some_and(|job| job.has_source_credentials);
    let fields = match kind.as_str() {
        "http_json" => draw!(HttpFields { source: source.clone(), stored }),
        "postgresql" | "mysql" => {
            draw!(ServerFields { mysql: *kind == "mysql", source: source.clone(), stored })
        }
        "firebird" => draw!(FirebirdFields { source: source.clone(), stored }),
        "sql_server" => draw!(SqlServerFields { source: source.clone(), stored }),
        "odbc" => draw!(OdbcFields { source: source.clone(), stored }),
        "sqlite" => draw!(Sqlite { source: source.clone() }),
        "singer" => draw!(Tap { taps: props.taps.clone(), source: source.clone(), stored }),
        _ => draw!(Files { kind: (*kind).clone(), source: source.clone() }),
    };
    html! {
        <fieldset class="group">
            <legend>{ "Source" }</legend>
            { draw!(SelectField { name: "source.kind", label: "Kind", choices: named(&SOURCES), value: (*kind).clone(), onchange: on_kind, testid: "job-source-kind" }) }
            <div key={(*kind).clone()} class="stack">{ fields }</div>
            { draw!(key = format!("columns-{}", *kind); Columns { kind: (*kind).clone(), source }) }
        </fieldset>
    }
}

#[derive(Properties, PartialEq)]
struct KindProps {
    kind: String,
    source: Option<SourceConfig>,
}

part!(Files(KindProps) drawn by draw_files);

fn draw_files(props: &KindProps) -> Html {
    let usual = SourceConfig::Csv(CsvSource::default());
    let source = props.source.as_ref().unwrap_or(&usual);
    let usual = CsvSource::default();
    let usual = usual.files();
    let files = source.files().unwrap_or(usual);
    let several = FileSet { path: "", ..files } != usual;
    let example = match props.kind.as_str() {
        "excel" => "/pos/export/items.xlsx",
        "dbf" => "/pos/data/ARTICLES.DBF",
        "xml" => "/pos/export/items.xml",
        _ => "/pos/export/items.csv",
    };
    html! {
        <>
            { draw!(TextField { name: "source.path", label: "Path on the agent's machine", required: true, mono: true, value: files.path.to_owned(), placeholder: example, hint: html! { <>{ "Where the name varies, write " }<code>{ "*" }</code>{ " in it, as in " }<code>{ "items-*.csv" }</code>{ "." }</>  }, testid: "job-path" }) }
            <div class="fields-3">{ particular(&props.kind, source) }</div>
            <details class="more" open={several}>
                <summary>{ "Files" }</summary>
                <div class="fields-3 tight">
                    { draw!(SelectField { name: "source.pick", label: "When several files fit", choices: choices(&PICKS), value: chosen(&PICKS, &files.pick) }) }
                    { draw!(TextField { name: "source.settled_s", label: "Seconds without change", required: true, value: files.settled_s.to_string(), hint: html! { "A file that is still being written is not read." } }) }
                    { draw!(TextField { name: "source.archive", label: "Folder for sent files", mono: true, value: files.archive.to_owned(), placeholder: "/pos/export/done" }) }
                </div>
            </details>
        </>
    }
}

/// What one kind of file has and others have not.
fn particular(kind: &str, source: &SourceConfig) -> Html {
    match (kind, source) {
        ("excel", source) => {
            let usual = ExcelSource::default();
            let from = if let SourceConfig::Excel(from) = source { from } else { &usual };
            html! {
                <>
                    { draw!(TextField { name: "source.sheet", label: "Sheet", value: from.sheet.clone(), hint: html! { "Blank: the first one." }, testid: "job-sheet" }) }
                    { draw!(TextField { name: "source.header_row", label: "Row with the names of the columns", required: true, value: from.header_row.to_string() }) }
                    { mark(from.decimal_mark) }
                </>
            }
        }
        ("dbf", source) => {
            let usual = DbfSource::default();
            let from = if let SourceConfig::Dbf(from) = source { from } else { &usual };
            html! { <>{ encoding(from.encoding, Some("As the table says")) }{ mark(from.decimal_mark) }</> }
        }
        ("xml", source) => {
            let usual = XmlSource::default();
            let from = if let SourceConfig::Xml(from) = source { from } else { &usual };
            html! {
                <>
                    { draw!(TextField { name: "source.item", label: "Element of an item", required: true, mono: true, value: from.item.clone(), placeholder: "catalogue/article", hint: html! { "From the outermost element on." }, testid: "job-item" }) }
                    { encoding(from.encoding, Some("As the document says")) }
                    { mark(from.decimal_mark) }
                </>
            }
        }
        (_, source) => {
            let usual = CsvSource::default();
            let from = if let SourceConfig::Csv(from) = source { from } else { &usual };
            html! {
                <>
                    { draw!(TextField { name: "source.delimiter", label: "Delimiter", required: true, mono: true, value: from.delimiter.clone(), hint: html! { <>{ "One character; " }<code>{ "\\t" }</code>{ " for a tab." }</> }, testid: "job-delimiter" }) }
                    { encoding(Some(from.encoding), None) }
                    { mark(from.decimal_mark) }
                </>
            }
        }
    }
}

pub(super) fn encoding(set: Option<TextEncoding>, own: Option<&'static str>) -> Html {
    let mut all = choices(&ENCODINGS);
    if let Some(word) = own {
        all.insert(0, ("own".into(), word.into()));
    }
    let value = set.map_or("own", |set| chosen(&ENCODINGS, &set));
    draw!(SelectField { name: "source.encoding", label: "Encoding", choices: all, value })
}

pub(super) fn mark(set: messages::connector::DecimalMark) -> Html {
    draw!(SelectField {
        name: "source.decimal_mark",
        label: "Decimal mark",
        choices: choices(&DECIMAL_MARKS),
        value: chosen(&DECIMAL_MARKS, &set)
    })
}

#[derive(Properties, PartialEq)]
struct SourceProps {
    source: Option<SourceConfig>,
}

part!(Sqlite(SourceProps) drawn by draw_sqlite);

fn draw_sqlite(props: &SourceProps) -> Html {
    let usual = SqliteSource::default();
    let from = if let Some(SourceConfig::Sqlite(from)) = &props.source { from } else { &usual };
    html! {
        <>
            { draw!(TextField { name: "source.path", label: "Database file on the agent's machine", required: true, mono: true, value: from.path.clone(), placeholder: "/pos/data/shop.db", testid: "job-path" }) }
            { draw!(Query { query: from.query.clone(), query_s: from.query_s, mark: from.decimal_mark }) }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct TapProps {
    taps: Vec<Plugin>,
    source: Option<SourceConfig>,
    /// Its secret settings are.
    stored: bool,
}

part!(Tap(TapProps) kept by use_tap);

#[hook]
fn use_tap(props: &TapProps) -> Html {
    let from = match &props.source {
        Some(SourceConfig::Singer(from)) => (**from).clone(),
        _ => SingerSource::default(),
    };
    let reads = use_state_eq(|| from.incremental.to_string());
    let on_reads = {
        let reads = reads.clone();
        Callback::from(move |value: String| reads.set(value))
    };
    let secrets = if props.stored { from.secrets.clone() } else { Vec::new() };
    let ways =
        vec![("false".into(), "Everything".into()), ("true".into(), "What is new since the last run".into())];
    html! {
        <>
            { draw!(PluginFields { prefix: "source", apart: "source_credentials", plugins: props.taps.clone(), plugin: from.plugin.clone(), settings: from.settings.clone(), secrets }) }
            <div class="fields-3">
                { draw!(TextField { name: "source.stream", label: "Stream", mono: true, value: from.stream.clone(), hint: html! { "Blank: as the plugin's manifest says, or the only one." }, testid: "job-stream" }) }
                { draw!(SelectField { name: "source.incremental", label: "Gives", choices: ways, value: (*reads).clone(), onchange: on_reads, testid: "job-incremental" }) }
                { mark(from.decimal_mark) }
            </div>
            if *reads == "true" {
                { draw!(TextField { name: "source.replication_key", label: "Value that grows with every change", mono: true, value: from.replication_key.clone(), placeholder: "updated_at", hint: html! { "For taps that want to be told; the job must not compare or guard." } }) }
            }
        </>
    }
}

part!(Columns(KindProps) drawn by draw_columns);

fn draw_columns(props: &KindProps) -> Html {
    let columns = props.source.as_ref().map_or(&[][..], SourceConfig::columns);
    let header = |field: ItemField| {
        columns
            .iter()
            .find(|column| column.field == field)
            .map(|column| column.header.clone())
            .unwrap_or_default()
    };
    let (title, hint) = match props.kind.as_str() {
        "xml" => (
            "Elements",
            "Which element or attribute within the item holds which field, as in prices/retail or @id. A field left blank is looked up under its own name.",
        ),
        "http_json" | "singer" => (
            "Values",
            "Which value of an item holds which field, as in prices.retail or codes.0. A field left blank is looked up under its own name.",
        ),
        _ => {
            ("Columns", "Which header holds which field. A field left blank is looked up under its own name.")
        }
    };
    html! {
        <details class="more" open={!columns.is_empty()}>
            <summary>{ title }</summary>
            <p class="hint">{ hint }</p>
            <div class="fields-3 tight">
                { for ItemField::ALL.into_iter().map(|field| html! {
                    { draw!(key = field.as_str(); TextField { name: column_field(field), label: words::item_field(field), required: field.required(), mono: true, value: header(field), placeholder: field.as_str(), testid: column_field(field) }) }
                }) }
            </div>
        </details>
    }
}
