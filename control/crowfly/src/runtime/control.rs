//! The control thread: everything of a node but its workers, in one loop that waits in one place.
//!
//! ```text
//!            ┌──────────────── turn ─────────────────────────────────────────────────────┐
//!   workers ─┤ punts ─▶ Net ─▶ Mobility Headers ─┐                                        │
//!            │ events ───────────────────────────┼─▶ engine ─▶ messages ─▶ Net ─▶ inject ─┼─▶ workers
//!   socket ──┤ requests ─────────────────────────┤         └─▶ entries ─▶ Program ────────┤
//!   time ────┤ deadlines, applied(n) ────────────┘         └─▶ replies, events ───────────┼─▶ socket
//!            └────────────────────────────────────────────────────────────────────────────┘
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dpdk::{Mempool, Port};
use mio::{Events, Poll};
use pmipv6::io::{Engine, Event, Input, Token};
use pmipv6::wire::Numbering;

use super::alarms::Alarms;
use super::answers::Pending;
use super::clock::Clock;
use super::latency::Latency;
use super::logging::Logging;
use super::options::Options;
use super::programmed::Programmed;
use super::protection::Gate;
use super::rates::Rates;
use super::restart;
use super::spans::Spans;
use super::start::{Lcores, StartError, Started};
use super::telemetry::Telemetry;
use super::wiring::{self, Probed};
use super::worker::WorkerLink;
use crate::config::{Config, Protection};
use crate::net::{Action, Net};
use crate::program::{Program, WorkerPort};
use crate::record::{Header, Recorder};
use crate::socket::{Request, Server};
use crate::trace::Trace;

/// Updates waiting for a worker's ring beyond which control takes in nothing new.
const MAX_BACKLOG: usize = 65_536;
/// Below this the poll cannot wait: its clock counts milliseconds.
const POLL_GRAIN: Duration = Duration::from_millis(1);
/// Events of the poll in one turn.
const POLL_EVENTS: usize = 128;
/// First token of the control socket.
const SOCKET_TOKENS: usize = 0;
/// Alarm: an entry had no room in a table.
const TABLE_FULL: &str = "table-full";
/// How long that alarm stands after the last such entry.
const TABLE_FULL_LASTS: Duration = Duration::from_secs(60);

/// A running node.
pub(super) struct Control {
    pub(super) config: Config,
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) engine: Box<dyn Engine>,
    pub(super) recorder: Option<Recorder>,
    pub(super) net: Net,
    pub(super) gate: Gate,
    pub(super) program: Program<WorkerLink>,
    pub(super) programmed: Programmed,
    pub(super) numbering: Numbering,
    pub(super) server: Server,
    pub(super) pending: HashMap<Token, Pending>,
    pub(super) next_token: Token,
    pub(super) latency: Latency,
    pub(super) spans: Spans,
    pub(super) trace: Trace,
    pub(super) rates: Vec<Rates>,
    pub(super) alarms: Alarms,
    pub(super) logging: Logging,
    pub(super) probed: Vec<Probed>,
    pub(super) ports: Vec<Port>,
    pub(super) mempool: Mempool,
    pub(super) telemetry: Telemetry,
    /// Frames that the worker's ring or the mempool had no room for.
    pub(super) inject_dropped: u64,
    /// ICMP errors that may be of any realm.
    pub(super) realm_unknown: u64,
    pub(super) inbox: VecDeque<Input>,
    pub(super) actions: Vec<Action>,
    pub(super) links_up: Vec<bool>,
    pub(super) next_look: Duration,
    poll: Poll,
    events: Events,
    requests: Vec<Request>,
    pub(super) lcores: Lcores,
}

/// What can be refused before DPDK is started: nothing has to be ended then.
pub(super) struct Prepared {
    config: Config,
    options: Options,
    logging: Logging,
    engine: Box<dyn Engine>,
    recorder: Option<Recorder>,
    gate: Gate,
    poll: Poll,
    server: Server,
}

impl Prepared {
    /// Makes the engine and opens the control socket; requests wait there until the node runs.
    pub(super) fn new(
        mut config: Config,
        options: Options,
        logging: Logging,
    ) -> Result<Self, StartError> {
        let role = config.role.to_string();
        let seed = seed()?;
        let mut settings = wiring::engine(&config).ok_or(StartError::NoEngine(role))?;
        let poll = Poll::new()?;
        let limits = (&config.limits).into();
        let path = &options.control_socket;
        let server = Server::bind(path, limits, poll.registry(), SOCKET_TOKENS)?;
        // After the socket, for the same reason as the record: these are the numbers of one node.
        let gate = Gate::new(&mut config, Clock::new().now().wall)?;
        // After the socket: a node that runs already has counted its start.
        settings.set_restart_counter(restart::count(&config.state_dir, &config.node_id)?);
        let engine = settings.engine(seed);
        // After the socket: a node that runs already keeps its record.
        let recorder = match &options.record {
            Some(file) => {
                let header = Header::new(&config.node_id, seed, settings);
                Some(Recorder::create(file, options.record_max_bytes(), &header)?)
            }
            None => None,
        };
        Ok(Self {
            config,
            options,
            logging,
            engine,
            recorder,
            gate,
            poll,
            server,
        })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }
}

impl Control {
    /// Joins what was prepared and what was started.
    pub(super) fn new(prepared: Prepared, started: Started) -> Self {
        let Prepared {
            config,
            options,
            logging,
            engine,
            recorder,
            gate,
            poll,
            server,
        } = prepared;
        let program_config = wiring::program(&config, &started.worker_config);
        Self {
            clock: Clock::new(),
            engine,
            recorder,
            gate,
            net: Net::new(wiring::net(&config, &started.probed)),
            numbering: wiring::numbering(&config),
            server,
            pending: HashMap::new(),
            next_token: 0,
            latency: Latency::new(),
            spans: Spans::default(),
            trace: Trace::default(),
            rates: vec![Rates::default(); started.workers.len()],
            alarms: Alarms::default(),
            logging,
            inject_dropped: 0,
            realm_unknown: 0,
            inbox: VecDeque::new(),
            actions: Vec::new(),
            links_up: vec![false; started.ports.len()],
            next_look: Duration::ZERO,
            poll,
            events: Events::with_capacity(POLL_EVENTS),
            requests: Vec::new(),
            program: Program::new(program_config, started.workers),
            programmed: Programmed::default(),
            probed: started.probed,
            ports: started.ports,
            mempool: started.mempool,
            telemetry: started.telemetry,
            lcores: started.lcores,
            config,
            options,
        }
    }

    /// Serves until `stop`, tells the peers, and ends everything in order.
    pub(super) fn run(mut self, stop: &Arc<AtomicBool>) {
        self.begin();
        while !stop.load(Relaxed) {
            let more = self.turn();
            self.wait(more);
        }
        self.shut_down();
        self.end();
    }

    fn begin(&mut self) {
        let now = self.clock.mono();
        self.net.start(now, &mut self.actions);
        self.inbox.push_back(Input::Timeout);
        self.settle();
        if self.config.protection == Protection::None {
            let text = "signalling is not protected (RFC 5213 section 4): whoever can send from a \
                        peer's address is believed";
            self.raise("protection-none", text.to_owned());
        }
        tracing::info!(
            node_id = self.config.node_id,
            role = %self.config.role,
            address = %wiring::own_address(&self.config),
            workers = self.rates.len(),
            ports = self.ports.len(),
            "running"
        );
    }

    /// Does what there is to do; true if there is more.
    pub(super) fn turn(&mut self) -> bool {
        let mut more = false;
        if self.program.fanout().backlog() < MAX_BACKLOG {
            more |= self.take_punts();
            more |= self.take_events();
            for request in std::mem::take(&mut self.requests) {
                self.serve(request);
            }
        }
        self.keep_time();
        self.settle();
        more |= self.answer_telemetry();
        more |= self.server.turn(&mut self.requests);
        more || !self.requests.is_empty()
    }

    /// Tells operators of an alarm, once.
    pub(super) fn raise(&mut self, name: &'static str, text: String) {
        if let Some(event) = self.alarms.raise(name, text) {
            self.tell(&event);
        }
    }

    /// Tells operators that a table has no room, once a while.
    pub(super) fn raise_table_full(&mut self, text: String) {
        let until = self.clock.mono() + TABLE_FULL_LASTS;
        if let Some(event) = self.alarms.raise_until(until, TABLE_FULL, text) {
            self.tell(&event);
        }
    }

    /// Waits for the socket, the next deadline, or the next look at the workers' rings.
    pub(super) fn wait(&mut self, more: bool) {
        let now = self.clock.mono();
        let poll_interval = Duration::from_micros(self.config.control.poll_us.into());
        let deadlines = [self.engine.next_deadline(), self.net.next_deadline()];
        let until = deadlines
            .into_iter()
            .flatten()
            .map(|at| at.saturating_sub(now))
            .min();
        let wait = if more {
            Duration::ZERO
        } else {
            poll_interval.min(until.unwrap_or(poll_interval))
        };
        let in_poll = if wait < POLL_GRAIN {
            Duration::ZERO
        } else {
            wait
        };
        if let Err(error) = self.poll.poll(&mut self.events, Some(in_poll)) {
            // A signal: the loop sees what it was about.
            tracing::debug!(%error, "poll");
        }
        let idle = self.events.is_empty();
        for event in &self.events {
            self.server.ready(event, &mut self.requests);
        }
        if idle && wait > in_poll {
            std::thread::sleep(wait);
        }
    }

    /// One second of uptime counts from the start of the control thread.
    pub(super) fn uptime(&self) -> Duration {
        self.clock.mono()
    }

    /// Updates that a worker has not applied.
    pub(super) fn behind(&self, worker: &WorkerLink) -> u64 {
        self.program
            .fanout()
            .last()
            .saturating_sub(worker.applied())
    }

    /// Logs an event and tells the subscribers.
    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            // 0: this node had no part in the set-up, or the path is back.
            Event::PathUp { setup_us, .. } if *setup_us > 0 => {
                self.latency
                    .record(super::latency::PATH_SETUP, Duration::from_micros(*setup_us));
            }
            Event::Alarm { name, text } => tracing::warn!(name, "{text}"),
            _ => {}
        }
        self.trace.event(self.clock.now().wall, event);
        match serde_json::to_value(event) {
            Ok(value) => {
                tracing::info!(event = %value, "event");
                self.server.notify(&value);
            }
            Err(error) => tracing::error!(%error, ?event, "an event is not plain JSON"),
        }
    }
}

/// A seed that nobody can guess: sequence numbers start from it.
fn seed() -> Result<u64, std::io::Error> {
    let mut octets = [0; 8];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut octets)?;
    Ok(u64::from_ne_bytes(octets))
}
