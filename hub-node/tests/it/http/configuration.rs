//! What a retailer has: made, changed under a revision, deleted; and agents let in.

use http::Method;
use hub_node::access::agent_token;
use messages::permission::{RetailerScope, Role};
use serde_json::{Value, json};

use super::rig::Rig;

fn store() -> Value {
    json!({ "code": "d1", "name": "District 1", "time_zone": "Asia/Ho_Chi_Minh" })
}

#[tokio::test]
async fn a_thing_is_made_read_changed_and_deleted_under_its_revision() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let stores = format!("/api/v1/retailers/{}/stores", rig.retailer("freshmart").await);
    let made = rig.post(&admin, &stores, store()).await;
    assert_eq!((made.status, made.header("etag")), (201, "\"1\""), "{}", made.text);
    let one = made.header("location").to_owned();
    assert!(one.starts_with(&stores));
    let view = rig.get(&admin, &one).await;
    assert_eq!((view.header("etag"), &view.json()["code"]), ("\"1\"", &json!("d1")));
    assert!(view.json().get("kind").is_none(), "the view itself, without the tag of live frames");
    let list = rig.get(&admin, &stores).await.json();
    assert_eq!((&list["total"], &list["items"][0]["code"]), (&json!(1), &json!("d1")));

    let mut renamed = store();
    renamed["name"] = "Downtown".into();
    let missing = rig.call(Some(&admin), Method::PUT, &one, Some(renamed.clone())).await;
    assert_eq!((missing.status, missing.code().as_str()), (428, "missing_precondition"));
    let changed = rig.change(&admin, Method::PUT, &one, "\"1\"", Some(renamed.clone())).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    let stale = rig.change(&admin, Method::PUT, &one, "\"1\"", Some(store())).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "conflict"));
    assert_eq!(stale.json()["current"]["name"], "Downtown");
    let missing = rig.call(Some(&admin), Method::DELETE, &one, None).await;
    assert_eq!(missing.code(), "missing_precondition");
    assert_eq!(rig.change(&admin, Method::DELETE, &one, "\"1\"", None).await.code(), "conflict");
    let deleted = rig.change(&admin, Method::DELETE, &one, "\"2\"", None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(rig.get(&admin, &one).await.code(), "not_found");

    let invalid = rig.post(&admin, &stores, json!({ "code": "D 1", "name": "", "time_zone": "UTC" })).await;
    assert_eq!((invalid.status, invalid.code().as_str()), (422, "invalid_field"));
    assert_eq!(invalid.json()["errors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_repeated_request_makes_nothing_twice() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let other = rig.user(&admin, Role::Technician, RetailerScope::default()).await;
    let send = |token: String, path: String, key: &'static str, body: Value| {
        let request = rig.request(Method::POST, &path).bearer_auth(token).header("idempotency-key", key);
        rig.send(request.json(&body))
    };
    let spec = json!({ "code": "new", "name": "New", "currency": "VND", "time_zone": "UTC" });
    let retailers = "/api/v1/retailers".to_owned();
    let first = send(admin.token.clone(), retailers.clone(), "k1", spec.clone()).await;
    let again = send(admin.token.clone(), retailers.clone(), "k1", spec.clone()).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", first.text);
    assert_eq!(first.json()["id"], again.json()["id"]);
    let another = send(admin.token.clone(), retailers.clone(), "k2", spec.clone()).await;
    assert_ne!(first.json()["id"], another.json()["id"]);
    let theirs = send(other.token.clone(), retailers, "k1", spec).await;
    assert_ne!(first.json()["id"], theirs.json()["id"], "keys of different users do not meet");

    let stores = format!("/api/v1/retailers/{}/stores", first.json()["id"].as_str().unwrap());
    let first = send(admin.token.clone(), stores.clone(), "s1", store()).await;
    let again = send(admin.token.clone(), stores.clone(), "s1", store()).await;
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(rig.get(&admin, &stores).await.json()["total"], 1);
    let long = "k".repeat(129).leak();
    assert_eq!(send(admin.token.clone(), stores, long, store()).await.code(), "malformed_request");
}

#[tokio::test]
async fn an_agent_enrols_once_with_its_token() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let agents = format!("/api/v1/retailers/{retailer}/agents");
    let made = rig.post(&admin, &agents, json!({ "name": "Till 1" })).await;
    let one = made.header("location").to_owned();
    let offered = rig.call(Some(&admin), Method::POST, &format!("{one}/enrolment"), None).await;
    assert_eq!(offered.status, 201, "{}", offered.text);
    let token = offered.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        offered.json()["command"],
        format!("agent-node enrol --hub https://hub.example --token {token}")
    );
    let machine = json!({ "agent_version": "0.1.0", "os": "Linux", "host": "till-1", "capabilities": [] });
    let enrol = |token: &str| {
        let body = json!({ "token": token, "machine": machine });
        rig.send(rig.request(Method::POST, "/api/v1/enrol").json(&body))
    };
    for wrong in ["nonsense", "gse_AAAA", &token.replace("gse_", "gsa_"), &format!("{token}A")] {
        let answer = enrol(wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "enrolment_token_wrong"), "{wrong}");
    }
    let stranger = agent_token::mint_enrolment(messages::RetailerId::new(), messages::AgentId::new());
    assert_eq!(enrol(stranger.text.expose()).await.code(), "enrolment_token_wrong", "not: no such retailer");
    let granted = enrol(&token).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    assert_eq!(granted.json()["retailer_id"], retailer.to_string());
    let credential = granted.json()["credential"].as_str().unwrap().to_owned();
    let proof = agent_token::parse_credential(&credential).unwrap();
    assert_eq!(proof.retailer, retailer);
    assert_eq!(enrol(&token).await.code(), "enrolment_token_wrong", "a token works once");
    for (method, path, status) in
        [(Method::POST, format!("{one}/rotation"), 202), (Method::DELETE, format!("{one}/enrolment"), 204)]
    {
        let answer = rig.call(Some(&admin), method, &path, None).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{path}");
    }
}

#[tokio::test]
async fn a_run_is_started_shown_and_cancelled() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let base = format!("/api/v1/retailers/{retailer}");
    let id = messages::MsgId::new().to_string();
    let job = json!({ "name": "Export", "agent_id": id, "destination_id": id,
        "source": { "kind": "csv", "path": "/pos/items.csv" } });
    let job = rig.post(&admin, &format!("{base}/jobs"), job).await;
    assert_eq!(job.status, 201, "{}", job.text);
    let started =
        rig.call(Some(&admin), Method::POST, &format!("{}/runs", job.header("location")), None).await;
    assert_eq!(started.status, 201, "{}", started.text);
    let run = started.header("location").to_owned();
    assert_eq!(rig.get(&admin, &run).await.json()["state"], "queued");
    let cancelled = rig.call(Some(&admin), Method::POST, &format!("{run}/cancel"), None).await;
    assert_eq!(cancelled.status, 202);
    // Runs of the made-up actors are not in the store; the lists are those of an empty one.
    for list in [
        format!("{base}/runs?state=failed&limit=5"),
        format!("{run}/log?level=warn"),
        format!("{run}/rejects"),
    ] {
        let answer = rig.get(&admin, &list).await;
        assert_eq!((answer.status, &answer.json()["total"]), (200, &json!(0)), "{list}: {}", answer.text);
    }
    let csv = rig.get(&admin, &format!("{run}/rejects.csv")).await;
    assert_eq!(csv.text, "row,column,field,reason,raw\r\n");
    assert!(csv.header("content-disposition").starts_with("attachment; filename=\"rejects-"));
    assert_eq!(rig.get(&admin, &format!("{base}/runs?state=odd")).await.code(), "malformed_request");
}
