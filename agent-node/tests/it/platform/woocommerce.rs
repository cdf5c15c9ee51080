//! The WooCommerce destination against a simulated shop that holds to the rules of `wc/v3`: login, batch limit,
//! one article after the other, duplicate numbers (the trash counts), validation, paging.

use std::collections::HashSet;

use agent_node::connector::DestinationConnector as _;
use agent_node::connector::woocommerce::WooCommerceConnector;
use base64::Engine as _;
use messages::ErrorCode;
use messages::connector::{Credentials, NewProducts, UpdateFields, WooCommerceDestination};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Articles, Asked, Fault, Reply, Server, Shop, articles, drive, means, priced, row, rows};
use crate::conformance::{self, Subject, World};

const KEY: &str = "ck_0123456789";
const SECRET: &str = "cs_9876543210";
const BATCH: &str = "/products/batch";

struct Product {
    id: u64,
    sku: String,
    kind: &'static str,
    trashed: bool,
    fields: Value,
}

#[derive(Default)]
pub(crate) struct Woo {
    products: Vec<Product>,
    refused: HashSet<String>,
    next_id: u64,
    /// Products made for a number that was there already: nobody may ever do that.
    pub(crate) batch_limit: Option<usize>,
}

fn refusal(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message, "data": {"status": 400}})
}

impl Woo {
    fn add(&mut self, sku: &str, kind: &'static str, trashed: bool) -> u64 {
        self.next_id += 1;
        let fields = json!({"regular_price": "9.99", "name": "Curated name"});
        self.products.push(Product { id: self.next_id, sku: sku.to_owned(), kind, trashed, fields });
        self.next_id
    }

    /// As the shop's database compares.
    fn holder(&self, sku: &str) -> Option<u64> {
        self.products.iter().find(|p| p.sku.eq_ignore_ascii_case(sku)).map(|p| p.id)
    }

    fn sound(&self, fields: &Value) -> Result<(), Value> {
        let price = fields["regular_price"].as_str().is_some_and(|text| text.parse::<f64>().is_ok());
        let stock = fields.get("stock_quantity").is_none_or(Value::is_i64);
        if !price || !stock {
            return Err(refusal("rest_invalid_param", "Invalid parameter(s)"));
        }
        Ok(())
    }

    fn create(&mut self, fields: &Value) -> Value {
        let sku = fields["sku"].as_str().unwrap_or_default().to_owned();
        if self.refused.contains(&sku) {
            return json!({"id": 0, "error": refusal("rest_invalid_param", "This product is not allowed")});
        }
        if let Err(error) = self.sound(fields) {
            return json!({"id": 0, "error": error});
        }
        if self.holder(&sku).is_some() {
            return json!({"id": 0, "error": refusal("product_invalid_sku", "Invalid or duplicated SKU.")});
        }
        let id = self.add(&sku, "simple", false);
        self.products.last_mut().unwrap().fields = fields.clone();
        json!({"id": id, "sku": sku})
    }

    fn update(&mut self, fields: &Value) -> Value {
        let id = fields["id"].as_u64().unwrap_or(0);
        let sound = self.sound(fields);
        let Some(product) = self.products.iter_mut().find(|p| p.id == id && p.kind == "simple") else {
            return json!({"id": id, "error": refusal("woocommerce_rest_product_invalid_id", "Invalid ID.")});
        };
        if let Err(error) = sound {
            return json!({"id": id, "error": error});
        }
        for (name, value) in fields.as_object().unwrap() {
            product.fields[name] = value.clone();
        }
        json!({"id": id, "sku": product.sku})
    }

    fn batch(&mut self, body: &Value) -> Reply {
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let (create, update) = (list("create"), list("update"));
        let limit = self.batch_limit.unwrap_or(100);
        if create.len() + update.len() > limit {
            let message = format!("Unable to accept more than {limit} items for this request.");
            return Reply::json(413, &refusal("woocommerce_rest_request_entity_too_large", &message));
        }
        let created: Vec<_> = create.iter().map(|fields| self.create(fields)).collect();
        let updated: Vec<_> = update.iter().map(|fields| self.update(fields)).collect();
        Reply::json(200, &json!({"create": created, "update": updated}))
    }

    fn list(&self, asked: &Asked) -> Reply {
        let number = |name: &str, otherwise: usize| {
            asked.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
        };
        let (page, per_page) = (number("page", 1), number("per_page", 10));
        if per_page > 100 {
            return Reply::json(400, &refusal("rest_invalid_param", "Invalid parameter(s): per_page"));
        }
        let wanted = asked.parameter("sku");
        let wanted: Option<Vec<_>> = wanted.as_ref().map(|text| text.split(',').collect());
        let found: Vec<_> = self
            .products
            .iter()
            .filter(|p| !p.trashed)
            .filter(|p| {
                wanted.as_ref().is_none_or(|skus| skus.iter().any(|sku| p.sku.eq_ignore_ascii_case(sku)))
            })
            .collect();
        let shown: Vec<_> = found
            .iter()
            .skip((page - 1) * per_page)
            .take(per_page)
            .map(|p| json!({"id": p.id, "sku": p.sku, "type": p.kind}))
            .collect();
        Reply::json(200, &json!(shown)).with("x-wp-total", &found.len().to_string())
    }
}

impl Shop for Woo {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{SECRET}"));
        if asked.header("authorization") != format!("Basic {login}") {
            return Reply::json(
                401,
                &refusal("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
            );
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/shop/wp-json/wc/v3/products") => self.list(asked),
            ("POST", "/shop/wp-json/wc/v3/products/batch") => self.batch(&asked.json()),
            _ => Reply::json(404, &refusal("rest_no_route", "No route was found")),
        }
    }
}

impl World for Server<Woo> {
    fn articles(&self) -> Articles {
        self.with(|shop| {
            let shown = shop.products.iter().map(|p| {
                let double = shop.products.iter().filter(|other| other.sku == p.sku).count() > 1;
                let sku = if double { format!("{} ({})", p.sku, p.id) } else { p.sku.clone() };
                (sku, p.fields["regular_price"].as_str().unwrap().to_owned())
            });
            shown.collect()
        })
    }

    fn refuse(&self, sku: &str) {
        self.with(|shop| shop.refused.insert(sku.to_owned()));
    }

    fn fail(&self, fault: Fault) {
        Self::fail(self, BATCH, [fault]);
    }

    fn largest(&self) -> usize {
        self.asked().iter().map(|asked| asked.body.len() + asked.query.len()).max().unwrap_or(0)
    }
}

fn connect(url: &str, secret: &str, scratch: &TempDir, update: UpdateFields) -> WooCommerceConnector {
    let config =
        WooCommerceDestination { url: format!("{url}/shop/"), new_products: NewProducts::Draft, update };
    let pair = Credentials::KeyPair { key: KEY.into(), secret: secret.into() };
    WooCommerceConnector::new(config, Some(pair), means(scratch))
}

fn connector(server: &Server<Woo>, scratch: &TempDir) -> WooCommerceConnector {
    connect(&server.url(), SECRET, scratch, UpdateFields::Everything)
}

#[tokio::test]
async fn woocommerce_conforms() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo::default()).await;
    let subject = Subject {
        connector: &connector(&server, &scratch),
        stranger: &connect(&server.url(), "cs_wrong", &scratch, UpdateFields::Everything),
        nowhere: &connect("http://127.0.0.1:1", SECRET, &scratch, UpdateFields::Everything),
        world: &server,
        scratch: scratch.path(),
        largest: 200_000,
    };
    assert_eq!(conformance::platform(&subject).await, [""; 0]);
    let in_address =
        server.asked().iter().any(|asked| format!("{}{}", asked.path, asked.query).contains("cs_"));
    assert!(!in_address, "secrets go into headers only");
}

#[tokio::test]
async fn a_shop_that_is_busy_is_waited_for_and_the_run_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo::default()).await;
    let wait = || Fault::Instead(Reply::empty(429).with("retry-after", "0"));
    server.fail("GET", [wait(), Fault::CutBefore]);
    server.fail(BATCH, [wait(), Fault::CutAfter]);
    let rows = rows(350);
    let driven = drive(&connector(&server, &scratch), &rows).await.unwrap();
    assert_eq!((driven.sent, driven.rejects.len(), server.unused_faults()), (350, 0, 0));
    assert_eq!(World::articles(&server), articles(&rows), "nothing twice, although an answer was lost");
    let html = Reply { status: 200, headers: Vec::new(), body: "<html><h1>Maintenance</h1></html>".into() };
    server.fail("GET", [Fault::Instead(html)]);
    server.fail(BATCH, [Fault::Instead(Reply::empty(504))]);
    let driven = drive(&connector(&server, &scratch), &rows).await.unwrap();
    assert!(driven.notes.iter().any(|note| note.contains("Maintenance")), "{:?}", driven.notes);
}

#[tokio::test]
async fn what_a_person_has_to_put_right_is_rejected_with_its_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo::default()).await;
    server.with(|shop| {
        shop.add("A-1", "simple", true);
        shop.add("A-2", "variation", false);
        shop.add("A-3", "simple", false);
        shop.add("a-3", "simple", false);
    });
    let driven = drive(&connector(&server, &scratch), &rows(5)).await.unwrap();
    assert_eq!(driven.sent, 2);
    let mut told: Vec<_> = driven.rejects.iter().map(|reject| (reject.row, reject.reason.as_str())).collect();
    told.sort_unstable();
    for ((row, reason), (expected, part)) in
        told.iter().zip([(3, "trash"), (4, "variation"), (5, "ids 3, 4")])
    {
        assert_eq!(*row, expected);
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn an_article_that_the_shop_has_hundreds_of_times_is_rejected_and_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo::default()).await;
    server.with(|shop| {
        for _ in 0..600 {
            shop.add("A-0", "simple", false);
        }
        shop.add("A-1", "simple", false);
    });
    let driven = drive(&connector(&server, &scratch), &rows(2)).await.unwrap();
    assert_eq!((driven.sent, driven.rejects.len(), driven.rejects[0].row), (1, 1, 2));
    assert!(driven.rejects[0].reason.contains("too many"), "{:?}", driven.rejects);
    assert_eq!(World::articles(&server)["A-1"], "1.50", "changed, and not made a second time");
}

#[tokio::test]
async fn curated_names_stay_where_only_price_and_stock_are_sent() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo::default()).await;
    server.with(|shop| shop.add("a-1", "simple", false));
    let woo = connect(&server.url(), SECRET, &scratch, UpdateFields::PriceAndStock);
    drive(&woo, &[priced(1, "3.20"), row(2)]).await.unwrap();
    server.with(|shop| {
        let (known, new) = (&shop.products[0].fields, &shop.products[1].fields);
        assert_eq!(
            (known["name"].as_str(), known["regular_price"].as_str()),
            (Some("Curated name"), Some("3.20"))
        );
        assert_eq!(known["stock_quantity"], 7, "7.5 kg are seven pieces that can be promised");
        assert_eq!((new["name"].as_str(), new["status"].as_str()), (Some("Article 2"), Some("draft")));
    });
}

#[tokio::test]
async fn a_shop_with_a_lower_batch_limit_gets_smaller_batches() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo { batch_limit: Some(30), ..Woo::default() }).await;
    let rows = rows(120);
    let driven = drive(&connector(&server, &scratch), &rows).await.unwrap();
    assert_eq!((driven.sent, World::articles(&server)), (120, articles(&rows)));
    assert!(driven.notes[0].contains("50 items at once"), "{:?}", driven.notes);
}

#[tokio::test]
async fn a_check_says_who_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Woo::default()).await;
    server.with(|shop| shop.add("A-1", "simple", false));
    assert!(connector(&server, &scratch).check().await.unwrap().contains("has 1 products"));
    let wrong =
        connect(&server.url(), "cs_wrong", &scratch, UpdateFields::Everything).check().await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::DestinationRefused);
    assert!(!format!("{wrong:?}").contains("cs_wrong"));
    let elsewhere = WooCommerceConnector::new(
        WooCommerceDestination {
            url: server.url(),
            new_products: NewProducts::Draft,
            update: UpdateFields::Everything,
        },
        Some(Credentials::KeyPair { key: KEY.into(), secret: SECRET.into() }),
        means(&scratch),
    );
    assert_eq!(elsewhere.check().await.unwrap_err().code, ErrorCode::DestinationRejected);
}
