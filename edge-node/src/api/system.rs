//! Handlers of health, status and what was set aside.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream;
use messages::edge::status::{CatalogueStatus, EdgeStatus};
use messages::{ErrorCode, EventId, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use warp::Reply as _;
use warp::sse;

use super::State;
use super::reply::Reply;
use super::route::Call;

/// Status streams at once: each till has one, and a page in the office.
pub const MAX_WATCHERS: usize = 128;
/// A stream that says nothing for this long looks dead to whatever stands between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The answer of a healthy edge.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    pub status: &'static str,
    pub version: &'static str,
    /// How far what comes down from the hub is, and since when nothing newer is known.
    pub catalogue: CatalogueStatus,
}

/// The process answers and its database can be read: it can sell.
pub(super) async fn health(call: Call) -> Result<Reply, Problem> {
    let catalogue = call.state.till.store.read(|store| store.catalogue()).await?.status;
    Reply::json(&Health { status: "ok", version: env!("CARGO_PKG_VERSION"), catalogue })
}

pub(super) async fn status(call: Call) -> Result<Reply, Problem> {
    Reply::json(&present(&call.state).await?)
}

/// How everything stands.
async fn present(state: &State) -> Result<EdgeStatus, Problem> {
    let figures = state.till.store.read(|store| store.figures()).await?;
    let mut outbox = figures.outbox;
    outbox.transport = (*state.links.transport.borrow()).to_owned();
    let connectivity = state.links.connectivity.borrow().clone();
    Ok(EdgeStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store_name: state.till.store_name.to_string(),
        device_id: figures.installation.device_id,
        connectivity,
        outbox,
        articles: figures.articles,
        catalogue: figures.catalogue,
        receipt_series: figures.installation.series,
        receipts: figures.receipts,
        open_transactions: figures.open,
        terminals: state.links.terminals(),
    })
}

/// Server-sent events: `connectivity` at once, and at each change.
pub(super) async fn watch(call: Call) -> Result<Reply, Problem> {
    let Ok(place) = call.state.watchers.clone().try_acquire_owned() else {
        let detail = format!("{MAX_WATCHERS} watch the status already; ask for it now and then instead");
        return Err(Problem::new(ErrorCode::Busy, detail).with_retry_after(30));
    };
    let mut changes = call.state.links.connectivity.subscribe();
    changes.mark_changed();
    let stop = call.state.stop.clone();
    let events = stream::unfold((changes, stop, place), |(mut changes, stop, place)| async move {
        tokio::select! {
            () = stop.cancelled() => return None,
            changed = changes.changed() => changed.ok()?,
        }
        let connectivity = changes.borrow_and_update().clone();
        // A plain value: writing it does not fail.
        let data = serde_json::to_string(&connectivity).ok()?;
        let event = sse::Event::default().event("connectivity").data(data);
        Some((Ok::<_, Infallible>(event), (changes, stop, place)))
    });
    let kept = sse::keep_alive().interval(KEEP_ALIVE).stream(events);
    Ok(Reply::Stream(Box::new(sse::reply(kept).into_response())))
}

pub(super) async fn parked(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.state.till.store.read(|store| store.parked()).await?)
}

pub(super) async fn retry_parked(mut call: Call) -> Result<Reply, Problem> {
    let (event, once) = (call.param::<EventId>("event")?, call.once()?);
    let done = call.state.till.decide_parked(once, event, true).await?;
    Ok(done.into())
}

pub(super) async fn discard_parked(mut call: Call) -> Result<Reply, Problem> {
    let (event, once) = (call.param::<EventId>("event")?, call.once()?);
    let done = call.state.till.decide_parked(once, event, false).await?;
    Ok(done.into())
}
