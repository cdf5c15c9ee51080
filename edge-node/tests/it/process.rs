//! The edge's own process: killed at any moment under load, out of disk, stopped politely, started wrongly.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use edge_node::simulate;
use tokio::process::{Child, Command};

use crate::hub::{CREDENTIAL, Hub};
use crate::support::{Shop, check_books, status, until, wish};

fn binary(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-node"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if arguments.first() != Some(&"simulate") {
        command.env("GROCERYSYNC_EDGE_DATA_DIR", shop.data_dir());
    }
    command
}

/// A port that is free now; tills find the edge there again after each of its deaths.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

async fn start(shop: &Shop, port: u16) -> Child {
    let listen = format!("127.0.0.1:{port}");
    let child = binary(shop, &["run", "--listen", &listen, "--sample-catalogue", "--log", "warn"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = shop.data_dir().join("edge.addr");
    until("the edge", || async {
        let up = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        (up && address.exists()).then_some(())
    })
    .await;
    child
}

async fn ran(mut command: Command) -> (Output, String) {
    let output = command.output().await.unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn process_killed_at_any_moment_receipts_are_sales_are_events() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    shop.enrolled(&hub.url(), CREDENTIAL);
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut edge = start(&shop, port).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let selling = tokio::spawn(async move {
        let wish = wish(&url, 100_000, 11);
        Box::pin(simulate::run(wish, async move { stopped.cancelled().await }, &mut std::io::sink())).await
    });
    for kill in 0..8_u64 {
        // Not a wait for anything: the moment of the blow should differ.
        tokio::time::sleep(Duration::from_millis(400 + kill * 137)).await; // slow: selling under load is the test
        edge.kill().await.unwrap();
        edge = start(&shop, port).await;
    }
    stop.cancel();
    let report = selling.await.unwrap().unwrap();
    assert!(report.agrees(), "{report:?}");
    assert!(report.receipts > 20, "{report:?}");
    let url = format!("http://127.0.0.1:{port}");
    let events = until("an empty outbox", || async {
        let outbox = status(&url).await.outbox;
        (outbox.unsent == 0).then_some(outbox.last_seq)
    })
    .await;
    edge.kill().await.unwrap();
    let books = shop.books().await;
    check_books(&books);
    assert!(books.sales >= report.receipts, "{} sales, {} receipts", books.sales, report.receipts);
    let seen = hub.seen();
    assert_eq!(seen.violations, [""; 0]);
    assert_eq!(seen.applied.len() as u64, events);
    assert_eq!(seen.of_kind("sale_recorded") as u64 + seen.of_kind("refund_recorded") as u64, books.sales);
    println!("{} receipts, {} sales, {} events over 8 kills", report.receipts, books.sales, events);
}

#[tokio::test]
async fn process_stops_when_told_and_when_its_input_closes() {
    let shop = Shop::new();
    let port = free_port();
    let mut edge = start(&shop, port).await;
    let pid = edge.id().unwrap().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(edge.wait().await.unwrap().success());
    assert!(!shop.data_dir().join("edge.addr").exists());
    let mut edge = binary(&shop, &["run", "--listen", "127.0.0.1:0", "--stop-on-stdin-close"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = shop.data_dir().join("edge.addr");
    until("the edge", || async { address.exists().then_some(()) }).await;
    drop(edge.stdin.take());
    assert!(edge.wait().await.unwrap().success());
}

#[tokio::test]
async fn process_enrol_simulate_and_their_wrong_uses() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    let url = hub.url();
    let (output, text) = ran(binary(&shop, &["enrol", "--hub", &url, "--token", "bad-token"])).await;
    assert!(!output.status.success() && text.contains("the hub refused"), "{text}");
    let (output, text) = ran(binary(&shop, &["enrol", "--hub", &url, "--token", "good-token"])).await;
    assert!(output.status.success() && text.contains("enrolled for \"Fresh Mart\""), "{text}");
    assert!(!text.contains(CREDENTIAL));
    let (output, text) = ran(binary(&shop, &["enrol", "--hub", &url, "--token", "good-token"])).await;
    assert!(!output.status.success() && text.contains("--force"), "{text}");

    let port = free_port();
    let mut edge = start(&shop, port).await;
    let at = format!("http://127.0.0.1:{port}");
    let simulate = ["simulate", "--edge", &at, "--customers", "20", "--terminals", "3", "--seed", "7"];
    let (output, text) = ran(binary(&shop, &simulate)).await;
    assert!(output.status.success() && text.contains("receipts = sales"), "{text}");
    hub.until("the sales", |seen| seen.of_kind("sale_recorded") > 10).await;
    edge.kill().await.unwrap();

    for (arguments, part) in [
        (&["run", "--currency", "euro"][..], "three capital letters"),
        (&["run", "--listen", "0.0.0.0:0"], "till_token: "),
        (&["run", "--hub", "hub.example"], "hub: "),
        (&["run", "--config", "/nowhere/edge.toml"], "/nowhere/edge.toml"),
        (&["simulate", "--terminals", "65"], "65"),
    ] {
        let (output, text) = ran(binary(&shop, arguments)).await;
        assert!(!output.status.success() && text.contains(part), "{arguments:?}: {text}");
    }
}

/// A disk of four mebibytes, if one can be had here.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(folder)
            .output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        println!("skipped: a small disk cannot be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _best_effort = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_a_full_disk_refuses_sales_and_room_brings_them_back() {
    use crate::support::{headers, problem, raw};
    use http::Method;

    let shop = Shop::new();
    let Some(_disk) = SmallDisk::mount(&shop.data_dir()) else { return };
    let port = free_port();
    let mut edge = start(&shop, port).await;
    let url = format!("http://127.0.0.1:{port}");
    let filler = shop.data_dir().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    let sale = r#"{"lines":[{"sku":"A00001","quantity":"3"}],"payments":[{"kind":"card"}]}"#;
    let mut sold = 0_u64;
    // Some sales still fit into what the database has already taken of the disk.
    let refused = loop {
        let answer = raw(&url, Method::POST, "/v1/sales", &headers(&format!("k{sold}")), sale).await;
        if !answer.status.is_success() {
            break problem(&answer);
        }
        sold += 1;
        assert!(sold < 5_000, "the disk is not full");
    };
    assert_eq!(refused.code, messages::ErrorCode::DiskFull, "{refused}");
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let again = raw(&url, Method::POST, "/v1/sales", &headers(&format!("k{sold}")), sale).await;
    assert_eq!(again.status, 201, "{:?}", again.body);
    edge.kill().await.unwrap();
    let books = shop.books().await;
    assert_eq!(books.sales, sold + 1);
    check_books(&books);
}
