//! What the pages about stores say of figures and devices. Pure.

use std::time::Duration;

use messages::http::agents::Enrolment;
use messages::http::dead_letters::{LetterState, LetterView};
use messages::http::edges::EdgeView;
use messages::http::figures::{DaySums, StoreFigures};
use messages::http::reports::Day;
use messages::run::Presence;
use messages::{ErrorCode, StoreId, Timestamp};

use super::format::{count, duration};
use super::money::money;
use super::words::Hue;

/// A store's devices in a word.
#[must_use]
pub fn devices(store: &StoreFigures) -> (String, Hue) {
    let counts = store.devices;
    match (counts.enrolled, counts.online) {
        (0, _) => ("No device".to_owned(), Hue::Quiet),
        (all, up) if all == up => {
            (if all == 1 { "Online".to_owned() } else { format!("{all} online") }, Hue::Good)
        }
        (1, _) if counts.down == 1 => ("Offline".to_owned(), Hue::Bad),
        (1, _) => ("Silent".to_owned(), Hue::Warn),
        (all, up) => (format!("{up} of {all} online"), if counts.down > 0 { Hue::Bad } else { Hue::Warn }),
    }
}

/// A device in a word: the place that it has, or whether it is heard of.
#[must_use]
pub fn device(edge: &EdgeView, now: Timestamp) -> (&'static str, Hue) {
    match edge.enrolment {
        Enrolment::Enrolled => match edge.presence {
            Presence::Online | Presence::Busy => ("Online", Hue::Good),
            Presence::Unknown => ("Silent", Hue::Warn),
            Presence::Down => ("Offline", Hue::Bad),
            Presence::Never => ("Never seen", Hue::Quiet),
        },
        other => super::words::enrolment(other, edge.token_expires_at, now),
    }
}

/// The present day of the store, or that of most stores; where as many have begun the next one, the earlier day.
#[must_use]
pub fn present_day(stores: &[StoreFigures], store: Option<StoreId>) -> Option<Day> {
    if let Some(own) = stores.iter().find(|it| Some(it.store_id) == store) {
        return Some(own.day);
    }
    let having = |day: Day| stores.iter().filter(|it| it.day == day).count();
    stores.iter().map(|it| it.day).max_by_key(|day| (having(*day), std::cmp::Reverse(*day)))
}

/// What came together on the stores' days, by currency.
#[must_use]
pub fn together(stores: &[StoreFigures]) -> Vec<DaySums> {
    let mut sums: Vec<DaySums> = Vec::new();
    for day in stores.iter().flat_map(|store| &store.today) {
        match sums.iter_mut().find(|sum| sum.currency == day.currency) {
            Some(sum) => {
                sum.sales += day.sales;
                sum.refunds += day.refunds;
                sum.total += day.total;
            }
            None => sums.push(*day),
        }
    }
    sums
}

/// `1,234.00 EUR`, or one after the other where there are several currencies.
#[must_use]
pub fn sold(sums: &[DaySums]) -> String {
    let told: Vec<_> = sums.iter().map(|sum| money(sum.currency, sum.total)).collect();
    if told.is_empty() { "—".to_owned() } else { told.join(" + ") }
}

/// `17 receipts, 2 of them refunds`.
#[must_use]
pub fn receipts(sums: &[DaySums]) -> String {
    let number = |of: fn(&DaySums) -> i64| {
        u64::try_from(sums.iter().map(of).fold(0, i64::saturating_add)).unwrap_or(0)
    };
    let (sales, refunds) = (number(|sum| sum.sales), number(|sum| sum.refunds));
    let sold = if sales == 1 { "1 sale".to_owned() } else { format!("{} sales", count(sales)) };
    match refunds {
        0 => sold,
        1 => format!("{sold}, 1 refund"),
        many => format!("{sold}, {} refunds", count(many)),
    }
}

/// Something that somebody should look at.
#[must_use]
pub fn is_troubled(store: &StoreFigures) -> bool {
    store.devices.down > 0 || store.dead_letters > 0
}

/// How long an event took from the store to the hub.
#[must_use]
pub fn latency(edge: &EdgeView) -> Option<String> {
    let taken = edge.stream.as_ref()?.latency();
    // A device's clock may be a little ahead: less than nothing is nothing.
    let ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    Some(if taken < Duration::from_millis(1) { "under 1 ms".to_owned() } else { duration(ms) })
}

/// Of an event's kind, for people.
#[must_use]
pub fn event_kind(kind: &str) -> String {
    let mut words = kind.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// What has become of an event that was set aside.
#[must_use]
pub fn letter_state(state: LetterState) -> (&'static str, Hue) {
    match state {
        LetterState::Open => ("Open", Hue::Bad),
        LetterState::Applied => ("Applied", Hue::Good),
        LetterState::Discarded => ("Discarded", Hue::Quiet),
    }
}

/// The event's data as text that can be read and changed.
#[must_use]
pub fn body_of(letter: &LetterView) -> String {
    format!("{:#}", letter.data)
}

/// What to do about an event that was set aside for this reason.
#[must_use]
pub fn letter_advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::EventUnknown => {
            "This hub does not know this kind of event. Update the hub, then try again."
        }
        ErrorCode::EventRefused => {
            "Compare it with what is recorded here. Correct it and try again, or discard it if it must not count."
        }
        _ => "Correct the event and try again, or discard it if it must not count.",
    }
}

#[cfg(test)]
mod tests {
    use messages::edge::{Amount, Currency};
    use messages::http::figures::DeviceCounts;

    use super::*;

    fn store(enrolled: u32, online: u32, down: u32) -> StoreFigures {
        StoreFigures {
            store_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse::<StoreId>().unwrap(),
            code: "a".into(),
            name: "A".into(),
            enabled: true,
            day: Day::FIRST,
            today: Vec::new(),
            last_sale_at: None,
            devices: DeviceCounts { enrolled, online, down },
            backlog: 0,
            oldest_unsent_at: None,
            dead_letters: 0,
        }
    }

    #[test]
    fn devices_are_told_by_the_worst_of_them() {
        for (counts, word, hue) in [
            ((0, 0, 0), "No device", Hue::Quiet),
            ((1, 1, 0), "Online", Hue::Good),
            ((1, 0, 0), "Silent", Hue::Warn),
            ((1, 0, 1), "Offline", Hue::Bad),
            ((3, 3, 0), "3 online", Hue::Good),
            ((3, 2, 0), "2 of 3 online", Hue::Warn),
            ((3, 2, 1), "2 of 3 online", Hue::Bad),
        ] {
            let store = store(counts.0, counts.1, counts.2);
            assert_eq!(devices(&store), (word.to_owned(), hue));
            assert_eq!(is_troubled(&store), counts.2 > 0);
        }
    }

    #[test]
    fn today_is_what_most_stores_have() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let mut stores = [store(1, 1, 0), store(1, 1, 0), store(1, 1, 0)];
        for (store, date) in stores.iter_mut().zip(["2026-11-21", "2026-11-22", "2026-11-22"]) {
            store.day = day(date);
        }
        stores[0].store_id = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
        assert_eq!(present_day(&stores, None), Some(day("2026-11-22")));
        assert_eq!(present_day(&stores[..2], None), Some(day("2026-11-21")));
        assert_eq!(present_day(&stores, Some(stores[0].store_id)), Some(day("2026-11-21")));
        assert_eq!(present_day(&[], None), None);
    }

    #[test]
    fn days_add_up_by_currency() {
        let sums =
            |currency, sales, refunds, total| DaySums { currency, sales, refunds, total: Amount::new(total) };
        let mut stores = [store(1, 1, 0), store(1, 1, 0)];
        stores[0].today = vec![sums(Currency::EUR, 3, 1, 1_050), sums(Currency::VND, 1, 0, 20_000)];
        stores[1].today = vec![sums(Currency::EUR, 1, 1, -50)];
        let total = together(&stores);
        assert_eq!(sold(&total), "10.00 EUR + 20,000 VND");
        assert_eq!(receipts(&total), "5 sales, 2 refunds");
        assert_eq!((sold(&[]), receipts(&[])), ("—".to_owned(), "0 sales".to_owned()));
        assert_eq!(receipts(&[sums(Currency::EUR, 1, 1, 0)]), "1 sale, 1 refund");
    }

    #[test]
    fn kinds_are_words() {
        assert_eq!(event_kind("sale_recorded"), "Sale recorded");
        assert_eq!((event_kind(""), event_kind("übung")), (String::new(), "übung".to_owned()));
    }
}
