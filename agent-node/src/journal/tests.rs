//! The journal on a real folder, and its decisions as tables.

use messages::agent::RunCommand;
use messages::connector::{Credentials, CsvSource, DestinationConfig, LocalFileDestination, SourceConfig};
use messages::http::jobs::RejectRule;
use messages::run::RunOutcome;
use messages::{CommandId, JobId, Secret};

use super::entry::{Answer, End, MAX_CRASHES, Open, Recovery, judge, recover, to_begin};
use super::*;

fn command() -> RunCommand {
    RunCommand {
        command_id: CommandId::new(),
        epoch: Epoch(1),
        run_id: RunId::new(),
        job_id: JobId::new(),
        job_name: "prices".into(),
        source: SourceConfig::Csv(CsvSource { path: "/pos/items.csv".into(), ..CsvSource::default() }),
        destination: DestinationConfig::LocalFile(LocalFileDestination {
            path: "/out/items.csv".into(),
            format: messages::connector::FileFormat::Csv,
        }),
        mapping: Box::default(),
        source_credentials: None,
        credentials: Some(Credentials::Password { password: Secret::new("hunter2") }),
        reject_rule: RejectRule::Continue,
        timeout_s: 60,
        export: None,
    }
}

fn open(entry: &Entry) -> Open {
    entry.open().unwrap().clone()
}

fn over(entry: &Entry, unreported: Option<End>) -> Entry {
    entry.with(Stage::Over { unreported })
}

#[test]
fn an_entry_survives_and_its_secret_goes_with_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let entry = Entry::accepted(journal.next_order(), command());
    journal.put(entry.clone()).unwrap();
    journal.raise_epoch(Epoch(7)).unwrap();
    journal.raise_epoch(Epoch(3)).unwrap();

    let mut journal = Journal::open(folder.path()).unwrap();
    assert_eq!(journal.get(entry.run_id), Some(&entry));
    assert_eq!((journal.epoch(), journal.next_order()), (Epoch(7), 1));
    let text = || {
        let files = fs::read_dir(folder.path()).unwrap();
        files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect::<String>()
    };
    assert!(text().contains("hunter2"), "a run that waits keeps what opens its destination");
    journal.put(over(&entry, None)).unwrap();
    assert!(!text().contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("journal");
    let mut journal = Journal::open(&inner).unwrap();
    let entry = Entry::accepted(0, command());
    journal.put(entry.clone()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&journal.path(entry.run_id)), 0o600);
    assert_eq!(mode(&inner), 0o700);
}

#[test]
fn a_damaged_entry_is_reported_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let run_id = RunId::new();
    fs::write(folder.path().join(format!("{run_id}.json")), "{\"run").unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let recovery = recover(journal.get(run_id).unwrap(), false);
    assert!(matches!(recovery, Recovery::Report(End { outcome: RunOutcome::Failed(_), .. })));
}

#[test]
fn only_the_latest_ends_are_remembered_and_no_open_run_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let waiting = Entry::accepted(0, command());
    journal.put(waiting.clone()).unwrap();
    let ends: Vec<_> =
        (0..MAX_OVER as u64 + 5).map(|n| over(&Entry::accepted(n + 1, command()), None)).collect();
    for end in &ends[..MAX_OVER] {
        journal.remember(end.clone());
    }
    for end in &ends[MAX_OVER..] {
        journal.put(end.clone()).unwrap();
    }
    assert!(journal.get(waiting.run_id).is_some());
    assert!(journal.get(ends[4].run_id).is_none());
    assert!(journal.get(ends[5].run_id).is_some());
}

#[test]
fn commands_are_judged_by_epoch_first() {
    for (known, epoch, highest, expected) in [
        (false, 5, 5, Answer::Keep),
        (false, 6, 5, Answer::Keep),
        (true, 5, 5, Answer::Known),
        (false, 4, 5, Answer::Stale),
        (true, 4, 5, Answer::Stale),
    ] {
        assert_eq!(judge(known, Epoch(epoch), Epoch(highest)), expected);
    }
}

#[test]
fn recovery_of_each_stage() {
    let waiting = Entry::accepted(0, command());
    let with = |change: fn(&mut Open)| {
        let mut open = open(&waiting);
        change(&mut open);
        waiting.with(Stage::Open(Box::new(open)))
    };
    let end = End::failed(messages::ErrorCode::SourceMissing, "gone");
    assert_eq!(recover(&waiting, false), Recovery::Nothing);
    assert_eq!(recover(&over(&waiting, None), false), Recovery::Nothing);
    assert_eq!(recover(&over(&waiting, Some(end.clone())), false), Recovery::Report(end.clone()));
    assert_eq!(recover(&over(&waiting, Some(end)), true), Recovery::Settle);
    assert_eq!(recover(&with(|open| open.working = true), true), Recovery::Settle);
    let Recovery::Wait(put_back) = recover(&with(|open| (open.working, open.attempt) = (true, 2)), false)
    else {
        panic!("a run that was interrupted begins again");
    };
    assert_eq!((put_back.working, put_back.attempt, put_back.crashes), (false, 2, 1));
    let worn = recover(&with(|open| (open.working, open.crashes) = (true, MAX_CRASHES - 1)), false);
    assert!(matches!(worn, Recovery::Report(End { outcome: RunOutcome::Failed(_), .. })));
    let cancelled = recover(&with(|open| (open.working, open.cancelled) = (true, true)), false);
    assert!(matches!(cancelled, Recovery::Report(End { outcome: RunOutcome::Cancelled, .. })));
}

#[test]
fn runs_begin_in_order_and_never_more_than_allowed() {
    let entries: Vec<_> = (0..4).map(|order| Entry::accepted(order, command())).collect();
    let mut open = open(&entries[0]);
    open.working = true;
    let working = entries[0].with(Stage::Open(Box::new(open)));
    let in_order = [&working, &over(&entries[1], None), &entries[2], &entries[3]];
    assert_eq!(to_begin(&in_order, 1), []);
    assert_eq!(to_begin(&in_order, 2), [entries[2].run_id]);
    assert_eq!(to_begin(&in_order, 9), [entries[2].run_id, entries[3].run_id]);
}
