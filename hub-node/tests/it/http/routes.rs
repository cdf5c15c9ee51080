//! The whole table of routes: who may, whose it is, and what is refused.

use std::collections::HashMap;

use http::Method;
use hub_node::http::{Route, routes, routes_elsewhere};
use messages::permission::{Permission, RetailerScope, Role};
use serde_json::json;

use super::rig::{Answer, Person, Rig, fill};

async fn call_route(
    rig: &Rig,
    who: Option<&Person>,
    route: &Route,
    values: &HashMap<&str, String>,
) -> Answer {
    let mut request =
        rig.request(route.method.clone(), &fill(route.path, values)).header("if-match", "\"1\"");
    if let Some(person) = who {
        request = request.bearer_auth(&person.token);
    }
    if route.request.is_some() {
        request = request.json(&json!({}));
    }
    rig.send(request).await
}

#[tokio::test]
async fn every_route_for_every_role_is_as_the_table_of_rights_says() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let values = HashMap::from([("retailer", retailer.to_string())]);
    for role in Role::ALL {
        let mut person = rig.user(&admin, role, RetailerScope::default()).await;
        for route in routes().iter().filter(|route| route.permission != Permission::Public) {
            let answer = call_route(&rig, Some(&person), route, &values).await;
            let what = format!("{role:?} {} {}: {} {}", route.method, route.path, answer.status, answer.text);
            if role.may(route.permission) {
                assert!(!matches!(answer.status, 401 | 403 | 405 | 500), "{what}");
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{what}");
            }
            if route.path == "/api/v1/me/sessions" && route.method == Method::DELETE {
                person = rig.sign_in(&person.login, super::rig::PASSWORD).await;
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_only_public_routes_answer() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let values = HashMap::from([("retailer", retailer.to_string())]);
    let forged =
        Person { login: String::new(), id: String::new(), token: "a.b.c".into(), cookie: String::new() };
    // The burst for strangers is smaller than two walks of the table, so each comes from its own address.
    for (walk, who) in [None, Some(&forged)].into_iter().enumerate() {
        for (at, route) in routes().iter().enumerate() {
            let mut request = rig.request(route.method.clone(), &fill(route.path, &values));
            request = request.header("x-forwarded-for", format!("10.{walk}.0.{at}"));
            if let Some(person) = who {
                request = request.bearer_auth(&person.token);
            }
            let answer = rig.send(request).await;
            let what = format!("{} {}: {} {}", route.method, route.path, answer.status, answer.text);
            if route.permission == Permission::Public {
                // A refresh without its cookie is the one public route that says so.
                assert!(answer.status != 401 || route.path == "/api/v1/session/refresh", "{what}");
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (401, "not_authenticated"), "{what}");
                assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_retailer_outside_the_scope_is_not_there_on_any_route() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let (mine, other) = (rig.retailer("mine").await, rig.retailer("other").await);
    let allowed = RetailerScope { allow: Some(vec![mine]), deny: vec![] };
    let denied = RetailerScope { allow: None, deny: vec![other] };
    for (role, scope) in [
        (Role::Technician, allowed.clone()),
        (Role::Technician, denied.clone()),
        (Role::Manager, allowed.clone()),
        (Role::Admin, denied),
    ] {
        let person = rig.user(&admin, role, scope).await;
        for route in routes().iter().filter(|route| route.path.contains("{retailer}")) {
            for stranger in [other.to_string(), "no-identifier".into(), "%2e%2e".into()] {
                let values = HashMap::from([("retailer", stranger)]);
                let answer = call_route(&rig, Some(&person), route, &values).await;
                let what = format!("{role:?} {} {}: {}", route.method, route.path, answer.text);
                assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{what}");
            }
        }
        let list = rig.get(&person, "/api/v1/retailers").await.json();
        let codes: Vec<_> = list["items"].as_array().unwrap().iter().map(|row| row["code"].clone()).collect();
        assert_eq!(codes, ["mine"], "{role:?}");
        assert_eq!(list["total"], 1);
    }
    let limited = rig.user(&admin, Role::Technician, allowed).await;
    let spec = json!({ "code": "new", "name": "New", "currency": "VND", "time_zone": "UTC" });
    assert_eq!(rig.post(&limited, "/api/v1/retailers", spec).await.code(), "forbidden");
    let asked = rig.router.asked();
    assert!(asked.is_empty(), "nothing of another retailer was asked: {asked:?}");
}

#[tokio::test]
async fn every_wrong_body_is_refused_with_a_stable_code() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let retailer = rig.retailer("freshmart").await;
    let values = HashMap::from([("retailer", retailer.to_string())]);
    let huge = format!("{{\"x\":\"{}\"}}", "A".repeat(1_100_000));
    let cases: [(&str, &str, &[&str]); 9] = [
        ("application/json", "", &["malformed_request"]),
        ("application/json", "{", &["malformed_request"]),
        ("application/json", "[]", &["malformed_request"]),
        ("application/json", "null", &["malformed_request"]),
        ("application/json", "\u{fffd}\u{0}", &["malformed_request"]),
        (
            "application/json",
            r#"{"name":1,"login":[],"code":{},"token":7,"password":true,"current":3}"#,
            &["malformed_request"],
        ),
        ("application/json", &huge, &["body_too_large"]),
        ("text/plain", "{}", &["unsupported_media_type"]),
        ("", "{}", &["unsupported_media_type"]),
    ];
    let mut walked = 0;
    for (at, route) in routes().iter().enumerate().filter(|(_, route)| route.request.is_some()) {
        for (media, body, expected) in cases {
            if route.body_optional && body.is_empty() {
                continue;
            }
            let mut request = rig.request(route.method.clone(), &fill(route.path, &values));
            request = request.bearer_auth(&admin.token).header("if-match", "\"1\"").body(body.to_owned());
            request = request.header("x-forwarded-for", format!("10.0.1.{at}"));
            if !media.is_empty() {
                request = request.header("content-type", media);
            }
            let answer = rig.send(request).await;
            let shown: String = body.chars().take(30).collect();
            let what = format!("{} {} {shown:?}: {}", route.method, route.path, answer.text);
            assert!(expected.contains(&answer.code().as_str()), "{what}");
        }
        walked += 1;
    }
    assert!(walked >= 15, "{walked} routes take a body");
}

#[tokio::test]
async fn other_methods_and_addresses_are_refused() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let answer = rig.call(Some(&admin), Method::PATCH, "/api/v1/users", None).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "GET, POST, HEAD");
    for path in ["/api/v1/nothing", "/api/v1/users/", "/api/", "/ws/nothing", "/health/"] {
        assert_eq!(rig.get(&admin, path).await.code(), "not_found", "{path}");
    }
    for path in ["/api/v1/users/not-an-id", "/api/v1/me/sessions/not-an-id"] {
        let answer = rig.change(&admin, Method::DELETE, path, "\"1\"", None).await;
        assert_eq!(answer.code(), "not_found", "{path}");
    }
    let head = rig.call(Some(&admin), Method::HEAD, "/api/v1/me", None).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let rig = Rig::start().await;
    for path in ["/", "/missing.js", "/api/v1/setup", "/api/v1/me", "/health/live", "/ws/slow"] {
        let answer = rig.send(rig.request(Method::GET, path)).await;
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age="),
            ("x-request-id", "-"),
        ] {
            assert!(answer.header(name).contains(part), "{path} {name}: {:?}", answer.header(name));
        }
    }
    let api = rig.send(rig.request(Method::GET, "/api/v1/setup")).await;
    assert_eq!(api.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_openapi_page_lists_every_route() {
    let rig = Rig::start().await;
    let answer = rig.send(rig.request(Method::GET, "/api/v1/openapi.json")).await;
    assert_eq!(answer.status, 200);
    let page = answer.json();
    assert_eq!(page["openapi"], "3.1.0");
    let operations: usize =
        page["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    assert_eq!(operations, routes().len() + routes_elsewhere().len());
    let ingest = &page["paths"]["/v1/ingestion/events"]["post"];
    assert_eq!(ingest["security"], json!([{ "store_edge": [] }]));
    assert_eq!(
        ingest["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/EventBatch"
    );
    assert_eq!(page["components"]["schemas"]["Event"]["properties"]["type"]["type"], "string");
    assert!(page["components"]["schemas"]["EventError"].is_object());
    assert_eq!(page["paths"]["/v1/edges/enrol"]["post"]["security"], json!([]));
    let update = &page["paths"]["/api/v1/retailers/{retailer}/stores/{store}"]["put"];
    assert_eq!(
        update["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/StoreSpec"
    );
    assert_eq!(page["components"]["schemas"]["StoreSpec"]["required"], json!(["code", "name", "time_zone"]));
    assert_eq!(page["components"]["schemas"]["Secret"]["format"], "password");
}

#[tokio::test]
async fn strangers_who_ask_too_often_are_told_to_wait() {
    let rig = Rig::start().await;
    let ask = || rig.request(Method::GET, "/api/v1/setup").header("x-forwarded-for", "203.0.113.5");
    let mut refused = None;
    for _ in 0..100 {
        let answer = rig.send(ask()).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a hundred at once are too many");
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(rig.send(rig.request(Method::GET, "/api/v1/setup")).await.status, 200, "others are served");
    let health = rig.request(Method::GET, "/health/ready").header("x-forwarded-for", "203.0.113.5");
    assert_eq!(rig.send(health).await.status, 200, "health is never limited");
}
