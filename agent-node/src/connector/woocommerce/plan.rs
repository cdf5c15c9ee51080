//! What is made and what is changed, the batch for it, and what its answer says. Pure.

use std::collections::HashMap;

use messages::agent::RejectedItem;
use messages::connector::{NewProducts, UpdateFields, WooCommerceDestination};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::connector::Numbered;
use crate::connector::shop::{folded, whole_stock};

/// A product as the shop lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Known {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) sku: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

/// A portion, sorted by what is to be done. Positions count: the shop answers in the order in which it was asked.
#[derive(Debug, Default)]
pub(super) struct Plan<'r> {
    pub(super) create: Vec<&'r Numbered>,
    pub(super) update: Vec<(u64, &'r Numbered)>,
    pub(super) rejects: Vec<RejectedItem>,
}

/// Why an article cannot be asked for by its number.
pub(super) fn unaskable(row: &Numbered) -> Option<RejectedItem> {
    let comma = row.item.sku.contains(',');
    comma.then(|| {
        row.rejected("WooCommerce cannot look for an article number with a comma in it; change the number")
    })
}

impl<'r> Plan<'r> {
    pub(super) fn new(rows: &'r [Numbered], known: &[Known]) -> Self {
        let mut there: HashMap<String, Vec<&Known>> = HashMap::new();
        for product in known {
            there.entry(folded(&product.sku)).or_default().push(product);
        }
        let mut plan = Self::default();
        let mut planned = HashMap::new();
        for row in rows {
            let sku = folded(&row.item.sku);
            if let Some(reject) = unaskable(row) {
                plan.rejects.push(reject);
                continue;
            }
            if let Some(earlier) = planned.insert(sku.clone(), row.row) {
                plan.rejects.push(
                    row.rejected(format!("row {earlier} has this article number already; that one is sent")),
                );
                continue;
            }
            match there.get(&sku).map(Vec::as_slice) {
                None | Some([]) => plan.create.push(row),
                Some([product]) if product.kind == "variation" => plan.rejects.push(row.rejected(format!(
                    "in the shop this number belongs to a variation (id {}), which is kept up by hand",
                    product.id
                ))),
                Some([product]) => plan.update.push((product.id, row)),
                Some(several) => {
                    let ids: Vec<_> = several.iter().map(|product| product.id.to_string()).collect();
                    let ids = ids.join(", ");
                    plan.rejects.push(row.rejected(format!(
                        "the shop has several products with this number (ids {ids}); leave one"
                    )));
                }
            }
        }
        plan
    }

    pub(super) fn is_empty(&self) -> bool {
        self.create.is_empty() && self.update.is_empty()
    }

    /// The body of the request.
    pub(super) fn body(&self, to: &WooCommerceDestination) -> Value {
        let create: Vec<_> = self.create.iter().map(|row| created(row, to)).collect();
        let update: Vec<_> = self.update.iter().map(|(id, row)| updated(*id, row, to)).collect();
        json!({ "create": create, "update": update })
    }
}

fn created(row: &Numbered, to: &WooCommerceDestination) -> Value {
    let mut fields = priced(row);
    described(row, &mut fields);
    let status = match to.new_products {
        NewProducts::Draft => "draft",
        NewProducts::Published => "publish",
    };
    fields.insert("type".into(), "simple".into());
    fields.insert("status".into(), status.into());
    fields.insert("sku".into(), row.item.sku.clone().into());
    Value::Object(fields)
}

fn updated(id: u64, row: &Numbered, to: &WooCommerceDestination) -> Value {
    let mut fields = priced(row);
    if to.update == UpdateFields::Everything {
        described(row, &mut fields);
    }
    fields.insert("id".into(), id.into());
    Value::Object(fields)
}

fn priced(row: &Numbered) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("regular_price".into(), row.item.price.to_string().into());
    if let Some(stock) = row.item.stock {
        fields.insert("manage_stock".into(), true.into());
        fields.insert("stock_quantity".into(), whole_stock(stock).into());
    }
    fields
}

fn described(row: &Numbered, fields: &mut Map<String, Value>) {
    fields.insert("name".into(), row.item.name.clone().into());
    if let Some(description) = &row.item.description {
        fields.insert("description".into(), description.clone().into());
    }
    if let Some(barcode) = &row.item.barcode {
        fields.insert("global_unique_id".into(), barcode.clone().into());
    }
}

/// The answer to a batch.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    create: Vec<Done>,
    #[serde(default)]
    update: Vec<Done>,
}

#[derive(Debug, Deserialize)]
struct Done {
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// How an answer is to be taken.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Done(Vec<RejectedItem>),
    /// Another process of the shop is at work at one of these articles: ask again which are there.
    Again(String),
    /// It does not speak of what was asked.
    Nonsense,
}

impl Answer {
    pub(super) fn outcome(&self, plan: &Plan<'_>) -> Outcome {
        if self.create.len() != plan.create.len() || self.update.len() != plan.update.len() {
            return Outcome::Nonsense;
        }
        let made = self.create.iter().zip(plan.create.iter().copied());
        let changed = self.update.iter().zip(plan.update.iter().map(|(_, row)| *row));
        let mut rejects = Vec::new();
        for (done, row) in made.chain(changed) {
            let Some(Refusal { code, message }) = &done.error else { continue };
            if message.contains("already under processing") {
                return Outcome::Again(message.clone());
            }
            let hint = if code == "product_invalid_sku" {
                "; a product in the shop's trash or a variation may hold this number"
            } else {
                ""
            };
            rejects.push(row.rejected(format!("the shop says: {message} ({code}){hint}")));
        }
        Outcome::Done(rejects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, sku: &str) -> Numbered {
        let item =
            json!({"sku": sku, "name": "Milk", "price": "1.290", "stock": "3.7", "description": "fresh"});
        Numbered { row: number, item: serde_json::from_value(item).unwrap() }
    }

    fn known(id: u64, sku: &str) -> Known {
        Known { id, sku: sku.into(), kind: "simple".into() }
    }

    fn to(update: UpdateFields) -> WooCommerceDestination {
        WooCommerceDestination {
            url: "https://shop.example".into(),
            new_products: NewProducts::Draft,
            update,
        }
    }

    #[test]
    fn known_articles_are_changed_and_others_made() {
        let rows = [row(2, "A1"), row(3, "b2"), row(4, "C3")];
        let plan = Plan::new(&rows, &[known(7, "B2"), known(8, "D4")]);
        assert_eq!(plan.create.iter().map(|row| row.row).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(plan.update.iter().map(|(id, row)| (*id, row.row)).collect::<Vec<_>>(), [(7, 3)]);
        let body = plan.body(&to(UpdateFields::Everything));
        assert_eq!(body["create"][0]["status"], "draft");
        assert_eq!(body["create"][0]["regular_price"], "1.290", "as text, to the digit");
        assert_eq!(
            body["update"][0],
            json!({"id": 7, "regular_price": "1.290", "manage_stock": true,
            "stock_quantity": 3, "name": "Milk", "description": "fresh"})
        );
        let body = plan.body(&to(UpdateFields::PriceAndStock));
        assert_eq!(body["update"][0].get("name"), None);
    }

    #[test]
    fn what_cannot_be_matched_is_rejected_with_its_row() {
        let rows = [row(2, "A,1"), row(3, "B"), row(4, "b"), row(5, "C"), row(6, "V")];
        let variation = Known { kind: "variation".into(), ..known(11, "V") };
        let plan = Plan::new(&rows, &[known(8, "C"), known(9, "c"), variation]);
        let told: Vec<_> = plan.rejects.iter().map(|reject| (reject.row, reject.reason.as_str())).collect();
        assert_eq!(told.len(), 4);
        for ((row, reason), (expected, part)) in
            told.iter().zip([(2, "comma"), (4, "row 3 has"), (5, "ids 8, 9"), (6, "variation (id 11)")])
        {
            assert_eq!(*row, expected);
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!((plan.create.len(), plan.update.len()), (1, 0));
    }

    #[test]
    fn refusals_are_found_by_their_place() {
        let rows = [row(2, "A"), row(3, "B"), row(4, "C")];
        let plan = Plan::new(&rows, &[known(9, "C")]);
        let answer = |text: &str| serde_json::from_str::<Answer>(text).unwrap().outcome(&plan);
        let refusal =
            r#"{"id":0,"error":{"code":"product_invalid_sku","message":"Invalid or duplicated SKU."}}"#;
        let Outcome::Done(rejects) =
            answer(&format!(r#"{{"create":[{{"id":1}},{refusal}],"update":[{{"id":9}}]}}"#))
        else {
            panic!()
        };
        assert_eq!((rejects.len(), rejects[0].row), (1, 3));
        assert!(rejects[0].reason.contains("trash"), "{}", rejects[0].reason);
        let busy = r#"{"create":[{"error":{"code":"x","message":"SKU (A) is already under processing"}},{}],"update":[{}]}"#;
        assert!(matches!(answer(busy), Outcome::Again(_)));
        assert_eq!(answer(r#"{"create":[{"id":1}]}"#), Outcome::Nonsense);
    }
}
