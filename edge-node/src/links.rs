//! What the edge's parts tell each other without asking: how the line stands, and which tills were heard of.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use messages::Timestamp;
use messages::edge::status::{Connectivity, LinkState, TerminalSeen};
use messages::edge::{CashierId, TerminalId};
use ractor::ActorRef;
use tokio::sync::{Notify, watch};

use crate::connectivity::ConnectivityMsg;
use crate::connectivity::judge::News;
use crate::till::Caller;

/// Tills remembered: four times the largest store. Names are made by whoever calls, so there is an end to them.
const MOST_TERMINALS: usize = 200;

/// One for each edge in the process.
pub struct Links {
    /// How the line to the hub stands. Written by the connectivity actor only.
    pub connectivity: watch::Sender<Connectivity>,
    /// What the relay speaks at present.
    pub transport: watch::Sender<&'static str>,
    /// The line has come back: whoever waits for it need not wait any longer.
    pub back_online: Notify,
    judge: Mutex<Option<ActorRef<ConnectivityMsg>>>,
    terminals: Mutex<BTreeMap<TerminalId, (CashierId, Timestamp)>>,
}

impl Links {
    #[must_use]
    pub fn new(state: LinkState, now: Timestamp) -> Self {
        let connectivity =
            Connectivity { state, cause: None, detail: String::new(), since: now, last_contact: None };
        Self {
            connectivity: watch::Sender::new(connectivity),
            transport: watch::Sender::new(""),
            back_online: Notify::new(),
            judge: Mutex::default(),
            terminals: Mutex::default(),
        }
    }

    pub(crate) fn set_connectivity(&self, actor: &ActorRef<ConnectivityMsg>) {
        *self.judge.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor.clone());
    }

    /// Something was heard of the line to the hub.
    pub fn heard_of_line(&self, news: News) {
        let judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(judge) = judge {
            // Between two lives nothing is missed that the next look does not find.
            let _ignored = judge.cast(ConnectivityMsg::Heard(news));
        }
    }

    /// A till was heard of.
    pub fn heard(&self, caller: &Caller, now: Timestamp) {
        let mut terminals = self.terminals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = terminals.get_mut(&caller.terminal) {
            if known.0 != caller.cashier {
                known.0 = caller.cashier.clone();
            }
            known.1 = now;
            return;
        }
        if terminals.len() >= MOST_TERMINALS
            && let Some(oldest) = terminals.iter().min_by_key(|(_, (_, at))| *at).map(|(id, _)| id.clone())
        {
            terminals.remove(&oldest);
        }
        terminals.insert(caller.terminal.clone(), (caller.cashier.clone(), now));
    }

    #[must_use]
    pub fn terminals(&self) -> Vec<TerminalSeen> {
        let terminals = self.terminals.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = |(terminal, (cashier, at)): (&TerminalId, &(CashierId, Timestamp))| TerminalSeen {
            terminal_id: terminal.clone(),
            cashier_id: cashier.clone(),
            seen_at: *at,
        };
        terminals.iter().map(seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_tills_has_an_end() {
        let links = Links::new(LinkState::Unknown, Timestamp(0));
        for n in 0..500_i64 {
            let terminal = format!("till-{n}").parse().unwrap();
            links.heard(&Caller { terminal, cashier: "anna".parse().unwrap() }, Timestamp(n));
        }
        let seen = links.terminals();
        assert_eq!(seen.len(), MOST_TERMINALS);
        assert!(seen.iter().all(|till| till.seen_at >= Timestamp(300)));
    }
}
