//! What a Prometheus server reads from a node: counters that the edges keep, and one page of text on a port of its own.
//!
//! The port speaks plain HTTP and asks nobody who they are: it is for the inside of a cluster, like the page says nothing
//! of any retailer. Knows no actor: whoever composes the node hands in [`Gauges`].

mod page;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use self::page::Page;
use crate::http::{Peer, Server, ServerSettings};

/// A scraper or two, and somebody who looks.
const MAX_CONNECTIONS: usize = 16;
/// Upper ends of the buckets, in microseconds: from a cached answer to the longest a request may take.
const BUCKETS: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000];

/// Counted where it happens. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics {
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// By the first digit of the status.
    answers: [AtomicU64; 5],
    /// How many took at most so long, and how many longer than all.
    took: [AtomicU64; BUCKETS.len() + 1],
    took_micros: AtomicU64,
}

/// How things stand at the moment of a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    pub agent_sockets: u64,
    pub console_sockets: u64,
    pub retailers_active: u64,
    pub resident_bytes: u64,
    pub shards_owned: u64,
    /// This node may act for what it owns.
    pub lease: bool,
    pub links_up: u64,
    pub links_known: u64,
    pub actors: u64,
    /// Since the start of the process.
    pub actor_restarts: u64,
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(count) = self.counts.answers.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|&end| micros <= end).unwrap_or(BUCKETS.len());
        self.counts.took[bucket].fetch_add(1, Ordering::Relaxed);
        self.counts.took_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Everything as text. `process` is what the kernel says of this process.
    fn page(&self, gauges: Gauges, process: page::Process) -> String {
        let mut page = Page::default();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.family("grocerysync_build_info", "gauge", "What runs here");
        page.sample("grocerysync_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("grocerysync_http_answers_total", "counter", "Requests answered, by class of status");
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&self.counts.answers) {
            page.sample("grocerysync_http_answers_total", &[("status", class)], read(count));
        }
        let took: Vec<u64> = self.counts.took.iter().map(read).collect();
        let sum = read(&self.counts.took_micros);
        page.histogram(
            "grocerysync_http_answer_seconds",
            "Time from a request to its answer",
            &BUCKETS,
            &took,
            sum,
        );
        for (name, help, value) in [
            ("grocerysync_agent_sockets", "Sockets of agents open here", gauges.agent_sockets),
            ("grocerysync_console_sockets", "Live sockets of consoles open here", gauges.console_sockets),
            ("grocerysync_retailers_active", "Retailers whose actor runs here", gauges.retailers_active),
            ("grocerysync_shards_owned", "Shards this node owns", gauges.shards_owned),
            ("grocerysync_lease_valid", "1 while this node may act for its shards", gauges.lease.into()),
            ("grocerysync_links_up", "Links to other nodes that work", gauges.links_up),
            ("grocerysync_links_known", "Links to other nodes there should be", gauges.links_known),
            ("grocerysync_actors", "Supervised actors", gauges.actors),
            ("process_resident_memory_bytes", "Resident memory", gauges.resident_bytes),
        ] {
            page.gauge(name, help, value);
        }
        page.family(
            "grocerysync_actor_restarts_total",
            "counter",
            "Actors that ended and were started again",
        );
        page.sample("grocerysync_actor_restarts_total", &[], gauges.actor_restarts);
        page.process(process);
        page.text()
    }
}

/// The port that scrapers ask.
pub async fn bind(address: SocketAddr) -> std::io::Result<Server> {
    Server::bind(address, ServerSettings { max_connections: MAX_CONNECTIONS, ..ServerSettings::default() })
        .await
}

/// `GET /metrics`, and nothing else.
#[must_use]
pub fn app(metrics: Metrics, look: impl Fn() -> Gauges + Send + Sync + 'static) -> BoxedFilter<(Response,)> {
    let look = Arc::new(look);
    let shown = warp::path!("metrics").and(warp::get()).map(move || {
        let text = metrics.page(look(), page::Process::now());
        let mut response = Response::new(text.into());
        let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    });
    let nothing = warp::any().and(warp::ext::optional::<Peer>()).map(|_| {
        let mut response = Response::new("the metrics are at /metrics\n".into());
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        response
    });
    shown.or(nothing).unify().boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_shows_what_was_counted() {
        let metrics = Metrics::default();
        metrics.answered(200, Duration::from_micros(400));
        metrics.answered(201, Duration::from_millis(3));
        metrics.answered(503, Duration::from_secs(40));
        metrics.answered(999, Duration::ZERO);
        let gauges = Gauges { lease: true, agent_sockets: 7, ..Gauges::default() };
        let text = metrics.page(gauges, page::Process::default());
        for line in [
            "grocerysync_http_answers_total{status=\"2xx\"} 2",
            "grocerysync_http_answers_total{status=\"5xx\"} 1",
            "grocerysync_http_answer_seconds_bucket{le=\"0.0005\"} 2",
            "grocerysync_http_answer_seconds_bucket{le=\"0.005\"} 3",
            "grocerysync_http_answer_seconds_bucket{le=\"30\"} 3",
            "grocerysync_http_answer_seconds_bucket{le=\"+Inf\"} 4",
            "grocerysync_http_answer_seconds_sum 40.0034",
            "grocerysync_http_answer_seconds_count 4",
            "grocerysync_agent_sockets 7",
            "grocerysync_lease_valid 1",
            "# TYPE grocerysync_actor_restarts_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
