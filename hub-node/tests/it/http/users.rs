//! Users: changes under a revision, rights that count at once, and an administrator who always stays.

use http::Method;
use hub_node::http::ServerSettings;
use messages::permission::{RetailerScope, Role};
use serde_json::{Value, json};

use super::rig::{Home, PASSWORD, Person, Rig};

fn spec(login: &str, role: &str) -> Value {
    json!({ "login": login, "name": login, "role": role })
}

fn path(person: &Person) -> String {
    format!("/api/v1/users/{}", person.id)
}

#[tokio::test]
async fn users_are_made_listed_changed_and_deleted() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    for login in ["minh", "lan", "hoa"] {
        let mut body = spec(login, "technician");
        assert_eq!(
            rig.post(&admin, "/api/v1/users", body.clone()).await.code(),
            "invalid_field",
            "without password"
        );
        body["password"] = PASSWORD.into();
        let made = rig.post(&admin, "/api/v1/users", body).await;
        assert_eq!((made.status, made.header("etag")), (201, "\"1\""));
        assert_eq!(made.header("location"), format!("/api/v1/users/{}", made.json()["id"].as_str().unwrap()));
    }
    let mut taken = spec("LAN", "manager");
    taken["password"] = PASSWORD.into();
    let refused = rig.post(&admin, "/api/v1/users", taken).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "name_taken"));
    assert_eq!(refused.json()["errors"][0]["field"], "login");

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = rig.get(&admin, &format!("/api/v1/users?limit=2&sort=-login{cursor}")).await.json();
        assert_eq!(page["total"], 4);
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|u| u["login"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["minh", "lan", "hoa", "admin"]);
    let found = rig.get(&admin, "/api/v1/users?q=LA").await.json();
    assert_eq!(found["items"][0]["login"], "lan");
    let one = format!("/api/v1/users/{}", found["items"][0]["id"].as_str().unwrap());
    assert_eq!(rig.get(&admin, "/api/v1/users?sort=password_hash").await.code(), "invalid_field");
    assert_eq!(rig.get(&admin, "/api/v1/users?cursor=AAAA").await.code(), "invalid_cursor");
    assert_eq!(rig.get(&admin, "/api/v1/users?limit=x").await.code(), "malformed_request");

    let missing = rig.call(Some(&admin), Method::PUT, &one, Some(spec("lan", "manager"))).await;
    assert_eq!((missing.status, missing.code().as_str()), (428, "missing_precondition"));
    for wrong in ["1", "*", "W/\"1\"", "\"one\""] {
        let answer = rig.change(&admin, Method::PUT, &one, wrong, Some(spec("lan", "manager"))).await;
        assert_eq!(answer.code(), "malformed_request", "{wrong}");
    }
    let changed = rig.change(&admin, Method::PUT, &one, "\"1\"", Some(spec("lan", "manager"))).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    let stale = rig.change(&admin, Method::PUT, &one, "\"1\"", Some(spec("lan", "admin"))).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "conflict"));
    assert_eq!(stale.json()["current"]["role"], "manager", "the loser sees what stands");
    assert_eq!(rig.change(&admin, Method::DELETE, &one, "\"1\"", None).await.code(), "conflict");
    assert_eq!(rig.change(&admin, Method::DELETE, &one, "\"2\"", None).await.status, 204);
    assert_eq!(rig.get(&admin, &one).await.code(), "not_found");
    assert_eq!(rig.change(&admin, Method::DELETE, &one, "\"2\"", None).await.code(), "not_found");
}

#[tokio::test]
async fn rights_count_at_once() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let person = rig.user(&admin, Role::Technician, RetailerScope::default()).await;
    let jobs = format!("/api/v1/retailers/{}/jobs", rig.retailer("freshmart").await);
    assert_eq!(rig.get(&person, &jobs).await.status, 200);

    let demoted =
        rig.change(&admin, Method::PUT, &path(&person), "\"1\"", Some(spec(&person.login, "manager"))).await;
    assert_eq!(demoted.status, 200, "{}", demoted.text);
    assert_eq!(rig.get(&person, &jobs).await.code(), "token_expired", "the old token is void");
    let renewed = rig.refresh(&person.cookie).await;
    assert_eq!(renewed.json()["user"]["role"], "manager");
    let renewed = super::rig::person(&person.login, &renewed);
    assert_eq!(rig.get(&renewed, &jobs).await.code(), "forbidden");

    let mut off = spec(&person.login, "manager");
    off["enabled"] = false.into();
    assert_eq!(rig.change(&admin, Method::PUT, &path(&person), "\"2\"", Some(off)).await.status, 200);
    assert_eq!(rig.get(&renewed, "/api/v1/me").await.code(), "session_revoked");
    assert_eq!(rig.refresh(&renewed.cookie).await.code(), "session_revoked");
    assert_eq!(rig.try_login(&person.login, PASSWORD).await.code(), "bad_credentials");
}

#[tokio::test]
async fn a_password_set_by_an_administrator_ends_the_users_sessions() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let person = rig.user(&admin, Role::Technician, RetailerScope::default()).await;
    let mut body = spec(&person.login, "technician");
    body["password"] = "set by the administrator".into();
    assert_eq!(rig.change(&admin, Method::PUT, &path(&person), "\"1\"", Some(body)).await.status, 200);
    assert_eq!(rig.get(&person, "/api/v1/me").await.code(), "session_revoked");
    assert_eq!(rig.try_login(&person.login, PASSWORD).await.code(), "bad_credentials");
    rig.sign_in(&person.login, "set by the administrator").await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let mut off = spec("admin", "admin");
    off["enabled"] = false.into();
    for body in [spec("admin", "technician"), off] {
        let answer = rig.change(&admin, Method::PUT, &path(&admin), "\"1\"", Some(body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "in_use"));
    }
    assert_eq!(rig.change(&admin, Method::DELETE, &path(&admin), "\"1\"", None).await.code(), "in_use");
    let renamed = rig.change(&admin, Method::PUT, &path(&admin), "\"1\"", Some(spec("root", "admin"))).await;
    assert_eq!(renamed.status, 200, "other changes are fine");
    let second = rig.user(&admin, Role::Admin, RetailerScope::default()).await;
    assert_eq!(rig.change(&second, Method::DELETE, &path(&admin), "\"2\"", None).await.status, 204);
    assert_eq!(rig.change(&second, Method::DELETE, &path(&second), "\"1\"", None).await.code(), "in_use");
}

#[tokio::test]
async fn administrators_who_depose_each_other_at_once_leave_one() {
    let home = Home::new().await;
    let nodes =
        [Rig::on(&home, ServerSettings::default()).await, Rig::on(&home, ServerSettings::default()).await];
    let first = nodes[0].set_up().await;
    let mut admins = vec![first.clone()];
    for _ in 0..4 {
        admins.push(nodes[0].user(&first, Role::Admin, RetailerScope::default()).await);
    }
    // Each deposes the next, all at the same time, over both nodes.
    let attempts = admins.iter().enumerate().map(|(at, admin)| {
        let next = &admins[(at + 1) % admins.len()];
        let node = &nodes[at % 2];
        let body = spec(&next.login, "technician");
        async move { node.change(admin, Method::PUT, &path(next), "\"1\"", Some(body)).await }
    });
    let answers = futures_util::future::join_all(attempts).await;
    let mut left = 0;
    for admin in &admins {
        let grant = nodes[0].try_login(&admin.login, PASSWORD).await;
        left += usize::from(grant.json()["user"]["role"] == "admin");
    }
    let codes: Vec<_> = answers.iter().map(|answer| (answer.status, answer.text.clone())).collect();
    assert!(left >= 1, "nobody is left: {codes:?}");
    assert!(left < admins.len(), "nobody was deposed: {codes:?}");
}
