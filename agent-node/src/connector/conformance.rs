//! What every connector must hold to, as a run that finds the breaches. Tests use it; so will plugins.

use futures_util::StreamExt as _;
use messages::RunId;
use messages::connector::{Credentials, SourceConfig};
use messages::inspect::SAMPLE_ROWS;
use messages::item::{Item, ItemField};
use messages::mapping::Mapping;
use serde_json::json;

use super::{DestinationConnector, Failure, ForRun, Means, Numbered, PosConnector, registry};

/// Rules that were broken; empty is good.
pub type Breaches = Vec<String>;

/// How to look at a destination from outside.
pub trait Outside {
    /// The finished file, if there is one.
    fn finished(&self) -> Option<Vec<u8>>;
    /// Names of everything else beside it.
    fn leftovers(&self) -> Vec<String>;
}

fn row(number: usize) -> Option<Numbered> {
    let item = Item {
        sku: number.to_string(),
        name: format!("Article {number}"),
        barcode: None,
        price: "1.50".parse().ok()?,
        tax_rate: None,
        stock: None,
        unit: None,
        category: None,
        description: Some("x".repeat(200)),
    };
    Some(Numbered { row: number as u64 + 2, item })
}

/// Tries a destination whose place is empty.
pub async fn destination(connector: &dyn DestinationConnector, outside: &dyn Outside) -> Breaches {
    let mut breaches = Vec::new();
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            breaches.push(rule.to_owned());
        }
    };
    let items: Vec<_> = (0..5_000).filter_map(row).collect();
    must(connector.check().await.is_ok(), "check passes when the destination is there");
    must(outside.finished().is_none() && outside.leftovers().is_empty(), "check changes nothing");

    let run = ForRun::alone(RunId::new());
    if let Ok(mut sink) = connector.open(&run).await {
        must(sink.write(&items).await.is_ok(), "items can be written");
        must(outside.finished().is_none(), "nothing is visible before finish");
        sink.abort().await;
    }
    must(outside.finished().is_none(), "nothing is visible after abort");
    must(outside.leftovers().is_empty(), "abort leaves nothing behind");

    let mut dropped = connector.open(&run).await.ok();
    if let Some(sink) = &mut dropped {
        must(sink.write(&items).await.is_ok(), "items can be written");
    }
    drop(dropped);
    for expected in [&items[..], &items[..10], &[]] {
        let Ok(mut sink) = connector.open(&run).await else {
            must(false, "a run can be begun again");
            continue;
        };
        let written = if expected.is_empty() { Ok(0) } else { sink.write(expected).await };
        let receipt = sink.finish().await;
        let bytes = outside.finished().unwrap_or_default();
        must(written.is_ok() && receipt.is_ok(), "a finished run succeeds");
        must(receipt.is_ok_and(|receipt| receipt.bytes == bytes.len() as u64), "the receipt names the bytes");
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        must(lines == expected.len() + 1, "finish replaces what was there by exactly the items written");
        must(
            outside.leftovers().is_empty(),
            "finish leaves nothing behind, not even of an attempt that was dropped",
        );
    }
    breaches
}

/// Tries a source that holds `sound` items and `rejected` other rows.
pub async fn source(connector: &dyn PosConnector, sound: usize, rejected: usize) -> Breaches {
    let mut breaches = Vec::new();
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            breaches.push(rule.to_owned());
        }
    };
    must(connector.check().await.is_ok(), "check passes when the source is there");
    let columns = connector.discover().await.unwrap_or_default();
    let required = messages::item::ItemField::ALL.into_iter().filter(|field| field.required());
    for field in required {
        must(columns.iter().any(|column| column.field == Some(field)), "discover finds the required fields");
    }
    match connector.look().await {
        Ok(looked) => {
            let (columns_seen, sample) = (looked.columns.len(), looked.sample.into_rows());
            must(!sample.is_empty() && sample.len() <= SAMPLE_ROWS, "a look shows the first rows");
            must(sample.iter().all(|row| row.len() == columns_seen), "a look shows a value for each column");
        }
        Err(_) => must(false, "a source can be looked into"),
    }
    for _ in 0..2 {
        let Ok(mut reading) = connector.open().await else {
            must(false, "a source can be opened again");
            continue;
        };
        let (mut items, mut rejects, mut last_bytes, mut last_row) = (0, Vec::new(), 0, 0);
        while let Some(batch) = reading.batches.next().await {
            let Ok(batch) = batch else {
                must(false, "a sound source reads to its end");
                break;
            };
            must(batch.rows.len() <= super::BATCH_ROWS, "batches are bounded");
            must(batch.bytes_read >= last_bytes, "bytes read never shrink");
            last_bytes = batch.bytes_read;
            for row in batch.rows {
                match row {
                    Ok(Numbered { row, item }) => {
                        items += 1;
                        must(row > last_row, "rows are numbered in their order");
                        last_row = row;
                        must(item.check().is_ok(), "every item is sound");
                    }
                    Err(reject) => rejects.push(reject),
                }
            }
        }
        must(items == sound, "every sound item is read, every time");
        must(rejects.len() == rejected, "every other row is rejected");
        must(
            rejects.iter().all(|reject| reject.row > 0 && !reject.reason.is_empty()),
            "a reject has its row and reason",
        );
        must(reading.bytes_total == 0 || last_bytes == reading.bytes_total, "all bytes are counted");
    }
    breaches
}

/// What a reading came to.
struct Whole {
    items: Vec<Item>,
    rejected: usize,
    left_out: u64,
}

async fn whole(connector: &dyn PosConnector) -> Result<Whole, Failure> {
    let mut reading = connector.open().await?;
    let mut whole = Whole { items: Vec::new(), rejected: 0, left_out: 0 };
    while let Some(batch) = reading.batches.next().await {
        let batch = batch?;
        whole.left_out += batch.left_out;
        for row in batch.rows {
            match row {
                Ok(row) => whole.items.push(row.item),
                Err(_) => whole.rejected += 1,
            }
        }
    }
    Ok(whole)
}

/// Tries whether a source carries out a mapping: one that uses the columns of its number, name and price, and leaves
/// out its first item.
pub async fn mapped(
    config: &SourceConfig,
    credentials: Option<&Credentials>,
    means: &Means,
) -> Result<Breaches, Failure> {
    let plain = registry::source(config, &Mapping::default(), credentials, means);
    let columns = plain.discover().await?;
    let column = |field: ItemField| {
        let found = columns.iter().find(|column| column.field == Some(field));
        found.map(|column| column.header.clone()).unwrap_or_default()
    };
    let (sku, name, price) = (column(ItemField::Sku), column(ItemField::Name), column(ItemField::Price));
    let before = whole(&*plain).await?;
    let Some(first) = before.items.first() else { return Ok(vec!["it holds items".to_owned()]) };
    let mapping = json!({
        "fields": [
            { "field": "sku", "from": { "kind": "template", "template": format!("M-{{{sku}}}") } },
            { "field": "name", "from": { "kind": "column", "column": name },
              "steps": [{ "step": "letters", "to": "upper" }] },
            { "field": "price", "from": { "kind": "column", "column": price },
              "steps": [{ "step": "multiply", "by": "2" }] },
            { "field": "unit", "from": { "kind": "constant", "text": "crate" } },
        ],
        "filter": { "conditions": [{ "column": sku, "test": "equals", "value": first.sku, "not": true }] },
    });
    let mapping = serde_json::from_value(mapping)
        .map_err(|error| Failure::new(messages::ErrorCode::Internal, error.to_string()))?;
    let after = whole(&*registry::source(config, &mapping, credentials, means)).await?;
    let mut breaches = Vec::new();
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            breaches.push(rule.to_owned());
        }
    };
    must(after.left_out == 1, "the filter leaves out one row, and it is counted");
    must(after.rejected == before.rejected, "rows are rejected as without a mapping");
    must(after.items.len() + 1 == before.items.len(), "every other item is read");
    let made_of = |one: &Item, other: &Item| {
        let doubled = one.price.times(messages::quantity::Decimal::new(2, 0));
        other.sku == format!("M-{}", one.sku)
            && other.name == one.name.to_uppercase()
            && doubled == Ok(other.price)
            && other.unit.as_deref() == Some("crate")
            && other.stock == one.stock
    };
    must(
        before.items.iter().skip(1).zip(&after.items).all(|(one, other)| made_of(one, other)),
        "each item is what the mapping makes of its row",
    );
    Ok(breaches)
}
