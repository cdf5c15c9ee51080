//! What the readers have in common: they say what they are, hear one question on their input, and tell rows on their output
//! as fast as those are taken ([`messages::reader`]).
//!
//! Each is a program of its own beside the agent, which starts it for one reading and kills it when it likes: foreign
//! drivers crash, and wait without a deadline. Nothing here logs; what goes wrong is the last line.

mod teller;

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::process::ExitCode;
use std::thread;

use messages::reader::{Ask, Class, Failed, HELLO_ARGUMENT, Hello, MOST_LINE, PROTOCOL};
use messages::validate::Validate as _;

pub use teller::Teller;

/// Why a reading ended early.
#[derive(Debug)]
pub enum Stop {
    Failed(Failed),
    /// Nobody takes the rows any more.
    Gone,
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

/// The whole program, for these kinds of sources.
pub fn run(
    kinds: &[&str],
    read: impl FnOnce(Ask, &mut Teller<io::StdoutLock<'static>>) -> Result<(), Stop>,
) -> ExitCode {
    if std::env::args().nth(1).is_some_and(|argument| argument == HELLO_ARGUMENT) {
        return hello(kinds);
    }
    let mut teller = Teller::new(io::stdout().lock());
    let outcome = match ask(kinds) {
        Ok(ask) => {
            end_with_input();
            read(ask, &mut teller)
        }
        Err(failed) => Err(failed.into()),
    };
    let told = match outcome {
        Ok(()) => teller.end(),
        Err(Stop::Failed(failed)) => teller.failed(failed),
        Err(Stop::Gone) => Err(Stop::Gone),
    };
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn hello(kinds: &[&str]) -> ExitCode {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), kinds };
    let line = serde_json::to_string(&hello).unwrap_or_default();
    if writeln!(io::stdout().lock(), "{line}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The question, if it is one that is answered. The hub has looked at it as well; this machine looks for itself.
fn ask(kinds: &[&str]) -> Result<Ask, Failed> {
    let ask = heard(kinds).map_err(|what| Failed::new(Class::Trouble, what))?;
    ask.source.validate().map_err(|problem| Failed::new(Class::Query, problem.of_fields()))?;
    Ok(ask)
}

/// The error tells people.
fn heard(kinds: &[&str]) -> Result<Ask, String> {
    let mut line = Vec::new();
    let most = u64::try_from(MOST_LINE).unwrap_or(u64::MAX);
    let heard = io::stdin().lock().take(most).read_until(b'\n', &mut line);
    heard.map_err(|error| format!("the reader cannot hear its question: {error}"))?;
    // What was found there may be a secret; that it is no question says enough.
    let ask: Ask = serde_json::from_slice(&line).map_err(|_| {
        "the reader is started by the agent, which asks it on its input; it does not understand this question".to_owned()
    })?;
    if ask.protocol != PROTOCOL || !kinds.contains(&ask.source.kind()) {
        return Err(format!(
            "the reader {} does not fit the agent; install both of one version",
            env!("CARGO_PKG_VERSION")
        ));
    }
    Ok(ask)
}

/// Ends the program when its input ends: an agent that was killed cannot end it any more, and a driver that waits for its
/// server notices nothing.
fn end_with_input() {
    thread::spawn(|| {
        let _until_then = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    });
}
