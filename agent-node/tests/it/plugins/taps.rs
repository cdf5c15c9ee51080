//! Taps as scripts: one that holds to the rules, and those that do not.

use std::fmt::Write as _;
use std::fs;

use agent_node::connector::singer::SingerTap;
use agent_node::connector::{Means, PosConnector};
use futures_util::StreamExt as _;
use messages::ErrorCode;
use messages::connector::{ColumnName, Credentials, DecimalMark, SingerSource};
use messages::item::ItemField;

use super::{Stage, gone, until};
use crate::conformance;
use crate::sources::read;

const CATALOG: &str = r#"{"streams":[
    {"tap_stream_id":"pos-articles","stream":"articles","schema":{"properties":{"sku":{},"name":{},"price":{}}},"metadata":[]},
    {"tap_stream_id":"pos-users","stream":"users","schema":{"properties":{"id":{}}},"metadata":[]}]}"#;

const SCHEMA: &str = r#"{"type":"SCHEMA","stream":"articles","schema":{"properties":{"sku":{},"name":{},"price":{}}},"key_properties":["sku"]}"#;

/// Gives the catalogue when it is asked for it, and else the file of lines.
const SAYS: &str = "#!/bin/sh\ncase \"$*\" in *--discover*) cat catalog.json;; *) cat lines.jsonl;; esac\n";

fn record(sku: &str, name: &str, price: &str) -> String {
    format!(
        r#"{{"type":"RECORD","stream":"articles","record":{{"sku":"{sku}","name":"{name}","price":{price}}}}}"#
    )
}

fn lines(rows: usize) -> String {
    let mut text = format!("{SCHEMA}\n");
    for n in 0..rows {
        writeln!(text, "{}", record(&n.to_string(), "Milk", "1.10")).unwrap();
    }
    text
}

/// A tap that says these lines.
fn that_says(stage: &Stage, name: &str, lines: &str, manifest: &str) {
    let folder = stage.tap(name, SAYS, manifest);
    fs::write(folder.join("catalog.json"), CATALOG).unwrap();
    fs::write(folder.join("lines.jsonl"), lines).unwrap();
}

fn of_stream(stage: &Stage, plugin: &str, stream: &str) -> SingerTap {
    stage.source(SingerSource { plugin: plugin.into(), stream: stream.into(), ..SingerSource::default() })
}

#[tokio::test]
async fn a_tap_conforms_with_and_without_a_catalogue() {
    let stage = Stage::new();
    let text = lines(2_000) + &record("x", "", "1") + "\n";
    that_says(&stage, "tap-a", &text, "");
    that_says(&stage, "tap-b", &text, "discover = false\nstream = \"articles\"");
    stage.tap("tap-down", "#!/bin/sh\necho 'no route to the till' >&2\nexit 1\n", "");
    for (subject, malformed) in [
        (of_stream(&stage, "tap-a", "pos-articles"), of_stream(&stage, "tap-a", "pos-goods")),
        (stage.named("tap-b"), of_stream(&stage, "tap-b", "goods")),
    ] {
        let breaches = conformance::source(&subject, (2_000, 1), &stage.named("tap-down"), &malformed).await;
        assert_eq!(breaches, [""; 0]);
    }
    stage.is_clean().await;
}

#[tokio::test]
async fn records_are_read_exactly() {
    let stage = Stage::new();
    let schema = r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"no":{},"name":{},"p":{"properties":{"retail":{}}},"vat":{}}}}"#;
    let text = [
        r#"{"type":"STATE","value":{}}"#,
        r#"{"type":"SCHEMA","stream":"other","schema":{"properties":{}}}"#,
        schema,
        r#"{"type":"RECORD","stream":"other","record":{"no":"z"}}"#,
        r#"{"type":"ACTIVATE_VERSION","stream":"a","version":1}"#,
        r#"{"type":"RECORD","stream":"a","record":{"no":17,"name":"Sữa \"1\"","p":{"retail":90071992547409.93},"vat":"5,5"}}"#,
        "",
        r#"{"type":"RECORD","stream":"a","record":{"no":"18","name":"Käse","p":{"retail":1.5E-1},"vat":null}}"#,
        r#"{"type":"RECORD","stream":"a","record":{"no":"19","name":"Brot","p":{"retail":"dear"}}}"#,
    ];
    let columns = "columns = { sku = \"no\", price = \"p.retail\" }";
    that_says(&stage, "tap-a", &text.join("\n"), &format!("discover = false\nstream = \"a\"\n{columns}"));
    let source = stage.source(SingerSource {
        plugin: "tap-a".into(),
        decimal_mark: DecimalMark::Comma,
        columns: vec![ColumnName { field: ItemField::TaxRate, header: "vat".into() }],
        ..SingerSource::default()
    });
    let got = read(&source).await.unwrap();
    let told: Vec<_> = got.items.iter().map(|i| format!("{} {} {}", i.sku, i.name, i.price)).collect();
    assert_eq!(told, ["17 Sữa \"1\" 90071992547409.93", "18 Käse 0.15"]);
    assert_eq!(got.items[0].tax_rate.unwrap().to_string(), "5.5");
    assert_eq!(got.rejects.len(), 1);
    assert!(got.rejects[0].starts_with("3 p.retail: "), "{:?}", got.rejects);
    let found = source.discover().await.unwrap();
    let price = found.iter().find(|column| column.header == "p.retail").unwrap();
    assert_eq!(price.field, Some(ItemField::Price));
    that_says(&stage, "tap-b", &text.join("\n"), "discover = false");
    let several = read(&stage.named("tap-b")).await.unwrap_err();
    assert!(several.detail.contains("several streams, \"other\" and \"a\""), "{several}");
    let missing = stage.source(SingerSource {
        plugin: "tap-a".into(),
        columns: vec![ColumnName { field: ItemField::Stock, header: "qty".into() }],
        ..SingerSource::default()
    });
    let failure = missing.open().await.err().unwrap();
    assert_eq!(failure.code, ErrorCode::SourceMalformed);
    assert!(failure.detail.contains("no value \"qty\" (for stock)"), "{failure}");
}

/// What each of these does is told, and none of them leaves anything behind.
#[tokio::test]
async fn hostile_taps_are_ended_and_told() {
    let stage = Stage::new();
    let python = "#!/usr/bin/env python3\n";
    for (name, script, limits, code, part) in [
        (
            "hang",
            "#!/bin/sh\necho $$ > pid\nsleep 1000\n",
            "time_s = 1",
            ErrorCode::SourceUnreadable,
            "was stopped after the 1 s",
        ),
        (
            "flood",
            "#!/bin/sh\necho $$ > pid\nyes xxxxxxxxxxxxxxx | tr -d '\\n'\n",
            "",
            ErrorCode::SourceMalformed,
            "line 1 of the plugin \"flood\" has more than 4 MiB",
        ),
        (
            "garbage",
            "#!/bin/sh\necho $$ > pid\necho Starting up\nsleep 1000\n",
            "",
            ErrorCode::SourceMalformed,
            "line 1 of the plugin \"garbage\" is no Singer message",
        ),
        (
            "binary",
            "#!/bin/sh\necho $$ > pid\nhead -c 100 /dev/zero | tr '\\0' '\\377'\necho\nsleep 1000\n",
            "",
            ErrorCode::SourceMalformed,
            "is no UTF-8",
        ),
        (
            "fails",
            "#!/bin/sh\necho $$ > pid\necho first >&2\necho 'the till is locked' >&2\nexit 3\n",
            "",
            ErrorCode::SourceUnreadable,
            "ended with status 3; it said: first | the till is locked",
        ),
        (
            "killed",
            "#!/bin/sh\necho $$ > pid\nkill -9 $$\n",
            "",
            ErrorCode::SourceUnreadable,
            "was ended by signal 9",
        ),
        (
            "silent",
            "#!/bin/sh\necho $$ > pid\n",
            "",
            ErrorCode::SourceMalformed,
            "gave no stream \"articles\"; it gave nothing",
        ),
        (
            "eats",
            &format!(
                "{python}import os\nopen('pid','w').write(str(os.getpid()))\nx = bytearray(400 << 20)\nprint(len(x))\n"
            ),
            "memory_mib = 128",
            ErrorCode::SourceUnreadable,
            "MemoryError",
        ),
    ] {
        let manifest = format!("discover = false\nstream = \"articles\"\nlimits = {{ {limits} }}");
        let folder = stage.tap(name, script, &manifest);
        let failure = read(&stage.named(name)).await.unwrap_err();
        assert_eq!(failure.code, code, "{name}: {failure}");
        assert!(failure.detail.contains(part), "{name}: {failure}");
        gone(&folder.join("pid")).await;
    }
    stage.is_clean().await;
}

#[tokio::test]
async fn children_go_with_their_plugin() {
    let stage = Stage::new();
    let manifest = "discover = false\nstream = \"articles\"";
    // One whose child holds its output open, and one that is dropped while it works.
    let forks = format!(
        "#!/bin/sh\nsleep 1000 &\necho $! > pid\necho '{SCHEMA}'\necho '{}'\n",
        record("1", "Milk", "1")
    );
    let folder = stage.tap("forks", &forks, manifest);
    let all = read(&stage.named("forks")).await.unwrap();
    assert_eq!(all.skus(), ["1"]);
    gone(&folder.join("pid")).await;
    let works = format!(
        "#!/bin/sh\nsleep 1000 &\necho $! > pid\necho '{SCHEMA}'\nwhile true; do echo '{}'; done\n",
        record("1", "Milk", "1")
    );
    let folder = stage.tap("works", &works, manifest);
    let mut reading = stage.named("works").open().await.unwrap();
    assert!(reading.batches.next().await.unwrap().is_ok());
    drop(reading);
    gone(&folder.join("pid")).await;
    stage.is_clean().await;
}

#[tokio::test]
async fn a_plugin_gets_its_settings_and_nothing_else() {
    let stage = Stage::new();
    let script = format!(
        "#!/bin/sh\nenv | sort > environment\nulimit -v > limits\nulimit -c >> limits\nstat -c %a \"$2\" > mode\n\
         cp \"$2\" config\necho \"WARNING bad login with s3cret-word\" >&2\n\
         i=0; while [ $i -lt 200 ]; do echo \"ERROR $i\" >&2; i=$((i+1)); done\necho '{SCHEMA}'\necho '{}'\n",
        record("1", "Milk", "1")
    );
    let manifest = "discover = false\nstream = \"articles\"\nenvironment = { OWN = \"yes\" }\nlimits = { memory_mib = 512 }";
    let folder = stage.tap("tap-a", &script, manifest);
    let schema = r#"{"properties":{"host":{"type":"string"},"password":{"type":"string"}},"required":["host","password"]}"#;
    fs::write(folder.join("settings.json"), schema).unwrap();
    let config = |host: &str| SingerSource {
        plugin: "tap-a".into(),
        settings: [("host".to_owned(), host.into()), ("port".to_owned(), 5432.into())].into_iter().collect(),
        secrets: vec!["password".into()],
        ..SingerSource::default()
    };
    let given = Credentials::Settings { settings: [("password".to_owned(), "s3cret-word".into())].into() };
    let source = SingerTap::new(config("db"), Some(given.clone()), stage.means());
    let read_all = read(&source).await.unwrap();
    assert_eq!(read_all.skus(), ["1"]);
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let names: Vec<_> =
        text("environment").lines().map(|l| l.split('=').next().unwrap().to_owned()).collect();
    let own: Vec<_> =
        names.iter().filter(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(&name.as_str())).collect();
    assert_eq!(own, ["HOME", "LANG", "OWN", "PATH", "PYTHONIOENCODING", "TMPDIR"]);
    assert_eq!((text("limits").as_str(), text("mode").as_str()), ("524288\n0\n", "600\n"));
    assert_eq!(text("config"), r#"{"host":"db","password":"s3cret-word","port":5432}"#);
    assert_eq!(read_all.notes[0], "tap-a says: WARNING bad login with ***");
    assert_eq!(read_all.notes.len(), 50, "the rest is left out");
    stage.is_clean().await;
    for (config, credentials, part) in [
        (config("db"), None, "secret settings of \"tap-a\" are missing"),
        (
            SingerSource { secrets: vec![], ..config("db") },
            None,
            "password of the plugin \"tap-a\" must not be empty",
        ),
        (
            SingerSource { settings: Default::default(), ..config("db") },
            Some(given.clone()),
            "the setting host",
        ),
        (SingerSource { plugin: "tap-z".into(), ..config("db") }, Some(given), "no plugin \"tap-z\""),
    ] {
        let source = SingerTap::new(config, credentials, stage.means());
        let failure = source.check().await.unwrap_err();
        assert!(failure.detail.contains(part) && !failure.code.retry_helps(), "{failure}");
    }
    let nowhere = SingerTap::new(config("db"), None, Means::default()).check().await.unwrap_err();
    assert!(nowhere.detail.contains("--plugins"), "{nowhere}");
}

/// Gives what is new since its state, which is the number of the last line that it gave; fails if it is told to.
const COUNTS: &str = r#"#!/usr/bin/env python3
import json, os, sys
args = sys.argv[1:]
state = json.load(open(args[args.index("--state") + 1])) if "--state" in args else {"at": 0}
if "--discover" in args:
    print(json.dumps({"streams": [{"tap_stream_id": "articles", "stream": "articles", "schema": {}}]}))
    sys.exit(0)
stream = json.load(open(args[args.index("--catalog") + 1]))["streams"][0]["metadata"][0]["metadata"]
assert stream["selected"] and stream["replication-method"] == "INCREMENTAL", stream
assert stream["replication-key"] == "changed", stream
print(json.dumps({"type": "SCHEMA", "stream": "articles", "schema": {}}))
rows = open("rows").read().split()
for at, sku in enumerate(rows):
    if at >= state["at"]:
        record = {"sku": sku, "name": "x", "price": 1}
        print(json.dumps({"type": "RECORD", "stream": "articles", "record": record}))
print(json.dumps({"type": "STATE", "value": {"at": len(rows)}}), flush=True)
sys.exit(1 if os.path.exists("broken") else 0)
"#;

#[tokio::test]
async fn a_state_is_kept_when_the_run_has_succeeded_and_not_before() {
    let stage = Stage::new();
    let folder = stage.tap("tap-a", COUNTS, "");
    let job = messages::JobId::new();
    let config = SingerSource {
        plugin: "tap-a".into(),
        incremental: true,
        replication_key: "changed".into(),
        ..SingerSource::default()
    };
    let run = async |fresh: bool, succeeds: bool| {
        let source = SingerTap::new(config.clone(), None, stage.means().of_job(job, fresh));
        let mut reading = source.open().await.unwrap();
        let (mut skus, mut failed) = (Vec::new(), false);
        while let Some(batch) = reading.batches.next().await {
            match batch {
                Ok(batch) => skus.extend(batch.rows.into_iter().map(|row| row.unwrap().item.sku)),
                Err(_) => failed = true,
            }
        }
        if succeeds && !failed {
            assert_eq!(reading.afterwards.unwrap().succeeded().await, [""; 0]);
        }
        (skus.join(" "), failed)
    };
    let rows = |text: &str| fs::write(folder.join("rows"), text).unwrap();
    rows("a b");
    assert_eq!(run(false, false).await, ("a b".into(), false));
    assert_eq!(run(false, true).await, ("a b".into(), false), "the run before did not succeed");
    rows("a b c");
    fs::write(folder.join("broken"), "").unwrap();
    assert!(run(false, true).await.1);
    fs::remove_file(folder.join("broken")).unwrap();
    assert_eq!(run(false, true).await, ("c".into(), false), "what a failed run gave comes again");
    assert_eq!(run(false, true).await, (String::new(), false), "nothing is new");
    assert_eq!(run(true, true).await, ("a b c".into(), false), "everything was asked for");
    until("one file", || fs::read_dir(stage.path("taps")).unwrap().count() == 1).await;
    stage.is_clean().await;
}
