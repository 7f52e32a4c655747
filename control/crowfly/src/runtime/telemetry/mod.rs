//! DPDK's telemetry: `dpdk-telemetry.py` finds `/crowfly/...` beside `/ethdev/...`.
//!
//! ```text
//!   client ─▶ a thread of DPDK's ── Question ──▶ control thread: one a turn
//!                     ▲          bounded channel       │
//!                     └──────────── Facts ◀────────────┘ what `status`, `stats`, `latency` answer
//! ```
//!
//! Neither waits for the other: a question that finds no room among those that wait, or no answer within
//! [`PATIENCE`], is answered `null`, and the control thread leaves what nobody waits for. Choosing, naming and bounding
//! ([`reply`]) are done in the client's thread. With `--no-telemetry` nobody ever asks.

mod reply;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use dpdk::{Eal, TelemetryCommand, TelemetryReply};

use super::control::Control;
use crate::socket::answer::{Latency, Stats, Status, WorkerStatus};

/// Longest that a client waits for the control thread.
const PATIENCE: Duration = Duration::from_secs(3);
/// Questions that wait; DPDK serves at most ten clients, and each waits for its answer.
const MAX_QUESTIONS: usize = 16;

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Status,
    Stats,
    Workers,
    Paths,
    Latency,
}

/// Commands, and what `/help` says of them: at most 127 octets.
const COMMANDS: [(&str, Topic, &str); 5] = [
    (
        "/crowfly/status",
        Topic::Status,
        "Role, uptime in seconds, bindings, paths, alarms. Takes no parameters",
    ),
    (
        "/crowfly/stats",
        Topic::Stats,
        "Counters that are not 0, or all of a group or pattern. Parameters: none, or a group (dataplane) or pattern (*drop*)",
    ),
    (
        "/crowfly/workers",
        Topic::Workers,
        "Rates, load and updates of the workers, a column each. Takes no parameters",
    ),
    (
        "/crowfly/paths",
        Topic::Paths,
        "Localized paths, counted by state and method. Takes no parameters",
    ),
    (
        "/crowfly/latency",
        Topic::Latency,
        "How long things take, ns. Parameters: none, or a group (path-setup) or pattern (*ro_setup/p99)",
    ),
];

/// What a client's thread asks the control thread.
#[derive(Debug)]
struct Question {
    topic: Topic,
    asked: Instant,
    answer: SyncSender<Facts>,
}

/// What the control thread answers.
#[derive(Debug, Clone, PartialEq)]
enum Facts {
    Status(Box<Status>),
    Stats(Stats),
    Workers(Vec<WorkerStatus>),
    /// Paths by `state.NAME` and `method.NAME`, and their total.
    Paths(BTreeMap<String, u64>),
    Latency(Latency),
}

/// The control thread's end.
#[derive(Debug)]
pub(super) struct Telemetry(Receiver<Question>);

impl Telemetry {
    /// Registers the commands. Without them the node runs as well, and its log says so.
    pub(super) fn open(eal: &Eal) -> Self {
        let (ask, questions) = sync_channel(MAX_QUESTIONS);
        let command = |(name, topic, help): (&str, Topic, &str)| {
            let ask = ask.clone();
            TelemetryCommand {
                name: name.to_owned(),
                help: help.to_owned(),
                answer: Box::new(move |parameter| answer(&ask, topic, parameter)),
            }
        };
        if let Err(error) = eal.register_telemetry(COMMANDS.map(command).into()) {
            tracing::warn!(%error, "no telemetry of this node");
        }
        Self(questions)
    }
}

impl Control {
    /// Answers one question; true if there was one.
    pub(super) fn answer_telemetry(&mut self) -> bool {
        let Ok(question) = self.telemetry.0.try_recv() else {
            return false;
        };
        if question.asked.elapsed() < PATIENCE {
            // Whoever has asked may have given up meanwhile.
            let _ = question.answer.try_send(self.facts(question.topic));
        }
        true
    }

    fn facts(&self, topic: Topic) -> Facts {
        match topic {
            Topic::Status => Facts::Status(Box::new(self.status())),
            Topic::Stats => Facts::Stats(self.stats(None)),
            Topic::Workers => Facts::Workers(self.worker_statuses()),
            Topic::Paths => Facts::Paths(self.path_counts()),
            Topic::Latency => Facts::Latency(self.latencies()),
        }
    }
}

/// Answers a client, in its thread.
fn answer(
    ask: &SyncSender<Question>,
    topic: Topic,
    parameter: Option<&str>,
) -> Option<TelemetryReply> {
    if parameter.is_some() && !matches!(topic, Topic::Stats | Topic::Latency) {
        return None;
    }
    let (answer, answered) = sync_channel(1);
    let question = Question {
        topic,
        asked: Instant::now(),
        answer,
    };
    ask.try_send(question).ok()?;
    let facts = answered.recv_timeout(PATIENCE).ok()?;
    reply::of(&facts, parameter)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn paths() -> Facts {
        Facts::Paths([("total".to_owned(), 7)].into())
    }

    #[test]
    fn a_question_is_answered_by_the_control_thread() {
        let (ask, questions) = sync_channel::<Question>(MAX_QUESTIONS);
        let control = thread::spawn(move || {
            let question = questions.recv().unwrap();
            assert_eq!(question.topic, Topic::Paths);
            question.answer.try_send(paths()).unwrap();
        });
        let reply = answer(&ask, Topic::Paths, None).expect("an answer");
        assert_eq!(reply.get("total"), Some(7));
        control.join().unwrap();
    }

    #[test]
    fn a_parameter_that_has_no_meaning_asks_nobody() {
        let (ask, questions) = sync_channel(MAX_QUESTIONS);
        for topic in [Topic::Status, Topic::Workers, Topic::Paths] {
            assert_eq!(answer(&ask, topic, Some("x")), None);
        }
        assert!(questions.try_recv().is_err());
    }

    #[test]
    fn questions_that_nobody_takes_are_bounded() {
        let (ask, questions) = sync_channel(MAX_QUESTIONS);
        for _ in 0..MAX_QUESTIONS {
            let (answer, _) = sync_channel(1);
            let (topic, asked) = (Topic::Paths, Instant::now());
            let question = Question {
                topic,
                asked,
                answer,
            };
            ask.try_send(question).unwrap();
        }
        assert_eq!(answer(&ask, Topic::Paths, None), None, "no room");
        drop(questions);
        assert_eq!(answer(&ask, Topic::Paths, None), None, "the node has ended");
    }
}
