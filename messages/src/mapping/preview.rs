//! What a mapping makes of a few rows, field by field: for whoever edits it. Pure.
//!
//! Agents read rows by the same engine, only without keeping what every field went through; their tests hold both to
//! the same outcome.

use super::engine::{Prepared, Value};
use super::{FieldRule, Mapping, Origin};
use crate::connector::ColumnName;
use crate::item::{Item, ItemField};
use crate::quantity::Decimal;

/// A mapping fitted to the columns of a sample.
pub struct Preview {
    prepared: Prepared,
    mark: char,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Of each field, in the order of [`ItemField::ALL`]: what comes of it, nothing, or why it cannot be.
    pub fields: Vec<Result<Option<String>, String>>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Item,
    /// The filter does not want it.
    LeftOut,
    /// No item, for this field's sake.
    Rejected {
        field: ItemField,
        reason: String,
    },
}

/// The mapping with a rule for each field that the source reads by name.
fn whole(mapping: &Mapping, named: &[ColumnName], columns: &[String]) -> Mapping {
    let mut whole = mapping.clone();
    for field in ItemField::ALL {
        if mapping.rule(field).is_some() {
            continue;
        }
        let asked = named.iter().find(|column| column.field == field).map(|column| column.header.trim());
        let name = asked.unwrap_or(field.as_str());
        let there = columns.iter().any(|column| column.trim().to_lowercase() == name.to_lowercase());
        if there || asked.is_some() {
            let from = Origin::Column { column: name.to_owned() };
            whole.fields.push(FieldRule { field, from, steps: Vec::new() });
        }
    }
    whole
}

impl Preview {
    /// `named` and `mark` are the source's. The error names columns that are not there.
    pub fn new(
        mapping: &Mapping,
        named: &[ColumnName],
        mark: char,
        columns: &[String],
    ) -> Result<Self, Vec<String>> {
        let prepared = Prepared::new(&whole(mapping, named, columns), columns, mark)?;
        Ok(Self { prepared, mark })
    }

    /// The column that a field's value comes from, when it is just one.
    #[must_use]
    pub fn column(&self, field: ItemField) -> Option<usize> {
        self.prepared.column(field)
    }

    #[must_use]
    pub fn row(&self, values: &[String]) -> Shown {
        let text = |column: usize| values.get(column).map(|value| value.trim()).unwrap_or_default();
        if !self.prepared.counts(text) {
            return Shown { fields: vec![Ok(None); ItemField::ALL.len()], verdict: Verdict::LeftOut };
        }
        let fields: Vec<_> = ItemField::ALL.into_iter().map(|field| self.field(field, text)).collect();
        let verdict = verdict(&fields);
        Shown { fields, verdict }
    }

    fn field<'t>(&self, field: ItemField, text: impl Fn(usize) -> &'t str) -> Result<Option<String>, String> {
        let Some(value) = self.prepared.value(field, text) else { return Ok(None) };
        let Some(value) = value.map_err(|fault| fault.reason)? else { return Ok(None) };
        if is_number(field) {
            let number = match value {
                Value::Text(text) => Decimal::parse_with(&text, self.mark).map_err(|error| error.to_string()),
                value => value.into_number(self.mark).map_err(|error| error.to_string()),
            };
            return number.map(|number| Some(number.to_string()));
        }
        Ok(Some(value.into_text().trim().to_owned()))
    }
}

const fn is_number(field: ItemField) -> bool {
    matches!(field, ItemField::Price | ItemField::TaxRate | ItemField::Stock)
}

fn verdict(fields: &[Result<Option<String>, String>]) -> Verdict {
    let of = |field: ItemField| fields.get(field as usize);
    for field in ItemField::ALL {
        match of(field) {
            Some(Err(reason)) => return Verdict::Rejected { field, reason: reason.clone() },
            Some(Ok(None)) | None if field.required() => {
                return Verdict::Rejected { field, reason: "is missing".to_owned() };
            }
            _ => {}
        }
    }
    let text = |field| of(field).and_then(|value| value.as_ref().ok().cloned().flatten());
    let number = |field| text(field).and_then(|text| text.parse::<Decimal>().ok());
    let item = Item {
        sku: text(ItemField::Sku).unwrap_or_default(),
        name: text(ItemField::Name).unwrap_or_default(),
        barcode: text(ItemField::Barcode),
        price: number(ItemField::Price).unwrap_or(Decimal::ZERO),
        tax_rate: number(ItemField::TaxRate),
        stock: number(ItemField::Stock),
        unit: text(ItemField::Unit),
        category: text(ItemField::Category),
        description: text(ItemField::Description),
    };
    match item.check() {
        Ok(()) => Verdict::Item,
        Err(fault) => Verdict::Rejected { field: fault.field, reason: fault.detail },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn rows_are_shown_as_items_as_rejects_and_as_left_out() {
        let mapping: Mapping = serde_json::from_value(json!({
            "fields": [
                { "field": "name", "from": { "kind": "template", "template": "{brand} {text}" } },
                { "field": "price", "from": { "kind": "column", "column": "net" },
                  "steps": [{ "step": "percent", "by": "20" }] },
                { "field": "unit", "from": { "kind": "constant", "text": "pcs" } },
            ],
            "filter": { "conditions": [{ "column": "on", "test": "equals", "value": "1" }] },
        }))
        .unwrap();
        let named = [ColumnName { field: ItemField::Sku, header: "NR".into() }];
        let columns = texts(&["nr", "brand", "text", "net", "stock", "on"]);
        let preview = Preview::new(&mapping, &named, ',', &columns).unwrap();
        assert_eq!(preview.column(ItemField::Sku), Some(0));
        let shown = preview.row(&texts(&["7", "Alm", " Milk ", "1,50", "3,5", "1"]));
        let told: Vec<_> =
            shown.fields.iter().map(|field| field.clone().unwrap().unwrap_or_default()).collect();
        assert_eq!(told, ["7", "Alm Milk", "", "1.8000", "", "3.5", "pcs", "", ""]);
        assert_eq!(shown.verdict, Verdict::Item);
        assert_eq!(preview.row(&texts(&["7", "", "", "x", "", "0"])).verdict, Verdict::LeftOut);
        let verdict = |row: &[&str]| match preview.row(&texts(row)).verdict {
            Verdict::Rejected { field, reason } => format!("{} {reason}", field.as_str()),
            other => format!("{other:?}"),
        };
        assert_eq!(verdict(&["7", "", " ", "1", "", "1"]), "name is missing");
        assert!(verdict(&["7", "a", "b", "1.5", "", "1"]).starts_with("price step 1 of the mapping"));
        assert!(
            verdict(&["7", "a", "b", "-1", "", "1"]).starts_with("price "),
            "as the item's own check has it"
        );
        assert_eq!(verdict(&["", "a", "b", "1", "", "1"]), "sku is missing");
    }

    #[test]
    fn what_is_asked_for_by_name_must_be_there() {
        let named = [ColumnName { field: ItemField::Unit, header: "Einheit".into() }];
        let missing = Preview::new(&Mapping::default(), &named, '.', &texts(&["sku"]));
        assert_eq!(missing.err(), Some(vec!["Einheit".to_owned()]));
    }
}
