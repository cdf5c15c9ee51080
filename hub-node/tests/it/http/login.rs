//! Signing in, staying signed in, signing out; and what happens to those who try what they should not.

use http::Method;
use hub_node::access::Ending;
use hub_node::http::ServerSettings;
use messages::permission::{RetailerScope, Role};
use serde_json::json;

use super::rig::{Home, PASSWORD, Rig, SETUP_TOKEN};
use crate::support::eventually;

#[tokio::test]
async fn setup_works_once_and_only_with_its_token() {
    let rig = Rig::start().await;
    let file = rig.folder.path().join("setup-token");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), SETUP_TOKEN);
    let status = rig.send(rig.request(Method::GET, "/api/v1/setup")).await;
    assert_eq!(status.json(), json!({ "required": true }));
    assert_eq!(rig.try_login("admin", PASSWORD).await.code(), "setup_required");

    let with = |token: &str| json!({ "token": token, "login": "admin", "name": "A", "password": PASSWORD });
    let wrong = rig.call(None, Method::POST, "/api/v1/setup", Some(with("guess"))).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "setup_token_wrong"));
    let weak = json!({ "token": SETUP_TOKEN, "login": "admin", "name": "A", "password": "short" });
    assert_eq!(rig.call(None, Method::POST, "/api/v1/setup", Some(weak)).await.code(), "invalid_field");

    let admin = rig.set_up().await;
    assert!(!file.exists(), "the token is void and gone");
    assert_eq!(rig.get(&admin, "/api/v1/me").await.json()["role"], "admin");
    let again = rig.call(None, Method::POST, "/api/v1/setup", Some(with(SETUP_TOKEN))).await;
    assert_eq!(again.code(), "setup_done");
    let status = rig.send(rig.request(Method::GET, "/api/v1/setup")).await;
    assert_eq!(status.json(), json!({ "required": false }));
}

#[tokio::test]
async fn of_many_setups_that_race_over_two_nodes_one_wins() {
    let home = Home::new().await;
    let nodes =
        [Rig::on(&home, ServerSettings::default()).await, Rig::on(&home, ServerSettings::default()).await];
    let attempts = (0..8).map(|n| {
        let node = &nodes[n % 2];
        let body =
            json!({ "token": SETUP_TOKEN, "login": format!("admin{n}"), "name": "A", "password": PASSWORD });
        async move { node.call(None, Method::POST, "/api/v1/setup", Some(body)).await }
    });
    let answers = futures_util::future::join_all(attempts).await;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 1, "{answers:?}");
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(lost.code(), "setup_done");
    }
}

#[tokio::test]
async fn the_cookie_is_closed_to_scripts_and_to_other_routes() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let answer = rig.try_login("ADMIN ", PASSWORD).await;
    assert_eq!(answer.status, 200, "the case of a login does not matter: {}", answer.text);
    let line = answer.header("set-cookie");
    for part in
        ["gs_refresh=gsr_", "HttpOnly", "SameSite=Strict", "Secure", "Path=/api/v1/session", "Max-Age="]
    {
        assert!(line.contains(part), "{line}");
    }
    assert!(!answer.text.contains("gsr_"), "the refresh token is in the cookie only");
}

#[tokio::test]
async fn failures_slow_down_then_lock_out_and_names_cannot_be_told_apart() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    rig.user(&admin, Role::Technician, RetailerScope::default()).await;
    let from = |address: &str, login: &str, password: &str| {
        let body = json!({ "login": login, "password": password });
        rig.request(Method::POST, "/api/v1/login").header("x-forwarded-for", address.to_owned()).json(&body)
    };
    for login in ["technician1", "nobody"] {
        for attempt in 0..5 {
            let answer = rig.send(from(&format!("10.1.0.{attempt}"), login, "wrong password")).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "bad_credentials"),
                "{login} {attempt}"
            );
        }
        let sixth = rig.send(from("10.1.0.6", login, "wrong password")).await;
        assert_eq!(sixth.code(), "bad_credentials");
        let seventh = rig.send(from("10.1.0.7", login, PASSWORD)).await;
        assert_eq!(
            (seventh.status, seventh.code().as_str()),
            (429, "locked_out"),
            "even the right one must wait"
        );
        assert!(seventh.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
    assert_eq!(rig.send(from("10.1.0.8", "admin", PASSWORD)).await.status, 200, "others are not affected");
    // The wait is short after six failures: then the right password ends it all.
    eventually("the delay to pass", std::time::Duration::from_secs(5), || async {
        let answer = rig.send(from("10.1.0.9", "technician1", PASSWORD)).await;
        (answer.status == 200).then_some(())
    })
    .await;
    for _ in 0..5 {
        let answer = rig.send(from("10.1.0.10", "technician1", "wrong password")).await;
        assert_eq!(answer.code(), "bad_credentials", "success has forgotten the failures");
    }
}

#[tokio::test]
async fn a_thousand_guesses_at_once_get_no_further_than_one_after_another() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let guesses = (0..40).map(|n| {
        let body = json!({ "login": "admin", "password": format!("guess number {n}") });
        let request =
            rig.request(Method::POST, "/api/v1/login").header("x-forwarded-for", format!("10.2.0.{n}"));
        rig.send(request.json(&body))
    });
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.code() == "bad_credentials").count();
    assert!(tried <= 7, "{tried} guesses were checked");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_a_copy_ends_the_session() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let person = rig.sign_in("admin", PASSWORD).await;
    let second = rig.refresh(&person.cookie).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let second_cookie = second.cookie().unwrap();
    assert_ne!(second_cookie, person.cookie);
    // Two tabs race: the same successor for both.
    let racing = rig.refresh(&person.cookie).await;
    assert_eq!((racing.status, racing.cookie()), (200, Some(second_cookie.clone())));
    let third = rig.refresh(&second_cookie).await;
    let third_cookie = third.cookie().unwrap();
    // The first is two steps old now: somebody has copied it.
    let mut endings = rig.access.endings();
    let reused = rig.refresh(&person.cookie).await;
    assert_eq!((reused.status, reused.code().as_str()), (401, "session_revoked"));
    assert_eq!(
        rig.refresh(&third_cookie).await.code(),
        "session_revoked",
        "the thief's and the owner's end alike"
    );
    assert_eq!(rig.get(&person, "/api/v1/me").await.code(), "session_revoked", "and so do its access tokens");
    assert!(matches!(endings.try_recv(), Ok(Ending::Session(_))), "open sockets are told");
}

#[tokio::test]
async fn refreshes_at_once_all_get_the_same_successor() {
    let rig = Rig::start().await;
    let person = rig.set_up().await;
    let answers = futures_util::future::join_all((0..6).map(|_| rig.refresh(&person.cookie))).await;
    let cookies: Vec<_> =
        answers.iter().map(|answer| answer.cookie().unwrap_or_else(|| answer.text.clone())).collect();
    assert!(cookies.iter().all(|cookie| *cookie == cookies[0]), "{cookies:?}");
    assert_eq!(rig.refresh(&cookies[0]).await.status, 200);
}

#[tokio::test]
async fn forged_and_missing_refresh_tokens_are_refused() {
    let rig = Rig::start().await;
    rig.set_up().await;
    for forged in ["", "gsr_", "nonsense", &format!("gsr_{}", "A".repeat(86))] {
        assert_eq!(rig.refresh(forged).await.code(), "not_authenticated", "{forged}");
    }
    let none = rig.send(rig.request(Method::POST, "/api/v1/session/refresh")).await;
    assert_eq!(none.code(), "not_authenticated");
}

#[tokio::test]
async fn foreign_pages_cannot_use_the_cookie() {
    let rig = Rig::start().await;
    let person = rig.set_up().await;
    let with = |path: &str, name: &'static str, value: &str| {
        let request =
            rig.request(Method::POST, path).header("cookie", format!("gs_refresh={}", person.cookie));
        rig.send(request.header(name, value.to_owned()))
    };
    for path in ["/api/v1/session/refresh", "/api/v1/session/logout", "/api/v1/login", "/api/v1/setup"] {
        for (name, value) in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let answer = with(path, name, value).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "origin_refused"),
                "{path} {name} {value}"
            );
        }
    }
    let own = format!("http://{}", rig.address);
    for origin in [own.as_str(), "https://hub.example"] {
        assert_eq!(with("/api/v1/session/refresh", "origin", origin).await.status, 200, "{origin}");
    }
}

#[tokio::test]
async fn logging_out_ends_the_session_and_clears_the_cookie() {
    let rig = Rig::start().await;
    let person = rig.set_up().await;
    let other = rig.sign_in("admin", PASSWORD).await;
    let request = rig.request(Method::POST, "/api/v1/session/logout");
    let answer = rig.send(request.header("cookie", format!("gs_refresh={}", person.cookie))).await;
    assert_eq!(answer.status, 204);
    assert!(
        answer.header("set-cookie").contains("gs_refresh=; ")
            && answer.header("set-cookie").contains("Max-Age=0")
    );
    assert_eq!(rig.get(&person, "/api/v1/me").await.code(), "session_revoked");
    assert_eq!(rig.refresh(&person.cookie).await.code(), "session_revoked");
    assert_eq!(rig.get(&other, "/api/v1/me").await.status, 200, "other sessions go on");
    let without = rig.send(rig.request(Method::POST, "/api/v1/session/logout")).await;
    assert_eq!(without.status, 204, "logging out twice is no fault");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_and_all_at_once() {
    let rig = Rig::start().await;
    let admin = rig.set_up().await;
    let first = rig.user(&admin, Role::Manager, RetailerScope::default()).await;
    let second = rig.sign_in(&first.login, PASSWORD).await;
    let third = rig.sign_in(&first.login, PASSWORD).await;
    let list = rig.get(&first, "/api/v1/me/sessions").await.json();
    let sessions = list["items"].as_array().unwrap();
    assert_eq!((sessions.len(), &list["total"]), (3, &json!(3)));
    assert_eq!(sessions.iter().filter(|s| s["current"] == true).count(), 1);

    let mine = rig.get(&second, "/api/v1/me").await.json()["session_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/me/sessions/{mine}");
    let foreign = rig.call(Some(&admin), Method::DELETE, &path, None).await;
    assert_eq!(foreign.code(), "not_found", "nobody ends the session of somebody else by its id");
    assert_eq!(rig.call(Some(&first), Method::DELETE, &path, None).await.status, 204);
    assert_eq!(rig.get(&second, "/api/v1/me").await.code(), "session_revoked");
    assert_eq!(rig.call(Some(&first), Method::DELETE, &path, None).await.code(), "not_found");

    assert_eq!(rig.call(Some(&first), Method::DELETE, "/api/v1/me/sessions", None).await.status, 204);
    for person in [&first, &third] {
        assert_eq!(rig.get(person, "/api/v1/me").await.code(), "session_revoked");
        assert_eq!(rig.refresh(&person.cookie).await.code(), "session_revoked");
    }
    assert_eq!(rig.get(&admin, "/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_wrong_guesses_are_slowed_down() {
    let rig = Rig::start().await;
    let person = rig.set_up().await;
    let other = rig.sign_in("admin", PASSWORD).await;
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let wrong = rig.post(&person, "/api/v1/me/password", change("guess", "a better long password")).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (422, "invalid_field"));
    assert_eq!(wrong.json()["errors"][0]["field"], "current");
    let weak = rig.post(&person, "/api/v1/me/password", change(PASSWORD, "short")).await;
    assert_eq!(weak.code(), "invalid_field");
    let done = rig.post(&person, "/api/v1/me/password", change(PASSWORD, "a better long password")).await;
    assert_eq!(done.status, 204, "{}", done.text);
    assert_eq!(rig.get(&person, "/api/v1/me").await.status, 200, "the session that did it goes on");
    assert_eq!(rig.get(&other, "/api/v1/me").await.code(), "session_revoked");
    assert_eq!(rig.refresh(&other.cookie).await.code(), "session_revoked");
    assert_eq!(rig.try_login("admin", PASSWORD).await.code(), "bad_credentials");
    rig.sign_in("admin", "a better long password").await;

    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(
            rig.post(&person, "/api/v1/me/password", change("guess", "yet another password")).await.code(),
        );
    }
    assert!(codes.contains(&"locked_out".to_owned()), "{codes:?}");
}

#[tokio::test]
async fn an_end_on_one_node_is_known_on_the_other_within_seconds() {
    let home = Home::new().await;
    let here = Rig::on(&home, ServerSettings::default()).await;
    let there = Rig::on(&home, ServerSettings::default()).await;
    let admin = here.set_up().await;
    let person = here.user(&admin, Role::Technician, RetailerScope::default()).await;
    assert_eq!(there.get(&person, "/api/v1/me").await.status, 200, "a token of one node counts on all");
    let path = format!("/api/v1/users/{}/sessions", person.id);
    assert_eq!(here.call(Some(&admin), Method::DELETE, &path, None).await.status, 204);
    assert_eq!(here.get(&person, "/api/v1/me").await.code(), "session_revoked", "here at once");
    eventually("the other node to notice", std::time::Duration::from_secs(10), || async {
        (there.get(&person, "/api/v1/me").await.code() == "session_revoked").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_ends() {
    let rig = Rig::start().await;
    let first = rig.set_up().await;
    let body = json!({ "login": "admin", "password": PASSWORD });
    for n in 0..50 {
        let request =
            rig.request(Method::POST, "/api/v1/login").header("x-forwarded-for", format!("10.3.0.{n}"));
        assert_eq!(rig.send(request.json(&body)).await.status, 200);
    }
    assert_eq!(rig.get(&first, "/api/v1/me").await.code(), "session_revoked");
    let last = rig.sign_in("admin", PASSWORD).await;
    assert_eq!(rig.get(&last, "/api/v1/me/sessions").await.json()["total"], 50);
}

#[tokio::test]
async fn whoever_has_an_account_cannot_guess_at_others_without_end() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let attempt = |login: String, password: &str| {
        let body = json!({ "login": login, "password": password });
        rig.send(rig.request(Method::POST, "/api/v1/login").json(&body))
    };
    // Few enough for the limit of requests by strangers, which is another one.
    let mut codes = Vec::new();
    for n in 0..40 {
        if n % 5 == 0 {
            // One's own account in between must not wash the address clean.
            attempt("admin".into(), PASSWORD).await;
        }
        codes.push(attempt(format!("victim{n}"), "Spring2026!").await.code());
    }
    assert!(codes.contains(&"locked_out".to_owned()), "forty names were tried from one address: {codes:?}");
}
