//! One address for all nodes, as a Kubernetes service has it: each connection goes to a node that says it is ready.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A probe of Kubernetes comes every few seconds; that a pod is stopped it knows at once.
const PROBE: Duration = Duration::from_millis(100);

pub(super) struct Balancer {
    pub(super) url: String,
    nodes: Arc<Mutex<Vec<Behind>>>,
}

#[derive(Clone)]
struct Behind {
    url: String,
    ready: bool,
}

impl Balancer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let nodes = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(probe(nodes.clone()));
        let behind = nodes.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, behind.clone()));
            }
        });
        Self { url, nodes }
    }

    /// These are the nodes from now on. What is open stays.
    pub(super) fn lead_to(&self, urls: Vec<String>) {
        let known = std::mem::take(&mut *self.nodes.lock().unwrap());
        let ready = |url: &String| known.iter().find(|node| node.url == *url).is_none_or(|node| node.ready);
        let nodes = urls.into_iter().map(|url| Behind { ready: ready(&url), url });
        *self.nodes.lock().unwrap() = nodes.collect();
    }
}

async fn probe(nodes: Arc<Mutex<Vec<Behind>>>) {
    let client = Client::new();
    loop {
        let all = nodes.lock().unwrap().clone();
        for node in all {
            let answer = client.get(format!("{}/health/ready", node.url)).send().await;
            let ready = answer.is_ok_and(|answer| answer.status().is_success());
            let mut nodes = nodes.lock().unwrap();
            nodes.iter_mut().filter(|known| known.url == node.url).for_each(|known| known.ready = ready);
        }
        tokio::time::sleep(PROBE).await; // poll: as a kubelet does
    }
}

/// To the first that takes the connection, beginning with the one that has waited longest.
async fn carry(mut client: TcpStream, nodes: Arc<Mutex<Vec<Behind>>>) {
    let urls: Vec<_> = {
        let mut nodes = nodes.lock().unwrap();
        if !nodes.is_empty() {
            nodes.rotate_left(1);
        }
        nodes.iter().filter(|node| node.ready).map(|node| node.url.clone()).collect()
    };
    for url in urls {
        if let Ok(mut node) = TcpStream::connect(url.trim_start_matches("http://")).await {
            client.set_nodelay(true).unwrap();
            node.set_nodelay(true).unwrap();
            let _either_side_closed = copy_bidirectional(&mut client, &mut node).await;
            return;
        }
    }
}
