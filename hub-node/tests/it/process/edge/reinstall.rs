//! A receipt number is never used twice, whatever happens to the edge's disk; and where that cannot be prevented, because
//! nobody could know, head office keeps what it has and sets the second one aside.

use std::fs;
use std::path::Path;

use messages::edge::checkout::ReceiptView;
use messages::edge::status::EdgeStatus;
use messages::http::dead_letters::LetterView;
use messages::http::edges::EdgeToken;
use messages::http::paging::Page;
use messages::http::reports::SaleView;
use serde_json::json;

use super::super::wait::until;
use super::line::{Line, State};
use super::machine::{self, Edge};
use super::scene::Scene;

async fn sell(edge: &Edge, key: &str) -> String {
    let body = json!({"lines": [{"sku": "A00001"}], "payments": [{"kind": "cash"}]});
    let answer = edge.post("/v1/sales", key, &body).await;
    assert_eq!(answer.status(), 201, "{}", edge.log());
    answer.json::<ReceiptView>().await.unwrap().receipt.to_string()
}

async fn receipts(scene: &Scene) -> Vec<String> {
    let mut receipts: Vec<String> =
        scene.office.sales().await.into_iter().map(|sale| sale.receipt.to_string()).collect();
    receipts.sort();
    receipts
}

fn sorted(receipts: &[&String]) -> Vec<String> {
    let mut receipts: Vec<String> = receipts.iter().map(|&receipt| receipt.clone()).collect();
    receipts.sort();
    receipts
}

/// The files of a folder with their contents.
fn snapshot(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Puts the contents back into the same files, as a machine that is set back to an older state has them.
fn set_back(folder: &Path, files: &[(std::path::PathBuf, Vec<u8>)]) {
    for (path, _) in snapshot(folder) {
        if files.iter().all(|(kept, _)| *kept != path) {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, contents) in files {
        fs::write(path, contents).unwrap();
    }
}

#[tokio::test]
async fn process_an_edge_whose_disk_was_lost_enrols_anew_and_gives_new_receipts() {
    let mut scene = Scene::set("http").await;
    scene.edge.start().await;
    let (first, second) = (sell(&scene.edge, "a").await, sell(&scene.edge, "b").await);
    scene.edge.drained().await;
    scene.edge.kill();
    fs::remove_dir_all(&scene.edge.data_dir).unwrap();
    let enrolment = format!("{}/edges/{}/enrolment", scene.office.of, scene.office.place().await.id);
    let token: EdgeToken = scene.office.api.post(&enrolment, json!({})).await;
    let (done, said) = machine::enrol(&scene.edge.data_dir, &scene.hub.url, token.token.expose()).await;
    assert!(done, "{said}");
    scene.edge.start().await;
    // The same keys as before the loss: they are another installation's.
    let (third, fourth) = (sell(&scene.edge, "a").await, sell(&scene.edge, "b").await);
    scene.edge.drained().await;
    assert_eq!(receipts(&scene).await, sorted(&[&first, &second, &third, &fourth]));
    let series = |receipt: &str| receipt.split('-').next().unwrap().to_owned();
    assert_ne!(series(&first), series(&third));
    assert_eq!(scene.office.place().await.dead_letters, 0);
    scene.end().await;
}

#[tokio::test]
async fn process_an_edge_that_was_set_back_cannot_overwrite_a_sale_and_begins_a_new_series() {
    let mut scene = Scene::set("grpc").await;
    let line = Line::to(&scene.hub.url).await;
    scene.edge.hub = Some(line.url());
    scene.edge.start().await;
    let first = sell(&scene.edge, "a").await;
    scene.edge.drained().await;
    scene.edge.stop().await;
    let kept = snapshot(&scene.edge.data_dir);
    scene.edge.start().await;
    let (second, third) = (sell(&scene.edge, "b").await, sell(&scene.edge, "c").await);
    scene.edge.drained().await;
    let before: Vec<SaleView> = scene.office.sales().await;
    scene.edge.stop().await;

    // Set back in place there is no print that does not fit, and without a line nobody who knows.
    set_back(&scene.edge.data_dir, &kept);
    line.set(State::Cut);
    scene.edge.start().await;
    assert_eq!(sell(&scene.edge, "d").await, second, "the number was given again");
    line.set(State::Whole);
    let status = until("a new series", || async {
        let status: EdgeStatus = scene.edge.try_get("/v1/status").await?;
        (!first.starts_with(&status.receipt_series)).then_some(status)
    })
    .await;
    let fourth = sell(&scene.edge, "e").await;
    assert!(fourth.starts_with(&status.receipt_series), "{fourth}");
    scene.edge.drained().await;

    let after: Vec<SaleView> = scene.office.sales().await;
    for sale in &before {
        let now = after.iter().find(|now| now.transaction_id == sale.transaction_id).unwrap();
        assert_eq!(
            (&now.receipt, &now.lines, now.totals, now.voided_at),
            (&sale.receipt, &sale.lines, sale.totals, sale.voided_at)
        );
    }
    assert_eq!(receipts(&scene).await, sorted(&[&first, &second, &third, &fourth]));
    let letters: Page<LetterView> = scene.office.api.get(&format!("{}/dead-letters", scene.office.of)).await;
    assert_eq!((letters.total, letters.items[0].kind.as_str()), (1, "sale_recorded"));
    assert!(letters.items[0].detail.contains(&second), "{}", letters.items[0].detail);
    scene.end().await;
}

#[tokio::test]
async fn process_an_edge_put_back_from_a_copy_gives_other_numbers_and_its_old_events_count_once() {
    let mut scene = Scene::set("http").await;
    let line = Line::to(&scene.hub.url).await;
    scene.edge.hub = Some(line.url());
    scene.edge.start().await;
    line.set(State::Cut);
    let first = sell(&scene.edge, "a").await;
    scene.edge.stop().await;
    // The copy holds the first sale unsent.
    let copy = scene.folder.join("copy");
    fs::create_dir_all(&copy).unwrap();
    for (path, contents) in snapshot(&scene.edge.data_dir) {
        fs::write(copy.join(path.file_name().unwrap()), contents).unwrap();
    }
    scene.edge.start().await;
    line.set(State::Whole);
    let second = sell(&scene.edge, "b").await;
    scene.edge.drained().await;
    scene.edge.kill();
    fs::remove_dir_all(&scene.edge.data_dir).unwrap();
    fs::rename(&copy, &scene.edge.data_dir).unwrap();
    scene.edge.start().await;
    let third = sell(&scene.edge, "c").await;
    scene.edge.drained().await;
    assert_eq!(receipts(&scene).await, sorted(&[&first, &second, &third]));
    assert_eq!(scene.office.place().await.dead_letters, 0);
    scene.end().await;
}
