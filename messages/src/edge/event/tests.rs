//! Events as edges of each released version write them: they must be read for ever.

use super::*;

/// One of each, version 1.
const SAMPLES: &[(&str, &str)] = &[
    (
        "sale_recorded",
        r#"{"transaction_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","receipt":"9S28DZM2EW-1","terminal_id":"till-1","cashier_id":"anna","currency":"CHF","opened_at":1795262272000,"finalised_at":1795262272653,"lines":[{"line":1,"sku":"W04011","name":"Bananas","unit":"kg","quantity":"1.234","unit_price":295,"gross":364,"discount":36,"tax_rate":260,"net":320,"tax":8,"total":328}],"taxes":[{"rate":260,"net":320,"tax":8}],"totals":{"gross":364,"discount":36,"net":320,"tax":8,"total":328,"rounding":2,"to_pay":330}}"#,
    ),
    (
        "refund_recorded",
        r#"{"transaction_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d61","receipt":"9S28DZM2EW-2","terminal_id":"till-1","cashier_id":"anna","currency":"CHF","opened_at":1795262272700,"finalised_at":1795262272700,"lines":[{"line":1,"sku":"A1","name":"Milk","barcode":"4006381333931","unit":"pcs","quantity":"-1","unit_price":165,"gross":-165,"discount":0,"tax_rate":260,"net":-161,"tax":-4,"total":-165}],"taxes":[{"rate":260,"net":-161,"tax":-4}],"totals":{"gross":-165,"discount":0,"net":-161,"tax":-4,"total":-165,"rounding":0,"to_pay":-165},"original_transaction_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","original_receipt":"9S28DZM2EW-1","reason":"leaks"}"#,
    ),
    (
        "payment_captured",
        r#"{"payment_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d62","transaction_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","kind":"card","currency":"CHF","amount":330,"reference":"A1","captured_at":1795262272653}"#,
    ),
    (
        "inventory_adjusted",
        r#"{"reason":"sale","transaction_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","movements":[{"sku":"W04011","delta":"-1.234","on_hand":"10.5"}]}"#,
    ),
    (
        "transaction_voided",
        r#"{"transaction_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","terminal_id":"till-1","cashier_id":"anna","currency":"CHF","total":328,"lines":1,"reason":"no wallet","voided_at":1795262272653}"#,
    ),
    ("withheld", r#"{"kind":"sale_recorded","code":"malformed_request","detail":"no"}"#),
];

fn event(kind: &str, version: u16, data: &str) -> Event {
    let text = format!(
        r#"{{"event_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d63","seq":7,"type":"{kind}","version":{version},"occurred_at":1795262272653,"data":{data}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn released_events_are_read_and_written_alike() {
    let kinds: Vec<&str> = SAMPLES.iter().map(|(kind, _)| *kind).collect();
    assert!(Fact::KINDS.iter().all(|kind| kinds.contains(kind)), "a sample of each");
    for (kind, data) in SAMPLES {
        let fact = Fact::read(&event(kind, 1, data)).unwrap();
        assert_eq!(fact.kind(), *kind);
        assert_eq!(&fact.to_json().unwrap(), data, "{kind}");
    }
}

#[test]
fn what_is_not_known_is_told_by_its_envelope() {
    let code = |kind, version, data| Fact::read(&event(kind, version, data)).unwrap_err().code();
    assert_eq!(code("loyalty_earned", 1, "{}"), ErrorCode::EventUnknown);
    assert_eq!(code("sale_recorded", 2, "{}"), ErrorCode::EventUnknown);
    assert_eq!(code("sale_recorded", 1, "{}"), ErrorCode::EventMalformed);
    assert_eq!(code("withheld", 1, r#"{"kind":"x","code":1,"detail":""}"#), ErrorCode::EventMalformed);
}

#[cfg(feature = "grpc")]
#[test]
fn the_stream_carries_the_same_bytes() {
    use crate::edge::grpc::v1;
    for (kind, data) in SAMPLES {
        let event = event(kind, 1, data);
        let back = Event::try_from(v1::Event::from(event.clone())).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&event).unwrap());
    }
}
