//! Slots on real clocks, case by case and by property.

use std::time::Duration;

use messages::schedule::{MaintenanceWindow, MissedRule, PreviewRequest, Schedule, Timing};
use messages::{JobId, Timestamp};
use proptest::prelude::*;

use super::cron::Cron;
use super::passed::{CLOCK_SLACK, MOST_MADE_UP, passed, settled_by};
use super::plan::{Basis, Plan};
use super::preview::{check_timing, check_windows, preview};
use super::zone::Zone;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn cron(expression: &str) -> Schedule {
    Schedule::Cron { expression: expression.into(), time_zone: None }
}

fn plan_of(schedule: Schedule, zone: &str, maintenance: &[MaintenanceWindow], jitter_s: u32) -> Plan {
    let timing = Timing { schedule, jitter_s, ..Timing::default() };
    let basis = Basis { anchor: at("2026-01-01T00:00:00Z"), zone, maintenance };
    Plan::of(JobId::from_uuid(uuid::Uuid::from_u128(7)), &timing, basis).unwrap()
}

fn plan(expression: &str, zone: &str) -> Plan {
    plan_of(cron(expression), zone, &[], 0)
}

fn window(starts: &str, length_min: u32) -> MaintenanceWindow {
    MaintenanceWindow { starts: starts.into(), length_min, time_zone: None, note: String::new() }
}

fn slots(plan: &Plan, after: &str, many: usize) -> Vec<Timestamp> {
    std::iter::successors(plan.slot_after(at(after)), |last| plan.slot_after(*last)).take(many).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn slots_stand_where_the_clock_of_the_zone_puts_them() {
    for (expression, zone, after, expected) in [
        // Ordinary days.
        ("30 2 * * *", "UTC", "2026-05-01T00:00:00Z", &["2026-05-01T02:30:00Z", "2026-05-02T02:30:00Z"][..]),
        ("0 8 * * *", "Asia/Ho_Chi_Minh", "2026-05-01T01:00:00Z", &["2026-05-02T01:00:00Z"]),
        (
            "*/20 9-10 * * mon-fri",
            "UTC",
            "2026-05-01T10:20:00Z",
            &["2026-05-01T10:40:00Z", "2026-05-04T09:00:00Z"],
        ),
        (
            "5/25 0 * * *",
            "UTC",
            "2026-05-01T00:00:00Z",
            &["2026-05-01T00:05:00Z", "2026-05-01T00:30:00Z", "2026-05-01T00:55:00Z"],
        ),
        ("0 0 * jan,JUL sun", "UTC", "2026-02-01T00:00:00Z", &["2026-07-05T00:00:00Z"]),
        ("0 0 * * 7", "UTC", "2026-05-01T00:00:00Z", &["2026-05-03T00:00:00Z"]),
        (
            "0 0 * * fri-sun",
            "UTC",
            "2026-05-01T00:00:00Z",
            &["2026-05-02T00:00:00Z", "2026-05-03T00:00:00Z", "2026-05-08T00:00:00Z"],
        ),
        // The day of the month or the day of the week: either is enough.
        ("0 0 13 * fri", "UTC", "2026-02-07T00:00:00Z", &["2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"]),
        // Ends of months, leap days, and what is far apart.
        ("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
        ("0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]),
        ("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", &["2104-02-29T00:00:00Z"]),
        ("59 23 31 12 *", "UTC", "2026-06-01T00:00:00Z", &["2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"]),
        // Northern: the clock leaps from 02:00 to 03:00 on 29 March, and goes back from 03:00 to 02:00 on 25 October.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T02:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "*/15 2-3 29 3 *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T01:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "0,30 * 25 10 *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"],
        ),
        (
            "0 0 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"],
        ),
        ("30 1 8 3 *", "America/New_York", "2026-01-01T00:00:00Z", &["2026-03-08T06:30:00Z"]),
        ("30 2 8 3 *", "America/New_York", "2026-01-01T00:00:00Z", &["2026-03-08T07:00:00Z"]),
        (
            "30 1 1 11 *",
            "America/New_York",
            "2026-06-01T00:00:00Z",
            &["2026-11-01T05:30:00Z", "2027-11-01T05:30:00Z"],
        ),
        // Southern: forward on 4 October, back on 5 April.
        ("30 2 4 10 *", "Australia/Sydney", "2026-06-01T00:00:00Z", &["2026-10-03T16:00:00Z"]),
        (
            "30 2 5 4 *",
            "Australia/Sydney",
            "2026-01-01T00:00:00Z",
            &["2026-04-04T15:30:00Z", "2027-04-04T16:30:00Z"],
        ),
        // By half an hour.
        ("15 2 4 10 *", "Australia/Lord_Howe", "2026-06-01T00:00:00Z", &["2026-10-03T15:30:00Z"]),
        ("45 1 5 4 *", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", &["2026-04-04T14:45:00Z"]),
        // At midnight, and by a whole day.
        (
            "0 0 * * *",
            "America/Santiago",
            "2026-09-05T04:00:00Z",
            &["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"],
        ),
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", &["2011-12-30T10:00:00Z"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|text| at(text)).collect();
        let found = slots(&plan(expression, zone), after, expected.len());
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{expression} in {zone} after {after}: {shown:?}");
    }
}

#[test]
fn what_is_wrong_with_an_expression_is_named() {
    for (expression, told) in [
        ("* * * *", "five fields"),
        ("60 * * * *", "the minute \"60\""),
        ("* 24 * * *", "the hour \"24\""),
        ("* * 0 * *", "the day of the month \"0\""),
        ("* * * 13 *", "the month \"13\""),
        ("* * * * 8", "the day of the week \"8\""),
        ("* * * jam *", "names of three letters"),
        ("*/0 * * * *", "step"),
        ("5-1 * * * *", "ends before it begins"),
        ("1,,2 * * * *", "the minute \"1,,2\""),
        ("+5 * * * *", "the minute"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
    ] {
        let error = expression.parse::<Cron>().unwrap_err().to_string();
        assert!(error.contains(told), "{expression}: {error}");
    }
    assert!("Mars/Olympus".parse::<Zone>().unwrap_err().to_string().contains("Mars/Olympus"));
}

#[test]
fn faults_carry_the_names_of_their_fields() {
    let timing = Timing {
        schedule: Schedule::Cron { expression: "x * * * *".into(), time_zone: Some("Nowhere".into()) },
        ..Timing::default()
    };
    let fields =
        |problem: messages::Problem| problem.errors.into_iter().map(|error| error.field).collect::<Vec<_>>();
    assert_eq!(
        fields(check_timing(&timing, "UTC").unwrap_err()),
        ["schedule.expression", "schedule.time_zone"]
    );
    let windows = [window("0 2 * * *", 5), window("2 * * *", 5)];
    assert_eq!(
        fields(check_windows("Nowhere", &windows).unwrap_err()),
        ["time_zone", "maintenance.1.starts"]
    );
}

#[test]
fn intervals_are_real_time_counted_from_when_they_were_set() {
    let plan = plan_of(Schedule::Interval { every_s: 3_600 }, "Europe/Berlin", &[], 0);
    let expected = ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"].map(at);
    assert_eq!(slots(&plan, "2026-03-29T00:00:00Z", 2), expected);
    assert_eq!(slots(&plan, "2025-12-31T00:00:00Z", 1), [at("2026-01-01T01:00:00Z")]);
}

#[test]
fn nothing_starts_within_maintenance() {
    let nights = [window("0 2 * * *", 60), window("30 2 * * *", 60)];
    let plan = plan_of(cron("0 * * * *"), "UTC", &nights, 0);
    let after = at("2026-05-01T01:30:00Z");
    assert_eq!(plan.run_after(after), Some(at("2026-05-01T04:00:00Z")));
    assert_eq!(plan.look_after(after), Some(at("2026-05-01T03:30:00Z")));
    assert_eq!(plan.held_until(at("2026-05-01T02:00:00Z")), Some(at("2026-05-01T03:30:00Z")));
    assert_eq!(plan.held_until(at("2026-05-01T03:30:00Z")), None);
    let always = plan_of(cron("0 * * * *"), "UTC", &[window("0 0 * * *", 1_440)], 0);
    assert_eq!((always.run_after(after), always.held_until(after)), (None, Some(Timestamp(i64::MAX))));
}

/// Rule, settled, now, then what comes of it: met, made up, counted.
#[test]
fn slots_that_passed_are_treated_by_the_rule() {
    let hourly = plan("0 * * * *", "UTC");
    let day = Duration::from_secs(86_400);
    let hours = Duration::from_secs(2 * 3_600);
    for (rule, window, now, on_time, made_up, missed) in [
        (MissedRule::Once, day, "01:00:01", Some("01:00"), &[][..], 0),
        (MissedRule::Skip, day, "04:00:30", Some("04:00"), &[], 3),
        (MissedRule::Once, day, "04:00:30", Some("04:00"), &[], 3),
        (MissedRule::Skip, day, "04:30:00", None, &[], 4),
        (MissedRule::Once, day, "04:30:00", None, &["04:00"], 4),
        (MissedRule::All, day, "04:30:00", None, &["01:00", "02:00", "03:00", "04:00"], 4),
        (MissedRule::All, hours, "04:00:30", Some("04:00"), &["03:00"], 3),
        (MissedRule::Once, Duration::from_secs(60), "04:30:00", None, &[], 4),
    ] {
        let when =
            |time: &str| at(&format!("2026-05-01T{time}{}Z", if time.len() == 5 { ":00" } else { "" }));
        let found = passed(&hourly, rule, window, when("00:00"), when(now)).unwrap();
        assert_eq!(found.on_time, on_time.map(when), "{rule:?} at {now}");
        assert_eq!(found.made_up, made_up.iter().map(|t| when(t)).collect::<Vec<_>>(), "{rule:?} at {now}");
        assert_eq!(found.missed, missed, "{rule:?} at {now}");
    }
    assert_eq!(
        passed(&hourly, MissedRule::All, day, at("2026-05-01T00:00:00Z"), at("2026-05-01T00:59:59Z")),
        None
    );
}

#[test]
fn a_long_absence_costs_a_bounded_number_of_runs() {
    let plan = plan_of(Schedule::Interval { every_s: 5 }, "UTC", &[], 0);
    let settled = at("2026-01-01T00:00:00Z");
    let year = Duration::from_secs(400 * 86_400);
    let found = passed(&plan, MissedRule::All, year, settled, at("2026-12-31T00:00:02Z")).unwrap();
    assert_eq!(found.made_up.len(), MOST_MADE_UP);
    assert_eq!(found.on_time, Some(at("2026-12-31T00:00:00Z")));
    assert!(found.missed >= 50_000);
}

#[test]
fn a_clock_set_back_is_waited_for_unless_it_was_far_wrong() {
    let now = at("2026-05-01T00:00:00Z");
    assert_eq!(settled_by(now + CLOCK_SLACK, now), now + CLOCK_SLACK);
    assert_eq!(settled_by(now + CLOCK_SLACK * 2, now), now);
}

#[test]
fn the_next_five_are_told_on_the_zones_clock() {
    let request = PreviewRequest {
        schedule: cron("30 2 * * *"),
        time_zone: "Europe/Berlin".into(),
        maintenance: vec![window("0 2 30 3 *", 60)],
    };
    let found = preview(&request, at("2026-03-28T02:00:00Z")).unwrap();
    let texts: Vec<_> = found.next.iter().map(|next| next.text.as_str()).collect();
    assert_eq!(
        texts[..3],
        ["Sun 29 Mar 2026 03:00 CEST", "Tue 31 Mar 2026 02:30 CEST", "Wed 1 Apr 2026 02:30 CEST"]
    );
    assert_eq!(found.next.len(), 5);
}

#[test]
fn jobs_are_spread_over_the_jitter_and_stay_where_they_are() {
    let timing = Timing { schedule: cron("0 2 * * *"), jitter_s: 600, ..Timing::default() };
    let basis = Basis { anchor: Timestamp(0), zone: "UTC", maintenance: &[] };
    let slot = at("2026-05-01T02:00:00Z");
    let mut minutes = [0_u32; 10];
    for _ in 0..1_000 {
        let job = JobId::new();
        let plan = || Plan::of(job, &timing, basis).unwrap();
        let put_off = plan().due(slot).since(slot);
        assert_eq!(put_off, plan().due(slot).since(slot));
        minutes[usize::try_from(put_off.as_secs() / 60).unwrap().min(9)] += 1;
    }
    assert!(minutes.iter().all(|share| (50..=160).contains(share)), "{minutes:?}");
}

fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let step = max - min;
    prop_oneof![
        3 => Just("*".to_owned()),
        3 => (min..=max).prop_map(|value| value.to_string()),
        2 => (2..=step.max(2)).prop_map(|step| format!("*/{step}")),
        1 => (min..=max, min..=max).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
        .prop_map(|(minute, hour, day, month, week)| format!("{minute} {hour} {day} {month} {week}"))
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Santiago",
        "Africa/Casablanca",
        "Asia/Ho_Chi_Minh",
    ])
}

fn instants() -> impl Strategy<Value = Timestamp> {
    (at("2024-01-01T00:00:00Z").0..at("2030-01-01T00:00:00Z").0).prop_map(Timestamp)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_next_slot_comes_after_and_no_slot_is_left_out(
        expression in expression(), zone in zone(), from in instants(), later in 0_i64..40 * 86_400_000,
    ) {
        let plan = plan(&expression, zone);
        let first = plan.slot_after(from).unwrap();
        prop_assert!(first > from);
        prop_assert!(plan.slot_after(first).unwrap() > first);
        // Asked from anywhere before it, the next slot is the same one.
        prop_assert_eq!(plan.slot_after(Timestamp(first.0 - 1)).unwrap(), first);
        let middle = Timestamp(from.0 + later);
        prop_assert!(plan.slot_after(middle).unwrap() >= first);
        if middle < first {
            prop_assert_eq!(plan.slot_after(middle).unwrap(), first);
        }
    }

    #[test]
    fn a_slot_shows_the_time_it_was_told_unless_the_clock_leapt(
        expression in expression(), zone in zone(), from in instants(),
    ) {
        let slot = plan(&expression, zone).slot_after(from).unwrap();
        let zone: Zone = zone.parse().unwrap();
        let shown = zone.clock(slot).unwrap();
        let cron: Cron = expression.parse().unwrap();
        let leapt = zone.clock(Timestamp(slot.0 - 1)).unwrap().duration_until(shown).as_secs() > 60;
        prop_assert!(leapt || cron.first_from(shown) == Some(shown), "{}", shown);
    }

    #[test]
    fn no_run_starts_within_maintenance(
        expression in expression(), zone in zone(), from in instants(), starts in expression(),
        length in 1_u32..300, jitter in 0_u32..600,
    ) {
        let plan = plan_of(cron(&expression), zone, &[window(&starts, length)], jitter);
        if let Some(run) = plan.run_after(from) {
            prop_assert_eq!(plan.held_until(run), None);
            prop_assert!(run > from);
        }
    }

    #[test]
    fn looking_often_or_seldom_settles_the_same_slots(
        expression in expression(), from in instants(), steps in prop::collection::vec(1_i64..90_000_000, 1..12),
    ) {
        let plan = plan(&expression, "Europe/Berlin");
        let look = |settled, now| passed(&plan, MissedRule::Skip, Duration::ZERO, settled, now);
        let (mut settled, mut now, mut total) = (from, from, 0);
        for step in &steps {
            now = Timestamp(now.0 + step);
            if let Some(found) = look(settled, now) {
                prop_assert!(found.settled > settled && found.settled <= now);
                settled = found.settled;
                total += found.missed + u64::from(found.on_time.is_some());
            }
        }
        let at_once = look(from, now);
        prop_assert_eq!(total, at_once.map_or(0, |found| found.missed + u64::from(found.on_time.is_some())));
    }
}
