//! Lines of a file of articles, read. Pure: what cannot be read is told by its line, and the rest goes on.

use std::collections::{BTreeMap, HashMap};

use actors::ingest::request::{ArticlePatch, ArticleRow, Put};
use messages::edge::catalogue::Bundle;
use messages::edge::{Amount, Currency, TaxRate};
use messages::http::articles::{ArticleState, FileForm, ImportPortion, MAX_ROWS, RowError, is_sku};
use messages::quantity::Decimal;
use messages::{ErrorCode, FieldError, Problem, StoreId};
use serde::{Deserialize, Deserializer};

/// What became of the lines.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) rows: Vec<ArticleRow>,
    pub(super) errors: Vec<RowError>,
}

pub(super) fn read(
    portion: &ImportPortion,
    currency: Currency,
    stores: &[(String, StoreId)],
) -> Result<Read, Problem> {
    let read = match portion.format {
        FileForm::Csv => csv(portion, currency, stores)?,
        FileForm::Jsonl => jsonl(portion),
    };
    if read.rows.len() + read.errors.len() > MAX_ROWS {
        return Err(wrong("text", format!("has more than {MAX_ROWS} rows; send fewer at a time")));
    }
    Ok(read)
}

fn wrong(field: &str, detail: String) -> Problem {
    Problem::invalid(vec![FieldError { field: field.to_owned(), detail }])
}

/// Why one value is not taken: which, and what is wrong with it.
type Fault = (String, String);

impl Read {
    fn take(&mut self, line: u64, sku: Option<&str>, patch: Result<ArticlePatch, Fault>) {
        let sku = sku.map(str::trim).filter(|sku| !sku.is_empty());
        let outcome = match (sku, patch) {
            (Some(sku), Ok(patch)) if is_sku(sku) => {
                self.rows.push(ArticleRow { line, sku: sku.to_owned(), patch });
                return;
            }
            (_, Err(fault)) => fault,
            (Some(_), Ok(_)) => {
                ("sku".to_owned(), "must have 1 to 64 bytes and no control characters".to_owned())
            }
            (None, Ok(_)) => ("sku".to_owned(), "is needed".to_owned()),
        };
        let (field, detail) = outcome;
        let code = if field.is_empty() { ErrorCode::MalformedRequest } else { ErrorCode::InvalidField };
        self.errors.push(RowError { line, sku: sku.map(str::to_owned), field, code, detail });
    }
}

/// What a column says of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Sku,
    Name,
    Barcode,
    Category,
    Unit,
    Price,
    TaxRate,
    Weighed,
    Plu,
    Blocked,
    BundlePieces,
    BundlePrice,
    State,
    PriceAt(StoreId),
}

const COLUMNS: &[(&str, Column)] = &[
    ("sku", Column::Sku),
    ("name", Column::Name),
    ("barcode", Column::Barcode),
    ("category", Column::Category),
    ("unit", Column::Unit),
    ("price", Column::Price),
    ("tax_rate", Column::TaxRate),
    ("weighed", Column::Weighed),
    ("plu", Column::Plu),
    ("blocked", Column::Blocked),
    ("bundle_pieces", Column::BundlePieces),
    ("bundle_price", Column::BundlePrice),
    ("state", Column::State),
];

fn columns(
    header: &csv::StringRecord,
    stores: &[(String, StoreId)],
) -> Result<Vec<(String, Column)>, Problem> {
    let stores: HashMap<&str, StoreId> = stores.iter().map(|(code, id)| (code.as_str(), *id)).collect();
    let mut columns: Vec<(String, Column)> = Vec::new();
    for name in header {
        let name = name.trim().trim_start_matches('\u{feff}').to_lowercase();
        let known = COLUMNS.iter().find(|(known, _)| *known == name).map(|(_, column)| *column);
        let priced = || name.strip_prefix("price@").and_then(|code| stores.get(code)).copied();
        let Some(column) = known.or_else(|| priced().map(Column::PriceAt)) else {
            let detail = if name.starts_with("price@") {
                format!("\"{name}\": there is no store of that code")
            } else {
                format!("\"{name}\" is no column of articles")
            };
            return Err(wrong("header", detail));
        };
        if columns.iter().any(|(_, other)| *other == column) {
            return Err(wrong("header", format!("\"{name}\" stands there twice")));
        }
        columns.push((name, column));
    }
    if columns.iter().all(|(_, column)| *column != Column::Sku) {
        return Err(wrong("header", "a column \"sku\" is needed".to_owned()));
    }
    Ok(columns)
}

/// Whichever of the usual marks the header has most of.
fn delimiter(header: &str) -> u8 {
    let count = |mark: u8| header.bytes().filter(|b| *b == mark).count();
    b",;\t".iter().copied().rev().max_by_key(|mark| count(*mark)).unwrap_or(b',')
}

fn csv(portion: &ImportPortion, currency: Currency, stores: &[(String, StoreId)]) -> Result<Read, Problem> {
    let head = portion.header.as_deref().unwrap_or(&portion.text).lines().next().unwrap_or_default();
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(delimiter(head)).has_headers(false).flexible(true);
    let named = match &portion.header {
        Some(line) => builder.from_reader(line.as_bytes()).records().next(),
        None => None,
    };
    let mut reader = builder.from_reader(portion.text.as_bytes());
    let mut records = reader.records();
    let header = match named.or_else(|| if portion.header.is_some() { None } else { records.next() }) {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(wrong("header", error.to_string())),
        None => return Err(wrong("header", "a column \"sku\" is needed".to_owned())),
    };
    let columns = columns(&header, stores)?;
    let place = columns.iter().position(|(_, column)| *column == Column::Sku).unwrap_or(0);
    let mut read = Read::default();
    for record in records {
        if read.rows.len() + read.errors.len() > MAX_ROWS {
            break;
        }
        let line = |position: Option<&csv::Position>| {
            portion.first_line.saturating_add(position.map_or(1, csv::Position::line)) - 1
        };
        match record {
            Ok(record) => {
                let patch = patch(&record, &columns, currency);
                read.take(line(record.position()), record.get(place), patch);
            }
            Err(error) => {
                let fault = (String::new(), "the row cannot be read".to_owned());
                read.take(line(error.position()), None, Err(fault));
            }
        }
    }
    Ok(read)
}

fn patch(
    record: &csv::StringRecord,
    columns: &[(String, Column)],
    currency: Currency,
) -> Result<ArticlePatch, Fault> {
    if record.len() > columns.len() {
        let detail = format!("has {} values, the header names {}", record.len(), columns.len());
        return Err((String::new(), detail));
    }
    let mut patch = ArticlePatch::default();
    let (mut pieces, mut bundle) = (None, None);
    for ((name, column), text) in columns.iter().zip(record) {
        let text = text.trim();
        let given = (!text.is_empty()).then(|| text.to_owned());
        let fault = |detail: String| (name.clone(), detail);
        match column {
            Column::Sku => {}
            Column::Name => patch.name = given.map_or(Put::Keep, Put::Set),
            Column::Category => patch.category = given.map_or(Put::Keep, Put::Set),
            Column::Unit => patch.unit = given.map_or(Put::Keep, Put::Set),
            Column::Barcode => patch.barcode = Put::Set(given),
            Column::Blocked => patch.blocked = Put::Set(given),
            Column::Price => {
                let price = given.map(|text| money(&text, currency)).transpose().map_err(fault)?;
                patch.price = price.map_or(Put::Keep, Put::Set);
            }
            Column::TaxRate => {
                let rate = given.map(|text| rate(&text)).transpose().map_err(fault)?;
                patch.tax_rate = rate.map_or(Put::Keep, Put::Set);
            }
            Column::Weighed => {
                let weighed = given.map(|text| yes(&text)).transpose().map_err(fault)?;
                patch.weighed = weighed.map_or(Put::Keep, Put::Set);
            }
            Column::Plu => {
                patch.plu = Put::Set(given.map(|text| whole(&text)).transpose().map_err(fault)?);
            }
            Column::BundlePieces => {
                pieces = Some(given.map(|text| whole(&text)).transpose().map_err(fault)?);
            }
            Column::BundlePrice => {
                bundle = Some(given.map(|text| money(&text, currency)).transpose().map_err(fault)?);
            }
            Column::State => {
                let state = given.map(|text| state(&text)).transpose().map_err(fault)?;
                patch.state = state.map_or(Put::Keep, Put::Set);
            }
            Column::PriceAt(store) => {
                let price = given.map(|text| money(&text, currency)).transpose().map_err(fault)?;
                patch.prices.insert(*store, price);
            }
        }
    }
    patch.bundle = match (pieces, bundle) {
        (None, None) => Put::Keep,
        (Some(None) | None, Some(None) | None) => Put::Set(None),
        (Some(Some(pieces)), Some(Some(price))) => Put::Set(Some(Bundle { pieces, price })),
        _ => return Err(("bundle_price".to_owned(), "pieces and price belong together".to_owned())),
    };
    Ok(patch)
}

fn money(text: &str, currency: Currency) -> Result<Amount, String> {
    let decimal: Decimal =
        text.parse().map_err(|error: messages::quantity::DecimalError| error.to_string())?;
    decimal.to_units(currency.decimals()).map(Amount::new).map_err(|error| error.to_string())
}

/// In per cent.
fn rate(text: &str) -> Result<TaxRate, String> {
    let text = text.trim_end_matches('%').trim();
    let decimal: Decimal =
        text.parse().map_err(|error: messages::quantity::DecimalError| error.to_string())?;
    let hundredths = decimal.to_units(2).map_err(|error| error.to_string())?;
    u32::try_from(hundredths).map(TaxRate).map_err(|_| "must not be below zero".to_owned())
}

fn whole(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no whole number"))
}

fn yes(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("\"{text}\" is neither yes nor no")),
    }
}

fn state(text: &str) -> Result<ArticleState, String> {
    ArticleState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| format!("\"{text}\" is neither active nor withdrawn"))
}

/// A line of JSON: the form of an article, with anything left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRow {
    sku: String,
    #[serde(default, deserialize_with = "put")]
    name: Put<String>,
    #[serde(default, deserialize_with = "put")]
    barcode: Put<Option<String>>,
    #[serde(default, deserialize_with = "put")]
    category: Put<String>,
    #[serde(default, deserialize_with = "put")]
    unit: Put<String>,
    #[serde(default, deserialize_with = "put")]
    price: Put<Amount>,
    #[serde(default, deserialize_with = "put")]
    tax_rate: Put<TaxRate>,
    #[serde(default, deserialize_with = "put")]
    weighed: Put<bool>,
    #[serde(default, deserialize_with = "put")]
    plu: Put<Option<u32>>,
    #[serde(default, deserialize_with = "put")]
    blocked: Put<Option<String>>,
    #[serde(default, deserialize_with = "put")]
    bundle: Put<Option<Bundle>>,
    #[serde(default)]
    prices: BTreeMap<StoreId, Option<Amount>>,
    #[serde(default, deserialize_with = "put")]
    state: Put<ArticleState>,
}

/// What stands there is meant, `null` too.
fn put<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Put<T>, D::Error> {
    T::deserialize(deserializer).map(Put::Set)
}

fn jsonl(portion: &ImportPortion) -> Read {
    let mut read = Read::default();
    for (line, text) in (portion.first_line..).zip(portion.text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        if read.rows.len() + read.errors.len() > MAX_ROWS {
            break;
        }
        match serde_json::from_str::<JsonRow>(text) {
            Ok(row) => {
                let JsonRow { sku, name, barcode, category, unit, price, tax_rate, weighed, plu, .. } = row;
                let JsonRow { blocked, bundle, prices, state, .. } = row;
                let patch = ArticlePatch {
                    name,
                    barcode,
                    category,
                    unit,
                    price,
                    tax_rate,
                    weighed,
                    plu,
                    blocked,
                    bundle,
                    prices,
                    state,
                };
                read.take(line, Some(&sku), Ok(patch));
            }
            Err(error) => read.take(line, None, Err((String::new(), error.to_string()))),
        }
    }
    read
}

#[cfg(test)]
mod tests;
