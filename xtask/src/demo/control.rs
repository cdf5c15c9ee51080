//! A page of the demo's own with one button: cut the store's line, mend it. Served by this tool on this machine, apart
//! from the hub, which knows nothing of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

use super::line::Line;

/// Requests of a browser are short; whoever sends more is none.
const MOST_HEAD: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves the page for as long as the process lives.
pub(super) fn serve(port: u16, line: Line) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("port {port} of the demo's page is taken by another program"))?;
    std::thread::Builder::new().name("control".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A browser that goes away has its answer another time.
            let _gone = answer(&stream, port, &line);
        }
    })?;
    Ok(())
}

fn answer(stream: &TcpStream, port: u16, line: &Line) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = String::new();
    let mut reader = BufReader::new(stream.take(MOST_HEAD));
    while reader.read_line(&mut head)? > 2 {}
    let answer = match act(&head, port) {
        Asked::Page => page(line.is_cut()),
        Asked::Cut(cut) => {
            line.set_cut(cut);
            "HTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                .to_owned()
        }
        Asked::Nothing => {
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        }
    };
    let mut stream = stream;
    Ok(stream.write_all(answer.as_bytes())?)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Cut(bool),
    Nothing,
}

/// Another page that is open in the browser cannot press the button: its requests name another origin.
fn act(head: &str, port: u16) -> Asked {
    let mut lines = head.lines();
    let request = lines.next().unwrap_or_default();
    let ours = [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")];
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let is_ours = |url: &str| ours.iter().any(|own| own == url);
    if !header("host").is_some_and(|host| is_ours(&format!("http://{host}"))) {
        return Asked::Nothing;
    }
    match request.split(' ').take(2).collect::<Vec<_>>().as_slice() {
        ["GET", "/"] => Asked::Page,
        ["POST", "/cut"] if header("origin").is_none_or(is_ours) => Asked::Cut(true),
        ["POST", "/mend"] if header("origin").is_none_or(is_ours) => Asked::Cut(false),
        _ => Asked::Nothing,
    }
}

fn page(cut: bool) -> String {
    let (state, words, to, label) = if cut {
        (
            "cut",
            "The store sells on and keeps what it sells. In the console its device turns silent after half a minute.",
            "mend",
            "Mend the line",
        )
    } else {
        ("up", "Sales reach the console within a second.", "cut", "Cut the line")
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>The store's line is {state}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>:root{{color-scheme:light dark;font:1rem/1.5 system-ui}}\
         body{{max-width:32rem;margin:4rem auto;padding:0 1rem}}button{{font:inherit;padding:.6rem 1.4rem}}</style>\
         <h1>The line of FreshMart High Street is {state}</h1><p>{words}</p>\
         <form method=\"post\" action=\"/{to}\"><button>{label}</button></form></html>"
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_page_presses_the_button() {
        let asked = |head: &str| act(&head.replace('\n', "\r\n"), 99);
        assert_eq!(asked("GET / HTTP/1.1\nHost: 127.0.0.1:99\n"), Asked::Page);
        assert_eq!(asked("POST /cut HTTP/1.1\nHost: localhost:99\n"), Asked::Cut(true));
        let own = "POST /mend HTTP/1.1\nHost: 127.0.0.1:99\nOrigin: http://127.0.0.1:99\n";
        assert_eq!(asked(own), Asked::Cut(false));
        for foreign in [
            "POST /cut HTTP/1.1\nHost: 127.0.0.1:99\nOrigin: https://elsewhere.example\n",
            "POST /cut HTTP/1.1\nHost: rebound.example\n",
            "GET /cut HTTP/1.1\nHost: 127.0.0.1:99\n",
            "",
        ] {
            assert_eq!(asked(foreign), Asked::Nothing, "{foreign}");
        }
        for cut in [true, false] {
            let page = page(cut);
            let (head, body) = page.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        }
    }
}
