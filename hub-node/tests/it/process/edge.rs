//! A store edge that sells while everything around it is killed, cut, filled up or moved: what its tills were given is what
//! the hub has.

mod backlog;
mod catalogue;
mod faults;
mod folds;
mod line;
pub(super) mod machine;
mod moves;
mod reinstall;
pub(super) mod scene;

use messages::edge::status::EdgeStatus;
use messages::http::agents::Enrolment;
use messages::http::dead_letters::LetterView;
use messages::http::edges::EdgeToken;
use messages::http::paging::Page;
use reqwest::{Method, StatusCode};
use serde_json::json;

use self::scene::Scene;
use super::wait::until;

async fn killed_all_around(protocol: &'static str) {
    let mut scene = Scene::set(protocol).await;
    scene.edge.start().await;
    let selling = scene.edge.sell(400, 7);
    scene.office.until_sales(20).await;
    scene.hub.kill().await;
    scene.hub.restart().await;
    scene.edge.kill();
    scene.edge.start().await;
    scene.hub.kill_store();
    selling.all_served().await.unwrap();
    scene.office.reconcile(&scene.edge).await;
    scene.end().await;
}

#[tokio::test]
async fn process_sales_reach_the_hub_once_while_hub_edge_and_database_are_killed() {
    killed_all_around("http").await;
}

#[tokio::test]
async fn process_sales_reach_the_hub_once_by_stream_while_hub_edge_and_database_are_killed() {
    killed_all_around("grpc").await;
}

#[tokio::test]
async fn process_a_store_edge_is_revoked_and_comes_back_with_all_it_sold() {
    let mut scene = Scene::set("grpc").await;
    scene.edge.start().await;
    scene.edge.sell(20, 1).all_served().await.unwrap();
    scene.edge.drained().await;
    let place = scene.office.place().await;
    assert_eq!(place.enrolment, Enrolment::Enrolled);
    let enrolment = format!("{}/edges/{}/enrolment", scene.office.of, place.id);
    let remove = format!("{}/edges/{}", scene.office.of, place.id);
    assert_eq!(scene.office.api.call(Method::DELETE, &remove, None).await.0, StatusCode::CONFLICT);
    let (status, _) = scene.office.api.call(Method::DELETE, &enrolment, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    // Selling goes on; what is sold waits.
    scene.edge.sell(20, 2).all_served().await.unwrap();
    let told = until("the edge to know", || async {
        let status: EdgeStatus = scene.edge.try_get("/v1/status").await?;
        status.outbox.last_error.filter(|_| status.outbox.unsent > 0)
    })
    .await;
    assert!(told.contains("revoked"), "{told}");
    let token: EdgeToken = scene.office.api.post(&enrolment, json!({})).await;
    scene.edge.kill();
    let (done, said) = machine::enrol(&scene.edge.data_dir, &scene.hub.url, token.token.expose()).await;
    assert!(done, "{said}");
    scene.edge.start().await;
    scene.office.reconcile(&scene.edge).await;
    let letters: Page<LetterView> = scene.office.api.get(&format!("{}/dead-letters", scene.office.of)).await;
    assert_eq!(letters.total, 0);
    scene.end().await;
}
