//! What Prometheus reads from a real hub.

use super::api::Api;
use super::hub::Hub;

#[tokio::test]
async fn process_metrics_are_on_a_port_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(folder.path()).await;
    let api = Api::set_up(&hub.url).await;
    let log = hub.log();
    let (_, rest) = log.split_once("metrics are shown address=").expect("the hub says where its metrics are");
    let url = rest.split_whitespace().next().unwrap();
    let client = reqwest::Client::new();
    let read = || async { client.get(url).send().await.unwrap().text().await.unwrap() };
    let number = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse::<f64>().unwrap()
    };
    let before = read().await;
    assert_eq!(
        (number(&before, "grocerysync_lease_valid "), number(&before, "grocerysync_shards_owned ")),
        (1.0, 256.0)
    );
    assert!(number(&before, "process_resident_memory_bytes ") > 1e6);
    let answered = "grocerysync_http_answers_total{status=\"2xx\"} ";
    let _: serde_json::Value = api.get("/retailers").await;
    let after = read().await;
    assert!(number(&after, answered) > number(&before, answered));
    assert_eq!(number(&after, "grocerysync_http_answer_seconds_count "), {
        let classes = after.lines().filter_map(|line| line.strip_prefix("grocerysync_http_answers_total{"));
        classes.map(|line| line.split_once(' ').unwrap().1.parse::<f64>().unwrap()).sum::<f64>()
    });

    // Nothing else is there, and nothing of it is on the public port.
    let base = url.trim_end_matches("/metrics");
    for elsewhere in [format!("{base}/"), format!("{base}/api/v1/retailers")] {
        assert_eq!(client.get(elsewhere).send().await.unwrap().status(), 404);
    }
    let public = client.get(format!("{}/metrics", hub.url)).send().await.unwrap().text().await.unwrap();
    assert!(!public.contains("grocerysync_lease_valid"));

    hub.stop().await;
}
