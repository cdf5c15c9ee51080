//! What is done with each article of a portion, given the variants the shop has. Pure.
//!
//! `productSet` takes away the variants it is not given, so it is used only for products with a single one; of a
//! product with several, the one variant is changed and the rest is left alone.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use messages::RunId;
use messages::agent::RejectedItem;
use messages::connector::{NewProducts, ShopifyDestination, UpdateFields};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::connector::Numbered;
use crate::connector::shop::{folded, whole_stock};

/// A variant as the shop lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variant {
    id: String,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    selected_options: Vec<Chosen>,
    inventory_item: Named,
    product: Product,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Named {
    id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Chosen {
    name: String,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: String,
    variants_count: Count,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Count {
    count: u64,
}

/// A product that is set as a whole; the variables of its mutation.
#[derive(Debug)]
pub(super) struct Set<'r> {
    pub(super) row: &'r Numbered,
    pub(super) variables: Value,
}

/// One of several variants of a product; the variables of its mutations.
#[derive(Debug)]
pub(super) struct Change<'r> {
    pub(super) row: &'r Numbered,
    pub(super) price: Value,
    pub(super) stock: Option<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Plan<'r> {
    pub(super) sets: Vec<Set<'r>>,
    pub(super) changes: Vec<Change<'r>>,
    pub(super) rejects: Vec<RejectedItem>,
}

impl<'r> Plan<'r> {
    pub(super) fn new(
        rows: &'r [Numbered],
        known: &[Variant],
        to: &ShopifyDestination,
        run_id: RunId,
    ) -> Self {
        let mut there: HashMap<String, Vec<&Variant>> = HashMap::new();
        // Searches for other numbers of the portion may have found it, too.
        let mut seen = HashSet::new();
        for variant in known.iter().filter(|variant| seen.insert(variant.id.as_str())) {
            there.entry(folded(variant.sku.as_deref().unwrap_or_default())).or_default().push(variant);
        }
        let mut plan = Self::default();
        let mut planned = HashMap::new();
        for row in rows {
            let sku = folded(&row.item.sku);
            if let Some(earlier) = planned.insert(sku.clone(), row.row) {
                let reason = format!("row {earlier} has this article number already; that one is sent");
                plan.rejects.push(row.rejected(reason));
                continue;
            }
            match there.get(&sku).map(Vec::as_slice) {
                None | Some([]) => plan.sets.push(Set { row, variables: created(row, to) }),
                Some([variant]) if variant.product.variants_count.count == 1 => {
                    plan.sets.push(Set { row, variables: updated(row, variant, to) });
                }
                Some([variant]) => plan.changes.push(changed(row, variant, to, run_id)),
                Some(several) => {
                    let reason =
                        format!("the shop has {} variants with this number; leave one", several.len());
                    plan.rejects.push(row.rejected(reason));
                }
            }
        }
        plan
    }
}

fn created(row: &Numbered, to: &ShopifyDestination) -> Value {
    let handle = handle(&row.item.sku);
    let status = match to.new_products {
        NewProducts::Draft => "DRAFT",
        NewProducts::Published => "ACTIVE",
    };
    let options = [Chosen { name: "Title".into(), value: "Default Title".into() }];
    let mut input = described(row);
    input["handle"] = handle.clone().into();
    input["status"] = status.into();
    with_variant(&mut input, variant(row, &options, to), &options);
    json!({"identifier": {"handle": handle}, "input": input})
}

fn updated(row: &Numbered, known: &Variant, to: &ShopifyDestination) -> Value {
    let mut input = match to.update {
        UpdateFields::Everything => described(row),
        UpdateFields::PriceAndStock => json!({}),
    };
    let mut fields = variant(row, &known.selected_options, to);
    fields["id"] = known.id.clone().into();
    with_variant(&mut input, fields, &known.selected_options);
    json!({"identifier": {"id": known.product.id}, "input": input})
}

fn changed<'r>(row: &'r Numbered, known: &Variant, to: &ShopifyDestination, run_id: RunId) -> Change<'r> {
    let mut fields = json!({"id": known.id, "price": row.item.price.to_string()});
    if let Some(barcode) = &row.item.barcode {
        fields["barcode"] = barcode.clone().into();
    }
    let price = json!({"product": known.product.id, "variants": [fields]});
    let stock = to.location().zip(row.item.stock).map(|(location, stock)| {
        // The shop's own count since is no reason not to set what the point of sale counts.
        let quantity = json!({"inventoryItemId": known.inventory_item.id, "locationId": location,
            "quantity": whole_stock(stock), "changeFromQuantity": null});
        json!({"key": key(run_id, &row.item.sku),
            "input": {"name": "available", "reason": "correction", "quantities": [quantity]}})
    });
    Change { row, price, stock }
}

fn described(row: &Numbered) -> Value {
    let mut input = json!({"title": row.item.name});
    if let Some(description) = &row.item.description {
        input["descriptionHtml"] = escaped(description).into();
    }
    if let Some(category) = &row.item.category {
        input["productType"] = category.clone().into();
    }
    input
}

fn variant(row: &Numbered, options: &[Chosen], to: &ShopifyDestination) -> Value {
    let values: Vec<_> =
        options.iter().map(|option| json!({"optionName": option.name, "name": option.value})).collect();
    let mut fields =
        json!({"sku": row.item.sku, "price": row.item.price.to_string(), "optionValues": values});
    if let Some(barcode) = &row.item.barcode {
        fields["barcode"] = barcode.clone().into();
    }
    if let Some((location, stock)) = to.location().zip(row.item.stock) {
        fields["inventoryItem"] = json!({"tracked": true});
        fields["inventoryQuantities"] =
            json!([{"locationId": location, "name": "available", "quantity": whole_stock(stock)}]);
    }
    fields
}

fn with_variant(input: &mut Value, variant: Value, options: &[Chosen]) {
    let options: Vec<_> = options
        .iter()
        .map(|option| json!({"name": option.name, "values": [{"name": option.value}]}))
        .collect();
    input["productOptions"] = options.into();
    input["variants"] = json!([variant]);
}

/// The name of a product in addresses, made from its number: the same for the same number, and for no other.
fn handle(sku: &str) -> String {
    let mut words = String::new();
    for c in sku.chars().take(40) {
        if c.is_ascii_alphanumeric() {
            words.push(c.to_ascii_lowercase());
        } else if !words.ends_with('-') && !words.is_empty() {
            words.push('-');
        }
    }
    let words = words.trim_matches('-');
    format!("pos-{words}{}{}", if words.is_empty() { "" } else { "-" }, &hex(&folded(sku))[..12])
}

/// The same for the same change of the same run, as a UUID.
fn key(run_id: RunId, sku: &str) -> String {
    let hex = hex(&format!("{run_id} {sku}"));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

fn hex(text: &str) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing into a string does not fail.
        let _ignored = write!(out, "{byte:02x}");
    }
    out
}

/// Plain text as HTML that shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "<br>")
}

/// A search for these numbers. It finds more than was asked for, so what is found is compared again.
pub(super) fn search(rows: &[Numbered]) -> String {
    let quoted =
        |row: &Numbered| format!("sku:\"{}\"", row.item.sku.replace('\\', "\\\\").replace('"', "\\\""));
    rows.iter().map(quoted).collect::<Vec<_>>().join(" OR ")
}

/// What the shop says against one article.
pub(super) fn user_errors(payload: &Value) -> Option<String> {
    let errors = payload["userErrors"].as_array().filter(|errors| !errors.is_empty())?;
    let said: Vec<_> = errors
        .iter()
        .take(3)
        .map(|error| {
            let message = error["message"].as_str().unwrap_or("no reason given");
            error["code"].as_str().map_or_else(|| message.to_owned(), |code| format!("{message} ({code})"))
        })
        .collect();
    Some(format!("the shop says: {}", said.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, sku: &str) -> Numbered {
        let item = json!({"sku": sku, "name": "Milk", "price": "1.290", "stock": "-0.5", "description": "a <b>\n\"c\""});
        Numbered { row: number, item: serde_json::from_value(item).unwrap() }
    }

    fn variant(id: u64, sku: &str, of: u64) -> Variant {
        serde_json::from_value(
            json!({"id": format!("v{id}"), "sku": sku, "inventoryItem": {"id": format!("i{id}")},
            "selectedOptions": [{"name": "Size", "value": "1 l"}],
            "product": {"id": format!("p{id}"), "variantsCount": {"count": of}}}),
        )
        .unwrap()
    }

    fn to(update: UpdateFields) -> ShopifyDestination {
        ShopifyDestination {
            url: "https://x.myshopify.com".into(),
            location_id: "5".into(),
            new_products: NewProducts::Draft,
            update,
        }
    }

    #[test]
    fn an_article_is_set_by_id_or_by_a_handle_of_its_own() {
        let rows = [row(2, "A/1"), row(3, "B")];
        // Two searches found the same one.
        let known = [variant(7, "b", 1), variant(7, "b", 1)];
        let plan = Plan::new(&rows, &known, &to(UpdateFields::PriceAndStock), RunId::new());
        let (new, known) = (&plan.sets[0].variables, &plan.sets[1].variables);
        let handle = new["identifier"]["handle"].as_str().unwrap();
        assert!(handle.starts_with("pos-a-1-") && new["input"]["handle"] == handle, "{handle}");
        assert_eq!(
            (new["input"]["status"].as_str(), new["input"]["title"].as_str()),
            (Some("DRAFT"), Some("Milk"))
        );
        assert_eq!(new["input"]["descriptionHtml"], "a &lt;b&gt;<br>&quot;c&quot;");
        assert_eq!(new["input"]["variants"][0]["inventoryQuantities"][0]["quantity"], -1);
        assert_eq!(known["identifier"], json!({"id": "p7"}));
        assert_eq!(known["input"].get("title"), None, "curated texts stay");
        assert_eq!(known["input"]["variants"][0]["id"], "v7");
        assert_eq!(known["input"]["productOptions"], json!([{"name": "Size", "values": [{"name": "1 l"}]}]));
        assert_eq!(known["input"]["variants"][0]["price"], "1.290");
    }

    #[test]
    fn one_of_several_variants_is_changed_alone() {
        let rows = [row(2, "A")];
        let run_id = RunId::new();
        let plan = |run_id| Plan::new(&rows, &[variant(7, "A", 3)], &to(UpdateFields::Everything), run_id);
        let first = plan(run_id);
        assert!(first.sets.is_empty());
        assert_eq!(
            first.changes[0].price,
            json!({"product": "p7", "variants": [{"id": "v7", "price": "1.290"}]})
        );
        let stock = |plan: &Plan<'_>| plan.changes[0].stock.clone().unwrap();
        assert_eq!(stock(&first)["key"], stock(&plan(run_id))["key"], "the same change has the same key");
        assert_ne!(stock(&first)["key"], stock(&plan(RunId::new()))["key"]);
        assert_eq!(stock(&first)["key"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn numbers_that_differ_have_handles_that_differ() {
        let handles: std::collections::HashSet<_> =
            ["A/1", "A-1", "A 1", "ä", "ö", "A1"].into_iter().map(handle).collect();
        assert_eq!(handles.len(), 6);
        assert_eq!(handle("A1"), handle("a1"), "a shop does not tell them apart");
    }

    #[test]
    fn what_cannot_be_matched_is_rejected_with_its_row() {
        let rows = [row(2, "A"), row(3, "a"), row(4, "B")];
        let known = [variant(1, "B", 1), variant(2, "b", 1)];
        let plan = Plan::new(&rows, &known, &to(UpdateFields::Everything), RunId::new());
        assert_eq!(plan.rejects.iter().map(|reject| reject.row).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(plan.sets.len(), 1);
    }

    #[test]
    fn a_search_is_quoted() {
        assert_eq!(search(&[row(2, "A \"1\""), row(3, "B\\")]), r#"sku:"A \"1\"" OR sku:"B\\""#);
    }
}
