//! Days of sales that no hub has heard of, written by the edge's own functions as fast as they go; and what a store's books
//! come to. `cargo xtask bench backlog` fills an enrolled edge's database with it while the edge does not run.
//! Answers with a line of JSON.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::supervise::{ChildSpec, RestartPolicy, SupervisorArgs, SupervisorHandle};
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use edge_node::checkout::basket::Basket;
use edge_node::checkout::pay::plain;
use edge_node::checkout::{Article, CashRounding, TaxMode, Terms};
use edge_node::store::{Store, Writer, WriterArguments};
use edge_node::till::finish;
use edge_node::{catalogue, place};
use messages::edge::Currency;
use messages::edge::checkout::PaymentKind;
use messages::{PaymentId, Timestamp, TransactionId};

/// Sales in one piece of work: a commit each would wait for the disk and for nothing else.
const IN_ONE: u64 = 100;
const DAY_MS: u64 = 24 * 3_600 * 1_000;

#[derive(Debug, Parser)]
struct Order {
    /// The edge's data folder
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sell, spread over the last days
    Fill {
        #[arg(long)]
        sales: u64,
        #[arg(long)]
        days: u64,
    },
    /// Add up
    Books,
}

fn main() -> ExitCode {
    match run(&Order::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unheard = writeln!(std::io::stderr(), "backlog: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let answer = runtime.block_on(async {
        let _lock = place::lock(&order.folder)?.context("the edge is running; stop it first")?;
        let store = Store::new(&order.folder);
        match order.what {
            What::Fill { sales, days } => fill(store, sales, days).await,
            What::Books => books(store).await,
        }
    })?;
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

async fn fill(store: Store, sales: u64, days: u64) -> anyhow::Result<serde_json::Value> {
    let args = SupervisorArgs { path: "backlog".into(), register: Default::default(), children: Vec::new() };
    let tree = SupervisorHandle::root(args).await?;
    let arguments = WriterArguments { store: store.clone() };
    let writer =
        ChildSpec::new("writer", "writer", RestartPolicy::ESSENTIAL, move || (Writer, arguments.clone()));
    tree.ensure(writer, Duration::from_secs(20)).await?;
    let (print, now) = (place::fingerprint(store.path()), Timestamp::now());
    let all = catalogue::sample(Currency::EUR);
    store
        .write(move |tx| {
            tx.settle_installation(&print, now)?;
            all.iter().try_for_each(|article| tx.put_article(article, now))
        })
        .await?;
    let sold = |article: &Article| !article.weighed && article.blocked.is_none();
    let articles: Arc<Vec<Article>> =
        Arc::new(catalogue::sample(Currency::EUR).into_iter().filter(sold).collect());
    let terms = Terms {
        currency: Currency::EUR,
        tax_mode: TaxMode::Included,
        cash: CashRounding::customary(Currency::EUR),
    };
    let (began, apart) = (Instant::now(), days * DAY_MS / sales.max(1));
    let first = now.0 - i64::try_from(days * DAY_MS)?;
    for from in (0..sales).step_by(usize::try_from(IN_ONE)?) {
        let baskets = (from..sales.min(from + IN_ONE))
            .map(|sale| {
                let at = Timestamp(first + i64::try_from(sale * apart)?);
                Ok((basket(&articles, &terms, sale, at)?, at))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        store
            .write(move |tx| {
                baskets
                    .iter()
                    .try_for_each(|(basket, at)| finish::finish(tx, basket, &terms, "Bench", *at).map(drop))
            })
            .await?;
    }
    tree.stop("done").await;
    Ok(serde_json::json!({"sales": sales, "ms": u64::try_from(began.elapsed().as_millis())?}))
}

fn basket(articles: &[Article], terms: &Terms, sale: u64, at: Timestamp) -> anyhow::Result<Basket> {
    let till = format!("till-{}", sale % 5 + 1);
    let mut basket = Basket::open(TransactionId::new(), till.parse()?, "anna".parse()?, at);
    for line in 0..=sale % 5 {
        let article = usize::try_from(sale * 7 + line * 131)? % articles.len();
        basket.add(articles.get(article).context("no articles")?.clone(), None, None)?;
    }
    let due = basket.price(terms).due;
    basket.payments.push(plain(PaymentId::new(), PaymentKind::Card, due, at));
    Ok(basket)
}

async fn books(store: Store) -> anyhow::Result<serde_json::Value> {
    let (books, stock) = store.read(|store| Ok((store.books()?, store.stock()?))).await?;
    let stock: BTreeMap<String, i64> = stock.into_iter().map(|(sku, pieces)| (sku, pieces.get())).collect();
    let distinct = books.receipts.iter().collect::<std::collections::BTreeSet<_>>().len();
    Ok(serde_json::json!({
        "sales": books.sales,
        "receipts": distinct,
        "sold": books.sold.minor(),
        "paid": books.paid.minor(),
        "events": books.last_seq,
        "stock": stock,
    }))
}
