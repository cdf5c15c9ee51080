//! Finishes a given number of sales of three lines in one of three ways, and nothing else: what
//! `cargo xtask bench checkout` times. `bare`: one thread, a transaction a sale, prices known. `store`: five tills at
//! the till's own functions. `http`: five tills at a running edge, as fast as it goes or at a given pace.
//! Answers with a line of JSON.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::supervise::{ChildSpec, RestartPolicy, SupervisorArgs, SupervisorHandle};
use anyhow::{Context as _, anyhow};
use clap::{Parser, ValueEnum};
use edge_node::checkout::basket::Basket;
use edge_node::checkout::pay::plain;
use edge_node::checkout::{Article, CashRounding, TaxMode, Terms};
use edge_node::line::{Address, Dialer, HttpLine};
use edge_node::simulate::till::SimulatedTill;
use edge_node::store::bare::Bare;
use edge_node::store::repeats::Once;
use edge_node::store::{Store, Writer, WriterArguments};
use edge_node::till::qr::FakeQr;
use edge_node::till::{Caller, Till, finish};
use edge_node::{catalogue, place};
use http::Method;
use messages::edge::Currency;
use messages::edge::checkout::{AddLine, AddPayment, PaymentKind, ReceiptView, WholeSale, WholeSaleLine};
use messages::{MsgId, PaymentId, Timestamp, TransactionId};

const TILLS: usize = 5;
const LINES: usize = 3;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    Bare,
    Store,
    Http,
}

#[derive(Debug, Parser)]
struct Order {
    #[arg(value_enum)]
    way: Way,
    #[arg(long)]
    sales: usize,
    /// An empty folder; of `bare` and `store`
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Of `http`
    #[arg(long)]
    edge: Option<String>,
    /// Sales a second of all tills; 0 is as fast as it goes
    #[arg(long, default_value_t = 0)]
    pace: u64,
}

fn main() -> ExitCode {
    let _already = rustls::crypto::ring::default_provider().install_default();
    match run(&Order::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unheard = writeln!(std::io::stderr(), "checkout_load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (time, mut each) = match order.way {
        Way::Bare => bare(order)?,
        Way::Store => runtime.block_on(store(order))?,
        Way::Http => runtime.block_on(over_http(order))?,
    };
    each.sort_unstable();
    let at = |share: usize| each.get(each.len() * share / 100).map_or(0, Duration::as_micros);
    let answer = serde_json::json!({
        "sales": each.len(),
        "us": u64::try_from(time.as_micros())?,
        "p50_us": u64::try_from(at(50))?,
        "p99_us": u64::try_from(at(99))?,
    });
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

fn terms() -> Terms {
    let currency = Currency::EUR;
    Terms { currency, tax_mode: TaxMode::Included, cash: CashRounding::customary(currency) }
}

fn articles() -> Vec<Article> {
    let sold = |article: &Article| !article.weighed && article.blocked.is_none();
    catalogue::sample(Currency::EUR).into_iter().filter(sold).collect()
}

type Times = (Duration, Vec<Duration>);

/// The baskets are made and priced beforehand; only the rows are written while the clock runs.
fn bare(order: &Order) -> anyhow::Result<Times> {
    let folder = order.folder.as_ref().context("name a folder")?;
    place::create(folder)?;
    let bare = Bare::open(&folder.join("bare.sqlite"))?;
    let (articles, terms, now) = (articles(), terms(), Timestamp::now());
    bare.commit(|tx| articles.iter().try_for_each(|article| tx.put_article(article, now)))?;
    let baskets: anyhow::Result<Vec<Basket>> = (0..order.sales)
        .map(|sale| {
            let mut basket = Basket::open(TransactionId::new(), "till-1".parse()?, "anna".parse()?, now);
            for line in 0..LINES {
                basket.add(articles[(sale * LINES + line) % articles.len()].clone(), None, None)?;
            }
            let due = basket.price(&terms).due;
            basket.payments.push(plain(PaymentId::new(), PaymentKind::Card, due, now));
            Ok(basket)
        })
        .collect();
    let baskets = baskets?;
    let (began, mut each) = (Instant::now(), Vec::with_capacity(order.sales));
    for basket in &baskets {
        let one = Instant::now();
        bare.commit(|tx| finish::finish(tx, basket, &terms, "Bench", now))?;
        each.push(one.elapsed());
    }
    Ok((began.elapsed(), each))
}

fn whole_sale(articles: &[Article], sale: usize) -> WholeSale {
    let lines = (0..LINES)
        .map(|line| {
            let barcode = articles[(sale * LINES + line) % articles.len()].barcode.clone();
            WholeSaleLine { add: AddLine { barcode, sku: None, quantity: None }, discount: None }
        })
        .collect();
    let payments = vec![AddPayment { kind: PaymentKind::Card, amount: None, reference: None }];
    WholeSale { lines, discount: None, payments }
}

/// Five tills at the functions behind the interface: keys, lookups, prices and answers included.
async fn store(order: &Order) -> anyhow::Result<Times> {
    let folder = order.folder.as_ref().context("name a folder")?;
    place::create(folder)?;
    let store = Store::new(folder);
    let args = SupervisorArgs { path: "bench".into(), register: Default::default(), children: Vec::new() };
    let tree = SupervisorHandle::root(args).await?;
    let arguments = WriterArguments { store: store.clone() };
    let writer =
        ChildSpec::new("writer", "writer", RestartPolicy::ESSENTIAL, move || (Writer, arguments.clone()));
    tree.ensure(writer, Duration::from_secs(20)).await?;
    let articles = Arc::new(articles());
    let (written, now) = (Arc::clone(&articles), Timestamp::now());
    store
        .write(move |tx| {
            tx.settle_installation("bench", now)?;
            written.iter().try_for_each(|article| tx.put_article(article, now))
        })
        .await?;
    let qr = Arc::new(FakeQr { paid_after: Duration::ZERO });
    let till = Till { store, terms: terms(), store_name: "Bench".into(), qr };
    let times = tills(order, |number| {
        let (till, articles) = (till.clone(), Arc::clone(&articles));
        let caller = caller(number);
        async move |sale: usize| {
            let caller = caller.clone()?;
            let terminal = caller.terminal.clone();
            let once = Once { terminal, key: MsgId::new().to_string(), request: [0; 32] };
            till.sell(caller, once, whole_sale(&articles, sale)).await?;
            Ok(())
        }
    })
    .await;
    tree.stop("done").await;
    times
}

#[derive(Clone)]
struct BadName;

impl From<BadName> for anyhow::Error {
    fn from(_: BadName) -> Self {
        anyhow!("a till's name cannot be one")
    }
}

fn caller(number: usize) -> Result<Caller, BadName> {
    let terminal = format!("till-{number}").parse().map_err(|_| BadName)?;
    Ok(Caller { terminal, cashier: "anna".parse().map_err(|_| BadName)? })
}

async fn over_http(order: &Order) -> anyhow::Result<Times> {
    let edge = order.edge.as_deref().context("name the edge")?;
    let address = Address::parse(edge, true)?;
    let dialer = Dialer::new(None).map_err(|error| anyhow!(error))?;
    let articles = Arc::new(articles());
    tills(order, |number| {
        let till = Arc::new(SimulatedTill {
            line: HttpLine::new(dialer.clone(), address.clone(), Duration::from_secs(20)),
            terminal: format!("till-{number}"),
            cashier: "anna".to_owned(),
            token: None,
        });
        let articles = Arc::clone(&articles);
        async move |sale: usize| {
            let sale = whole_sale(&articles, sale);
            let _receipt: ReceiptView = till.call(Method::POST, "/v1/sales", &sale).await?;
            Ok(())
        }
    })
    .await
}

/// Five tills share the sales; each starts its next one when the last is done, or when the pace says.
async fn tills<F, W>(order: &Order, make: F) -> anyhow::Result<Times>
where
    F: Fn(usize) -> W,
    W: AsyncFn(usize) -> anyhow::Result<()>,
{
    let began = Instant::now();
    let workers = (0..TILLS).map(|number| {
        let work = make(number);
        let (sales, pace) = (order.sales / TILLS, order.pace);
        async move {
            let mut each = Vec::with_capacity(sales);
            for at in 0..sales {
                let before = at as u64 * TILLS as u64 + number as u64;
                if let Some(due) = (before * 1_000_000).checked_div(pace) {
                    tokio::time::sleep_until((began + Duration::from_micros(due)).into()).await;
                }
                let one = Instant::now();
                work(at * TILLS + number).await?;
                each.push(one.elapsed());
            }
            anyhow::Ok(each)
        }
    });
    let each = futures_util::future::try_join_all(workers).await?;
    Ok((began.elapsed(), each.into_iter().flatten().collect()))
}
