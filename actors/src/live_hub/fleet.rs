//! Every retailer's row as it is now, and the totals over those a person may see. Pure but for its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use messages::RetailerId;
use messages::http::figures::{StoresBrief, StoresToday};
use messages::http::retailers::RetailerSummary;
use messages::live::Totals;
use messages::permission::RetailerScope;

use crate::ports::{LedgerBrief, Today};

/// Rows in the dashboard's lists.
const LISTED: usize = 20;

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Fleet {
    rows: Arc<RwLock<BTreeMap<RetailerId, RetailerSummary>>>,
    /// Of retailers whose ledger is open somewhere; told again every minute.
    stores: Arc<RwLock<BTreeMap<RetailerId, LedgerBrief>>>,
}

impl Fleet {
    /// Takes what the store knows. Rows that live actors have told stay, unless the store has them no longer.
    pub fn load(&self, rows: Vec<RetailerSummary>) {
        let mut all = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let stored: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
        all.retain(|id, _| stored.contains(id));
        for row in rows {
            all.entry(row.id).or_insert(row);
        }
    }

    /// False when nothing has changed.
    pub fn put(&self, row: RetailerSummary) -> bool {
        let mut all = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let changed = all.get(&row.id) != Some(&row);
        if changed {
            all.insert(row.id, row);
        }
        changed
    }

    pub fn remove(&self, id: RetailerId) {
        self.rows.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.stores.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// How the devices of a retailer's stores are now.
    pub fn put_stores(&self, brief: LedgerBrief) {
        self.stores.write().unwrap_or_else(PoisonError::into_inner).insert(brief.retailer, brief);
    }

    /// The devices of all stores in the scope, and whose need somebody. Sales are not known here.
    #[must_use]
    pub fn stores(&self, scope: &RetailerScope) -> StoresToday {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        let mut today = StoresToday::default();
        for brief in stores.values().filter(|brief| scope.admits(brief.retailer)) {
            today.devices.enrolled += brief.devices.enrolled;
            today.devices.online += brief.devices.online;
            today.devices.down += brief.devices.down;
            today.backlog += brief.backlog;
            today.dead_letters += brief.dead_letters;
            let Some(row) = rows.get(&brief.retailer).filter(|row| row.enabled) else { continue };
            if brief.devices.down > 0 || brief.dead_letters > 0 {
                today.attention.push(StoresBrief {
                    retailer_id: brief.retailer,
                    name: row.name.clone(),
                    devices: brief.devices,
                    backlog: brief.backlog,
                    dead_letters: brief.dead_letters,
                });
            }
        }
        let worst = |brief: &StoresBrief| std::cmp::Reverse((brief.dead_letters, brief.devices.down));
        today.attention.sort_by(|a, b| (worst(a), &a.name).cmp(&(worst(b), &b.name)));
        today.attention.truncate(LISTED);
        today
    }

    /// The rows of these retailers.
    #[must_use]
    pub fn rows(&self, wanted: impl Fn(RetailerId) -> bool) -> Vec<RetailerSummary> {
        let all = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|row| wanted(row.id)).cloned().collect()
    }

    /// Replaces rows from the store by the live ones.
    #[must_use]
    pub fn overlay(&self, rows: Vec<RetailerSummary>) -> Vec<RetailerSummary> {
        let all = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.into_iter().map(|row| all.get(&row.id).cloned().unwrap_or(row)).collect()
    }

    /// Retailers that have an agent which is not connected.
    #[must_use]
    pub fn with_agent_down(&self) -> Vec<RetailerId> {
        let all = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|row| row.agents_online < row.agents_total).map(|row| row.id).collect()
    }

    #[must_use]
    pub fn totals(&self, scope: &RetailerScope, today: Today) -> Totals {
        let all = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let mut totals = Totals {
            runs_today: today.runs,
            failed_today: today.failed,
            items_today: today.items,
            latest: today.latest,
            ..Totals::default()
        };
        let mut attention: Vec<&RetailerSummary> = Vec::new();
        for row in all.values().filter(|row| scope.admits(row.id)) {
            totals.retailers += 1;
            totals.agents_total += u64::from(row.agents_total);
            totals.agents_online += u64::from(row.agents_online);
            totals.runs_active += u64::from(row.runs_active);
            if row.enabled && (row.jobs_failing > 0 || row.agents_online < row.agents_total) {
                attention.push(row);
            }
        }
        let away = |row: &RetailerSummary| row.agents_total.saturating_sub(row.agents_online);
        attention.sort_by_key(|row| (std::cmp::Reverse((row.jobs_failing, away(row))), row.name.clone()));
        totals.attention = attention.into_iter().take(LISTED).cloned().collect();
        totals.latest.truncate(LISTED);
        totals
    }
}

#[cfg(test)]
mod tests {
    use messages::http::figures::DeviceCounts;

    use super::*;

    fn row(name: &str, failing: u32, online: u32) -> RetailerSummary {
        RetailerSummary {
            id: RetailerId::new(),
            code: name.to_lowercase(),
            name: name.into(),
            enabled: true,
            stores: 1,
            agents_total: 2,
            agents_online: online,
            jobs: 1,
            runs_active: 1,
            jobs_failing: failing,
            last_run: None,
        }
    }

    #[test]
    fn totals_cover_the_scope_and_the_worst_come_first() {
        let fleet = Fleet::default();
        let rows = [row("Fine", 0, 2), row("Away", 0, 1), row("Failing", 3, 2), row("Hidden", 9, 0)];
        let hidden = rows[3].id;
        for row in rows {
            assert!(fleet.put(row.clone()));
            assert!(!fleet.put(row), "the same again changes nothing");
        }
        let scope = RetailerScope { allow: None, deny: vec![hidden] };
        let totals = fleet.totals(&scope, Today { runs: 5, ..Today::default() });
        assert_eq!((totals.retailers, totals.agents_total, totals.agents_online), (3, 6, 5));
        assert_eq!(totals.runs_today, 5);
        let names: Vec<_> = totals.attention.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["Failing", "Away"]);
    }

    #[test]
    fn stores_are_added_up_within_the_scope_and_the_worst_come_first() {
        let fleet = Fleet::default();
        let rows = [row("Fine", 0, 2), row("Letters", 0, 2), row("Offline", 0, 2), row("Hidden", 0, 2)];
        for (row, (down, dead_letters)) in rows.iter().zip([(0, 0), (0, 2), (1, 0), (1, 1)]) {
            fleet.put(row.clone());
            let devices = DeviceCounts { enrolled: 2, online: 2 - down, down };
            fleet.put_stores(LedgerBrief { retailer: row.id, devices, backlog: 5, dead_letters });
        }
        let scope = RetailerScope { allow: None, deny: vec![rows[3].id] };
        let today = fleet.stores(&scope);
        assert_eq!(today.devices, DeviceCounts { enrolled: 6, online: 5, down: 1 });
        assert_eq!((today.backlog, today.dead_letters), (15, 2));
        let names: Vec<_> = today.attention.iter().map(|brief| brief.name.as_str()).collect();
        assert_eq!(names, ["Letters", "Offline"]);
        fleet.remove(rows[1].id);
        assert_eq!(fleet.stores(&scope).dead_letters, 0);
    }

    #[test]
    fn live_rows_win_over_stored_ones() {
        let fleet = Fleet::default();
        let live = row("Live", 0, 2);
        fleet.put(live.clone());
        let deleted_meanwhile = row("Deleted", 0, 2);
        fleet.put(deleted_meanwhile.clone());
        let stored = RetailerSummary { agents_online: 0, ..live.clone() };
        fleet.load(vec![stored.clone()]);
        assert_eq!(fleet.overlay(vec![stored]), [live]);
        assert_eq!(fleet.totals(&RetailerScope::default(), Today::default()).retailers, 1);
    }
}
