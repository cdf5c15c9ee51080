//! What the stores of a retailer sold on their present day.

use std::collections::HashMap;
use std::time::Duration;

use actors::ingest::local::{slot, zone};
use bson::{Document, doc};
use messages::edge::{Amount, Currency};
use messages::http::figures::DaySums;
use messages::http::reports::Day;
use messages::http::stores::StoreSpec;
use messages::{Problem, RetailerId, StoreId, Timestamp};

use super::super::super::documents::shop::ShopDoc;
use super::super::super::documents::value::{StoredId as _, Unreadable};
use super::super::super::tenant::{ScopedDb, TenantDb, number};
use super::super::sums_doc::SlotDoc;
use super::reports::span;
use super::{as_uuid, unreadable};

/// The widest that days of two stores can lie apart from UTC's.
const APART: Duration = Duration::from_secs(24 * 3_600);
/// A retailer has no more; see the limit in its actor.
const MOST_STORES: usize = 500;

/// What a store sold on one day, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreDay {
    pub store: StoreId,
    pub day: Day,
    pub sums: DaySums,
}

impl TenantDb {
    /// All of them or one, by name.
    pub async fn stores(&self, only: Option<StoreId>) -> Result<Vec<(StoreId, StoreSpec)>, Problem> {
        self.must_exist().await?;
        let wanted = only.map_or_else(Document::new, |store| doc! { "_id": store.stored() });
        let shops = self.find::<ShopDoc>(wanted, doc! { "name": 1, "_id": 1 }, MOST_STORES).await?;
        let spec = |shop: ShopDoc| {
            let ShopDoc { id, code, name, address, time_zone, enabled, .. } = shop;
            (StoreId::read(id), StoreSpec { code, name, address, time_zone, enabled })
        };
        Ok(shops.into_iter().map(spec).collect())
    }

    /// Sums of each store and day of a short span.
    pub async fn store_days(
        &self,
        only: Option<StoreId>,
        (from, to): (Day, Day),
    ) -> Result<Vec<StoreDay>, Problem> {
        let wanted = span(only, from, to);
        let group = doc! { "$group": {
            "_id": { "store": "$store_id", "day": "$day", "currency": "$currency" },
            "sales": { "$sum": "$sales" }, "refunds": { "$sum": "$refunds" }, "total": { "$sum": "$total" },
        } };
        let found =
            self.aggregate::<SlotDoc>(wanted, vec![group, doc! { "$sort": { "_id.currency": 1 } }]).await?;
        found.iter().map(|row| store_day(row).map_err(unreadable)).collect()
    }
}

impl ScopedDb {
    /// Sums of each store on its own present day, with whose it is. Looks at some days of every retailer: not for each look.
    pub async fn sold_today(&self, now: Timestamp) -> Result<Vec<(RetailerId, DaySums)>, Problem> {
        let day = |at: Timestamp| slot(at, &zone("UTC")).map_or(Day::FIRST, |slot| slot.day);
        let shops = vec![doc! { "$project": { "retailer_id": 1, "time_zone": 1 } }];
        let group = doc! { "$group": {
            "_id": { "store": "$store_id", "day": "$day", "currency": "$currency" },
            "sales": { "$sum": "$sales" }, "refunds": { "$sum": "$refunds" }, "total": { "$sum": "$total" },
        } };
        let wanted = span(None, day(now - APART), day(now + APART));
        let (shops, days) = tokio::try_join!(
            self.aggregate::<ShopDoc>(Document::new(), shops),
            self.aggregate::<SlotDoc>(wanted, vec![group]),
        )?;
        let known: HashMap<StoreId, (RetailerId, Day)> =
            shops.iter().filter_map(|shop| present(shop, now)).collect();
        let mut sums = Vec::new();
        for row in &days {
            let row = store_day(row).map_err(unreadable)?;
            if let Some((retailer, _)) = known.get(&row.store).filter(|(_, day)| *day == row.day) {
                sums.push((*retailer, row.sums));
            }
        }
        Ok(sums)
    }
}

/// A store with its retailer and its present day.
fn present(shop: &Document, now: Timestamp) -> Option<(StoreId, (RetailerId, Day))> {
    let id = |name: &str| shop.get(name).and_then(as_uuid);
    let day = slot(now, &zone(shop.get_str("time_zone").ok()?))?.day;
    Some((StoreId::read(id("_id")?), (RetailerId::read(id("retailer_id")?), day)))
}

fn store_day(row: &Document) -> Result<StoreDay, Unreadable> {
    let missing = |what: &str| Unreadable(format!("a day of a store has no {what}"));
    let count = |from: &Document, name: &str| number(from, name).ok_or_else(|| missing(name));
    let id = row.get_document("_id").map_err(|_| missing("group"))?;
    let store = id.get("store").and_then(as_uuid).ok_or_else(|| missing("store"))?;
    let day = u32::try_from(count(id, "day")?).ok().and_then(Day::from_number);
    let currency: Option<Currency> = id.get_str("currency").ok().and_then(|text| text.parse().ok());
    Ok(StoreDay {
        store: StoreId::read(store),
        day: day.ok_or_else(|| missing("day"))?,
        sums: DaySums {
            currency: currency.ok_or_else(|| missing("currency"))?,
            sales: count(row, "sales")?,
            refunds: count(row, "refunds")?,
            total: Amount::new(count(row, "total")?),
        },
    })
}
