//! The simulator notices broken engines: each test breaks the engine in one way, by a wrapper around
//! it, and some random schedule must fail for the right reason.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{
    BindingView, Engine, Entry, Input, MacAddr, Now, Output, PathView, PeerView, UpdateNumber, Via,
};
use pmipv6::sim::{
    Layout, NodeIndex, Operation, Role, SECOND, Schedule, ViolationKind, engine, homes_in,
};
use pmipv6::wire::message::RoKind;
use pmipv6::wire::{Message, MobilityOption, timestamp_from_duration};

/// A breakage must be noticed within this many schedules.
const SCHEDULES: usize = 600;

/// What a breakage does with one output.
enum Tampered {
    Pass(Output),
    Swallow,
}

trait Breakage {
    /// What time it is.
    fn now(&mut self, _: Now) {}
    fn output(&mut self, output: Output) -> Tampered {
        Tampered::Pass(output)
    }
    /// What it says of its own, after everything else.
    fn more(&mut self) -> Option<Output> {
        None
    }
    /// Tell the engine at once that its updates are applied.
    fn applies_at_once(&self) -> bool {
        false
    }
    /// Leaves a gap in the update numbers where an update is swallowed.
    fn leaves_gaps(&self) -> bool {
        false
    }
}

/// An engine with something wrong.
struct Broken<B> {
    inner: Box<dyn Engine>,
    breakage: B,
    /// The engine's numbers of the updates that were passed on, in order.
    passed: Vec<UpdateNumber>,
    /// The engine's last number, and the last one it knows to be applied.
    last: UpdateNumber,
    told: UpdateNumber,
    applied: usize,
}

impl<B: Breakage> Broken<B> {
    fn new(inner: Box<dyn Engine>, breakage: B) -> Self {
        Self {
            inner,
            breakage,
            passed: Vec::new(),
            last: 0,
            told: 0,
            applied: 0,
        }
    }

    fn take(&mut self, outputs: Vec<Output>, out: &mut Vec<Output>) {
        for output in outputs {
            let inner_number = match &output {
                Output::Program { number, .. } => {
                    self.last = *number;
                    Some(*number)
                }
                _ => None,
            };
            let Tampered::Pass(mut output) = self.breakage.output(output) else {
                if self.breakage.leaves_gaps()
                    && let Some(number) = inner_number
                {
                    self.passed.push(number);
                }
                continue;
            };
            if let (Some(inner), Output::Program { number, .. }) = (inner_number, &mut output) {
                self.passed.push(inner);
                *number = self.passed.len() as UpdateNumber;
            }
            out.push(output);
        }
    }

    /// The engine's number up to which everything is applied that it did not merely believe to send.
    fn effective(&self) -> UpdateNumber {
        if self.breakage.applies_at_once() {
            return self.last;
        }
        match self.passed.get(self.applied) {
            Some(next) => next - 1,
            None => self.last,
        }
    }

    fn tell(&mut self, now: Now, out: &mut Vec<Output>) {
        while self.effective() > self.told {
            self.told = self.effective();
            let mut outputs = Vec::new();
            let told = Input::Applied(self.told);
            self.inner.handle(now, told, &mut outputs);
            self.take(outputs, out);
        }
    }
}

impl<B: Breakage> Engine for Broken<B> {
    fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        self.breakage.now(now);
        if let Input::Applied(number) = input {
            self.applied = number as usize;
        } else {
            let mut outputs = Vec::new();
            self.inner.handle(now, input, &mut outputs);
            self.take(outputs, out);
        }
        self.tell(now, out);
        out.extend(self.breakage.more());
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.inner.next_deadline()
    }
    fn bindings(&self, now: Now) -> Vec<BindingView> {
        self.inner.bindings(now)
    }
    fn paths(&self, now: Now) -> Vec<PathView> {
        self.inner.paths(now)
    }
    fn peers(&self, now: Now) -> Vec<PeerView> {
        self.inner.peers(now)
    }
    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.inner.counters()
    }
}

/// Runs schedules with the breakage until one fails; it must fail for one of these reasons.
fn notices<B: Breakage + 'static>(breakage: fn() -> B, at: Role, reasons: &[ViolationKind]) {
    notices_where(|_| true, breakage, at, reasons);
}

/// The same, with those schedules alone whose domain is of a kind.
fn notices_among<B: Breakage + 'static>(
    of_kind: fn(&Layout) -> bool,
    breakage: fn() -> B,
    at: Role,
    reasons: &[ViolationKind],
) {
    notices_where(|schedule| of_kind(&schedule.layout), breakage, at, reasons);
}

/// The same, with those schedules alone that are of a kind.
fn notices_where<B: Breakage + 'static>(
    of_kind: impl Fn(&Schedule) -> bool,
    breakage: fn() -> B,
    at: Role,
    reasons: &[ViolationKind],
) {
    let build = |layout: &Layout, node: NodeIndex, seed: u64| -> Box<dyn Engine> {
        let inner = engine(layout, node, seed);
        match layout.role(node).0 == at {
            true => Box::new(Broken::new(inner, breakage())),
            false => inner,
        }
    };
    let schedules = (0..).map(Schedule::generate);
    let schedules = schedules.filter(|schedule| of_kind(schedule));
    for schedule in schedules.take(SCHEDULES) {
        let outcome = schedule.run(&build, false);
        if let Some(violation) = outcome.violation {
            println!("noticed by seed {}: {violation}", schedule.seed);
            assert!(reasons.contains(&violation.kind), "{violation}");
            return;
        }
    }
    panic!("not noticed in {SCHEDULES} schedules");
}

/// Does nothing wrong: the wrapper itself must not be what is noticed.
struct Nothing;
impl Breakage for Nothing {}

#[test]
fn a_wrapper_that_breaks_nothing_is_not_noticed() {
    for role in [Role::Mag, Role::Lma] {
        let build = |layout: &Layout, node: NodeIndex, seed: u64| -> Box<dyn Engine> {
            let inner = engine(layout, node, seed);
            match layout.role(node).0 == role {
                true => Box::new(Broken::new(inner, Nothing)),
                false => inner,
            }
        };
        for seed in 0..10 {
            let outcome = Schedule::generate(seed).run(&build, false);
            assert_eq!(outcome.violation, None, "seed {seed}");
        }
    }
}

struct ForgetsToReceive;
impl Breakage for ForgetsToReceive {
    fn output(&mut self, output: Output) -> Tampered {
        match output {
            Output::Program {
                entry: Entry::PathReceive { .. },
                ..
            } => Tampered::Swallow,
            other => Tampered::Pass(other),
        }
    }
}

#[test]
fn hl_31_a_mag_that_does_not_install_the_receiving_half_is_noticed() {
    use ViolationKind::{InconsistentEntry, Promise};
    notices(
        || ForgetsToReceive,
        Role::Mag,
        &[Promise, InconsistentEntry],
    );
}

struct PromisesEarly;
impl Breakage for PromisesEarly {
    fn applies_at_once(&self) -> bool {
        true
    }
}

#[test]
fn a_mag_that_acknowledges_before_its_workers_have_applied_is_noticed() {
    notices(|| PromisesEarly, Role::Mag, &[ViolationKind::Promise]);
}

#[test]
fn an_lma_that_acknowledges_before_its_workers_have_applied_is_noticed() {
    notices(|| PromisesEarly, Role::Lma, &[ViolationKind::Promise]);
}

struct KeepsSending;
impl Breakage for KeepsSending {
    fn output(&mut self, output: Output) -> Tampered {
        match output {
            Output::Program {
                entry: Entry::PathSendRemove { .. },
                ..
            } => Tampered::Swallow,
            other => Tampered::Pass(other),
        }
    }
}

#[test]
fn hl_32_a_mag_that_goes_on_sending_to_the_previous_mag_is_noticed() {
    use ViolationKind::{Blackhole, InconsistentEntry, Outlives, Residue, StaleEntry, StillLosing};
    let reasons = [
        Blackhole,
        InconsistentEntry,
        Outlives,
        Residue,
        StaleEntry,
        StillLosing,
    ];
    notices(|| KeepsSending, Role::Mag, &reasons);
}

/// Names the first MAG that it ever named for a home.
#[derive(Default)]
struct NamesThePreviousMag {
    first: BTreeMap<IpNet, std::net::Ipv6Addr>,
}
impl Breakage for NamesThePreviousMag {
    fn output(&mut self, mut output: Output) -> Tampered {
        if let Output::Send {
            message: Message::RoRequest(request),
            ..
        } = &mut output
            && request.kind == RoKind::Init
            && request.lifetime > 0
            && let Some(source) = homes_in(&Message::RoRequest(request.clone())).first()
        {
            for option in &mut request.options {
                if let MobilityOption::MagIpv6Address(address) = option {
                    *address = *self.first.entry(*source).or_insert(*address);
                }
            }
        }
        Tampered::Pass(output)
    }
}

#[test]
fn l_48_an_lma_that_names_the_previous_mag_is_noticed() {
    use ViolationKind::{Blackhole, NotLocalized, StaleEntry, StillLosing};
    let reasons = [Blackhole, NotLocalized, StaleEntry, StillLosing];
    notices(NamesThePreviousMag::default, Role::Lma, &reasons);
}

struct NeverTellsOfHandovers;
impl Breakage for NeverTellsOfHandovers {
    fn output(&mut self, output: Output) -> Tampered {
        match &output {
            Output::Send {
                message: Message::RoRequest(request),
                ..
            } if request.kind == RoKind::Init && request.handover => Tampered::Swallow,
            _ => Tampered::Pass(output),
        }
    }
}

#[test]
fn l_47_an_lma_that_tells_nobody_of_a_handover_is_noticed() {
    use ViolationKind::{Blackhole, NotLocalized, StaleEntry, StillLosing};
    let reasons = [Blackhole, NotLocalized, StaleEntry, StillLosing];
    notices(|| NeverTellsOfHandovers, Role::Lma, &reasons);
}

struct NeverUnbinds;
impl Breakage for NeverUnbinds {
    fn output(&mut self, output: Output) -> Tampered {
        match output {
            Output::Program {
                entry: Entry::Unbind { .. },
                ..
            } => Tampered::Swallow,
            other => Tampered::Pass(other),
        }
    }
}

#[test]
fn an_lma_that_keeps_the_entries_of_those_who_left_is_noticed() {
    use ViolationKind::{Outlives, Residue, StaleEntry};
    notices(|| NeverUnbinds, Role::Lma, &[Outlives, Residue, StaleEntry]);
}

/// Attaches every MN to the link of its neighbour.
struct WrongLink;
impl Breakage for WrongLink {
    fn output(&mut self, mut output: Output) -> Tampered {
        if let Output::Program {
            entry: Entry::Attach { link, .. },
            ..
        } = &mut output
        {
            let MacAddr(mut octets) = link.mac;
            octets[5] ^= 1;
            link.mac = MacAddr(octets);
        }
        Tampered::Pass(output)
    }
}

#[test]
fn a_mag_that_delivers_to_another_mn_is_noticed() {
    use ViolationKind::{Blackhole, StillLosing, WrongNode};
    notices(
        || WrongLink,
        Role::Mag,
        &[WrongNode, Blackhole, StillLosing],
    );
}

/// Swallows its third update, number and all.
#[derive(Default)]
struct LosesAnUpdate {
    count: u32,
}
impl Breakage for LosesAnUpdate {
    fn output(&mut self, output: Output) -> Tampered {
        if matches!(output, Output::Program { .. }) {
            self.count += 1;
            if self.count == 3 {
                return Tampered::Swallow;
            }
        }
        Tampered::Pass(output)
    }
    fn leaves_gaps(&self) -> bool {
        true
    }
}

#[test]
fn an_update_that_is_lost_is_noticed() {
    notices(
        LosesAnUpdate::default,
        Role::Mag,
        &[ViolationKind::UpdateNumber],
    );
}

struct NeverReplies;
impl Breakage for NeverReplies {
    fn output(&mut self, output: Output) -> Tampered {
        match output {
            Output::Reply { .. } => Tampered::Swallow,
            other => Tampered::Pass(other),
        }
    }
}

#[test]
fn a_mag_that_does_not_answer_its_operator_is_noticed() {
    notices(|| NeverReplies, Role::Mag, &[ViolationKind::Reply]);
}

/// Sends from an address that is not its own.
struct Impostor;
impl Breakage for Impostor {
    fn output(&mut self, mut output: Output) -> Tampered {
        if let Output::Send { source, .. } = &mut output {
            *source = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        }
        Tampered::Pass(output)
    }
}

#[test]
fn a_node_that_speaks_with_another_address_is_noticed() {
    notices(|| Impostor, Role::Lma, &[ViolationKind::SourceAddress]);
}

struct IgnoresReach;
impl Breakage for IgnoresReach {
    fn output(&mut self, output: Output) -> Tampered {
        match output {
            Output::Program {
                entry: Entry::Reach { .. },
                ..
            } => Tampered::Swallow,
            other => Tampered::Pass(other),
        }
    }
}

#[test]
fn l_65_a_node_whose_tunnels_do_not_follow_the_way_to_a_peer_is_noticed() {
    for at in [Role::Lma, Role::Mag] {
        let reasons = [ViolationKind::Blackhole, ViolationKind::StillLosing];
        notices_among(
            |layout| layout.ipv4_transport,
            || IgnoresReach,
            at,
            &reasons,
        );
    }
}

/// Takes the first port of a NAT for its last.
#[derive(Default)]
struct KeepsTheFirstPort {
    first: BTreeMap<IpAddr, Via>,
}
impl Breakage for KeepsTheFirstPort {
    fn output(&mut self, mut output: Output) -> Tampered {
        if let Output::Program {
            entry: Entry::Reach { peer, via },
            ..
        } = &mut output
            && matches!(via, Via::Nat { .. })
        {
            *via = *self.first.entry(*peer).or_insert(*via);
        }
        Tampered::Pass(output)
    }
}

#[test]
fn l_65_an_lma_that_does_not_follow_the_ports_of_a_nat_is_noticed() {
    let reasons = [ViolationKind::Blackhole, ViolationKind::StillLosing];
    let with_nat = |layout: &Layout| !layout.behind_nat.is_empty();
    notices_among(with_nat, KeepsTheFirstPort::default, Role::Lma, &reasons);
}

/// Numbers its decisions by its own clock alone, wherever the other LMA's clock is (HL-16).
#[derive(Default)]
struct FollowsNoClock {
    wall: Duration,
}
impl Breakage for FollowsNoClock {
    fn now(&mut self, now: Now) {
        self.wall = now.wall;
    }
    fn output(&mut self, mut output: Output) -> Tampered {
        if let Output::Send {
            message: Message::RoRequest(request),
            ..
        } = &mut output
            && matches!(request.kind, RoKind::Init | RoKind::Trigger)
        {
            for option in &mut request.options {
                if let MobilityOption::Timestamp(timestamp) = option {
                    *timestamp = timestamp_from_duration(self.wall);
                }
            }
        }
        Tampered::Pass(output)
    }
}

#[test]
fn hl_16_an_lma_that_does_not_follow_the_clock_of_the_other_is_noticed() {
    use ViolationKind::{
        Blackhole, Controllers, NotLocalized, OrphanPath, StaleEntry, StillLosing,
    };
    let reasons = [
        Blackhole,
        Controllers,
        NotLocalized,
        OrphanPath,
        StaleEntry,
        StillLosing,
    ];
    let two_clocks = |layout: &Layout| layout.lmas > 1 && layout.skew_max_us > 0;
    notices_among(two_clocks, FollowsNoClock::default, Role::Lma, &reasons);
}

/// Says nothing of the NAT before a MAG, so that the other LMA lets the wrong MAG speak first (HL-28).
#[derive(Default)]
struct HidesTheNat;
impl Breakage for HidesTheNat {
    fn output(&mut self, mut output: Output) -> Tampered {
        if let Output::Send {
            message: Message::RoRequest(request),
            ..
        } = &mut output
            && request.kind == RoKind::Trigger
        {
            let says_nat = |o: &MobilityOption| matches!(o, MobilityOption::NatDetection { .. });
            request.options.retain(|option| !says_nat(option));
        }
        Tampered::Pass(output)
    }
}

#[test]
fn l_65_ls_11_an_lma_that_says_nothing_of_the_nat_before_its_mag_is_noticed() {
    let nats = |layout: &Layout| layout.lmas > 1 && !layout.behind_nat.is_empty();
    // Of crossed triggers it believes that it had said so, and takes control beside the other.
    let reasons = [ViolationKind::NotLocalized, ViolationKind::Controllers];
    notices_among(nats, HidesTheNat::default, Role::Lma, &reasons);
}

/// Nothing that was granted before a pause like this stands after it.
const LONG_PAUSE: Duration = Duration::from_secs(100);

fn stands_still_for_long(schedule: &Schedule) -> bool {
    let long = LONG_PAUSE.as_secs() * SECOND;
    let is_long = |operation: &Operation| matches!(operation, Operation::Freeze { for_us, .. } if *for_us > long);
    schedule.operations.iter().any(|(_, of)| is_long(of))
}

/// Knows when it was asked last.
#[derive(Default)]
struct Pause {
    last: Duration,
}
impl Pause {
    fn is_over(&mut self, now: Now) -> bool {
        let before = std::mem::replace(&mut self.last, now.mono);
        now.mono - before > LONG_PAUSE
    }
}

/// After standing still, refreshes what it refreshed before.
#[derive(Default)]
struct RefreshesWhatIsOver {
    pause: Pause,
    has_woken: bool,
    refresh: Option<Output>,
}
impl Breakage for RefreshesWhatIsOver {
    fn now(&mut self, now: Now) {
        self.has_woken = self.pause.is_over(now);
    }
    fn output(&mut self, output: Output) -> Tampered {
        if let Output::Send {
            message: Message::RoRequest(request),
            ..
        } = &output
            && request.kind == RoKind::Refresh
        {
            self.refresh = Some(output.clone());
        }
        Tampered::Pass(output)
    }
    fn more(&mut self) -> Option<Output> {
        self.refresh.take_if(|_| self.has_woken)
    }
}

#[test]
fn hl_33_a_mag_that_wakes_and_refreshes_a_path_that_is_over_is_noticed() {
    let reasons = [ViolationKind::Outlives];
    notices_where(
        stands_still_for_long,
        RefreshesWhatIsOver::default,
        Role::Mag,
        &reasons,
    );
}

/// After standing still, its workers go on forwarding by entries that are over.
#[derive(Default)]
struct KeepsWhatIsOver {
    pause: Pause,
    has_woken: bool,
}
impl Breakage for KeepsWhatIsOver {
    fn now(&mut self, now: Now) {
        self.has_woken = self.pause.is_over(now);
    }
    fn output(&mut self, output: Output) -> Tampered {
        match output {
            Output::Program {
                entry: Entry::Unbind { .. } | Entry::PathSendRemove { .. },
                ..
            } if self.has_woken => Tampered::Swallow,
            other => Tampered::Pass(other),
        }
    }
}

#[test]
fn an_lma_that_wakes_and_forwards_by_bindings_that_are_over_is_noticed() {
    let reasons = [ViolationKind::Outlives];
    notices_where(
        stands_still_for_long,
        KeepsWhatIsOver::default,
        Role::Lma,
        &reasons,
    );
}

#[test]
fn hl_33_a_mag_that_wakes_and_forwards_by_paths_that_are_over_is_noticed() {
    let reasons = [ViolationKind::Outlives, ViolationKind::InconsistentEntry];
    notices_where(
        stands_still_for_long,
        KeepsWhatIsOver::default,
        Role::Mag,
        &reasons,
    );
}
