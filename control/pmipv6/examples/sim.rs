//! The domain simulator by hand.
//!
//! ```text
//!   cargo run --release -p pmipv6 --example sim -- --schedules 1000000 --seed 0 --jobs 2
//!   cargo run --release -p pmipv6 --example sim -- --schedules 400 --digest
//!   cargo run --release -p pmipv6 --example sim -- --scale [--mobiles N] [--seconds S]
//! ```

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Instant;

use pmipv6::sim::{
    Domain, Faults, Layout, Operation, Outcome, Rng, SECOND, Schedule, Stats, Tally, Timers,
    engine, shrink,
};

/// Runs that the shrinker may spend on a failing seed.
const SHRINK_TRIES: usize = 1_000;
/// Outcomes that may wait to be counted.
const WAITING: usize = 64;
/// A line of progress this often.
const PROGRESS: u64 = 10_000;

struct Arguments {
    schedules: u64,
    seed: u64,
    scale: bool,
    /// Threads that run schedules.
    jobs: u64,
    /// Print a number for every schedule's trace and figures: the same where the run has not changed.
    digest: bool,
    mags: usize,
    lmas: usize,
    mobiles: usize,
    seconds: u64,
    handovers: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        schedules: 10_000,
        seed: 0,
        scale: false,
        digest: false,
        jobs: 1,
        mags: 200,
        lmas: 4,
        mobiles: 100_000,
        seconds: 10,
        handovers: 1_000,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--scale" {
            arguments.scale = true;
            continue;
        }
        if word == "--digest" {
            arguments.digest = true;
            continue;
        }
        let value = words.next().ok_or(format!("{word} needs a number"))?;
        let number: u64 = value
            .parse()
            .map_err(|_| format!("{word} {value}: not a number"))?;
        match word.as_str() {
            "--schedules" => arguments.schedules = number,
            "--jobs" => arguments.jobs = number.max(1),
            "--seed" => arguments.seed = number,
            "--mags" => arguments.mags = number as usize,
            "--lmas" => arguments.lmas = number as usize,
            "--mobiles" => arguments.mobiles = number as usize,
            "--seconds" => arguments.seconds = number,
            "--handovers" => arguments.handovers = number,
            _ => return Err(format!("{word}: not known")),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match arguments.scale {
        true => scale(&arguments),
        false => schedules(&arguments),
    }
}

#[derive(Default)]
struct Sum {
    stats: Stats,
    tally: Tally,
}

impl Sum {
    fn add(&mut self, stats: &Stats, tally: &Tally) {
        for (name, count) in &stats.messages {
            *self.stats.messages.entry(name).or_default() += count;
        }
        self.stats.handovers += stats.handovers;
        self.stats.events += stats.events;
        self.tally.add(tally);
    }
}

fn schedules(arguments: &Arguments) -> ExitCode {
    let start = Instant::now();
    let mut sum = Sum::default();
    let mut failed = BTreeMap::new();
    std::thread::scope(|scope| {
        let (ran, outcomes) = mpsc::sync_channel(WAITING);
        for job in 0..arguments.jobs {
            let ran = ran.clone();
            scope.spawn(move || run(arguments, job, &ran));
        }
        drop(ran);
        for (count, (seed, outcome)) in (1_u64..).zip(outcomes) {
            if arguments.digest {
                println!("digest {seed} {:016x}", digest(&outcome));
            }
            sum.add(&outcome.stats, &outcome.tally);
            if let Some(violation) = outcome.violation {
                println!("seed {seed}: {violation}");
                let entry = failed.entry(violation.kind).or_insert((seed, 0_u64));
                entry.1 += 1;
            }
            if count % PROGRESS == 0 {
                let speed = per_second(count, start);
                println!("{count} schedules, {speed:.0} a second");
            }
        }
    });
    let count = arguments.schedules;
    println!(
        "{count} schedules in {:.1} s, {:.0} a second, {:.0} events a second",
        start.elapsed().as_secs_f64(),
        per_second(count, start),
        per_second(sum.stats.events, start)
    );
    println!(
        "registrations of MNs that had been registered: {}",
        sum.stats.handovers
    );
    println!(
        "messages: {} {:?}",
        sum.stats.total_messages(),
        sum.stats.messages
    );
    println!("packets: {:?}", sum.tally);
    for (kind, (seed, count)) in &failed {
        let smallest = shrink(&Schedule::generate(*seed), &engine, SHRINK_TRIES);
        println!(
            "{kind:?}: {count} seeds, e.g. {}",
            smallest.environment(*seed)
        );
    }
    match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Every so many-th schedule.
fn run(arguments: &Arguments, job: u64, ran: &mpsc::SyncSender<(u64, Outcome)>) {
    let seeds = arguments.seed..arguments.seed + arguments.schedules;
    for seed in seeds.skip(job as usize).step_by(arguments.jobs as usize) {
        let outcome = Schedule::generate(seed).run(&engine, arguments.digest);
        if ran.send((seed, outcome)).is_err() {
            return;
        }
    }
}

fn digest(outcome: &Outcome) -> u64 {
    let mut digest = DefaultHasher::new();
    (&outcome.trace, format!("{:?}", outcome.stats)).hash(&mut digest);
    digest.finish()
}

fn per_second(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64().max(1e-9)
}

/// 200 MAGs, 4 LMAs, 100,000 MNs, a thousand handovers a second.
fn scale(arguments: &Arguments) -> ExitCode {
    let mut layout = Layout::new(arguments.lmas, arguments.mags, arguments.mobiles);
    layout.workers = 1;
    layout.anchored_by_mag = true;
    layout.timers = Timers {
        binding_lifetime_s: 3_600,
        ro_lifetime_s: 300,
        ..Timers::SHORT
    };
    let mut rng = Rng::new(arguments.seed);
    let before = resident_bytes();
    let start = Instant::now();
    let mut domain = Domain::new(layout, Faults::NONE, arguments.seed, &engine);
    domain.without_lifetime_checks();
    register(&mut domain, &mut rng);
    println!(
        "{} MNs registered in {:.1} s",
        domain
            .mobiles
            .iter()
            .filter(|m| m.settled_at.is_some())
            .count(),
        start.elapsed().as_secs_f64()
    );
    report_state(&domain, before, "registered");
    localize(&mut domain);
    report_state(&domain, before, "half of them in localized pairs");
    let messages = domain.stats.messages.clone();
    let handovers = domain.stats.handovers;
    let start = Instant::now();
    hand_over(&mut domain, &mut rng, arguments);
    let moved = domain.stats.handovers - handovers;
    println!(
        "{moved} handovers in {} s of virtual time, {:.1} s of real time",
        arguments.seconds,
        start.elapsed().as_secs_f64()
    );
    let mut total = 0.0;
    for (name, count) in &domain.stats.messages {
        let sent = count - messages.get(name).copied().unwrap_or(0);
        let each = sent as f64 / moved.max(1) as f64;
        total += each;
        println!("  {name:<16} {each:.3} a handover");
    }
    println!("  all              {total:.3} a handover");
    report_state(&domain, before, "after the handovers");
    match domain.violation() {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

/// A MAG that the MN's LMA serves.
fn random_mag(domain: &Domain<'_>, rng: &mut Rng, mobile: usize) -> usize {
    let layout = domain.layout();
    let anchor = layout.anchor_of(mobile);
    let own = (layout.mags - anchor).div_ceil(layout.lmas);
    layout.mag(anchor + layout.lmas * rng.index(own))
}

fn appear(mobile: usize, mag: usize) -> Operation {
    Operation::Appear {
        mobile,
        mag,
        away_us: 20_000,
        notice_us: 5_000,
    }
}

fn register(domain: &mut Domain<'_>, rng: &mut Rng) {
    let spread = 20 * SECOND;
    for mobile in 0..domain.mobiles.len() {
        let at = rng.range(0, spread);
        let mag = random_mag(domain, rng, mobile);
        domain.schedule(at, appear(mobile, mag));
    }
    domain.run_until(spread + 5 * SECOND);
}

/// The first half of the MNs talk in pairs, across LMAs.
fn localize(domain: &mut Domain<'_>) {
    let pairs = domain.mobiles.len() / 4;
    for pair in 0..pairs {
        let at = domain.now() + pair as u64 * 200;
        domain.schedule(
            at,
            Operation::Talk {
                source: 2 * pair,
                destination: 2 * pair + 1,
                interval_us: 20 * SECOND,
                one_way: true,
            },
        );
    }
    domain.run_until(domain.now() + pairs as u64 * 200 + 5 * SECOND);
}

fn hand_over(domain: &mut Domain<'_>, rng: &mut Rng, arguments: &Arguments) {
    let total = arguments.handovers * arguments.seconds;
    for n in 0..total {
        let at = domain.now() + n * SECOND / arguments.handovers.max(1);
        let mobile = rng.index(domain.mobiles.len());
        let mag = random_mag(domain, rng, mobile);
        domain.schedule(at, appear(mobile, mag));
    }
    domain.run_until(domain.now() + (arguments.seconds + 2) * SECOND);
}

fn report_state(domain: &Domain<'_>, before: u64, when: &str) {
    let mobiles = domain.mobiles.len().max(1) as f64;
    let table = |node: &pmipv6::sim::Node| node.dataplane.workers[0].table.clone();
    let (mut entries, mut paths) = (0, 0);
    for node in &domain.nodes {
        let table = table(node);
        entries += table.entries();
        paths += table.path_entries();
    }
    let bytes = resident_bytes().saturating_sub(before);
    println!(
        "{when}: {:.3} table entries an MN ({:.3} of paths), {:.0} bytes of memory an MN (engines, \
         modelled tables and the simulator itself)",
        entries as f64 / mobiles,
        paths as f64 / mobiles,
        bytes as f64 / mobiles
    );
}

/// Resident memory of this process, octets.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}
