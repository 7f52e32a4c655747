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

use dataplane::{Event as WorkerEvent, PuntReason};
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
use super::rates::{self, Rates};
use super::start::{Lcores, StartError, Started};
use super::wiring::{self, Probed};
use super::worker::WorkerLink;
use crate::config::{Config, PortRole, Protection, Role};
use crate::net::{Action, Net};
use crate::program::{Program, WorkerPort};
use crate::socket::{Request, Server};

/// Punted packets taken from one worker in one turn.
const MAX_PUNTS_PER_TURN: usize = 256;
/// Events taken from one worker in one turn.
const MAX_EVENTS_PER_TURN: usize = 256;
/// Updates waiting for a worker's ring beyond which control takes in nothing new.
const MAX_BACKLOG: usize = 65_536;
/// Updates waiting for a worker's ring beyond which an operator is told.
const ALARM_BACKLOG: usize = 4_096;
/// Below this the poll cannot wait: its clock counts milliseconds.
const POLL_GRAIN: Duration = Duration::from_millis(1);
/// Events of the poll in one turn.
const POLL_EVENTS: usize = 128;
/// First token of the control socket.
const SOCKET_TOKENS: usize = 0;
/// Longest wait for the answers to what the role owes its peers at the end.
const MAX_SHUTDOWN: Duration = Duration::from_secs(3);
/// Wait for the workers to send what was injected last.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// A running node.
pub(super) struct Control {
    pub(super) config: Config,
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) engine: Box<dyn Engine>,
    pub(super) net: Net,
    pub(super) program: Program<WorkerLink>,
    pub(super) numbering: Numbering,
    pub(super) server: Server,
    pub(super) pending: HashMap<Token, Pending>,
    pub(super) next_token: Token,
    pub(super) latency: Latency,
    pub(super) rates: Vec<Rates>,
    pub(super) alarms: Alarms,
    pub(super) logging: Logging,
    pub(super) probed: Vec<Probed>,
    pub(super) ports: Vec<Port>,
    pub(super) mempool: Mempool,
    /// Frames that the worker's ring or the mempool had no room for.
    pub(super) inject_dropped: u64,
    pub(super) inbox: VecDeque<Input>,
    pub(super) actions: Vec<Action>,
    links_up: Vec<bool>,
    next_look: Duration,
    poll: Poll,
    events: Events,
    requests: Vec<Request>,
    lcores: Lcores,
}

/// What can be refused before DPDK is started: nothing has to be ended then.
pub(super) struct Prepared {
    config: Config,
    options: Options,
    logging: Logging,
    engine: Box<dyn Engine>,
    poll: Poll,
    server: Server,
}

impl Prepared {
    /// Makes the engine and opens the control socket; requests wait there until the node runs.
    pub(super) fn new(
        config: Config,
        options: Options,
        logging: Logging,
    ) -> Result<Self, StartError> {
        let role = config.role.to_string();
        let engine = wiring::engine(&config, seed()?).ok_or(StartError::NoEngine(role))?;
        let poll = Poll::new()?;
        let limits = (&config.limits).into();
        let path = &options.control_socket;
        let server = Server::bind(path, limits, poll.registry(), SOCKET_TOKENS)?;
        Ok(Self {
            config,
            options,
            logging,
            engine,
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
            poll,
            server,
        } = prepared;
        let program_config = wiring::program(&config, &started.worker_config);
        Self {
            clock: Clock::new(),
            engine,
            net: Net::new(wiring::net(&config, &started.probed)),
            numbering: wiring::numbering(&config),
            server,
            pending: HashMap::new(),
            next_token: 0,
            latency: Latency::new(),
            rates: vec![Rates::default(); started.workers.len()],
            alarms: Alarms::default(),
            logging,
            inject_dropped: 0,
            inbox: VecDeque::new(),
            actions: Vec::new(),
            links_up: vec![false; started.ports.len()],
            next_look: Duration::ZERO,
            poll,
            events: Events::with_capacity(POLL_EVENTS),
            requests: Vec::new(),
            program: Program::new(program_config, started.workers),
            probed: started.probed,
            ports: started.ports,
            mempool: started.mempool,
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
    fn turn(&mut self) -> bool {
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
        more |= self.server.turn(&mut self.requests);
        more || !self.requests.is_empty()
    }

    /// Deadlines, applied updates, and the look at rates and links.
    fn keep_time(&mut self) {
        let now = self.clock.mono();
        let latency = &mut self.latency;
        let applied = self.program.poll_applied(now, |took| {
            latency.record(super::latency::UPDATE_APPLIED, took)
        });
        self.inbox.extend(applied.map(Input::Applied));
        if self.engine.next_deadline().is_some_and(|at| at <= now) {
            self.inbox.push_back(Input::Timeout);
        }
        if self.net.next_deadline().is_some_and(|at| at <= now) {
            self.net.timeout(now, &mut self.actions);
        }
        if now >= self.next_look {
            self.next_look = now + rates::INTERVAL;
            self.look(now);
        }
    }

    fn look(&mut self, now: Duration) {
        for (rates, worker) in self.rates.iter_mut().zip(self.program.fanout().workers()) {
            rates.look(now, worker.handle.stats());
        }
        let backlog = self.program.fanout().backlog();
        if backlog > ALARM_BACKLOG {
            let text = format!("{backlog} updates wait for a worker that does not take them");
            self.raise("update-backlog", text);
        } else if backlog == 0 {
            self.alarms.clear("update-backlog");
        }
        self.look_at_links();
    }

    /// A port that lost its link took its MNs along (RFC 5213 section 6.9.4).
    fn look_at_links(&mut self) {
        for at in 0..self.ports.len() {
            let up = self.ports[at].link().up;
            let was = std::mem::replace(&mut self.links_up[at], up);
            if up == was {
                continue;
            }
            let (port, name) = (self.ports[at].id(), &self.config.ports[at].name);
            tracing::info!(port, name, up, "link");
            if !up && self.config.ports[at].has(PortRole::Access) {
                self.inbox.push_back(Input::LinkDown { port });
            }
        }
    }

    fn take_punts(&mut self) -> bool {
        let now = self.clock.mono();
        let mut more = false;
        for worker in self.program.fanout_mut().workers_mut() {
            for taken in 0..=MAX_PUNTS_PER_TURN {
                if taken == MAX_PUNTS_PER_TURN {
                    more = true;
                    break;
                }
                let Some(punt) = worker.handle.poll_punt() else {
                    break;
                };
                let (port, frame) = (punt.port, punt.mbuf.data());
                match punt.reason {
                    PuntReason::IcmpError(error) => {
                        self.net
                            .user_error(now, port, frame, error, &mut self.actions);
                    }
                    PuntReason::Neighbour
                    | PuntReason::Signalling
                    | PuntReason::Dhcp
                    | PuntReason::Local => {
                        self.net.receive(now, port, frame, &mut self.actions);
                    }
                }
            }
        }
        self.settle();
        more
    }

    fn take_events(&mut self) -> bool {
        let mut more = false;
        let mut full = None;
        for worker in self.program.fanout_mut().workers_mut() {
            for taken in 0..=MAX_EVENTS_PER_TURN {
                if taken == MAX_EVENTS_PER_TURN {
                    more = true;
                    break;
                }
                let Some(event) = worker.handle.poll_event() else {
                    break;
                };
                match event {
                    WorkerEvent::PairTalks {
                        source,
                        destination,
                        packets,
                    } => {
                        let packets = packets.into();
                        self.inbox.push_back(Input::PairTalks {
                            source,
                            destination,
                            packets,
                        });
                    }
                    WorkerEvent::TableFull { table, number } => full = Some((table, number)),
                    // The neighbour is being solicited already: a tunnel's remote address is tracked.
                    WorkerEvent::TunnelUnresolved { .. } => {}
                }
            }
        }
        if let Some((table, number)) = full {
            self.raise(
                "table-full",
                format!("a worker's {table} table had no room for update {number}"),
            );
        }
        self.settle();
        more
    }

    /// Tells operators of an alarm, once.
    pub(super) fn raise(&mut self, name: &'static str, text: String) {
        if let Some(event) = self.alarms.raise(name, text) {
            self.tell(&event);
        }
    }

    /// Waits for the socket, the next deadline, or the next look at the workers' rings.
    fn wait(&mut self, more: bool) {
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

    /// Tells the peers what the role owes them, and waits for their answers, but not for ever.
    fn shut_down(&mut self) {
        tracing::info!("shutting down");
        self.inbox.push_back(Input::Shutdown);
        self.settle();
        let limit = self.clock.mono() + MAX_SHUTDOWN;
        loop {
            let more = self.turn();
            let now = self.clock.now();
            // An LMA's bindings are its MAGs' to end; a MAG's are gone when its LMAs have answered.
            let owes = self.config.role == Role::Mag && !self.engine.bindings(now).is_empty();
            if !owes || now.mono >= limit {
                break;
            }
            self.wait(more);
        }
        self.server.flush();
        std::thread::sleep(LAST_WORDS);
    }

    /// Stops the workers, closes the ports, ends DPDK.
    fn end(mut self) {
        self.lcores.stop();
        let Self {
            lcores,
            server,
            program,
            ports,
            mempool,
            ..
        } = self;
        drop(server);
        drop(program);
        drop(ports);
        drop(mempool);
        lcores.end();
        tracing::info!("ended");
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
