//! Wire samples of each version, garbage, and both ways of every outcome.

use super::*;

fn boot() -> BootId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn envelope(body: &[u8]) -> Envelope<'_> {
    Envelope {
        protocol: 1,
        from: boot(),
        life: 3,
        msg_id: 300,
        left_ms: 10_000,
        dropped: 2,
        trace: Some(Trace { id: 0x0102, span: 7 }),
        body: Raw(body),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// Bytes as version 1 wrote them. They must be read for as long as nodes of version 1 may be met.
const ENVELOPE_1: &str = "88a870726f746f636f6c01a466726f6dc41001890a5dac96774bbcceb302099a8057a46c69666503a66d73675f\
    6964cd012ca76c6566745f6d73cd2710a764726f7070656402a5747261636582a26964c4100000000000000000\
    0000000000000102a47370616e07a4626f6479c404626f6479";
const TELL_1: &str = "87a870726f746f636f6c01a466726f6dc41001890a5dac96774bbcceb302099a8057a46c69666503a66d73675f\
    6964cd012ca76c6566745f6d7300a764726f7070656402a4626f6479c400";
const PING_1: &str = "84a870726f746f636f6c01a466726f6dc41001890a5dac96774bbcceb302099a8057a46c69666503a764726f70\
    70656402";
const PONG_1: &str = "82a870726f746f636f6c01a4626f6f74c41001890a5dac96774bbcceb302099a8057";
const DONE_1: &str = "83a870726f746f636f6c01a4636f6465a4646f6e65a4626f6479c403796573";
const REFUSED_1: &str = "83a870726f746f636f6c01a4636f6465b4756e737570706f727465645f70726f746f636f6ca474657874a37768\
    79";

#[test]
fn samples_of_version_1_are_read_and_still_written() {
    let tell = Envelope { left_ms: 0, trace: None, ..envelope(b"") };
    let ping = Ping { protocol: 1, from: boot(), life: 3, dropped: 2 };
    let pong = Pong { protocol: 1, boot: boot() };
    let done = Outcome::Done(Bytes::from_static(b"yes"));
    let refused = Outcome::Refused(Refusal::UnsupportedProtocol("why".into()));

    assert_eq!(read::<Envelope<'_>>(&unhex(ENVELOPE_1)).unwrap(), envelope(b"body"));
    assert_eq!(read::<Envelope<'_>>(&unhex(TELL_1)).unwrap(), tell);
    assert_eq!(read::<Ping>(&unhex(PING_1)).unwrap(), ping);
    assert_eq!(read::<Pong>(&unhex(PONG_1)).unwrap(), pong);
    assert_eq!(read_outcome(unhex(DONE_1).into()), done);
    assert_eq!(read_outcome(unhex(REFUSED_1).into()), refused);

    assert_eq!(hex(&write(&envelope(b"body")).unwrap()), ENVELOPE_1);
    assert_eq!(hex(&write(&tell).unwrap()), TELL_1);
    assert_eq!(hex(&write(&ping).unwrap()), PING_1);
    assert_eq!(hex(&write(&pong).unwrap()), PONG_1);
    assert_eq!(hex(&write_outcome(&done)), DONE_1);
    assert_eq!(hex(&write_outcome(&refused)), REFUSED_1);
}

#[test]
fn fields_that_a_later_minor_version_adds_are_passed_over() {
    #[derive(Serialize)]
    struct Later {
        protocol: u16,
        priority: u8,
        from: BootId,
        life: u64,
        dropped: u64,
    }
    let later = Later { protocol: 1, priority: 9, from: boot(), life: 3, dropped: 2 };
    let ping = Ping { protocol: 1, from: boot(), life: 3, dropped: 2 };
    assert_eq!(read::<Ping>(&write(&later).unwrap()).unwrap(), ping);
}

#[test]
fn another_version_is_named_before_anything_else_is_read() {
    #[derive(Serialize)]
    struct Stranger {
        shape: [u8; 3],
        protocol: u16,
    }
    for theirs in [0, PROTOCOL + 1, u16::MAX] {
        let bytes = write(&Stranger { shape: [1, 2, 3], protocol: theirs }).unwrap();
        assert_eq!(read::<Envelope<'_>>(&bytes), Err(Unreadable::Protocol(theirs)));
        let Outcome::Refused(Refusal::UnsupportedProtocol(text)) = read_outcome(bytes.into()) else {
            panic!("version {theirs} was read as an answer");
        };
        assert!(text.contains(&theirs.to_string()), "{text}");
    }
}

#[test]
fn garbage_is_an_error_and_never_more() {
    let whole = write(&envelope(b"body")).unwrap();
    let mut cases: Vec<Vec<u8>> = (0..whole.len()).map(|cut| whole[..cut].to_vec()).collect();
    cases.extend([b"hello".to_vec(), vec![0xff; 100], vec![0xdf; 9], vec![0x91; 5_000]]);
    for bytes in cases {
        let read = read::<Envelope<'_>>(&bytes);
        assert!(matches!(read, Err(Unreadable::Garbage(_))), "{}: {read:?}", hex(&bytes));
    }
}

#[test]
fn every_outcome_survives_the_way_back() {
    let outcomes = [
        Outcome::Done(Bytes::new()),
        Outcome::Done(Bytes::from(vec![7; 100_000])),
        Outcome::Busy,
        Outcome::Late,
        Outcome::Failed,
        Outcome::Refused(Refusal::Garbage("g".into())),
        Outcome::Refused(Refusal::UnsupportedProtocol("u".into())),
        Outcome::Refused(Refusal::AnswerTooLarge("a".into())),
    ];
    for outcome in outcomes {
        assert_eq!(read_outcome(write_outcome(&outcome).into()), outcome);
    }
}

#[test]
fn a_code_of_a_later_version_is_a_refusal() {
    let answer = Answer { protocol: 1, code: "moved".into(), text: Some("to node 7".into()), body: None };
    let outcome = read_outcome(write(&answer).unwrap().into());
    assert_eq!(outcome, Outcome::Refused(Refusal::Other("moved: to node 7".into())));
}

#[test]
fn bodies_are_shared_and_not_copied() {
    let whole = Bytes::from(write(&envelope(&[9; 1_000])).unwrap());
    let part = read::<Envelope<'_>>(&whole).unwrap().body;
    let body = share(&whole, part);
    assert_eq!(&body[..], &[9; 1_000]);
    assert_eq!(body.as_ptr(), part.0.as_ptr());
}

#[test]
fn time_left_is_rounded_up() {
    for (left, millis_left) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
        assert_eq!(millis(Duration::from_micros(left)), millis_left);
    }
}
