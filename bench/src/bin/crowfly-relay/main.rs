//! Stands between two interfaces and loses, delays, reorders and repeats frames, as rules say that may change
//! while it runs. For kernels without netem, and for what netem cannot: one RO Setup Ack and no other.
//!
//! The control socket takes one JSON object a line: `{"rules": [...]}` replaces all rules, `{"status": null}`
//! asks what became of the frames. bench/README.md has the rules' keys.

mod link;
mod rule;

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use mio::net::{UnixListener, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::link::{Link, Waiting};
use crate::rule::{Random, Rule, Way};

const CONTROL: Token = Token(usize::MAX);
const CLIENT: Token = Token(usize::MAX - 1);
/// A waiting frame is looked for at least so often.
const IDLE: Duration = Duration::from_millis(100);
const WAYS: [Way; 2] = [Way::FromNode, Way::ToNode];

/// Relays frames between pairs of interfaces.
#[derive(Debug, Parser)]
struct Arguments {
    /// A link: its name, the interface with the node behind it, the other one
    #[arg(long = "link", value_name = "NAME=NODE,OTHER", required = true)]
    links: Vec<String>,
    /// Unix socket for rules; one client at a time
    #[arg(long)]
    control: PathBuf,
    /// Of everything that is at random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A line from the client.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Rules(Vec<Rule>),
    Status(()),
}

struct Relay {
    links: Vec<Link>,
    rules: Vec<Rule>,
    waiting: Waiting,
    random: Random,
}

impl Relay {
    /// Takes what has come over one link one way; returns whether there may be more.
    fn receive(&mut self, link: usize, way: Way) -> Result<bool> {
        let Self {
            links,
            rules,
            waiting,
            random,
        } = self;
        let now = Instant::now();
        links[link].receive(way, rules, random, |it, delay, frame| {
            if delay.is_zero() {
                it.send(way, &frame);
            } else if !waiting.hold(now + delay, link, way, frame) {
                it.counters[usize::from(way == Way::ToNode)].failed += 1;
            }
        })
    }

    fn answer(&mut self, line: &str) -> Value {
        let request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => return json!({ "error": error.to_string() }),
        };
        if let Request::Rules(rules) = request {
            if let Some(error) = rules.iter().find_map(|rule| rule.check().err()) {
                return json!({ "error": error });
            }
            self.rules = rules;
        }
        let links = self.links.iter().map(|link| {
            let [from_node, to_node] = link.counters;
            (
                link.name.clone(),
                json!({ "from-node": from_node, "to-node": to_node }),
            )
        });
        json!({
            "taken": self.rules.iter().map(|rule| rule.taken).collect::<Vec<_>>(),
            "matched": self.rules.iter().map(|rule| rule.matched).collect::<Vec<_>>(),
            "held": self.waiting.len(),
            "links": links.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// The client's connection; a new client takes the place of the one before.
struct Control {
    listener: UnixListener,
    client: Option<BufReader<UnixStream>>,
    line: String,
}

impl Control {
    fn accept(&mut self, poll: &Poll) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    poll.registry()
                        .register(&mut stream, CLIENT, Interest::READABLE)?;
                    self.client = Some(BufReader::new(stream));
                    self.line.clear();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Answers every whole line; a client that hangs up or does not read is let go.
    fn serve(&mut self, relay: &mut Relay) {
        while let Some(client) = &mut self.client {
            match client.read_line(&mut self.line) {
                Ok(0) => self.client = None,
                Ok(_) => {
                    let answer = format!("{}\n", relay.answer(&self.line));
                    self.line.clear();
                    if client.get_mut().write_all(answer.as_bytes()).is_err() {
                        self.client = None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.client = None,
            }
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let links = arguments.links.iter().map(|text| Link::open(text));
    let mut relay = Relay {
        links: links.collect::<Result<_>>()?,
        rules: Vec::new(),
        waiting: Waiting::default(),
        random: Random::new(arguments.seed),
    };
    let mut poll = Poll::new()?;
    for (number, link) in relay.links.iter().enumerate() {
        for (side, way) in WAYS.into_iter().enumerate() {
            poll.registry().register(
                &mut SourceFd(&link.descriptor(way)),
                Token(2 * number + side),
                Interest::READABLE,
            )?;
        }
    }
    let mut listener = UnixListener::bind(&arguments.control)
        .with_context(|| arguments.control.display().to_string())?;
    poll.registry()
        .register(&mut listener, CONTROL, Interest::READABLE)?;
    let mut control = Control {
        listener,
        client: None,
        line: String::new(),
    };
    run(&mut poll, &mut relay, &mut control)
}

fn run(poll: &mut Poll, relay: &mut Relay, control: &mut Control) -> Result<()> {
    let mut events = Events::with_capacity(64);
    // Readiness is told once: an interface that had more than its turn's share is asked again.
    let mut more = vec![true; 2 * relay.links.len()];
    loop {
        let until_due = relay
            .waiting
            .next_due()
            .map(|due| due - Instant::now().min(due));
        let patience = if more.contains(&true) {
            Duration::ZERO
        } else {
            until_due.unwrap_or(IDLE)
        };
        match poll.poll(&mut events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            done => done?,
        }
        for event in &events {
            match event.token() {
                CONTROL => control.accept(poll)?,
                CLIENT => control.serve(relay),
                Token(number) => more[number] = true,
            }
        }
        for number in 0..more.len() {
            if more[number] {
                more[number] = relay.receive(number / 2, WAYS[number % 2])?;
            }
        }
        relay.waiting.release(Instant::now(), &mut relay.links);
    }
}
