//! The spool on a real folder: order, numbers, restarts, torn ends, full disks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use messages::agent::{Fact, MAX_REPORTS, RejectedItem, Report};
use messages::run::{LogLevel, Progress, RunOutcome};
use messages::{RunId, Timestamp};

use super::store::{Limits, SpoolError, Store};

const SMALL: Limits = Limits { bytes: 256 * 1024 };

fn report(run_id: RunId, fact: Fact) -> Report {
    Report { seq: 0, at: Timestamp(1), run_id, fact }
}

fn line(run_id: RunId, level: LogLevel, text: impl Into<String>) -> Report {
    report(run_id, Fact::Log { level, text: text.into() })
}

fn finished(run_id: RunId) -> Report {
    report(run_id, Fact::Finished { progress: Progress::default(), outcome: RunOutcome::Succeeded })
}

fn rejected(run_id: RunId, row: u64) -> Report {
    let reject = RejectedItem { row, column: None, field: None, reason: "x".into(), raw: "y".repeat(300) };
    report(run_id, Fact::Rejected { reject })
}

fn text(report: &Report) -> &str {
    match &report.fact {
        Fact::Log { text, .. } => text,
        _ => "",
    }
}

/// Everything that is waiting, acknowledged frame by frame.
fn drain(store: &mut Store) -> Vec<Report> {
    let mut all: Vec<Report> = Vec::new();
    loop {
        let frame = store.hand_out().unwrap();
        let Some(last) = frame.last() else { return all };
        store.acknowledge(store.id(), last.seq).unwrap();
        all.extend(frame);
    }
}

fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let life = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let mut files: Vec<_> = fs::read_dir(life).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

#[test]
fn facts_come_out_in_order_with_numbers_from_one_and_bounded_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    let run = RunId::new();
    for n in 0..500 {
        store.append(&[line(run, LogLevel::Info, n.to_string())]).unwrap();
    }
    let first = store.hand_out().unwrap();
    assert_eq!((first.len(), first[0].seq), (MAX_REPORTS, 1));
    store.rewind();
    let all = drain(&mut store);
    let expected: Vec<_> = (0..500).map(|n: u64| (n + 1, n.to_string())).collect();
    assert_eq!(all.iter().map(|r| (r.seq, text(r).to_owned())).collect::<Vec<_>>(), expected);
    assert_eq!(store.next_unacked(), 501);
}

#[test]
fn large_facts_make_small_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    let run = RunId::new();
    for _ in 0..100 {
        store.append(&[line(run, LogLevel::Info, "ü".repeat(2_000))]).unwrap();
    }
    let frame = store.hand_out().unwrap();
    assert!(serde_json::to_vec(&frame).unwrap().len() < messages::agent::MAX_FRAME / 2);
    store.rewind();
    assert_eq!(drain(&mut store).len(), 100);
}

#[test]
fn a_restart_goes_on_where_it_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new();
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    let id = store.id();
    store.append(&(0..10).map(|n| line(run, LogLevel::Info, n.to_string())).collect::<Vec<_>>()).unwrap();
    store.hand_out().unwrap();
    store.acknowledge(id, 4).unwrap();
    drop(store);
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    assert_eq!((store.id(), store.next_unacked(), store.waiting()), (id, 5, 6));
    store.append(&[finished(run)]).unwrap();
    let rest = drain(&mut store);
    assert_eq!(rest.iter().map(|r| r.seq).collect::<Vec<_>>(), (5..=11).collect::<Vec<_>>());
    assert!(store.has_finished(run));
}

#[test]
fn acknowledged_segments_go_and_numbers_stay() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new();
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    let mut next = 1;
    for _ in 0..40 {
        store.append(&(0..50).map(|_| rejected(run, 1)).collect::<Vec<_>>()).unwrap();
        let seqs: Vec<_> = drain(&mut store).iter().map(|r| r.seq).collect();
        assert_eq!(seqs, (next..next + 50).collect::<Vec<_>>());
        next += 50;
        if next % 500 == 1 {
            drop(store);
            store = Store::open(folder.path(), SMALL).unwrap();
        }
    }
    assert!(segments(folder.path()).len() <= 3, "{:?}", segments(folder.path()));
    assert_eq!(store.next_unacked(), 2_001);
}

#[test]
fn only_the_latest_progress_of_a_run_is_sent_and_none_after_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    let (one, two) = (RunId::new(), RunId::new());
    let progress = |run, read| report(run, Fact::Progress(Progress { read, ..Progress::default() }));
    for read in 0..5 {
        store.note_progress(progress(one, read));
        store.note_progress(progress(two, read));
    }
    store.append(&[finished(two)]).unwrap();
    store.note_progress(progress(two, 9));
    let sent = drain(&mut store);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(matches!(sent[1].fact, Fact::Progress(Progress { read: 4, .. })));
}

#[test]
fn a_torn_end_costs_what_was_being_written_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new();
    let original = folder.path().join("spool");
    let mut store = Store::open(&original, Limits::default()).unwrap();
    let id = store.id();
    for n in 0..12 {
        store.append(&[line(run, LogLevel::Info, n.to_string())]).unwrap();
    }
    drop(store);
    let length = fs::metadata(&segments(&original)[0]).unwrap().len();
    let mut last = 0;
    for cut in 0..=length {
        let torn = folder.path().join("torn");
        copy(&original, &torn);
        fs::File::options().write(true).open(&segments(&torn)[0]).unwrap().set_len(cut).unwrap();
        let mut store = Store::open(&torn, Limits::default()).unwrap();
        let kept = usize::try_from(store.waiting()).unwrap();
        assert!(kept >= last && kept <= 12, "cut at {cut}");
        last = kept;
        store.append(&[finished(run)]).unwrap();
        let all = drain(&mut store);
        assert_eq!(store.id(), id);
        assert_eq!(all.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=kept as u64 + 1).collect::<Vec<_>>());
        assert!(matches!(all[kept].fact, Fact::Finished { .. }));
        drop(store);
        fs::remove_dir_all(torn).unwrap();
    }
    assert_eq!(last, 12);
}

#[test]
fn damage_in_the_middle_begins_a_new_life_with_what_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new();
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    let id = store.id();
    for n in 0..40 {
        store.append(&[line(run, LogLevel::Warn, format!("{n} {}", "x".repeat(400)))]).unwrap();
    }
    drop(store);
    let files = segments(folder.path());
    assert!(files.len() > 3, "{files:?}");
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    assert_ne!(store.id(), id);
    let all = drain(&mut store);
    assert!(all.len() > 25 && all.len() < 40, "{}", all.len());
    assert_eq!(all.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
    let distinct: BTreeSet<_> = all.iter().map(|r| text(r).to_owned()).collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn a_lost_anchor_and_a_disk_set_back_begin_a_new_life() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new();
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    let id = store.id();
    store.append(&[line(run, LogLevel::Info, "a"), line(run, LogLevel::Info, "b")]).unwrap();
    drop(store);
    fs::write(folder.path().join("cursor.json"), "{").unwrap();
    let mut store = Store::open(folder.path(), Limits::default()).unwrap();
    assert_ne!(store.id(), id);
    let id = store.id();
    assert_eq!(drain(&mut store).len(), 2);
    // The hub knows more than this disk: it was restored from a backup.
    store.acknowledge(id, 77).unwrap();
    assert_ne!(store.id(), id);
    store.append(&[line(run, LogLevel::Info, "c")]).unwrap();
    assert_eq!(drain(&mut store)[0].seq, 1);
}

#[test]
fn a_full_spool_gives_up_debug_lines_then_info_lines_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    let run = RunId::new();
    let (mut debug, mut info) = (0, 0);
    for n in 0..6_000_u64 {
        let (level, count) =
            if n % 2 == 0 { (LogLevel::Debug, &mut debug) } else { (LogLevel::Info, &mut info) };
        *count += 1;
        store.append(&[line(run, level, format!("{n} {}", "x".repeat(100)))]).unwrap();
        if n % 100 == 0 {
            store.append(&[rejected(run, n)]).unwrap();
        }
    }
    assert!(store.bytes() <= SMALL.bytes);
    let waiting = store.waiting();
    drop(store);
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    assert_eq!(store.waiting(), waiting);
    let all = drain(&mut store);
    assert_eq!(all.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=waiting).collect::<Vec<_>>());
    let dropped: u64 = all.iter().map(|r| if let Fact::Dropped { lines } = r.fact { lines } else { 0 }).sum();
    let kept = all.iter().filter(|r| matches!(r.fact, Fact::Log { .. })).count() as u64;
    assert_eq!(dropped + kept, debug + info, "each line is there or counted");
    assert_eq!(all.iter().filter(|r| matches!(r.fact, Fact::Rejected { .. })).count(), 60);
    assert!(dropped > 3_000);
}

#[test]
fn what_is_on_its_way_is_never_thinned_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    let run = RunId::new();
    for n in 0..400 {
        store.append(&[line(run, LogLevel::Debug, format!("{n} {}", "x".repeat(100)))]).unwrap();
    }
    let mut sent = store.hand_out().unwrap();
    sent.extend(store.hand_out().unwrap());
    for n in 0..4_000 {
        store.append(&[line(run, LogLevel::Debug, format!("{n} {}", "x".repeat(100)))]).unwrap();
    }
    store.rewind();
    let mut again = store.hand_out().unwrap();
    again.extend(store.hand_out().unwrap());
    assert_eq!(again[..sent.len()], sent[..]);
}

#[test]
fn when_nothing_is_left_to_give_up_only_ends_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), SMALL).unwrap();
    let run = RunId::new();
    let full = (0..10_000).find_map(|row| store.append(&[rejected(run, row)]).err());
    assert!(matches!(&full, Some(error @ SpoolError::Full(_)) if error.is_full()), "{full:?}");
    let before = store.waiting();
    store.append(&[finished(run)]).unwrap();
    assert_eq!(store.waiting(), before + 1);
    assert!(matches!(drain(&mut store).last().unwrap().fact, Fact::Finished { .. }));
    store.append(&[rejected(run, 1)]).unwrap();
}
