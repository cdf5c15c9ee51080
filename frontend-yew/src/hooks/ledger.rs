//! What store edges brought, as a number that moves when it should be read again.

use messages::RetailerId;
use messages::live::Topic;
use yew::prelude::*;

use super::live::{use_status, use_topic};
use super::time::use_every;
use crate::api::browser;
use crate::state::throttle::Throttle;

/// How soon what was held back is read, beyond its rest.
const BEAT_MS: u32 = 250;

/// For `use_fetch`: moves when the retailer's ledger has moved, at most once a second and only while the page is seen;
/// and with each round of polling and each refresh by hand.
#[hook]
pub fn use_ledger(retailer: RetailerId) -> u32 {
    let topic = use_topic(Some(Topic::Stores(retailer)));
    let (_, polled) = use_status();
    let reads = use_state_eq(|| 0_u32);
    let throttle = use_mut_ref(Throttle::default);
    let look = {
        let (reads, throttle) = (reads.clone(), throttle.clone());
        Callback::from(move |()| {
            if throttle.borrow_mut().read(browser::now_ms(), browser::is_seen()) {
                reads.set(reads.wrapping_add(1));
            }
        })
    };
    {
        // The first mark too: what was read before it came may be older.
        let look = look.clone();
        use_effect_with(topic.and_then(|topic| topic.ledger()), move |mark| {
            if mark.is_some() {
                throttle.borrow_mut().moved();
                look.emit(());
            }
        });
    }
    use_every(BEAT_MS, look);
    reads.wrapping_add(polled)
}
