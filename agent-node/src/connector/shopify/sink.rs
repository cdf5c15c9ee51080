//! The Shopify connector: looks a portion's articles up, then sets them directly or in bulk.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::connector::{Credentials, ShopifyDestination};
use messages::{ErrorCode, RunId};
use serde_json::{Value, json};

use super::bulk::{self, UnderWay};
use super::graph::{Graph, Query};
use super::plan::{Change, Plan, Set, Variant, search, user_errors};
use crate::connector::stage::{Room, Stage};
use crate::connector::staged_sink::{NAME, Platform, Portion, Setback, StagedSink, Taken};
use crate::connector::{Answer, DestinationConnector, Failure, ForRun, ItemSink, Means};

const SHOP: Query = Query { name: "shop", text: "query shop { shop { name } }" };
const VARIANTS: Query = Query {
    name: "productVariants",
    text: "query find($query: String!, $after: String) { productVariants(first: 250, query: $query, after: $after) { \
           nodes { id sku selectedOptions { name value } inventoryItem { id } \
           product { id variantsCount { count } } } pageInfo { hasNextPage endCursor } } }",
};
const SET: Query = Query { name: "productSet", text: bulk::SET };
const PRICE: Query = Query {
    name: "productVariantsBulkUpdate",
    text: "mutation price($product: ID!, $variants: [ProductVariantsBulkInput!]!) { \
           productVariantsBulkUpdate(productId: $product, variants: $variants) { \
           userErrors { code field message } } }",
};
const STOCK: Query = Query {
    name: "inventorySetQuantities",
    text: "mutation stock($input: InventorySetQuantitiesInput!, $key: String!) { \
           inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code field message } } }",
};

/// Items of a portion: one bulk operation, whose file and results fit into memory several times over.
const PORTION: Room = Room { items: 5_000, bytes: 4 * 1024 * 1024 };
/// Up to so many are set one by one: a bulk operation takes half a minute before it begins.
const DIRECT: usize = 100;
/// Numbers of one search; its text stays under 4 KB with usual numbers.
const SEARCHED: usize = 50;
/// Pages of one search: it finds what begins alike, too.
const MAX_PAGES: usize = 20;

pub struct ShopifyConnector {
    config: ShopifyDestination,
    credentials: Option<Credentials>,
    means: Means,
}

impl ShopifyConnector {
    #[must_use]
    pub const fn new(config: ShopifyDestination, credentials: Option<Credentials>, means: Means) -> Self {
        Self { config, credentials, means }
    }
}

impl DestinationConnector for ShopifyConnector {
    fn check(&self) -> Answer<'_, String> {
        async move {
            let mut graph = Graph::new(&self.config, self.credentials.as_ref(), &self.means)?;
            let answer = graph.ask(SHOP, json!({})).await.map_err(|setback| setback.failure)?;
            let name = answer["shop"]["name"].as_str().unwrap_or("the shop");
            Ok(format!("{} lets us in to \"{name}\"", graph.host()))
        }
        .boxed()
    }

    fn open<'a>(&'a self, run: &'a ForRun) -> Answer<'a, Box<dyn ItemSink>> {
        async move {
            let graph = Graph::new(&self.config, self.credentials.as_ref(), &self.means)?;
            let stage = Stage::create(&self.means.scratch, run, NAME).await?;
            let shop = Shop {
                config: self.config.clone(),
                means: self.means.clone(),
                graph,
                run_id: run.run_id,
                under_way: UnderWay::default(),
            };
            Ok(Box::new(StagedSink::new(shop, self.means.pace, stage)) as Box<dyn ItemSink>)
        }
        .boxed()
    }
}

struct Shop {
    config: ShopifyDestination,
    means: Means,
    graph: Graph,
    run_id: RunId,
    under_way: UnderWay,
}

impl Shop {
    async fn put(&mut self, portion: &Portion<'_>) -> Result<Taken, Setback> {
        let known = self.known(portion).await?;
        let config = self.config.clone();
        let plan = Plan::new(portion.rows, &known, &config, self.run_id);
        let mut taken = Taken { rejects: plan.rejects, ..Taken::default() };
        if plan.sets.len() > DIRECT {
            self.in_bulk(&plan.sets, &mut taken).await?;
        } else {
            for set in &plan.sets {
                self.set(set, &mut taken).await?;
            }
        }
        for change in &plan.changes {
            self.change(change, &mut taken).await?;
        }
        Ok(taken)
    }

    /// The variants of the shop that have one of these numbers, and some that have others.
    async fn known(&mut self, portion: &Portion<'_>) -> Result<Vec<Variant>, Setback> {
        let mut known = Vec::new();
        for rows in portion.rows.chunks(SEARCHED) {
            let (query, mut after) = (search(rows), Value::Null);
            for page in 1..=MAX_PAGES {
                let answer = self.graph.ask(VARIANTS, json!({"query": query, "after": after})).await?;
                let found = &answer["productVariants"];
                let nodes = serde_json::from_value::<Vec<Variant>>(found["nodes"].clone());
                known.extend(nodes.map_err(|error| self.nonsense(&error.to_string()))?);
                if found["pageInfo"]["hasNextPage"] != true {
                    break;
                }
                if page == MAX_PAGES {
                    return Err(Setback::too_much_found(&self.graph.host()));
                }
                after = found["pageInfo"]["endCursor"].clone();
            }
        }
        Ok(known)
    }

    async fn set(&mut self, set: &Set<'_>, taken: &mut Taken) -> Result<(), Setback> {
        let answer = self.graph.ask(SET, set.variables.clone()).await?;
        taken.bytes += set.variables.to_string().len() as u64;
        if let Some(said) = user_errors(&answer["productSet"]) {
            taken.rejects.push(set.row.rejected(said));
        }
        Ok(())
    }

    async fn in_bulk(&mut self, sets: &[Set<'_>], taken: &mut Taken) -> Result<(), Setback> {
        let file = bulk::file(sets);
        let results = bulk::run(&mut self.graph, &self.means, &file, &mut self.under_way).await?;
        let (refused, untold) = bulk::refusals(&results, sets.len());
        if untold > 0 {
            return Err(
                self.nonsense(&format!("its results say nothing of {untold} of {} products", sets.len()))
            );
        }
        taken.bytes += file.len() as u64;
        taken.rejects.extend(
            refused.into_iter().filter_map(|(place, said)| Some(sets.get(place)?.row.rejected(said))),
        );
        Ok(())
    }

    async fn change(&mut self, change: &Change<'_>, taken: &mut Taken) -> Result<(), Setback> {
        let answer = self.graph.ask(PRICE, change.price.clone()).await?;
        let mut said = user_errors(&answer["productVariantsBulkUpdate"]);
        taken.bytes += change.price.to_string().len() as u64;
        if let (None, Some(stock)) = (&said, &change.stock) {
            let answer = self.graph.ask(STOCK, stock.clone()).await?;
            said = user_errors(&answer["inventorySetQuantities"]);
        }
        taken.rejects.extend(said.map(|said| change.row.rejected(said)));
        Ok(())
    }

    fn nonsense(&self, what: &str) -> Setback {
        let detail = format!("{} answers what was not asked: {what}", self.graph.host());
        Setback::passing(Failure::new(ErrorCode::DestinationFailed, detail))
    }
}

impl Platform for Shop {
    fn room(&self) -> Room {
        PORTION
    }

    fn send<'a>(&'a mut self, portion: Portion<'a>) -> BoxFuture<'a, Result<Taken, Setback>> {
        async move { self.put(&portion).await }.boxed()
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.under_way.cancel(&mut self.graph).boxed()
    }

    fn place(&self) -> String {
        self.graph.host()
    }
}
