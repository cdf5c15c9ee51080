//! The verdict is of use only if it finds what it looks for.

use super::*;

const R: &str = "retailer";

fn shops() -> Shops {
    let common = BTreeMap::from([(R.to_owned(), "common".to_owned())]);
    Shops { retailers: vec![R.to_owned()], common, ..Shops::default() }
}

fn entry(deed: Deed, outcome: Outcome) -> Entry {
    Entry { retailer: R.to_owned(), deed, outcome }
}

fn done(id: &str, rev: i64) -> Outcome {
    Outcome::Done { id: id.to_owned(), rev }
}

fn unknown() -> Outcome {
    Outcome::Unknown("no answer".to_owned())
}

fn make(code: &str) -> Deed {
    Deed::Make { code: code.to_owned() }
}

fn store(id: &str, rev: i64, code: &str, name: &str) -> Thing {
    let [retailer, id, code, name] = [R, id, code, name].map(str::to_owned);
    Thing { collection: "stores", retailer, id, rev, code, name }
}

fn run(id: &str, states: &[&str]) -> Run {
    Run { id: id.to_owned(), over: true, states: states.iter().map(|&state| state.to_owned()).collect() }
}

/// Two stores made, one renamed, two steps counted, one run.
fn sound() -> (Vec<Entry>, Found) {
    let rename = Deed::Rename { store: "a".to_owned(), name: "A2".to_owned() };
    let entries = vec![
        entry(make("a"), done("a", 3)),
        entry(make("b"), done("b", 4)),
        entry(rename, done("a", 5)),
        entry(Deed::Count, done("common", 6)),
        entry(Deed::Count, done("common", 7)),
        Entry { retailer: "other".to_owned(), ..entry(Deed::Run, done("run", 1)) },
    ];
    let things =
        vec![store("common", 7, "common", "2 by c1"), store("a", 5, "a", "A2"), store("b", 4, "b", "b")];
    let found = Found {
        versions: BTreeMap::from([(R.to_owned(), 7)]),
        things,
        runs: vec![run("run", &["queued", "dispatched", "running", "succeeded"])],
        agent_log: "a run was accepted run_id=run".to_owned(),
    };
    (entries, found)
}

#[test]
fn faults_verdict_has_nothing_against_what_is_sound() {
    let (entries, found) = sound();
    assert_eq!(complaints(&entries, &found, &shops()), Vec::<String>::new());
}

#[test]
fn faults_verdict_finds_each_kind_of_fault() {
    type Spoil = fn(&mut Vec<Entry>, &mut Found);
    let cases: [(&str, Spoil); 14] = [
        ("is not there", |_, found| drop(found.things.remove(2))),
        ("was acknowledged as", |_, found| found.things[1] = store("a", 3, "a", "a")),
        ("nobody was told so", |_, found| found.things.push(store("x", 6, "x", "x"))),
        ("is there twice", |_, found| found.things.push(store("b2", 4, "b", "b"))),
        ("steps of retailer", |_, found| found.things[0] = store("common", 7, "common", "1 by c1")),
        ("steps of retailer", |_, found| found.things[0] = store("common", 7, "common", "3 by c1")),
        ("nobody was told of the versions [8]", |_, found| *found.versions.get_mut(R).unwrap() = 8),
        ("the fence is at 6", |_, found| *found.versions.get_mut(R).unwrap() = 6),
        ("has ended 2 times", |_, found| found.runs[0].states.push("failed".to_owned())),
        ("has ended 0 times", |_, found| found.runs[0].states.truncate(3)),
        ("was acknowledged and is not there", |_, found| found.runs.clear()),
        ("told to nobody", |_, found| found.runs.push(run("second", &["queued", "cancelled"]))),
        ("took the run run on 2 times", |_, found| {
            found.agent_log.push_str("\na run was accepted run_id=run")
        }),
        ("given to two requests", |entries, _| entries.push(entry(Deed::Run, done("run", 2)))),
    ];
    for (wanted, spoil) in cases {
        let (mut entries, mut found) = sound();
        spoil(&mut entries, &mut found);
        let wrong = complaints(&entries, &found, &shops());
        assert!(wrong.iter().any(|complaint| complaint.contains(wanted)), "{wanted}: {wrong:?}");
    }
}

#[test]
fn faults_verdict_allows_what_is_not_known_either_way() {
    let (mut entries, mut found) = sound();
    entries.push(entry(make("c"), unknown()));
    entries.push(entry(Deed::Count, unknown()));
    entries.push(entry(Deed::Rename { store: "b".to_owned(), name: "B2".to_owned() }, unknown()));
    assert_eq!(complaints(&entries, &found, &shops()), Vec::<String>::new());
    found.things.push(store("c", 8, "c", "c"));
    found.things[0] = store("common", 9, "common", "3 by c2");
    found.things[2] = store("b", 10, "b", "B2");
    found.versions.insert(R.to_owned(), 10);
    assert_eq!(complaints(&entries, &found, &shops()), Vec::<String>::new());
}
