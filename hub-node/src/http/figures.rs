//! How stores do now: what was sold on their day, whether their devices are heard of, what waits and what runs out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actors::ingest::local::{slot, zone};
use actors::ingest::request::{EdgeReply, EdgeRequest, Heard};
use messages::http::agents::Enrolment;
use messages::http::edges::EdgeView;
use messages::http::figures::{DaySums, DeviceCounts, StockLevels, StoreFigures};
use messages::http::paging::Page;
use messages::http::reports::Day;
use messages::http::stores::StoreSpec;
use messages::permission::RetailerScope;
use messages::run::Presence;
use messages::{ErrorCode, Problem, RetailerId, StoreId, Timestamp};

use super::call::Call;
use super::edges::EdgeQuery;
use super::reply::Reply;
use super::reports::summed;
use crate::store::{ScopedDb, StoreDay, TenantDb};

/// The widest that days of two stores can lie apart from UTC's.
const APART: Duration = Duration::from_secs(24 * 3_600);

/// The places of devices with what is known of them: from the store, and from the actor that hears them.
pub(super) async fn places(call: &Call, store: Option<StoreId>) -> Result<Vec<EdgeView>, Problem> {
    let retailer = call.retailer()?;
    let mut places = TenantDb::new(&call.state.store, retailer).edges(store).await?;
    if places.is_empty() {
        // Nobody to be heard: no reason to wake the actor.
        return Ok(places);
    }
    let heard = match call.ask_edge(retailer, EdgeRequest::Heard).await {
        Ok(EdgeReply::Heard(heard)) => heard,
        Ok(_) => return Err(ErrorCode::Internal.into()),
        Err(problem) => {
            tracing::debug!(%retailer, %problem, "who is heard of cannot be told now");
            Vec::new()
        }
    };
    overlay(&mut places, &heard);
    Ok(places)
}

fn overlay(places: &mut [EdgeView], heard: &[Heard]) {
    let heard: HashMap<_, _> = heard.iter().map(|heard| (heard.edge, heard)).collect();
    for place in places {
        let Some(heard) = heard.get(&place.id) else { continue };
        place.presence = heard.presence;
        place.last_seen_at = heard.last_seen_at.max(place.last_seen_at);
        if let Some(pulse) = &heard.pulse {
            place.backlog = Some(pulse.unsent);
            place.oldest_unsent_at = pulse.oldest_unsent_at;
            place.version = Some(pulse.version.clone());
        }
    }
}

pub(super) async fn stores(call: Call) -> Result<Reply, Problem> {
    let EdgeQuery { store_id } = call.query()?;
    let (retailer, now) = (call.retailer()?, Timestamp::now());
    let db = TenantDb::new(&call.state.store, retailer);
    let (from, to) = (day(now - APART, "UTC"), day(now + APART, "UTC"));
    let (shops, days, places) =
        tokio::try_join!(db.stores(store_id), db.store_days(store_id, (from, to)), places(&call, store_id))?;
    let items: Vec<StoreFigures> =
        shops.into_iter().map(|(id, spec)| figures(id, spec, now, &days, &places)).collect();
    let total = items.len() as u64;
    Reply::json(&Page { items, next: None, total })
}

/// The day by the store's clock. The calendar has every day that a clock shows.
fn day(now: Timestamp, name: &str) -> Day {
    slot(now, &zone(name)).map_or(Day::FIRST, |slot| slot.day)
}

fn figures(
    store_id: StoreId,
    spec: StoreSpec,
    now: Timestamp,
    days: &[StoreDay],
    places: &[EdgeView],
) -> StoreFigures {
    let day = day(now, &spec.time_zone);
    let today = days.iter().filter(|it| it.store == store_id && it.day == day).map(|it| it.sums).collect();
    let mut found = StoreFigures {
        store_id,
        code: spec.code,
        name: spec.name,
        enabled: spec.enabled,
        day,
        today,
        last_sale_at: None,
        devices: DeviceCounts::default(),
        backlog: 0,
        oldest_unsent_at: None,
        dead_letters: 0,
    };
    for place in places.iter().filter(|place| place.store_id == store_id) {
        found.dead_letters += place.dead_letters;
        found.last_sale_at =
            found.last_sale_at.max(place.stream.as_ref().and_then(|stream| stream.last_sale_at));
        if place.enrolment != Enrolment::Enrolled {
            continue;
        }
        found.devices.enrolled += 1;
        found.devices.online += u32::from(place.presence.is_connected());
        found.devices.down += u32::from(place.presence == Presence::Down);
        found.backlog += place.backlog.unwrap_or(0);
        found.oldest_unsent_at = match (found.oldest_unsent_at, place.oldest_unsent_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    found
}

pub(super) async fn stock(call: Call) -> Result<Reply, Problem> {
    let retailer = call.retailer()?;
    let levels = match call.state.levels.fresh(retailer) {
        Some(levels) => levels,
        None => {
            summed(&call, retailer).await?;
            let levels = Arc::new(TenantDb::new(&call.state.store, retailer).stock_levels().await?);
            // A store that begins to sell is not to wait for half a minute.
            if !levels.is_empty() {
                call.state.levels.keep(retailer, levels.clone());
            }
            levels
        }
    };
    let (items, total) = (levels.to_vec(), levels.len() as u64);
    Reply::json(&Page { items, next: None, total })
}

/// All stores in one's scope together.
pub(super) async fn dashboard(call: Call) -> Result<Reply, Problem> {
    let scope = &call.caller()?.scope;
    let sold = match call.state.levels.sold() {
        Some(sold) => sold,
        None => {
            // Of everybody, for the next one who asks may see others; what one may not see is left out below.
            let all = ScopedDb::new(&call.state.store, RetailerScope::default());
            let sold = Arc::new(all.sold_today(Timestamp::now()).await?);
            call.state.levels.keep_sold(sold.clone());
            sold
        }
    };
    let mut today = call.state.fleet.stores(scope);
    for (_, sums) in sold.iter().filter(|(retailer, _)| scope.admits(*retailer)) {
        match today.sums.iter_mut().find(|known| known.currency == sums.currency) {
            Some(known) => {
                known.sales += sums.sales;
                known.refunds += sums.refunds;
                known.total += sums.total;
            }
            None => today.sums.push(*sums),
        }
    }
    Reply::json(&today)
}

/// Counting reads every article of a retailer, and a shelf does not empty within seconds.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// Retailers whose counts are kept; beyond it those of all are forgotten and counted anew.
const MOST_KEPT: usize = 1_000;

type Kept = (Instant, Arc<Vec<StockLevels>>);

/// What was counted a moment ago: what runs out in the stores of retailers that were looked at, and what all of them sold
/// today. Cheap to clone.
#[derive(Clone, Default)]
pub struct Levels(Arc<Mutex<HashMap<RetailerId, Kept>>>, Arc<Mutex<Option<Sold>>>);

type Sold = (Instant, Arc<Vec<(RetailerId, DaySums)>>);

impl Levels {
    fn fresh(&self, retailer: RetailerId) -> Option<Arc<Vec<StockLevels>>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&retailer).filter(|(at, _)| at.elapsed() < COUNT_EVERY).map(|(_, levels)| levels.clone())
    }

    fn sold(&self) -> Option<Arc<Vec<(RetailerId, DaySums)>>> {
        let sold = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        sold.as_ref().filter(|(at, _)| at.elapsed() < COUNT_EVERY).map(|(_, sold)| sold.clone())
    }

    fn keep_sold(&self, sold: Arc<Vec<(RetailerId, DaySums)>>) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), sold));
    }

    fn keep(&self, retailer: RetailerId, levels: Arc<Vec<StockLevels>>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEPT {
            all.clear();
        }
        all.insert(retailer, (Instant::now(), levels));
    }
}

#[cfg(test)]
mod tests {
    use messages::edge::pulse::EdgePulse;
    use messages::edge::{Amount, Currency};
    use messages::http::edges::StreamView;
    use messages::{EdgeId, StreamId};

    use super::*;

    /// 2026-11-21T17:00:00Z: midnight has just passed in Vietnam.
    const NOW: Timestamp = Timestamp(1_795_280_400_000);

    fn place(store_id: StoreId, enrolment: Enrolment) -> EdgeView {
        EdgeView {
            id: EdgeId::new(),
            retailer_id: RetailerId::new(),
            store_id,
            name: "Till".into(),
            enrolment,
            token_expires_at: None,
            device_id: None,
            device_name: None,
            version: None,
            enrolled_at: Some(NOW),
            stream: None,
            presence: Presence::Unknown,
            last_seen_at: None,
            backlog: None,
            catalogue: None,
            oldest_unsent_at: None,
            dead_letters: 0,
            created_at: NOW,
        }
    }

    fn heard(edge: EdgeId, presence: Presence, unsent: u64, oldest: Option<i64>) -> Heard {
        let stream_id = StreamId::new();
        let oldest_unsent_at = oldest.map(Timestamp);
        let pulse = EdgePulse { stream_id, unsent, oldest_unsent_at, version: "2".into() };
        Heard { edge, presence, last_seen_at: Some(NOW), pulse: Some(pulse) }
    }

    #[test]
    fn a_store_is_the_sum_of_its_devices_on_its_own_day() {
        let (here, there) = (StoreId::new(), StoreId::new());
        let mut places = vec![
            place(here, Enrolment::Enrolled),
            place(here, Enrolment::Enrolled),
            place(here, Enrolment::Revoked),
            place(there, Enrolment::Enrolled),
        ];
        places[1].stream = Some(StreamView {
            stream_id: StreamId::new(),
            settled_seq: 1,
            lost: 0,
            last_event_at: NOW,
            last_batch_at: NOW,
            last_sale_at: Some(Timestamp(7)),
        });
        places[2].dead_letters = 2;
        let told = [
            heard(places[0].id, Presence::Online, 3, Some(50)),
            heard(places[1].id, Presence::Down, 4, Some(40)),
            heard(places[2].id, Presence::Down, 100, Some(1)),
        ];
        overlay(&mut places, &told);
        let day = |text: &str| text.parse::<Day>().unwrap();
        let sums =
            |total| DaySums { currency: Currency::VND, sales: 1, refunds: 0, total: Amount::new(total) };
        let days = [
            StoreDay { store: here, day: day("2026-11-21"), sums: sums(1) },
            StoreDay { store: here, day: day("2026-11-22"), sums: sums(2) },
            StoreDay { store: there, day: day("2026-11-22"), sums: sums(4) },
        ];
        let spec = |time_zone: &str| StoreSpec {
            code: "a".into(),
            name: "A".into(),
            address: String::new(),
            time_zone: time_zone.into(),
            enabled: true,
        };
        let found = figures(here, spec("Asia/Ho_Chi_Minh"), NOW, &days, &places);
        assert_eq!((found.day, found.today), (day("2026-11-22"), vec![sums(2)]));
        assert_eq!(found.devices, DeviceCounts { enrolled: 2, online: 1, down: 1 });
        assert_eq!((found.backlog, found.oldest_unsent_at), (7, Some(Timestamp(40))));
        assert_eq!((found.dead_letters, found.last_sale_at), (2, Some(Timestamp(7))));
        let found = figures(here, spec("Europe/Zurich"), NOW, &days, &places);
        assert_eq!((found.day, found.today), (day("2026-11-21"), vec![sums(1)]));
        assert_eq!((places[0].version.as_deref(), places[3].presence), (Some("2"), Presence::Unknown));
    }

    #[test]
    fn counts_of_stock_are_kept_for_a_while_and_not_for_ever_many() {
        let levels = Levels::default();
        let one = RetailerId::new();
        assert!(levels.fresh(one).is_none());
        levels.keep(one, Arc::default());
        assert!(levels.fresh(one).is_some());
        for _ in 0..=MOST_KEPT {
            levels.keep(RetailerId::new(), Arc::default());
        }
        assert!(levels.0.lock().unwrap().len() <= MOST_KEPT);
    }
}
