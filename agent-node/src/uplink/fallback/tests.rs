//! When to fall back, and when to come back.

use super::*;

const AGAIN: Duration = Duration::from_secs(600);

fn auto() -> Chooser {
    Chooser::new(Setting::Auto, AGAIN)
}

fn blocked(now: Instant) -> Chooser {
    let mut chooser = auto();
    assert!(chooser.failed(Evidence::Answered(StatusCode::FORBIDDEN), "status 403", now, 0.5));
    assert!(chooser.https_works());
    chooser
}

#[test]
fn only_what_stands_in_between_blocks() {
    let problem = |code| Problem::from(code);
    for code in ErrorCode::ALL.iter().copied() {
        let expected =
            if code == ErrorCode::UnsupportedProtocol { Verdict::Blocked } else { Verdict::NotBlocked };
        assert_eq!(judge(Evidence::Refused(&problem(code))), expected, "{code}");
    }
    for status in [200, 301, 400, 403, 404, 407, 426, 500, 501, 502, 503, 504] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(judge(Evidence::Answered(status)), Verdict::Blocked, "{status}");
    }
    assert_eq!(judge(Evidence::Unreachable), Verdict::NotBlocked);
    assert_eq!(judge(Evidence::Silent), Verdict::Blocked);
    assert_eq!(judge(Evidence::Broke), Verdict::Perhaps);
}

#[test]
fn a_line_that_breaks_twice_in_a_row_is_blocked() {
    let now = Instant::now();
    let mut chooser = auto();
    assert!(!chooser.failed(Evidence::Broke, "reset", now, 0.0));
    assert!(!chooser.failed(Evidence::Unreachable, "refused", now, 0.0), "not in a row");
    assert!(!chooser.failed(Evidence::Broke, "reset", now, 0.0));
    assert_eq!(chooser.way(now), Way::WebSocket);
    assert!(chooser.failed(Evidence::Broke, "reset", now, 0.0));
    assert_eq!(chooser.way(now), Way::Https);
    let mut chooser = auto();
    assert!(!chooser.failed(Evidence::Broke, "reset", now, 0.0));
    chooser.websocket_works();
    assert!(!chooser.failed(Evidence::Broke, "reset", now, 0.0));
}

#[test]
fn websocket_is_tried_again_after_a_while() {
    let now = Instant::now();
    for (dice, seconds) in [(0.0, 480), (0.5, 600), (1.0, 720)] {
        let mut chooser = auto();
        chooser.failed(Evidence::Silent, "silent", now, dice);
        chooser.https_works();
        let again_at = now + Duration::from_secs(seconds);
        let off = chooser.again_at().unwrap().max(again_at) - chooser.again_at().unwrap().min(again_at);
        assert!(off < Duration::from_millis(1), "{dice}");
        assert_eq!(chooser.way(again_at - Duration::from_secs(1)), Way::Https);
        assert_eq!(chooser.way(again_at + Duration::from_secs(1)), Way::WebSocket);
        chooser.still_blocked(again_at, dice);
        assert_eq!(chooser.way(again_at + Duration::from_secs(1)), Way::Https);
        chooser.websocket_works();
        assert_eq!((chooser.way(now), chooser.again_at()), (Way::WebSocket, None));
    }
}

#[test]
fn a_hub_that_https_does_not_reach_either_is_not_blocked() {
    let now = Instant::now();
    let mut chooser = auto();
    chooser.failed(Evidence::Answered(StatusCode::BAD_GATEWAY), "status 502", now, 0.0);
    assert_eq!(chooser.way(now), Way::Https);
    chooser.https_failed();
    assert_eq!(chooser.way(now), Way::WebSocket);
    assert_eq!(chooser.reason(), None);
}

#[test]
fn a_proven_block_outlives_a_hub_that_is_away_for_a_moment() {
    let now = Instant::now();
    let mut chooser = blocked(now);
    chooser.https_failed();
    chooser.https_failed();
    assert_eq!(chooser.way(now), Way::Https);
    assert!(!chooser.https_works(), "no news");
    for _ in 0..3 {
        assert_eq!(chooser.way(now), Way::Https);
        chooser.https_failed();
    }
    assert_eq!(chooser.way(now), Way::WebSocket);
}

#[test]
fn a_setting_is_obeyed() {
    let now = Instant::now();
    let mut chooser = Chooser::new(Setting::WebSocket, AGAIN);
    for _ in 0..3 {
        assert!(!chooser.failed(Evidence::Answered(StatusCode::OK), "x", now, 0.0));
        assert_eq!(chooser.way(now), Way::WebSocket);
    }
    let chooser = Chooser::new(Setting::Https, AGAIN);
    assert_eq!((chooser.way(now), chooser.again_at()), (Way::Https, None));
    assert!(chooser.reason().unwrap().contains("set"));
    for (text, setting) in [
        ("auto", Some(Setting::Auto)),
        (" WebSocket", Some(Setting::WebSocket)),
        ("https", Some(Setting::Https)),
        ("http", None),
    ] {
        assert_eq!(Setting::parse(text), setting, "{text}");
    }
}

#[test]
fn a_reason_is_bounded() {
    let mut chooser = auto();
    chooser.failed(Evidence::Silent, &"ế".repeat(10_000), Instant::now(), 0.0);
    assert_eq!(chooser.reason().unwrap().chars().count(), MOST_REASON);
}
