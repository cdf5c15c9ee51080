//! Agents to whom WebSockets are blocked: the same jobs over HTTPS, with the same guarantees.

use std::sync::atomic::Ordering;

use messages::run::RunState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::assert_succeeded;
use super::meddler::{Blocks, Meddler};
use super::story::Scene;
use super::wait::until;

/// A shop whose agent reaches the hub through somebody who meddles.
async fn scene(articles: usize, blocks: Blocks) -> (Scene, Meddler) {
    let mut scene = Scene::set(articles).await;
    let meddler = Meddler::before(&scene.hub.url, blocks).await;
    scene.agent.extra = vec!["--hub".into(), meddler.url.clone()];
    (scene, meddler)
}

/// What the console shows of the agent's way, once it is this one.
async fn until_over(scene: &Scene, kind: &str, reason: &str) {
    let path = format!("/retailers/{}/agents/{}", scene.shop.retailer, scene.shop.agent);
    until(&format!("the agent to be online over {kind}: {reason}"), || async {
        let agent: Value = scene.api.try_get(&path).await?;
        let transport = &agent["machine"]["transport"];
        let said = transport["reason"].as_str().unwrap_or_default();
        let online = matches!(agent["presence"].as_str(), Some("online" | "busy"));
        (online && transport["kind"] == kind && said.contains(reason)).then_some(())
    })
    .await;
}

async fn end(scene: Scene) {
    assert!(!scene.hub.log().contains("panicked"), "{}", scene.hub.log());
    let Scene { hub, agent, .. } = scene;
    drop(agent);
    hub.stop().await;
}

#[tokio::test]
async fn process_however_websockets_are_blocked_a_job_runs_over_https() {
    let (mut scene, meddler) = scene(2_000, Blocks::Nothing).await;
    for (blocks, seen) in [
        (Blocks::Status(403), "status 403"),
        (Blocks::Status(400), "status 400"),
        (Blocks::Status(426), "status 426"),
        (Blocks::Status(501), "status 501"),
        (Blocks::Status(502), "status 502"),
        (Blocks::Status(200), "status 200"),
        (Blocks::Strips, "speaks WebSocket version 13 only"),
        (Blocks::ResetsTheUpgrade, "did not answer as a hub does"),
        (Blocks::ResetsTheFrames, "and then the line breaks"),
        (Blocks::Swallows, "and then the line stays silent"),
    ] {
        meddler.set(blocks);
        scene.agent.start();
        until_over(&scene, "https", seen).await;
        let run = scene.shop.press_run(&scene.api).await;
        let run = scene.shop.until_over(&scene.api, &run).await;
        assert_succeeded(&run, scene.rows, scene.sound);
        let log: Value = scene.api.get(&format!("{}/log", scene.shop.run_path(&run))).await;
        assert!(log["items"].as_array().is_some_and(|lines| !lines.is_empty()), "{blocks:?}: {log}");
        let said = scene.agent.log();
        assert!(said.contains("WARN") && said.contains("the agent goes on over HTTPS"), "{blocks:?}: {said}");
        let (well, found) = scene.agent.check().await;
        assert!(well && found.contains("WebSockets do not get through"), "{blocks:?}: {found}");
        scene.agent.kill();
    }
    end(scene).await;
}

#[tokio::test]
async fn process_over_https_a_killed_hub_comes_back_and_the_run_ends_once() {
    let (mut scene, _meddler) = scene(300_000, Blocks::Status(403)).await;
    scene.agent.start();
    until_over(&scene, "https", "403").await;
    let run = scene.shop.press_run(&scene.api).await;
    scene.shop.until_run(&scene.api, &run, "the run to read", |run| run.progress.read > 0).await;
    scene.hub.kill().await;
    scene.hub.restart().await;
    let run = scene.shop.until_over(&scene.api, &run).await;
    assert_succeeded(&run, scene.rows, scene.sound);
    assert_eq!((run.attempt, scene.arrived()), (1, scene.sound));
    end(scene).await;
}

#[tokio::test]
async fn process_over_https_a_killed_agent_comes_back_and_the_run_ends_once() {
    let (mut scene, _meddler) = scene(300_000, Blocks::Status(403)).await;
    scene.agent.start();
    until_over(&scene, "https", "403").await;
    let run = scene.shop.press_run(&scene.api).await;
    scene.shop.until_run(&scene.api, &run, "the run to read", |run| run.progress.read > 0).await;
    scene.agent.kill();
    scene.agent.start();
    let run = scene.shop.until_over(&scene.api, &run).await;
    assert_succeeded(&run, scene.rows, scene.sound);
    assert_eq!((run.attempt, scene.arrived()), (2, scene.sound));
    end(scene).await;
}

#[tokio::test]
async fn process_over_https_lost_answers_lose_nothing_and_double_nothing() {
    let (mut scene, meddler) = scene(200_000, Blocks::Status(403)).await;
    scene.agent.start();
    until_over(&scene, "https", "403").await;
    meddler.lose(3);
    for _ in 0..2 {
        let run = scene.shop.press_run(&scene.api).await;
        let run = scene.shop.until_over(&scene.api, &run).await;
        assert_succeeded(&run, scene.rows, scene.sound);
        assert_eq!(run.attempt, 1, "{run:?}");
        let path = scene.shop.run_path(&run);
        let rejects: Value = scene.api.get(&format!("{path}/rejects")).await;
        assert_eq!(rejects["total"], 3);
        let log: Value = scene.api.get(&format!("{path}/log")).await;
        let numbers: Vec<_> =
            log["items"].as_array().unwrap().iter().map(|line| line["seq"].as_u64()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    }
    assert!(meddler.lost.load(Ordering::SeqCst) > 5, "the test must lose answers to mean anything");
    // Nothing of it cost the session: what was lost was repeated.
    assert!(!scene.agent.log().contains("the connection to the hub ended"), "{}", scene.agent.log());
    end(scene).await;
}

#[tokio::test]
async fn process_over_https_a_run_can_be_cancelled_and_the_agent_revoked_at_once() {
    let (mut scene, _meddler) = scene(200_000, Blocks::Status(403)).await;
    scene.agent.start();
    until_over(&scene, "https", "403").await;
    let (api, shop) = (&scene.api, &scene.shop);
    let run = shop.press_run(api).await;
    shop.until_run(api, &run, "the run to read", |run| run.progress.read > 0).await;
    let (status, answer) =
        api.call(Method::POST, &format!("{}/cancel", shop.run_path(&run)), Some(json!({}))).await;
    assert!(status.is_success(), "{status} {answer}");
    assert_eq!(shop.until_over(api, &run).await.state, RunState::Cancelled);

    let agent = format!("/retailers/{}/agents/{}", shop.retailer, shop.agent);
    let asked = std::time::Instant::now();
    let (status, _) = api.call(Method::DELETE, &format!("{agent}/enrolment"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    until("the agent to say that it was revoked", || async {
        scene.agent.log().contains("agent_revoked").then_some(())
    })
    .await;
    assert!(asked.elapsed().as_secs() < 5, "{:?} is not at once", asked.elapsed());
    until("the revoked agent to be gone", || async {
        let view: Value = api.try_get(&agent).await?;
        (!matches!(view["presence"].as_str(), Some("online" | "busy"))).then_some(())
    })
    .await;
    end(scene).await;
}

#[tokio::test]
async fn process_websockets_are_taken_again_in_mid_run_when_they_get_through() {
    let (mut scene, meddler) = scene(300_000, Blocks::Status(403)).await;
    scene.agent.extra.extend(["--websocket-again-s".into(), "1".into()]);
    scene.agent.start();
    until_over(&scene, "https", "403").await;
    let run = scene.shop.press_run(&scene.api).await;
    scene.shop.until_run(&scene.api, &run, "the run to read", |run| run.progress.read > 0).await;
    // Frames swallowed, a trial must not cost the session.
    meddler.set(Blocks::Swallows);
    let tried = meddler.upgraded.load(Ordering::SeqCst);
    until("a trial whose frames are swallowed", || async {
        (meddler.upgraded.load(Ordering::SeqCst) > tried).then_some(())
    })
    .await;
    meddler.set(Blocks::Nothing);
    until_over(&scene, "websocket", "").await;
    let run = scene.shop.until_over(&scene.api, &run).await;
    assert_succeeded(&run, scene.rows, scene.sound);
    assert_eq!(run.attempt, 1, "{run:?}");
    let said = scene.agent.log();
    assert!(said.contains("WebSockets get through to the hub again"), "{said}");
    assert!(!said.contains("the connection to the hub ended"), "{said}");
    end(scene).await;
}

#[tokio::test]
async fn process_a_forced_way_is_kept_and_a_cut_line_is_repaired() {
    let (mut scene, meddler) = scene(1_000, Blocks::Nothing).await;
    scene.agent.extra.extend(["--transport".into(), "https".into()]);
    scene.agent.start();
    until_over(&scene, "https", "transport = https").await;
    for _ in 0..3 {
        meddler.cut();
        let run = scene.shop.press_run(&scene.api).await;
        assert_succeeded(&scene.shop.until_over(&scene.api, &run).await, scene.rows, scene.sound);
    }
    assert_eq!(meddler.upgraded.load(Ordering::SeqCst), 0, "it was told not to");
    scene.agent.kill();
    meddler.set(Blocks::Status(403));
    scene.agent.extra.truncate(2);
    scene.agent.extra.extend(["--transport".into(), "websocket".into()]);
    let (well, found) = scene.agent.check().await;
    assert!(!well && found.contains("status 403"), "{found}");
    end(scene).await;
}
