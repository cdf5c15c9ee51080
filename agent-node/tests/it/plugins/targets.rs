//! Targets as scripts: one that keeps what it is told, and those that do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_node::connector::{DestinationConnector, ForRun};
use messages::{ErrorCode, RunId};

use super::{Stage, gone};
use crate::platform::{Articles, articles, drive, drive_as, priced, rows};

/// Keeps each article under its number, all at once, whenever it gets a state.
const KEEPS: &str = r#"#!/usr/bin/env python3
import json, os, sys
from decimal import Decimal
open("pid", "w").write(str(os.getpid()))
kept = json.load(open("kept.json")) if os.path.exists("kept.json") else {}
key = None
for line in sys.stdin:
    said = json.loads(line, parse_float=Decimal)
    if said["type"] == "SCHEMA":
        key = said["key_properties"][0]
        assert said["stream"] == "goods" and said["schema"]["properties"]["price"]["type"] == ["number"], said
    elif said["type"] == "RECORD":
        kept[said["record"][key]] = str(said["record"]["price"])
    else:
        json.dump(kept, open("new.json", "w"))
        os.replace("new.json", "kept.json")
        print(json.dumps(said["value"]), flush=True)
"#;

const MANIFEST: &str = "stream = \"goods\"\ncolumns = { sku = \"article_no\" }";

fn keeper(stage: &Stage) -> PathBuf {
    stage.script("target-a", "target", KEEPS, MANIFEST)
}

fn kept(folder: &Path) -> Articles {
    fs::read(folder.join("kept.json"))
        .map_or_else(|_| Articles::new(), |bytes| serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_target_gets_every_item_and_says_what_it_has() {
    let stage = Stage::new();
    let folder = keeper(&stage);
    let target = stage.target("target-a");
    assert!(target.check().await.is_ok());
    assert!(kept(&folder).is_empty() && !folder.join("pid").exists(), "check changes nothing");
    let mut sink = target.open(&ForRun::alone(RunId::new())).await.unwrap();
    sink.write(&rows(3)).await.unwrap();
    assert!(sink.holds_back() && !folder.join("pid").exists(), "nothing is sent before the source has ended");
    sink.abort().await;
    drop(sink);
    let (items, run) = (rows(1_777), ForRun::alone(RunId::new()));
    for time in ["once", "twice"] {
        let driven = drive_as(&target, &run, &items).await.unwrap();
        assert_eq!((driven.sent, driven.notes), (1_777, vec![]), "{time}");
        assert_eq!(kept(&folder), articles(&items), "{time}");
    }
    let dearer: Vec<_> = (0..1_777).map(|number| priced(number, "2.750")).collect();
    assert_eq!(drive(&target, &dearer).await.unwrap().sent, 1_777);
    assert_eq!(kept(&folder), articles(&dearer), "to the digit");
    assert_eq!(drive(&target, &[]).await.unwrap().sent, 0);
    stage.is_clean().await;
}

#[tokio::test]
async fn a_target_that_does_not_keep_its_word_fails_the_run() {
    let stage = Stage::new();
    let says = |what: &str| format!("#!/bin/sh\necho $$ > pid\ncat > /dev/null\necho '{what}'\n");
    for (name, script, limits, part) in [
        (
            "dies",
            "#!/bin/sh\necho $$ > pid\nread line\nread line\necho 'disk full' >&2\nexit 1\n".to_owned(),
            "",
            "ended with status 1; it said: disk full",
        ),
        ("babbles", says("all done!"), "", "line 1 of the plugin \"babbles\" is no state"),
        ("loses", says(r#"{"grocerysync_items": 10}"#), "", "says that it kept 10 of 600 items"),
        (
            "hangs",
            "#!/bin/sh\necho $$ > pid\nsleep 1000\n".to_owned(),
            "limits = { time_s = 1 }",
            "was stopped after the 1 s",
        ),
        ("floods", "#!/bin/sh\necho $$ > pid\nyes x | tr -d '\\n'\n".to_owned(), "", "has more than 4 MiB"),
    ] {
        let folder = stage.script(name, "target", &script, limits);
        let failure = drive(&stage.target(name), &rows(600)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::DestinationFailed, "{name}: {failure}");
        assert!(failure.detail.contains(part), "{name}: {failure}");
        gone(&folder.join("pid")).await;
    }
    stage.script("quiet", "target", "#!/bin/sh\ncat > /dev/null\n", "");
    let quiet = drive(&stage.target("quiet"), &rows(600)).await.unwrap();
    assert_eq!(quiet.sent, 600);
    assert!(quiet.notes[0].contains("does not say what it kept"), "{:?}", quiet.notes);
    let absent = stage.target("nobody").check().await.unwrap_err();
    assert!(absent.detail.contains("no plugin \"nobody\" that is a destination"), "{absent}");
    stage.is_clean().await;
}

#[tokio::test]
async fn a_target_is_ended_when_the_run_is() {
    let stage = Stage::new();
    let script = "#!/bin/sh\nsleep 1000 &\necho $! > pid\nwait\n";
    let folder = stage.script("deaf", "target", script, "");
    let target = stage.target("deaf");
    let mut sink = target.open(&ForRun::alone(RunId::new())).await.unwrap();
    // More than a pipe holds.
    sink.write(&rows(2_000)).await.unwrap();
    let cut_short = tokio::time::timeout(Duration::from_secs(2), async {
        while let Ok(Some(_)) = sink.deliver().await {}
    });
    assert!(cut_short.await.is_err(), "it waits");
    let asked = Instant::now();
    sink.abort().await;
    drop(sink);
    assert!(asked.elapsed() < Duration::from_secs(20));
    gone(&folder.join("pid")).await;
    stage.is_clean().await;
}
