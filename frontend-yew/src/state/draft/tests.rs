//! Forms and the documents that come of them.

use messages::connector::{Credentials, DatabaseTls};
use messages::export::{ExportRules, HarmGuard, Scope, VanishedRule};

use super::*;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4w5b8W1o0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m";

fn form(pairs: &[(&str, &str)]) -> FormValues {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn fields<T: std::fmt::Debug>(draft: Draft<T>) -> Vec<String> {
    draft.unwrap_err().into_iter().map(|error| error.field).collect()
}

fn sftp(extra: &[(&str, &str)]) -> FormValues {
    let mut pairs = vec![
        ("name", "Shop"),
        ("config.kind", "sftp"),
        ("config.host", "sftp.example"),
        ("config.port", "22"),
        ("config.user", "shop"),
        ("config.path", "/in/items.csv"),
        ("config.host_key", KEY),
        ("config.format", "jsonl"),
        ("enabled", "on"),
        ("auth", "password"),
    ];
    pairs.extend(extra);
    form(&pairs)
}

#[test]
fn a_retailer_is_trimmed_and_its_currency_put_in_capitals() {
    let spec = retailer(&form(&[
        ("code", "freshmart"),
        ("name", " FreshMart "),
        ("currency", "vnd"),
        ("time_zone", "UTC"),
    ]))
    .unwrap();
    assert_eq!((spec.name.as_str(), spec.currency.as_str(), spec.enabled), ("FreshMart", "VND", false));
    assert_eq!(fields(retailer(&form(&[("time_zone", "UTC")]))), ["code", "name", "currency"]);
}

#[test]
fn a_destination_needs_credentials_unless_they_are_stored() {
    assert_eq!(fields(destination(&sftp(&[]), false)), ["credentials.password"]);
    assert_eq!(destination(&sftp(&[]), true).unwrap().credentials, None);
    let spec = destination(&sftp(&[("credentials.password", " pw ")]), false).unwrap();
    assert_eq!(spec.credentials, Some(Credentials::Password { password: Secret::new(" pw ") }));
    assert_eq!(fields(destination(&sftp(&[("config.port", "x")]), true)), ["config.port"]);
}

#[test]
fn what_a_job_sends_and_when_it_stops_are_read_from_its_form() {
    let with = |extra: &[(&str, &str)]| {
        let mut pairs = vec![
            ("name", "Prices"),
            ("agent_id", ID),
            ("destination_id", ID),
            ("timeout_min", "60"),
            ("source.path", "/pos/items.csv"),
            ("source.delimiter", ","),
        ];
        pairs.extend(extra);
        job(&form(&pairs), None).map(|body| body.spec)
    };
    assert_eq!(*with(&[]).unwrap().export, ExportRules::default(), "what was not drawn is off");
    let rules = with(&[
        ("export.scope", "incremental"),
        ("export.vanished", "zero_stock"),
        ("export.guard.vanished_percent", " 30 "),
        ("export.guard.zeroed_percent", ""),
        ("export.guard.repriced_percent", "0"),
        ("export.guard.repriced_by_percent", "20"),
        ("export.guard.floor", "15"),
    ])
    .unwrap()
    .export;
    assert_eq!((rules.scope, rules.vanished), (Scope::Incremental, VanishedRule::ZeroStock));
    let guard = HarmGuard {
        vanished_percent: Some(30),
        zeroed_percent: None,
        repriced_percent: Some(0),
        repriced_by_percent: 20,
        floor: 15,
    };
    assert_eq!(rules.guard, guard);
    assert!(with(&[("mapping", "")]).unwrap().mapping.is_empty());
    let mapped =
        r#"{"fields":[{"field":"unit","from":{"kind":"constant","text":"kg"},"steps":[{"step":"digits"}]}]}"#;
    let mapping = with(&[("mapping", mapped)]).unwrap().mapping;
    assert_eq!(serde_json::to_string(&mapping).unwrap(), mapped);
    let twice = r#"{"fields":[{"field":"sku","from":{"kind":"constant","text":" "}}]}"#;
    assert_eq!(fields(with(&[("mapping", twice)])), ["mapping.fields.0.from.text"]);
    assert_eq!(fields(with(&[("mapping", "{")])), ["mapping"]);
    let over = [("export.guard.vanished_percent", "101"), ("export.guard.floor", "1")];
    assert_eq!(fields(with(&over)), ["export.guard.vanished_percent"]);
    assert_eq!(fields(with(&[("export.guard.floor", "many")])), ["export.guard.floor"]);
    let copy = copy_of(&JobSpec { name: "ü".repeat(120), enabled: true, ..with(&[]).unwrap() });
    assert!(copy.validate().is_ok() && copy.name.ends_with(" (copy)") && !copy.enabled);
    assert!(export::usual().guard.is_on() && export::usual().need_comparison());
}

#[test]
fn a_shop_platform_needs_its_own_credentials() {
    let shop = |kind: &str, url: &str, extra: &[(&str, &str)]| {
        let mut pairs = vec![("name", "Shop"), ("config.kind", kind), ("config.url", url), ("enabled", "on")];
        pairs.extend(extra);
        destination(&form(&pairs), false)
    };
    let url = "https://shop.example";
    assert_eq!(fields(shop("woocommerce", url, &[])), ["credentials.key"]);
    assert_eq!(fields(shop("woocommerce", url, &[("credentials.key", "ck_1")])), ["credentials.secret"]);
    let spec = shop(
        "woocommerce",
        url,
        &[
            ("credentials.key", " ck_1 "),
            ("credentials.secret", "cs_1"),
            ("config.update", "price_and_stock"),
        ],
    )
    .unwrap();
    assert_eq!(spec.credentials, Some(Credentials::KeyPair { key: "ck_1".into(), secret: "cs_1".into() }));
    assert_eq!(spec.config.kind(), "woocommerce");
    assert_eq!(fields(shop("shopify", url, &[])), ["credentials.token"]);
    assert!(shop("shopify", url, &[("credentials.token", "shpat_1")]).is_ok());
    let hook = [("credentials.token", "0123456789abcdef"), ("config.batch_items", "0")];
    assert_eq!(fields(shop("webhook", url, &hook)), ["config.batch_items"]);
    assert_eq!(
        fields(shop("webhook", "http://shop.example", &[("config.batch_items", "5")])),
        ["credentials.token", "config.url"]
    );
}

#[test]
fn a_private_key_is_sent_with_its_last_line_end() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----";
    let spec =
        destination(&sftp(&[("auth", "private_key"), ("credentials.private_key", key)]), false).unwrap();
    let Some(Credentials::PrivateKey { private_key, passphrase: None }) = spec.credentials else {
        panic!("{spec:?}")
    };
    assert!(private_key.expose().ends_with("-----\n"));
    assert_eq!(fields(destination(&sftp(&[("auth", "private_key")]), false)), ["credentials.private_key"]);
}

#[test]
fn a_local_file_needs_only_a_path() {
    let spec = destination(
        &form(&[("name", "Disk"), ("config.kind", "local_file"), ("config.path", "/x.csv")]),
        false,
    );
    assert_eq!(spec.unwrap().config.kind(), "local_file");
}

#[test]
fn a_job_is_put_together_from_its_fields() {
    let pairs = [
        ("name", "Prices"),
        ("agent_id", ID),
        ("destination_id", ID),
        ("source.path", "/pos/items.csv"),
        ("source.pick", "all"),
        ("source.settled_s", "30"),
        ("source.archive", "/pos/done"),
        ("source.delimiter", ";"),
        ("source.encoding", "windows1252"),
        ("source.decimal_mark", "comma"),
        ("column.price", "VK-Preis"),
        ("column.name", " "),
        ("reject_rule", "stop_above"),
        ("reject_rule.items", "10"),
        ("timeout_min", "30"),
        ("enabled", "on"),
    ];
    let spec = job(&form(&pairs), None).unwrap().spec;
    let SourceConfig::Csv(csv) = &spec.source else { panic!("{spec:?}") };
    assert_eq!((csv.settled_s, csv.archive.as_str()), (30, "/pos/done"));
    assert_eq!((csv.columns.len(), csv.columns[0].field), (1, ItemField::Price));
    assert_eq!((spec.timeout_s, spec.reject_rule), (1_800, RejectRule::StopAbove { items: 10 }));
}

#[test]
fn every_fault_of_a_job_is_told_at_once() {
    let told = fields(job(&form(&[("source.delimiter", ";;"), ("timeout_min", "x")]), None));
    assert_eq!(told, ["agent_id", "destination_id", "timeout_min", "source.path", "source.delimiter"]);
    let late = [
        ("name", "x"),
        ("agent_id", ID),
        ("destination_id", ID),
        ("timeout_min", "0"),
        ("source.path", "p"),
        ("source.delimiter", ","),
    ];
    assert_eq!(fields(job(&form(&late), None)), ["timeout_min"]);
}

fn source_of(kind: &str, extra: &[(&str, &str)]) -> Draft<JobBody> {
    let mut pairs = vec![
        ("name", "Prices"),
        ("agent_id", ID),
        ("destination_id", ID),
        ("timeout_min", "30"),
        ("source.kind", kind),
        ("source.decimal_mark", "point"),
    ];
    pairs.extend(extra);
    job(&form(&pairs), None)
}

#[test]
fn each_kind_of_source_has_its_own_fields() {
    let path = ("source.path", "/pos/items");
    let server = [
        ("source.host", "db"),
        ("source.user", "reader"),
        ("source.database", "pos"),
        ("source.tls", "off"),
        ("source.query", " select 1 "),
        ("source_credentials.password", " pw "),
    ];
    for (kind, extra) in [
        ("csv", vec![path, ("source.delimiter", ";")]),
        ("excel", vec![path, ("source.sheet", "Artikel"), ("source.header_row", "3")]),
        ("dbf", vec![path, ("source.encoding", "cp850")]),
        ("xml", vec![path, ("source.item", "items/item"), ("source.encoding", "own")]),
        ("http_json", vec![("source.url", "https://till.example/items")]),
        ("sqlite", vec![path, ("source.query", "select 1")]),
        ("postgresql", server.to_vec()),
        ("mysql", server.to_vec()),
        ("firebird", server.to_vec()),
        ("sql_server", server.to_vec()),
        ("odbc", vec![("source.connection", "DSN=pos"), ("source.query", "select 1")]),
        (
            "odbc",
            vec![
                ("source.connection", "DSN=pos"),
                ("source.user", "me"),
                ("source_credentials.password", "pw"),
                ("source.query", "select 1"),
            ],
        ),
    ] {
        let body = source_of(kind, &extra).unwrap_or_else(|errors| panic!("{kind}: {errors:?}"));
        assert_eq!(body.spec.source.kind(), kind);
        assert_eq!(body.source_credentials.is_some(), body.spec.source.needs_credentials(), "{kind}");
    }
    let SourceConfig::Excel(sheet) =
        source_of("excel", &[path, ("source.sheet", "A"), ("source.header_row", "3")]).unwrap().spec.source
    else {
        panic!("no sheet")
    };
    assert_eq!((sheet.sheet.as_str(), sheet.header_row), ("A", 3));
    assert_eq!(fields(source_of("excel", &[path, ("source.header_row", "x")])), ["source.header_row"]);
    for port in ["65536", "-1", "x"] {
        let wrong = source_of("firebird", &[&server[..], &[("source.port", port)]].concat());
        assert_eq!(fields(wrong), ["source.port"], "{port} is not taken for the usual one");
    }
    assert_eq!(
        fields(source_of("mysql", &[])),
        ["source_credentials.password", "source.host", "source.user", "source.database", "source.query"]
    );
}

#[test]
fn a_line_to_sql_server_is_one_of_three_and_reads_back() {
    for (line, tls, trusted) in [
        ("required", DatabaseTls::Required, false),
        ("trusting", DatabaseTls::Required, true),
        ("off", DatabaseTls::Off, false),
    ] {
        let form = [
            ("source.host", "db"),
            ("source.instance", "SQLEXPRESS"),
            ("source.user", "reader"),
            ("source.database", "pos"),
            ("source.tls", line),
            ("source.query", "select 1"),
            ("source_credentials.password", "pw"),
        ];
        let SourceConfig::SqlServer(from) = source_of("sql_server", &form).unwrap().spec.source else {
            panic!("{line}")
        };
        assert_eq!((from.tls, from.trust_certificate, line_of(&from)), (tls, trusted, line));
        assert_eq!((from.instance.as_str(), from.driver.as_str()), ("SQLEXPRESS", ""));
    }
    assert_eq!(
        fields(source_of("odbc", &[("source.user", "me")])),
        ["source_credentials.password", "source.connection", "source.query"]
    );
    let held = [("source.connection", "DSN=pos;PWD=x"), ("source.query", "select 1")];
    assert_eq!(fields(source_of("odbc", &held)), ["source.connection"]);
}

#[test]
fn a_server_of_items_is_signed_in_to_and_paged() {
    let url = ("source.url", "https://till.example/items");
    let body = source_of(
        "http_json",
        &[
            url,
            ("source.auth.way", "header"),
            ("source.auth.name", "X-Key"),
            ("source_credentials.token", " t0k3n "),
            ("source.paging.way", "offset"),
            ("source.paging.parameter", "skip"),
            ("source.paging.limit", "50"),
        ],
    )
    .unwrap();
    assert_eq!(body.source_credentials, Some(Credentials::Token { token: "t0k3n".into() }));
    let SourceConfig::HttpJson(from) = &body.spec.source else { panic!("{body:?}") };
    assert_eq!(
        serde_json::to_value(&from.paging).unwrap(),
        serde_json::json!({"way": "offset", "parameter": "skip", "limit_parameter": "", "limit": 50})
    );
    let bearer = [url, ("source.auth.way", "bearer")];
    assert_eq!(fields(source_of("http_json", &bearer)), ["source_credentials.token"]);
    let mut pairs = vec![("name", "P"), ("agent_id", ID), ("destination_id", ID), ("timeout_min", "30")];
    pairs.extend([
        ("source.kind", "http_json"),
        ("source.auth.way", "header"),
        ("source.auth.name", "X-Key"),
    ]);
    let with = |url: &'static str| {
        let mut pairs = pairs.clone();
        pairs.push(("source.url", url));
        job(&form(&pairs), Some(&body.spec.source))
    };
    assert_eq!(with("https://till.example/v2").unwrap().source_credentials, None, "the stored ones stay");
    assert_eq!(fields(with("https://other.example/v2")), ["source_credentials.token"]);
}

#[test]
fn a_user_is_limited_to_the_chosen_retailers() {
    let pairs = [
        ("login", "anna"),
        ("name", "Anna"),
        ("role", "manager"),
        ("scope", "some"),
        ("scope.allow", ID),
        ("scope.deny", ""),
    ];
    let spec = user(&form(&pairs), false).unwrap();
    assert_eq!(spec.scope.allow.unwrap().len(), 1);
    assert_eq!(fields(user(&form(&pairs), true)), ["password"]);
    assert_eq!(user(&form(&pairs[..3]), false).unwrap().scope, RetailerScope::default());
}

#[test]
fn a_schedule_is_put_together_from_its_fields() {
    use messages::schedule::{MissedRule, OverlapRule, Schedule, Timing};
    let mut early = Vec::new();
    let nothing = timing::timing(&form(&[]), &mut early);
    assert_eq!((nothing, early.len()), (Timing::default(), 0));
    let filled = form(&[
        ("schedule.kind", "cron"),
        ("schedule.expression", " 0 2 * * mon "),
        ("schedule.time_zone", ""),
        ("missed", "all"),
        ("missed_window_h", "2"),
        ("overlap", "cancel"),
        ("jitter_s", "30"),
        ("retries.attempts", "3"),
        ("expiry_h", "x"),
    ]);
    let timing = timing::timing(&filled, &mut early);
    let expression = "0 2 * * mon".to_owned();
    assert_eq!(timing.schedule, Schedule::Cron { expression, time_zone: None });
    assert_eq!((timing.missed, timing.overlap), (MissedRule::All, OverlapRule::Cancel));
    assert_eq!((timing.missed_window_s, timing.jitter_s, timing.retries.attempts), (7_200, 30, 3));
    assert_eq!(early.into_iter().map(|error| error.field).collect::<Vec<_>>(), ["expiry_h"]);
}

#[test]
fn intervals_are_told_in_the_largest_unit_that_fits() {
    use messages::schedule::Schedule;
    for (seconds, told) in [(5, (5, "s")), (90, (90, "s")), (900, (15, "min")), (7_200, (2, "h"))] {
        let (every, unit) = timing::in_units(seconds);
        assert_eq!((every, unit), told);
        let back = timing::schedule("interval", &every.to_string(), unit, "", "");
        assert_eq!(back, Schedule::Interval { every_s: seconds });
    }
}

#[test]
fn maintenance_windows_are_lines_that_read_back() {
    let text = "0 2 * * sun | 90 min # stock taking\n30 22 * * * | 15 min Europe/Berlin";
    let windows = timing::windows(text).unwrap();
    assert_eq!((windows[0].length_min, windows[0].note.as_str()), (90, "stock taking"));
    assert_eq!(windows[1].time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(timing::windows_text(&windows), text);
    for wrong in ["0 2 * * sun", "0 2 * * sun | soon"] {
        assert_eq!(timing::windows(wrong).unwrap_err().field, "maintenance");
    }
}
