//! Forms and the documents that come of them.

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
    let spec = job(&form(&pairs)).unwrap();
    let SourceConfig::Csv(csv) = &spec.source;
    assert_eq!((csv.columns.len(), csv.columns[0].field), (1, ItemField::Price));
    assert_eq!((spec.timeout_s, spec.reject_rule), (1_800, RejectRule::StopAbove { items: 10 }));
}

#[test]
fn every_fault_of_a_job_is_told_at_once() {
    let told = fields(job(&form(&[("source.delimiter", ";;"), ("timeout_min", "x")])));
    assert_eq!(told, ["agent_id", "destination_id", "timeout_min", "source.path", "source.delimiter"]);
    let late = [
        ("name", "x"),
        ("agent_id", ID),
        ("destination_id", ID),
        ("timeout_min", "0"),
        ("source.path", "p"),
        ("source.delimiter", ","),
    ];
    assert_eq!(fields(job(&form(&late))), ["timeout_min"]);
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
