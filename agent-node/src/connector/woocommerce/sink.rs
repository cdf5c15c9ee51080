//! The WooCommerce connector: asks which articles are there, then makes and changes them in one batch.

use std::time::SystemTime;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use messages::ErrorCode;
use messages::connector::{Credentials, WooCommerceDestination};

use super::plan::{Answer, Known, Outcome, Plan, unaskable};
use crate::connector::http::{Client, Reply, judge};
use crate::connector::stage::{Room, Stage};
use crate::connector::staged_sink::{NAME, Platform, Portion, Setback, StagedSink, Taken};
use crate::connector::{self, DestinationConnector, Failure, ForRun, ItemSink, Means, Numbered};

/// What the shop takes in one batch, unless its owner has changed that.
const BATCH_ITEMS: usize = 100;
/// Of the lines of a batch; PHP takes 8 MB unless told otherwise.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Web servers take request lines of 8 KB; proxies before them sometimes less.
const MAX_QUERY: usize = 3_000;
/// A batch is answered with its whole products.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
const PRODUCTS: &str = "/wp-json/wc/v3/products";
/// The most the shop lists at once.
const PAGE: usize = 100;
/// Pages of one question: as many products as were asked for, and a few that are double.
const MAX_PAGES: usize = 5;

pub struct WooCommerceConnector {
    config: WooCommerceDestination,
    credentials: Option<Credentials>,
    means: Means,
}

impl WooCommerceConnector {
    #[must_use]
    pub const fn new(config: WooCommerceDestination, credentials: Option<Credentials>, means: Means) -> Self {
        Self { config, credentials, means }
    }

    fn shop(&self) -> Result<Shop, Failure> {
        let missing = || {
            let detail = "no consumer key and secret are stored for the shop";
            Failure::new(ErrorCode::DestinationRefused, detail)
        };
        let Some(Credentials::KeyPair { key, secret }) = &self.credentials else { return Err(missing()) };
        let pair = format!("{}:{}", key.expose(), secret.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        let mut login = HeaderValue::from_str(&format!("Basic {encoded}")).map_err(|_| missing())?;
        login.set_sensitive(true);
        Ok(Shop { config: self.config.clone(), client: Client::new(&self.config.url, &self.means)?, login })
    }
}

impl DestinationConnector for WooCommerceConnector {
    fn check(&self) -> connector::Answer<'_, String> {
        async move {
            let mut shop = self.shop()?;
            let found = shop.list("per_page=1&status=any&_fields=id,sku,type").await;
            let (_, reply) = found.map_err(|setback| setback.failure)?;
            let count = reply.header("x-wp-total").unwrap_or("an unknown number of").to_owned();
            Ok(format!("{} lets us in and has {count} products", shop.client.host()))
        }
        .boxed()
    }

    fn open<'a>(&'a self, run: &'a ForRun) -> connector::Answer<'a, Box<dyn ItemSink>> {
        async move {
            let shop = self.shop()?;
            let stage = Stage::create(&self.means.scratch, run, NAME).await?;
            Ok(Box::new(StagedSink::new(shop, self.means.pace, stage)) as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

struct Shop {
    config: WooCommerceDestination,
    client: Client,
    login: HeaderValue,
}

impl Shop {
    async fn put(&mut self, portion: &Portion<'_>) -> Result<Taken, Setback> {
        let known = self.known(portion.rows).await?;
        let mut plan = Plan::new(portion.rows, &known);
        if plan.is_empty() {
            return Ok(Taken { rejects: plan.rejects, ..Taken::default() });
        }
        let body = Bytes::from(plan.body(&self.config).to_string());
        let bytes = body.len() as u64;
        let request = Request::post(self.client.path(&format!("{PRODUCTS}/batch")))
            .header(header::CONTENT_TYPE, "application/json");
        let (answer, _) = self.ask::<Answer>(request, body).await?;
        match answer.outcome(&plan) {
            Outcome::Done(rejects) => {
                plan.rejects.extend(rejects);
                Ok(Taken { bytes, rejects: plan.rejects, notes: Vec::new() })
            }
            Outcome::Again(said) => {
                let detail = format!("{} is busy: {said}", self.client.host());
                Err(Setback::passing(Failure::new(ErrorCode::DestinationFailed, detail)))
            }
            Outcome::Nonsense => Err(self.not_woocommerce("does not answer for each article that was sent")),
        }
    }

    /// The products of the shop that have one of these numbers.
    async fn known(&mut self, rows: &[Numbered]) -> Result<Vec<Known>, Setback> {
        let mut known = Vec::new();
        for skus in questions(rows) {
            for page in 1..=MAX_PAGES {
                let query = format!("sku={skus}&status=any&per_page={PAGE}&page={page}&_fields=id,sku,type");
                let (found, _) = self.list(&query).await?;
                let full = found.len() == PAGE;
                known.extend(found);
                if !full {
                    break;
                }
                if page == MAX_PAGES {
                    return Err(Setback::too_much_found(&self.client.host()));
                }
            }
        }
        Ok(known)
    }

    async fn list(&mut self, query: &str) -> Result<(Vec<Known>, Reply), Setback> {
        let request = Request::get(self.client.path(&format!("{PRODUCTS}?{query}")));
        self.ask(request, Bytes::new()).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(T, Reply), Setback> {
        let request = request
            .header(header::AUTHORIZATION, self.login.clone())
            .header(header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| Setback::final_(Failure::new(ErrorCode::Internal, error.to_string())))?;
        let reply = self.client.send(request, MAX_ANSWER).await.map_err(Setback::passing)?;
        if let Some(setback) = judge::setback(&self.client.host(), &reply, SystemTime::now()) {
            return Err(setback);
        }
        match serde_json::from_slice(&reply.body) {
            Ok(value) => Ok((value, reply)),
            // Maintenance pages and caches answer with a page and status 200.
            Err(_) => {
                Err(self.not_woocommerce(&format!("answers with something else{}", judge::said(&reply.body))))
            }
        }
    }

    fn not_woocommerce(&self, what: &str) -> Setback {
        let detail = format!(
            "{} {what}; is WooCommerce there, and nothing before it that answers in its place?",
            self.client.host()
        );
        Setback::passing(Failure::new(ErrorCode::DestinationFailed, detail))
    }
}

impl Platform for Shop {
    fn room(&self) -> Room {
        Room { items: BATCH_ITEMS, bytes: BATCH_BYTES }
    }

    fn send<'a>(&'a mut self, portion: Portion<'a>) -> BoxFuture<'a, Result<Taken, Setback>> {
        async move { self.put(&portion).await }.boxed()
    }

    fn place(&self) -> String {
        self.client.host()
    }
}

/// Lists of article numbers, each short enough for an address.
fn questions(rows: &[Numbered]) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for row in rows.iter().filter(|row| unaskable(row).is_none()) {
        let sku = encoded(&row.item.sku);
        match lists.last_mut().filter(|list| list.len() + sku.len() < MAX_QUERY) {
            Some(list) => {
                list.push(',');
                list.push_str(&sku);
            }
            None => lists.push(sku),
        }
    }
    lists
}

/// For a query: everything but letters, digits and `-._~` by its bytes.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_fit_into_an_address() {
        let row = |sku: String| Numbered {
            row: 2,
            item: serde_json::from_value(serde_json::json!({"sku": sku, "name": "x", "price": "1"})).unwrap(),
        };
        let rows: Vec<_> = (0..100).map(|n| row(format!("ü&{n:060}"))).chain([row("a,b".into())]).collect();
        let questions = questions(&rows);
        assert!(questions.iter().all(|list| list.len() <= MAX_QUERY));
        assert_eq!(questions.iter().map(|list| list.split(',').count()).sum::<usize>(), 100);
        assert!(questions[0].starts_with("%C3%BC%260"), "{}", questions[0]);
    }
}
