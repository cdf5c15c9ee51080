//! Every answer and refusal of a hub, and what follows from it.

use super::*;
use messages::edge::status::OfflineCause;

fn sent(first: u64, count: u64) -> Sent {
    let events = (first..first + count).map(|seq| (EventId::new(), seq)).collect();
    Sent { events, oldest_seq: 1, last_seq: 1_000 }
}

fn settled(seq: u64) -> IngestAnswer {
    IngestAnswer { settled_seq: seq, ..IngestAnswer::default() }
}

#[test]
fn answers_lead_on_back_or_to_a_new_stream() {
    let batch = sent(101, 50);
    let settle = |settled| Step::Settle { settled, errors: Vec::new() };
    for (answer, step) in [
        (settled(150), settle(150)),
        (settled(120), settle(120)),
        (settled(700), settle(150)),
        (settled(1_001), Step::NewStream),
        (IngestAnswer { expected_seq: Some(41), ..settled(40) }, Step::Rewind { expected: 41 }),
        (IngestAnswer { expected_seq: Some(131), ..settled(130) }, settle(130)),
        (IngestAnswer { expected_seq: Some(1_002), ..settled(0) }, Step::NewStream),
    ] {
        assert_eq!(after(&batch, &Ok(answer.clone())), step, "{answer:?}");
    }
    assert!(
        matches!(after(&batch, &Ok(settled(100))), Step::Wait { .. }),
        "no progress is no reason to run hot"
    );
    let late = Sent { oldest_seq: 90, ..batch.clone() };
    let gap = IngestAnswer { expected_seq: Some(41), ..settled(40) };
    assert_eq!(after(&late, &Ok(gap.clone())), Step::Rewind { expected: 90 });
    let gone = Sent { oldest_seq: 101, ..batch };
    assert!(matches!(after(&gone, &Ok(gap)), Step::Wait { .. }));
}

#[test]
fn only_our_own_events_are_parked() {
    let batch = sent(1, 2);
    let error =
        |event_id| EventError { event_id, seq: 1, code: ErrorCode::EventMalformed, detail: "x".into() };
    let (mine, foreign) = (error(batch.events[0].0), error(EventId::new()));
    let answer = IngestAnswer { errors: vec![mine.clone(), foreign], ..settled(2) };
    assert_eq!(after(&batch, &Ok(answer)), Step::Settle { settled: 2, errors: vec![mine] });
}

#[test]
fn a_poisoned_batch_is_halved_down_to_the_one_that_is_withheld() {
    let poison = || Err(SendFault::Refused(Problem::new(ErrorCode::MalformedRequest, "no")));
    let mut most = 50;
    let mut tried = Vec::new();
    while let Step::Smaller { most: fewer } = after(&sent(1, most as u64), &poison()) {
        tried.push(fewer);
        most = fewer;
    }
    assert_eq!(tried, [25, 12, 6, 3, 1]);
    let one = sent(7, 1);
    let Step::Withhold { event, fact: Fact::Withheld(note) } = after(&one, &poison()) else {
        panic!("not withheld")
    };
    assert_eq!((event, note.code.as_str()), (one.events[0].0, "malformed_request"));
    assert_eq!([1, 2, 30, 50].map(grow), [2, 4, 50, 50]);
}

#[test]
fn waits_are_as_long_as_the_refusal_says() {
    let least = |fault: SendFault| match after(&sent(1, 50), &Err(fault)) {
        Step::Wait { least, .. } => least,
        other => panic!("{other:?}"),
    };
    let problem = |code: ErrorCode| Problem::from(code);
    assert_eq!(least(LineFault::new(OfflineCause::Dns, "x").into()), Duration::ZERO);
    assert_eq!(least(problem(ErrorCode::Busy).into()), Duration::ZERO);
    assert_eq!(least(problem(ErrorCode::Busy).with_retry_after(7).into()), Duration::from_secs(7));
    for code in [ErrorCode::NotAuthenticated, ErrorCode::EdgeRevoked, ErrorCode::NotFound] {
        assert_eq!(least(problem(code).into()), REFUSED_WAIT, "{code}");
    }
    assert_eq!(after(&sent(1, 2), &Err(problem(ErrorCode::StreamReset).into())), Step::NewStream);
}
