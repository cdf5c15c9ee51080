//! The simulated shop: its products, its points, its bulk operations.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use serde_json::{Value, json};

use crate::platform::{Articles, Asked, Reply, Shop};

#[derive(Clone)]
pub(crate) struct Variant {
    id: String,
    sku: String,
    price: String,
    stock: Option<i64>,
}

impl Variant {
    pub(crate) fn new(sku: &str, price: &str) -> Self {
        Self { id: String::new(), sku: sku.into(), price: price.into(), stock: None }
    }
}

struct Product {
    id: String,
    handle: String,
    title: String,
    variants: Vec<Variant>,
}

/// A leaky bucket, as it is documented.
pub(crate) struct Points {
    available: u64,
    most: u64,
    rate: u64,
    seen: Instant,
    pub(crate) refused: usize,
}

impl Points {
    pub(crate) fn set(&mut self, most: u64, rate: u64) {
        (self.available, self.most, self.rate) = (most, most, rate);
    }

    /// Takes all there is, and all that comes for a while.
    pub(crate) fn steal(&mut self) {
        self.available = 0;
        self.seen = Instant::now() + std::time::Duration::from_millis(700);
    }

    fn take(&mut self, cost: u64) -> bool {
        let refilled = u64::try_from(self.seen.elapsed().as_millis()).unwrap() * self.rate / 1_000;
        if refilled > 0 {
            self.available = (self.available + refilled).min(self.most);
            self.seen = Instant::now();
        }
        if self.available < cost {
            self.refused += 1;
            return false;
        }
        self.available -= cost;
        true
    }

    fn said(&self, cost: u64) -> Value {
        json!({"cost": {"requestedQueryCost": cost, "actualQueryCost": cost, "throttleStatus": {
            "maximumAvailable": format!("{}.0", self.most).parse::<serde_json::Number>().unwrap(),
            "currentlyAvailable": self.available, "restoreRate": self.rate}}})
    }
}

struct Operation {
    status: &'static str,
    looks: usize,
    file: String,
}

pub(crate) struct Admin {
    url: String,
    token: String,
    products: Vec<Product>,
    pub(crate) refused: HashSet<String>,
    pub(crate) points: Points,
    uploads: HashMap<String, String>,
    operations: HashMap<String, Operation>,
    results: HashMap<String, String>,
    /// How the next operations end, when not well.
    pub(crate) bulk_ends: Vec<&'static str>,
    /// Why the next operations do not begin.
    pub(crate) bulk_refusals: Vec<&'static str>,
    /// How often an operation is looked at before it has ended.
    pub(crate) looks: usize,
    keys: HashSet<String>,
    next_id: u64,
}

fn error(code: &str, message: &str) -> Value {
    json!([{"code": code, "field": ["input"], "message": message}])
}

impl Admin {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: token.to_owned(),
            products: Vec::new(),
            refused: HashSet::new(),
            points: Points {
                available: 20_000,
                most: 20_000,
                rate: 20_000,
                seen: Instant::now(),
                refused: 0,
            },
            uploads: HashMap::new(),
            operations: HashMap::new(),
            results: HashMap::new(),
            bulk_ends: Vec::new(),
            bulk_refusals: Vec::new(),
            looks: 2,
            keys: HashSet::new(),
            next_id: 0,
        }
    }

    fn id(&mut self, kind: &str) -> String {
        self.next_id += 1;
        format!("gid://shopify/{kind}/{}", self.next_id)
    }

    pub(crate) fn add(&mut self, title: &str, variants: &[Variant]) {
        let id = self.id("Product");
        let variants =
            variants.iter().map(|v| Variant { id: self.id("ProductVariant"), ..v.clone() }).collect();
        self.products.push(Product { handle: id.clone(), id, title: title.into(), variants });
    }

    fn variants(&self) -> impl Iterator<Item = (&Product, &Variant)> {
        self.products
            .iter()
            .flat_map(|product| product.variants.iter().map(move |variant| (product, variant)))
    }

    pub(crate) fn articles(&self) -> Articles {
        self.variants().map(|(_, v)| (v.sku.clone(), v.price.clone())).collect()
    }

    pub(crate) fn stock(&self, sku: &str) -> Option<i64> {
        self.variants().find(|(_, v)| v.sku == sku)?.1.stock
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        self.products.iter().map(|product| product.title.clone()).collect()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.operations.values().any(|operation| operation.status == "RUNNING")
    }

    /// Finds what begins with one of the numbers, a page at a time.
    fn find(&self, variables: &Value) -> Value {
        let wanted: Vec<String> = variables["query"]
            .as_str()
            .unwrap()
            .split(" OR ")
            .map(|term| term.strip_prefix("sku:\"").unwrap().trim_end_matches('"').to_lowercase())
            .collect();
        let from: usize = variables["after"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let found: Vec<_> = self
            .variants()
            .filter(|(_, v)| wanted.iter().any(|sku| v.sku.to_lowercase().starts_with(sku)))
            .collect();
        let nodes: Vec<_> = found
            .iter()
            .skip(from)
            .take(250)
            .map(|(product, v)| {
                json!({"id": v.id, "sku": v.sku, "selectedOptions": [{"name": "Title", "value": "Default Title"}],
                    "inventoryItem": {"id": format!("{}/stock", v.id)},
                    "product": {"id": product.id, "variantsCount": {"count": product.variants.len()}}})
            })
            .collect();
        let end = from + nodes.len();
        json!({"productVariants": {"nodes": nodes,
            "pageInfo": {"hasNextPage": end < found.len(), "endCursor": end.to_string()}}})
    }

    fn set(&mut self, variables: &Value) -> Value {
        let (input, identifier) = (&variables["input"], &variables["identifier"]);
        let refused = |code: &str, said: &str| json!({"product": null, "userErrors": error(code, said)});
        let variants = input["variants"].as_array().cloned().unwrap_or_default();
        for variant in &variants {
            if self.refused.contains(variant["sku"].as_str().unwrap_or_default()) {
                return refused("INVALID_VARIANT", "this article is not allowed");
            }
            let price = variant["price"].as_str().is_some_and(|price| price.parse::<f64>().is_ok());
            if !price || !variant["optionValues"].is_array() || !input["productOptions"].is_array() {
                return refused("INVALID_INPUT", "price and options are needed");
            }
        }
        let place = self.products.iter().position(|product| {
            identifier["id"] == product.id.as_str() || identifier["handle"] == product.handle.as_str()
        });
        let place = match (place, identifier["handle"].as_str(), input["title"].as_str()) {
            (Some(place), ..) => place,
            (None, Some(handle), Some(_)) => {
                self.add("", &[]);
                let place = self.products.len() - 1;
                self.products[place].handle = handle.to_owned();
                place
            }
            _ => return refused("PRODUCT_DOES_NOT_EXIST", "there is no such product"),
        };
        let mut list = Vec::new();
        for variant in &variants {
            let known = variant["id"].as_str().map(str::to_owned);
            let stock = &variant["inventoryQuantities"][0];
            let named = self.products[place].variants.first().map(|first| first.id.clone());
            list.push(Variant {
                id: known.or(named).unwrap_or_else(|| self.id("ProductVariant")),
                sku: variant["sku"].as_str().unwrap().to_owned(),
                price: variant["price"].as_str().unwrap().to_owned(),
                stock: stock["quantity"]
                    .as_i64()
                    .filter(|_| stock["locationId"] == "gid://shopify/Location/5"),
            });
        }
        let product = &mut self.products[place];
        // What is not listed is gone.
        product.variants = list;
        if let Some(title) = input["title"].as_str() {
            product.title = title.to_owned();
        }
        json!({"product": {"id": product.id}, "userErrors": []})
    }

    fn price(&mut self, variables: &Value) -> Value {
        for change in variables["variants"].as_array().unwrap() {
            let product =
                self.products.iter_mut().find(|product| variables["product"] == product.id.as_str());
            let variant = product.and_then(|p| p.variants.iter_mut().find(|v| change["id"] == v.id.as_str()));
            let Some(variant) = variant else {
                return json!({"userErrors": error("PRODUCT_VARIANT_DOES_NOT_EXIST", "no such variant")});
            };
            variant.price = change["price"].as_str().unwrap().to_owned();
        }
        json!({"userErrors": []})
    }

    fn set_stock(&mut self, text: &str, variables: &Value) -> Value {
        let quantity = &variables["input"]["quantities"][0];
        let compared = quantity.as_object().unwrap().contains_key("changeFromQuantity");
        if !text.contains("@idempotent(key: $key)") || !compared {
            return json!({"userErrors": error("IDEMPOTENCY_KEY_REQUIRED", "idempotency key and comparison are needed")});
        }
        if self.keys.insert(variables["key"].as_str().unwrap().to_owned()) {
            let item = quantity["inventoryItemId"].as_str().unwrap().trim_end_matches("/stock").to_owned();
            let found = self.products.iter_mut().flat_map(|p| &mut p.variants).find(|v| v.id == item);
            found.unwrap().stock = quantity["quantity"].as_i64();
        }
        json!({"userErrors": []})
    }

    fn stage(&mut self) -> Value {
        let key = format!("tmp/{}/products.jsonl", self.id("Upload"));
        let parameters = json!([{"name": "key", "value": key}, {"name": "policy", "value": "signed"}]);
        json!({"stagedTargets": [{"url": format!("{}/upload", self.url), "resourceUrl": null,
            "parameters": parameters}], "userErrors": []})
    }

    fn upload(&mut self, asked: &Asked) -> Reply {
        let text = String::from_utf8(asked.body.to_vec()).unwrap();
        let part = |name: &str| {
            let from = text.find(&format!("name=\"{name}\""))?;
            let rest = &text[from..];
            let begin = rest.find("\r\n\r\n")? + 4;
            Some(rest[begin..begin + rest[begin..].find("\r\n--")?].to_owned())
        };
        let last = text
            .rfind("name=\"")
            .map(|at| text[at..].starts_with("name=\"products") || text[at..].starts_with("name=\"file\""));
        match (part("key"), part("policy").as_deref(), part("file"), last) {
            (Some(key), Some("signed"), Some(file), Some(true)) => {
                self.uploads.insert(key, file);
                Reply::empty(201)
            }
            _ => Reply::empty(403),
        }
    }

    fn begin(&mut self, variables: &Value) -> Value {
        let refused =
            |code: &str| json!({"bulkOperation": null, "userErrors": error(code, "it did not begin")});
        if !self.bulk_refusals.is_empty() {
            return refused(self.bulk_refusals.remove(0));
        }
        if self.operations.values().filter(|operation| operation.status == "RUNNING").count() >= 5 {
            return refused("LIMIT_REACHED");
        }
        let Some(file) = self.uploads.get(variables["path"].as_str().unwrap()).cloned() else {
            return refused("NO_SUCH_FILE");
        };
        let id = self.id("BulkOperation");
        self.operations.insert(id.clone(), Operation { status: "RUNNING", looks: self.looks, file });
        json!({"bulkOperation": {"id": id, "status": "CREATED"}, "userErrors": []})
    }

    fn look(&mut self, variables: &Value) -> Value {
        let id = variables["id"].as_str().unwrap().to_owned();
        let operation = self.operations.get_mut(&id).unwrap();
        operation.looks = operation.looks.saturating_sub(1);
        if operation.looks == 0 && operation.status == "RUNNING" {
            let lines: Vec<Value> =
                operation.file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let end = if self.bulk_ends.is_empty() { "COMPLETED" } else { self.bulk_ends.remove(0) };
            operation.status = end;
            let count = if end == "COMPLETED" { lines.len() } else { lines.len() / 2 };
            let mut results: Vec<_> = lines[..count]
                .iter()
                .enumerate()
                .map(|(at, line)| {
                    json!({"data": {"productSet": self.set(line)}, "__lineNumber": at}).to_string()
                })
                .collect();
            // In any order.
            results.reverse();
            self.results.insert(id.clone(), results.join("\n"));
        }
        let status = self.operations[&id].status;
        let url = (status == "COMPLETED").then(|| format!("{}/results?id={id}", self.url));
        json!({"node": {"id": id, "status": status, "errorCode": (status == "FAILED").then_some("INTERNAL_SERVER_ERROR"),
            "objectCount": "0", "url": url, "partialDataUrl": null}})
    }

    fn cancel(&mut self, variables: &Value) -> Value {
        let id = variables["id"].as_str().unwrap();
        self.operations.get_mut(id).unwrap().status = "CANCELED";
        json!({"bulkOperationCancel": {"userErrors": []}})
    }

    fn graph(&mut self, asked: &Asked) -> Reply {
        let body = asked.json();
        let (text, variables) = (body["query"].as_str().unwrap().to_owned(), &body["variables"]);
        let cost = if text.contains("productVariants(") { 20 } else { 10 };
        if !self.points.take(cost) {
            let errors = json!([{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]);
            return Reply::json(200, &json!({"errors": errors, "extensions": self.points.said(cost)}));
        }
        let data = if text.contains("productVariants(") {
            self.find(variables)
        } else if text.contains("stagedUploadsCreate(") {
            json!({"stagedUploadsCreate": self.stage()})
        } else if text.contains("bulkOperationRunMutation(") {
            json!({"bulkOperationRunMutation": self.begin(variables)})
        } else if text.contains("bulkOperationCancel(") {
            self.cancel(variables)
        } else if text.contains("node(id") {
            self.look(variables)
        } else if text.contains("productVariantsBulkUpdate(") {
            json!({"productVariantsBulkUpdate": self.price(variables)})
        } else if text.contains("inventorySetQuantities(") {
            json!({"inventorySetQuantities": self.set_stock(&text, variables)})
        } else if text.contains("productSet(") {
            json!({"productSet": self.set(variables)})
        } else {
            json!({"shop": {"name": "Corner shop"}})
        };
        Reply::json(200, &json!({"data": data, "extensions": self.points.said(cost)}))
    }
}

impl Shop for Admin {
    fn answer(&mut self, asked: &Asked) -> Reply {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/upload") => self.upload(asked),
            ("GET", "/results") => {
                match asked.parameter("id").and_then(|id| self.results.get(&id).cloned()) {
                    Some(results) => Reply { body: results.into(), ..Reply::empty(200) },
                    None => Reply::empty(404),
                }
            }
            ("POST", path) if path.starts_with("/admin/api/20") && path.ends_with("/graphql.json") => {
                if asked.header("x-shopify-access-token") != self.token {
                    let said = "[API] Invalid API key or access token (unrecognized login or wrong password)";
                    return Reply::json(401, &json!({"errors": said}));
                }
                self.graph(asked)
            }
            _ => Reply::json(404, &json!({"errors": "Not Found"})),
        }
    }
}
