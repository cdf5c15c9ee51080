//! `edge-node simulate`: a store full of customers, for demonstrations, tests and measurements. At the end every receipt
//! that a till was given is looked up at the edge: none may be missing, twice, or say something else.

pub mod shopper;
pub mod till;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use http::Method;
use messages::Secret;
use messages::edge::checkout::{ArticleList, ArticleView, ReceiptView};
use messages::edge::status::EdgeStatus;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::line::{Address, Dialer, HttpLine};
use shopper::{Dice, Trip};
use till::{Given, SimulatedTill, TillError};

/// For one answer; a till asks again after that.
const PATIENCE: Duration = Duration::from_secs(15);
/// Names that hold these find articles of every kind.
const SEARCHES: [&str; 6] = ["a", "e", "milk", "water", "organic", "an"];
/// Of a day, when there is no end to them.
const CUSTOMERS_A_DAY: u64 = 2_000;
/// Receipts that an endless till keeps to look them up at the end: the latest of some days.
const MOST_KEPT: usize = 4_000;
/// More tills than any store has.
const MOST_TILLS: u32 = 64;

/// What to simulate.
#[derive(Debug, Clone, Args)]
pub struct Wish {
    /// The edge to sell at
    #[arg(long, default_value = "http://127.0.0.1:8787", value_name = "URL")]
    pub edge: String,
    /// What tills must show there
    #[arg(long, env = "GROCERYSYNC_EDGE_TILL_TOKEN", hide_env_values = true)]
    pub till_token: Option<String>,
    /// Certificates to trust besides those of the system, in PEM form
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Tills that sell at the same time, 1 to 64
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_TILLS)))]
    pub terminals: u32,
    /// Customers in all; 0 sells until it is stopped, one day after the other
    #[arg(long, default_value_t = 500)]
    pub customers: u64,
    /// Average time between two customers at one till; 0 sells as fast as it goes
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub pause_ms: u64,
    /// The same seed brings the same customers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Wish {
    const fn is_over(&self, customer: u64) -> bool {
        self.customers > 0 && customer >= self.customers
    }

    /// In thousandths.
    const fn of_day(&self, customer: u64) -> u64 {
        let day = if self.customers == 0 { CUSTOMERS_A_DAY } else { self.customers };
        customer % day * 1_000 / day
    }

    fn progress(&self, served: u64) -> String {
        match self.customers {
            0 => format!("{served} customers"),
            all => format!("{served} of {all} customers"),
        }
    }
}

/// Why nothing could be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("edge: {0}")]
    Address(#[from] crate::line::address::AddressError),
    #[error("{0}")]
    Trust(String),
    #[error(transparent)]
    Till(#[from] TillError),
    #[error("the edge has no articles; start it with --sample-catalogue")]
    NoArticles,
    #[error("the result could not be written: {0}")]
    Output(#[from] std::io::Error),
}

/// What a simulation came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub customers: u64,
    pub receipts: u64,
    /// Receipts a till holds that the edge does not know.
    pub missing: Vec<String>,
    /// Receipts whose sum differs at the edge.
    pub different: Vec<String>,
    /// Numbers that were given out more than once.
    pub twice: Vec<String>,
    /// Receipts that the edge has counted meanwhile; more than were given out when others sold as well.
    pub counted: u64,
    /// Tills that had to stop, and why.
    pub failures: Vec<String>,
}

impl Report {
    /// Whether receipts and sales agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.missing.is_empty()
            && self.different.is_empty()
            && self.twice.is_empty()
            && self.failures.is_empty()
            && self.counted >= self.receipts
    }
}

/// What all tills share.
struct Shop {
    articles: Vec<ArticleView>,
    /// Customers that have come so far.
    come: AtomicU64,
    served: AtomicU64,
    wish: Wish,
    stop: CancellationToken,
}

/// Sells until all customers were served or `shutdown` comes, and reconciles.
pub async fn run(
    wish: Wish,
    shutdown: impl Future<Output = ()>,
    out: &mut (dyn Write + Send),
) -> Result<Report, SimulateError> {
    let address = Address::parse(&wish.edge, true)?;
    let dialer = Dialer::new(wish.ca_file.as_deref()).map_err(SimulateError::Trust)?;
    let make = |number: u32| SimulatedTill {
        line: HttpLine::new(dialer.clone(), address.clone(), PATIENCE),
        terminal: format!("sim-{number}"),
        cashier: format!("cashier-{number}"),
        token: wish.till_token.clone().map(Secret::new),
    };
    let clerk = make(0);
    let before: EdgeStatus = clerk.call(Method::GET, "/v1/status", &()).await?;
    let articles = articles(&clerk).await?;
    let shop = Arc::new(Shop {
        articles,
        come: AtomicU64::new(0),
        served: AtomicU64::new(0),
        wish: wish.clone(),
        stop: CancellationToken::new(),
    });
    let mut tills = JoinSet::new();
    for number in 1..=wish.terminals {
        tills.spawn(work(make(number), u64::from(number), Arc::clone(&shop)));
    }
    let (given, failures) = watch(&shop, tills, shutdown, out).await?;
    let after: EdgeStatus = clerk.call(Method::GET, "/v1/status", &()).await?;
    let mut report = reconcile(&clerk, &given).await?;
    report.customers = shop.served.load(Ordering::Relaxed);
    report.counted = after.receipts.saturating_sub(before.receipts);
    report.failures = failures;
    tell(&report, out)?;
    Ok(report)
}

async fn articles(clerk: &SimulatedTill) -> Result<Vec<ArticleView>, SimulateError> {
    let mut found: BTreeMap<String, ArticleView> = BTreeMap::new();
    for text in SEARCHES {
        let list: ArticleList = clerk.call(Method::GET, &format!("/v1/articles?q={text}"), &()).await?;
        let sold = list.items.into_iter().filter(|article| article.blocked.is_none());
        found.extend(sold.map(|article| (article.sku.clone(), article)));
    }
    // Fruit stands among them by its short numbers.
    for plu in [4_011, 4_133, 4_064, 4_562, 20_103] {
        if let Ok(article) = clerk.call::<ArticleView>(Method::GET, &format!("/v1/articles/{plu}"), &()).await
        {
            found.insert(article.sku.clone(), article);
        }
    }
    if found.is_empty() { Err(SimulateError::NoArticles) } else { Ok(found.into_values().collect()) }
}

/// One till until the shop closes. Says which receipts it was given, and why it stopped if it had to.
async fn work(till: SimulatedTill, number: u64, shop: Arc<Shop>) -> (Vec<Given>, Option<TillError>) {
    let mut given = Vec::new();
    let wish = &shop.wish;
    loop {
        let customer = shop.come.fetch_add(1, Ordering::Relaxed);
        if wish.is_over(customer) || shop.stop.is_cancelled() {
            return (given, None);
        }
        // A customer is the same one whichever till is free.
        let mut dice = Dice::new(wish.seed.wrapping_mul(1_000_003).wrapping_add(customer));
        let trip: Trip = shopper::trip(&mut dice, &shop.articles);
        if let Err(error) = till.serve(&trip, &mut given).await {
            return (given, Some(error));
        }
        shop.served.fetch_add(1, Ordering::Relaxed);
        if wish.customers == 0 && given.len() > MOST_KEPT {
            given.drain(..MOST_KEPT / 2);
        }
        if wish.pause_ms > 0 {
            let mut dice = Dice::new(wish.seed ^ (number << 32) ^ customer);
            let wait = shopper::wait_ms(&mut dice, wish.pause_ms, wish.of_day(customer));
            tokio::select! {
                () = sleep(Duration::from_millis(wait)) => {}
                () = shop.stop.cancelled() => {}
            }
        }
    }
}

/// Shows the progress once a second until all tills have closed.
async fn watch(
    shop: &Shop,
    mut tills: JoinSet<(Vec<Given>, Option<TillError>)>,
    shutdown: impl Future<Output = ()>,
    out: &mut (dyn Write + Send),
) -> Result<(Vec<Given>, Vec<String>), SimulateError> {
    let began = Instant::now();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut given, mut failures) = (Vec::new(), Vec::new());
    let mut last = 0;
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown, if !shop.stop.is_cancelled() => shop.stop.cancel(),
            ended = tills.join_next() => match ended {
                None => break,
                Some(Ok((receipts, failure))) => {
                    given.extend(receipts);
                    failures.extend(failure.map(|failure| failure.to_string()));
                }
                Some(Err(broken)) => failures.push(broken.to_string()),
            },
            _ = second.tick() => {
                let served = shop.served.load(Ordering::Relaxed);
                let rate = served - last;
                last = served;
                let (seconds, progress) = (began.elapsed().as_secs(), shop.wish.progress(served));
                writeln!(out, "{seconds:>5} s  {progress}  {rate} a second")?;
                out.flush()?;
            }
        }
    }
    Ok((given, failures))
}

/// Looks every receipt up.
async fn reconcile(clerk: &SimulatedTill, given: &[Given]) -> Result<Report, SimulateError> {
    let mut report = Report { receipts: given.len() as u64, ..Report::default() };
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for one in given {
        *seen.entry(&one.receipt).or_default() += 1;
        match clerk.call::<ReceiptView>(Method::GET, &format!("/v1/receipts/{}", one.receipt), &()).await {
            Ok(found) if found.transaction.totals.to_pay == one.to_pay => {}
            Ok(_) => report.different.push(one.receipt.clone()),
            Err(TillError::Refused { .. }) => report.missing.push(one.receipt.clone()),
            Err(other) => return Err(other.into()),
        }
    }
    let twice = seen.into_iter().filter(|(_, times)| *times > 1).map(|(receipt, _)| receipt.to_owned());
    report.twice = twice.collect();
    Ok(report)
}

fn tell(report: &Report, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    let Report { customers, receipts, counted, .. } = report;
    writeln!(
        out,
        "{customers} customers served, {receipts} receipts given out, {counted} counted by the edge"
    )?;
    for (what, which) in [
        ("missing at the edge", &report.missing),
        ("with another sum at the edge", &report.different),
        ("given out twice", &report.twice),
        ("till stopped", &report.failures),
    ] {
        for one in which {
            writeln!(out, "  {what}: {one}")?;
        }
    }
    let verdict = if report.agrees() { "receipts = sales" } else { "receipts and sales do not agree" };
    writeln!(out, "{verdict}")
}
