//! Processes that are killed in the middle of a run: it ends once, with the right count.

use super::api::assert_succeeded;
use super::story::Scene;

/// Long enough that there is a middle to be killed in.
const ARTICLES: usize = 300_000;

/// Which process is killed.
#[derive(Clone, Copy)]
enum Victim {
    Hub,
    Agent,
    Store,
}

async fn survive(victim: Victim) {
    let mut scene = Scene::set(ARTICLES).await;
    scene.agent.start();
    scene.shop.until_connected(&scene.api).await;
    let run = scene.shop.press_run(&scene.api).await;
    let run = scene.shop.until_run(&scene.api, &run, "the run to read", |run| run.progress.read > 0).await;
    assert!(!run.state.is_over(), "there was no middle to kill in: {run:?}");
    match victim {
        Victim::Hub => {
            scene.hub.kill().await;
            scene.hub.restart().await;
        }
        Victim::Agent => {
            scene.agent.kill();
            scene.agent.start();
        }
        Victim::Store => scene.hub.kill_store(),
    }
    let run = scene.shop.until_over(&scene.api, &run).await;
    assert_succeeded(&run, scene.rows, scene.sound);
    assert_eq!(scene.arrived(), scene.sound);
    assert_eq!(scene.leftovers(), Vec::<String>::new());
    assert_eq!(run.attempt, if matches!(victim, Victim::Agent) { 2 } else { 1 }, "{run:?}");
    // And the system works as before.
    let next = scene.shop.press_run(&scene.api).await;
    assert_succeeded(&scene.shop.until_over(&scene.api, &next).await, scene.rows, scene.sound);
    assert!(!scene.hub.log().contains("panicked"), "{}", scene.hub.log());
    let Scene { hub, agent, .. } = scene;
    drop(agent);
    hub.stop().await;
}

#[tokio::test]
async fn process_a_killed_hub_comes_back_and_the_run_ends_once() {
    survive(Victim::Hub).await;
}

#[tokio::test]
async fn process_a_killed_agent_comes_back_and_the_run_ends_once() {
    survive(Victim::Agent).await;
}

#[tokio::test]
async fn process_a_killed_database_comes_back_and_the_run_ends_once() {
    survive(Victim::Store).await;
}
