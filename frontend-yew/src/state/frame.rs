//! Reads the hub's live frames. Pure.
//!
//! `messages` can read them too. But its derived readers of tagged enums bring a second copy of every view's
//! reader into the program, and the console counts its bytes: here the tag is looked at first, and what is inside
//! is read by the one reader that REST answers use as well. A test holds both ways to be the same.

use std::sync::OnceLock;

use messages::PROTOCOL;
use messages::live::{Change, Entity, Tick, ToConsole};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::reader;

/// A frame of this protocol and of a known kind. Others are not for this build.
#[must_use]
pub fn parse(text: &str) -> Option<ToConsole> {
    let mut frame: Value = serde_json::from_str(text).ok()?;
    if frame.get("v")?.as_u64() != Some(u64::from(PROTOCOL)) {
        return None;
    }
    let tag = take_text(&mut frame, "t")?;
    Some(match tag.as_str() {
        "welcome" => ToConsole::Welcome { server_time: field(&mut frame, "server_time")? },
        "snapshot" => ToConsole::Snapshot {
            topic: field(&mut frame, "topic")?,
            version: field(&mut frame, "version")?,
            entities: each(&mut frame, "entities", entity)?,
        },
        "delta" => ToConsole::Delta {
            topic: field(&mut frame, "topic")?,
            after: field(&mut frame, "after")?,
            version: field(&mut frame, "version")?,
            changes: each(&mut frame, "changes", change)?,
        },
        "tick" => {
            ToConsole::Tick { topic: field(&mut frame, "topic")?, ticks: each(&mut frame, "ticks", tick)? }
        }
        "refused" => ToConsole::Refused {
            topic: field(&mut frame, "topic")?,
            code: field(&mut frame, "code")?,
            detail: take_text(&mut frame, "detail")?,
        },
        "error" => {
            ToConsole::Error { code: field(&mut frame, "code")?, detail: take_text(&mut frame, "detail")? }
        }
        "pong" => ToConsole::Pong,
        "bye" => ToConsole::Bye {
            code: field(&mut frame, "code")?,
            detail: take_text(&mut frame, "detail")?,
            retry_after_ms: frame.get("retry_after_ms").and_then(Value::as_u64),
        },
        _ => return None,
    })
}

/// Reads an entity of this kind.
pub type ReadEntity = fn(&str, Value) -> Option<Entity>;

/// Reads what only the pages of the second module show: jobs with all their sources, destinations, runs. Nobody asks for
/// those before that module is there, and the first load is spared their readers.
static OF_PAGES: OnceLock<ReadEntity> = OnceLock::new();

/// The second module is there, and brings its reader along.
pub fn read_more(reader: ReadEntity) {
    OF_PAGES.get_or_init(|| reader);
}

/// One entity, with its kind in it.
#[must_use]
pub fn entity(mut value: Value) -> Option<Entity> {
    let kind = take_text(&mut value, "kind")?;
    Some(match kind.as_str() {
        "totals" => Entity::Totals(read(value)?),
        "summary" => Entity::Summary(read(value)?),
        "ledger" => Entity::Ledger(read(value)?),
        kind => return OF_PAGES.get()?(kind, value),
    })
}

/// To be reached through the second module only.
#[must_use]
pub fn entity_of_pages(kind: &str, value: Value) -> Option<Entity> {
    Some(match kind {
        "retailer" => Entity::Retailer(read(value)?),
        "store" => Entity::Store(read(value)?),
        "agent" => Entity::Agent(read(value)?),
        "destination" => Entity::Destination(read(value)?),
        "job" => Entity::Job(read(value)?),
        "run" => Entity::Run(read(value)?),
        "log" => Entity::Log(read(value)?),
        _ => return None,
    })
}

fn change(mut value: Value) -> Option<Change> {
    match take_text(&mut value, "op")?.as_str() {
        "put" => Some(Change::Put { entity: entity(value.get_mut("entity")?.take())? }),
        "remove" => Some(Change::Remove { key: field(&mut value, "key")? }),
        _ => None,
    }
}

fn tick(mut value: Value) -> Option<Tick> {
    Some(match take_text(&mut value, "kind")?.as_str() {
        "presence" => Tick::Presence {
            agent_id: field(&mut value, "agent_id")?,
            presence: field(&mut value, "presence")?,
            last_seen_at: field(&mut value, "last_seen_at")?,
        },
        "progress" => {
            Tick::Progress { run_id: field(&mut value, "run_id")?, progress: field(&mut value, "progress")? }
        }
        "log" => Tick::Log { lines: each(&mut value, "lines", read)? },
        "summary" => Tick::Summary { summary: field(&mut value, "summary")? },
        "totals" => Tick::Totals { totals: field(&mut value, "totals")? },
        "ledger" => Tick::Ledger { mark: field(&mut value, "mark")? },
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    reader::read(value).ok()
}

fn field<T: DeserializeOwned>(value: &mut Value, name: &str) -> Option<T> {
    read(value.get_mut(name)?.take())
}

fn take_text(value: &mut Value, name: &str) -> Option<String> {
    match value.as_object_mut()?.remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn each<T>(value: &mut Value, name: &str, read: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
    match value.get_mut(name)?.take() {
        Value::Array(items) => items.into_iter().map(read).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use messages::agent::Frame;
    use serde_json::json;

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn entities() -> Vec<Value> {
        let base = json!({"id": ID, "retailer_id": ID, "rev": 1, "created_at": 1, "updated_at": 2, "enabled": true,
            "code": "a", "name": "A", "currency": "VND", "time_zone": "UTC"});
        let mut all = Vec::new();
        let mut add = |kind: &str, more: Value| {
            let mut value = base.clone();
            value["kind"] = kind.into();
            for (key, inner) in more.as_object().unwrap() {
                value[key] = inner.clone();
            }
            all.push(value);
        };
        add("retailer", json!({}));
        add("store", json!({"address": "x"}));
        add("agent", json!({"enrolment": "enrolled", "presence": "busy"}));
        add("destination", json!({"config": {"kind": "local_file", "path": "/x"}, "has_credentials": false}));
        let source = json!({"kind": "csv", "path": "/y", "delimiter": ";", "columns": [{"field": "sku", "header": "No"}]});
        add(
            "job",
            json!({"agent_id": ID, "destination_id": ID, "source": source, "reject_rule": {"rule": "stop_above", "items": 3}}),
        );
        let transitions = json!([{"state": "queued", "at": 1, "by": "user", "id": ID, "name": "Anna"}, {"state": "failed", "at": 2, "by": "hub"}]);
        let run = json!({"job_id": ID, "job_name": "J", "agent_id": ID, "state": "failed", "trigger": "manual", "attempt": 1,
            "progress": {"read": 1}, "cancelling": false, "transitions": transitions, "timeout_s": 9,
            "failure": {"code": "disk_full", "detail": "x"}});
        add("run", run);
        let summary = json!({"stores": 1, "agents_total": 1, "agents_online": 0, "jobs": 1, "runs_active": 0, "jobs_failing": 1,
            "last_run": {"id": ID, "state": "lost", "at": 5, "sent": 1, "rejected": 2}});
        add("summary", summary);
        all.push(json!({"kind": "totals", "retailers": 3}));
        all.push(json!({"kind": "ledger", "epoch": 2, "version": 5, "pulse": 7}));
        all.push(json!({"kind": "log", "run_id": ID, "seq": 4, "at": 5, "level": "warn", "text": "t"}));
        all
    }

    fn frames() -> Vec<Value> {
        let topic = format!("retailer:{ID}");
        let puts: Vec<_> =
            entities().into_iter().map(|entity| json!({"op": "put", "entity": entity})).collect();
        let log = entities().pop().unwrap();
        let ticks = json!([
            {"kind": "presence", "agent_id": ID, "presence": "down", "last_seen_at": 1},
            {"kind": "progress", "run_id": ID, "progress": {"sent": 4}},
            {"kind": "log", "lines": [log]},
            {"kind": "summary", "summary": entities()[6]},
            {"kind": "totals", "totals": {"runs_today": 4}},
            {"kind": "ledger", "mark": {"epoch": 2, "version": 5, "pulse": 7}},
        ]);
        let remove = json!([{"op": "remove", "key": {"kind": "run", "id": ID}}]);
        vec![
            json!({"t": "welcome", "server_time": 1}),
            json!({"t": "snapshot", "topic": topic, "version": 2, "entities": entities()}),
            json!({"t": "delta", "topic": topic, "after": 2, "version": 3, "changes": puts}),
            json!({"t": "delta", "topic": topic, "after": 3, "version": 4, "changes": remove}),
            json!({"t": "tick", "topic": format!("run:{ID}:{ID}"), "ticks": ticks}),
            json!({"t": "refused", "topic": "dashboard", "code": "forbidden", "detail": "no"}),
            json!({"t": "error", "code": "malformed_frame", "detail": "no"}),
            json!({"t": "pong"}),
            json!({"t": "bye", "code": "busy", "detail": "x", "retry_after_ms": 5}),
            json!({"t": "bye", "code": "session_revoked", "detail": "x"}),
        ]
    }

    #[test]
    fn every_frame_is_read_as_the_contract_reads_it() {
        read_more(entity_of_pages);
        for mut frame in frames() {
            frame["v"] = 1.into();
            let wanted: Frame<ToConsole> = serde_json::from_value(frame.clone()).unwrap();
            assert_eq!(parse(&frame.to_string()), Some(wanted.body), "{frame}");
        }
    }

    #[test]
    fn what_is_not_for_this_build_is_nothing() {
        for text in [
            "",
            "[]",
            r#"{"t":"pong"}"#,
            r#"{"v":2,"t":"pong"}"#,
            r#"{"v":1,"t":"later"}"#,
            r#"{"v":1,"t":7}"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
