//! RO requests that wait for their acknowledgement, and acknowledgements that were given (HL-4, HL-13).

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::rng::Rng;
use super::timers::Timers;
use crate::wire::message::{RoAck, RoKind, RoRequest};

/// How long an answer is kept for a repeated request, seconds: longer than any sender retransmits.
const ANSWER_MEMORY_S: u64 = 60;
/// Most answers kept.
const MAX_ANSWERS: usize = 65_536;

pub(crate) type RequestId = u64;

/// Who asked, so that the answer finds its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) peer: IpAddr,
    pub(crate) kind: RoKind,
    pub(crate) sequence: u16,
}

/// What a request is about, when it comes in.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Not seen before: act on it.
    New,
    /// Being acted on: the answer will come.
    InProgress,
    /// Answered before: answer again, do not act again.
    Answered(RoAck),
}

#[derive(Debug)]
struct Request<O> {
    peer: IpAddr,
    message: RoRequest,
    owner: O,
    timeout: Duration,
    tries_left: u8,
}

/// What became of a request whose time was up.
#[derive(Debug)]
pub(crate) enum Due<O> {
    Again(IpAddr, RoRequest),
    Silent(IpAddr, RoRequest, O),
}

/// A request before it has a sequence number.
#[derive(Debug)]
pub(crate) struct Ask<O> {
    pub(crate) peer: IpAddr,
    pub(crate) message: RoRequest,
    pub(crate) owner: O,
    pub(crate) timeout: Duration,
    pub(crate) tries: u8,
}

#[derive(Debug)]
pub(crate) struct Exchange<O> {
    last: RequestId,
    requests: BTreeMap<RequestId, Request<O>>,
    by_ack: BTreeMap<Asked, RequestId>,
    sequences: BTreeMap<IpAddr, u16>,
    timers: Timers<RequestId>,
    answers: BTreeMap<Asked, (RoRequest, Option<RoAck>)>,
    ageing: VecDeque<(Duration, Asked)>,
}

impl<O: Copy> Exchange<O> {
    pub(crate) fn new() -> Self {
        Self {
            last: 0,
            requests: BTreeMap::new(),
            by_ack: BTreeMap::new(),
            sequences: BTreeMap::new(),
            timers: Timers::new(),
            answers: BTreeMap::new(),
            ageing: VecDeque::new(),
        }
    }

    /// Registers a request; it is sent by [`Self::start`].
    pub(crate) fn ask(&mut self, rng: &mut Rng, ask: Ask<O>) -> RequestId {
        let Ask {
            peer,
            mut message,
            owner,
            timeout,
            tries,
        } = ask;
        let sequence = self.sequences.entry(peer).or_insert_with(|| rng.next_u16());
        *sequence = sequence.wrapping_add(1);
        message.sequence = *sequence;
        self.last += 1;
        let key = Asked {
            peer,
            kind: message.kind,
            sequence: message.sequence,
        };
        self.by_ack.insert(key, self.last);
        self.requests.insert(
            self.last,
            Request {
                peer,
                message,
                owner,
                timeout,
                tries_left: tries,
            },
        );
        self.last
    }

    /// Sends a request for the first time, unless it was cancelled meanwhile.
    pub(crate) fn start(&mut self, now: Duration, id: RequestId) -> Option<(IpAddr, RoRequest)> {
        let request = self.requests.get_mut(&id)?;
        request.tries_left = request.tries_left.saturating_sub(1);
        self.timers.set(id, now + request.timeout);
        Some((request.peer, request.message.clone()))
    }

    pub(crate) fn cancel(&mut self, id: RequestId) -> Option<O> {
        self.timers.cancel(&id);
        let request = self.requests.remove(&id)?;
        self.by_ack.remove(&Asked {
            peer: request.peer,
            kind: request.message.kind,
            sequence: request.message.sequence,
        });
        Some(request.owner)
    }

    /// Matches an acknowledgement with its request, which is then over.
    pub(crate) fn acknowledged(&mut self, peer: IpAddr, ack: &RoAck) -> Option<(O, RoRequest)> {
        let key = Asked {
            peer,
            kind: ack.kind,
            sequence: ack.sequence,
        };
        let id = self.by_ack.remove(&key)?;
        self.timers.cancel(&id);
        let request = self.requests.remove(&id)?;
        Some((request.owner, request.message))
    }

    /// Every request to a peer, each now over (HL-15).
    pub(crate) fn give_up_on(&mut self, peer: IpAddr) -> Vec<(O, RoRequest)> {
        let ids: Vec<RequestId> = self
            .requests
            .iter()
            .filter(|(_, request)| request.peer == peer)
            .map(|(id, _)| *id)
            .collect();
        ids.into_iter()
            .filter_map(|id| {
                let message = self.requests.get(&id)?.message.clone();
                Some((self.cancel(id)?, message))
            })
            .collect()
    }

    pub(crate) fn due(&mut self, now: Duration) -> Option<Due<O>> {
        let id = self.timers.pop(now)?;
        let request = self.requests.get_mut(&id)?;
        if request.tries_left > 0 {
            request.tries_left -= 1;
            request.timeout *= 2;
            self.timers.set(id, now + request.timeout);
            return Some(Due::Again(request.peer, request.message.clone()));
        }
        let (peer, message) = (request.peer, request.message.clone());
        let owner = self.cancel(id)?;
        Some(Due::Silent(peer, message, owner))
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Whether to act on a request (HL-4).
    pub(crate) fn admit(&mut self, now: Duration, peer: IpAddr, request: &RoRequest) -> Admission {
        self.forget(now);
        let asked = Asked {
            peer,
            kind: request.kind,
            sequence: request.sequence,
        };
        match self.answers.get(&asked) {
            // The same number on another request: the peer restarted.
            Some((before, _)) if before != request => {}
            Some((_, Some(ack))) => return Admission::Answered(ack.clone()),
            Some((_, None)) => return Admission::InProgress,
            None => {}
        }
        self.answers.insert(asked, (request.clone(), None));
        self.ageing.push_back((now, asked));
        Admission::New
    }

    /// Keeps an answer that goes out now.
    pub(crate) fn answered(&mut self, asked: &Asked, ack: &RoAck) {
        if let Some((_, answer)) = self.answers.get_mut(asked) {
            *answer = Some(ack.clone());
        }
    }

    fn forget(&mut self, now: Duration) {
        while let Some((noted, asked)) = self.ageing.front().copied() {
            let old = now.saturating_sub(noted).as_secs() >= ANSWER_MEMORY_S;
            if !old && self.ageing.len() < MAX_ANSWERS {
                return;
            }
            self.ageing.pop_front();
            self.answers.remove(&asked);
        }
    }
}
