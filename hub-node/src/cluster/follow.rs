//! What a node does when the map or its own shards change: links, sockets, retailers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actors::live_hub::Those;
use actors::ports::Board;
use futures_util::StreamExt as _;
use messages::{RetailerId, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::inbox::{Inbox, ending_notice};
use super::link::Peer;
use super::ownership::{Claims, Ownership};
use super::shard::{Shard, shard_of};
use super::topology::Topology;
use super::wire::Notice;

/// Retailers started at once when shards arrive, and how long one may take.
const WAKING: usize = 16;
const WAKE: Duration = Duration::from_secs(15);
/// Shards arrive one after the other; the store is asked once for a row of them.
const SETTLE: Duration = Duration::from_millis(300);
/// How often the store is asked whose schedule comes next, and how far ahead: a retailer is up before its slot, also
/// when its first start fails.
const LOOK_AHEAD_EVERY: Duration = Duration::from_secs(20);
const LOOK_AHEAD: Duration = Duration::from_secs(70);
/// How often each node tells the others what it watches.
const WATCHING_EVERY: Duration = Duration::from_secs(30);
/// What a retailer of a lost shard may take to finish: its writes are refused already.
const FINISH: Duration = Duration::from_secs(2);

/// Begins to follow; ends with the set.
#[must_use]
pub fn follow(inbox: &Inbox, ownership: &Ownership, board: &Arc<dyn Board>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(the_map(inbox.clone()));
    tasks.spawn(own_shards(inbox.clone(), ownership.clone(), Arc::clone(board)));
    tasks.spawn(schedules(inbox.clone(), ownership.clone(), Arc::clone(board)));
    tasks.spawn(endings(inbox.clone()));
    tasks.spawn(watching(inbox.clone()));
    tasks
}

/// Keeps links to all living nodes, and has sockets follow their retailers.
async fn the_map(inbox: Inbox) {
    let mut map = inbox.feed.map.watch();
    let mut before = Arc::new(Topology::default());
    loop {
        let now = map.borrow_and_update().clone();
        if let Some(links) = inbox.feed.others.links() {
            let others = now.nodes().filter(|node| node.boot != inbox.feed.me);
            let peers = others.filter_map(|node| {
                node.cluster_address.clone().map(|address| Peer { boot: node.boot, address })
            });
            links.keep(peers.collect());
        }
        // Shards without a living owner have nobody to attach to yet.
        let moved: BTreeSet<Shard> =
            now.moved_since(&before).into_iter().filter(|shard| now.place(*shard).owner.is_some()).collect();
        if !moved.is_empty() {
            let moved = Arc::new(moved);
            let of = Arc::clone(&moved);
            inbox.agents.attach_again(|retailer| of.contains(&shard_of(retailer)));
            inbox.feed.consoles.rejoin(&(Arc::new(move |of| moved.contains(&shard_of(of))) as Those));
        }
        before = now;
        if map.changed().await.is_err() {
            return;
        }
    }
}

/// Stops the retailers of lost shards, and starts those of new ones that have something to look after.
async fn own_shards(inbox: Inbox, ownership: Ownership, board: Arc<dyn Board>) {
    let mut claims = ownership.changed();
    let mut before = Claims::default();
    let mut gained: BTreeSet<Shard> = BTreeSet::new();
    let mut due: Option<Instant> = None;
    loop {
        let now = claims.borrow_and_update().clone();
        let lost: BTreeSet<Shard> = before
            .iter()
            .filter(|(shard, epoch)| now.epoch(*shard) != Some(*epoch))
            .map(|(shard, _)| shard)
            .collect();
        if !lost.is_empty() {
            inbox.host.vacate(|retailer| lost.contains(&shard_of(retailer)), FINISH).await;
        }
        let new: BTreeSet<Shard> = now
            .iter()
            .filter(|(shard, epoch)| before.epoch(*shard) != Some(*epoch))
            .map(|(shard, _)| shard)
            .collect();
        if !new.is_empty() {
            // What the rows say is known at once; the store knows better, a moment later.
            let busy = inbox.fleet.rows(|retailer| new.contains(&shard_of(retailer)));
            let busy = busy.into_iter().filter(|row| row.runs_active > 0 || row.agents_online > 0);
            wake(&inbox, busy.map(|row| row.id).collect());
            gained.extend(new);
            due = Some(Instant::now() + SETTLE);
        }
        before = now;
        tokio::select! {
            changed = claims.changed() => if changed.is_err() { return },
            () = until(due) => {
                due = None;
                wake_busy(&inbox, &board, std::mem::take(&mut gained)).await;
            }
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Starts the retailers of these shards that have open runs.
async fn wake_busy(inbox: &Inbox, board: &Arc<dyn Board>, shards: BTreeSet<Shard>) {
    match board.summaries().await {
        Ok(rows) => {
            let busy =
                rows.into_iter().filter(|row| row.runs_active > 0 && shards.contains(&shard_of(row.id)));
            wake(inbox, busy.map(|row| row.id).collect());
        }
        Err(error) => {
            tracing::error!(%error, "retailers with open runs are not known; they start when first asked");
        }
    }
    wake_scheduled(inbox, board, &|retailer| shards.contains(&shard_of(retailer))).await;
}

/// Starts the retailers of own shards whose schedules come next, before they do. One that lives keeps its own clock.
async fn schedules(inbox: Inbox, ownership: Ownership, board: Arc<dyn Board>) {
    let claims = ownership.changed();
    let mut ticks = tokio::time::interval(LOOK_AHEAD_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mine = claims.borrow().clone();
        wake_scheduled(&inbox, &board, &|retailer| mine.epoch(shard_of(retailer)).is_some()).await;
    }
}

async fn wake_scheduled(inbox: &Inbox, board: &Arc<dyn Board>, mine: &(dyn Fn(RetailerId) -> bool + Sync)) {
    match board.due(Timestamp::now() + LOOK_AHEAD).await {
        Ok(due) => {
            let absent = |retailer: &RetailerId| mine(*retailer) && !inbox.host.lives_here(*retailer);
            wake(inbox, due.into_iter().filter(absent).collect());
        }
        Err(error) => {
            tracing::warn!(%error, "whose schedule comes next is not known; it is asked again shortly")
        }
    }
}

/// Starts retailers, a few at a time.
fn wake(inbox: &Inbox, retailers: Vec<RetailerId>) {
    let host = Arc::clone(&inbox.host);
    tokio::spawn(async move {
        futures_util::stream::iter(retailers)
            .for_each_concurrent(WAKING, |retailer| {
                let host = Arc::clone(&host);
                async move {
                    if let Err(problem) = host.wake(retailer, WAKE).await {
                        tracing::warn!(%retailer, %problem, "a retailer with something to do did not start");
                    }
                }
            })
            .await;
    });
}

/// Tells the other nodes which sessions were ended here.
async fn endings(inbox: Inbox) {
    let mut made_here = inbox.access.endings_made_here();
    loop {
        match made_here.recv().await {
            Ok(ending) => {
                inbox.endings.put(ending);
                inbox.feed.others.tell(inbox.feed.others.reachable(), &ending_notice(ending));
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "more sessions were ended at once than the other nodes could be told");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Tells the other nodes what is watched here, so that they stop telling what is not.
async fn watching(inbox: Inbox) {
    let mut ticks = tokio::time::interval(WATCHING_EVERY);
    loop {
        ticks.tick().await;
        let nodes = inbox.feed.others.reachable();
        if !nodes.is_empty() {
            let watched = inbox.feed.consoles.watched(Duration::from_secs(5)).await;
            inbox.feed.others.tell(nodes, &Notice::Watching(watched));
        }
    }
}
