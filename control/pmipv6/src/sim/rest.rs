//! What must hold when the domain has come to rest, and when everybody has left.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::check::ViolationKind;
use super::domain::Domain;
use super::forwarding::Forwarding;
use super::layout::{MobileIndex, Role};
use super::mobile::Talk;
use super::network::SECOND;
use super::packet::Fate;

/// How often a moment without a backlog is looked for.
const MOMENTS: usize = 20;

impl Domain<'_> {
    /// Runs on until no update waits for a worker, if there is such a moment soon.
    pub fn run_until_applied(&mut self) {
        let step = self.layout.lag_max_us + SECOND / 1_000;
        for _ in 0..MOMENTS {
            if self.nodes.iter().all(|node| node.dataplane.backlog() == 0) {
                return;
            }
            self.run_until(self.now + step);
        }
    }

    /// The domain has come to rest: entries are where the MNs are, and everybody agrees.
    pub fn check_at_rest(&mut self) {
        let found = self
            .stale_entry()
            .map(|text| (ViolationKind::StaleEntry, text))
            .or_else(|| self.controllers_disagree())
            .or_else(|| self.still_losing());
        if let Some((kind, text)) = found {
            self.violate(kind, text);
        }
    }

    fn owner_place(&self, home: IpNet) -> Option<(MobileIndex, IpAddr)> {
        self.mobiles.iter().enumerate().find_map(|(owner, mobile)| {
            let place = mobile.place?;
            let owns = mobile.homes.contains(&home);
            owns.then(|| (owner, self.nodes[place].address))
        })
    }

    fn stale_entry(&self) -> Option<String> {
        self.nodes.iter().find_map(|node| {
            if node.dataplane.backlog() > 0 {
                return Some(format!("{} has a backlog of updates", node.name));
            }
            let table = &node.dataplane.workers[0].table;
            let stale = self.stale_in(table, node.address)?;
            Some(format!("{}: {stale}", node.name))
        })
    }

    fn stale_in(&self, table: &Forwarding, here: IpAddr) -> Option<String> {
        let at = |home: IpNet| self.owner_place(home).map(|(_, place)| place);
        let half = |name: &str, ((local, remote), peer): (&(IpNet, IpNet), &IpAddr)| {
            (at(*local) != Some(here) || at(*remote) != Some(*peer))
                .then(|| format!("{name} {local} {remote} by {peer}"))
        };
        let attached = table.attached.keys().find(|home| at(**home) != Some(here));
        let bound = table
            .bound
            .iter()
            .find(|(home, bound)| at(**home) != Some(bound.proxy_coa));
        let local = table
            .local
            .keys()
            .find(|(from, to)| at(*from) != Some(here) || at(*to) != Some(here));
        attached
            .map(|home| format!("attached {home}"))
            .or_else(|| bound.map(|(home, bound)| format!("bound {home} to {}", bound.proxy_coa)))
            .or_else(|| table.send.iter().find_map(|entry| half("sends", entry)))
            .or_else(|| {
                table
                    .receive
                    .iter()
                    .find_map(|entry| half("receives", entry))
            })
            .or_else(|| local.map(|(from, to)| format!("switches {from} to {to}")))
    }

    /// Unordered pairs that LMAs know as more than talk, with every controller that is named.
    fn controllers(&self) -> BTreeMap<(IpNet, IpNet), BTreeSet<IpAddr>> {
        let now = self.io_now();
        let mut controllers: BTreeMap<_, BTreeSet<IpAddr>> = BTreeMap::new();
        for (_, node) in self.nodes_of(Role::Lma) {
            let views = node.engine.as_ref().map(|engine| engine.paths(now));
            for view in views
                .into_iter()
                .flatten()
                .filter(|view| view.state != "none")
            {
                let key = (
                    view.source.min(view.destination),
                    view.source.max(view.destination),
                );
                controllers.entry(key).or_default().extend(view.controller);
            }
        }
        controllers
    }

    fn controllers_disagree(&self) -> Option<(ViolationKind, String)> {
        let controllers = self.controllers();
        if let Some((pair, who)) = controllers.iter().find(|(_, who)| who.len() > 1) {
            return Some((ViolationKind::Controllers, format!("{pair:?}: {who:?}")));
        }
        self.nodes_of(Role::Mag).find_map(|(_, node)| {
            let table = &node.dataplane.workers[0].table;
            let orphan = table
                .send
                .keys()
                .chain(table.local.keys())
                .find(|(a, b)| !controllers.contains_key(&((*a).min(*b), (*a).max(*b))))?;
            let text = format!("{} has a path {orphan:?} that no LMA knows", node.name);
            Some((ViolationKind::OrphanPath, text))
        })
    }

    fn still_losing(&self) -> Option<(ViolationKind, String)> {
        self.talks
            .values()
            .filter(|talk| talk.open)
            .filter(|talk| self.mobiles[talk.source].settled_at.is_some())
            .filter(|talk| self.mobiles[talk.destination].settled_at.is_some())
            .find_map(|talk| {
                let (a, b) = (talk.source + 1, talk.destination + 1);
                let kind = match talk.last? {
                    Fate::Lost(_) => ViolationKind::StillLosing,
                    Fate::Delivered { localized: false } if !self.must_stay_anchored(talk) => {
                        ViolationKind::NotLocalized
                    }
                    _ => return None,
                };
                Some((kind, format!("MN{a}->MN{b}: {:?}", talk.last)))
            })
    }

    /// Of two MAGs behind NATs neither can speak to the other first (HL-28).
    fn must_stay_anchored(&self, talk: &Talk) -> bool {
        let place = |end: MobileIndex| self.mobiles[end].place;
        let behind = |end| place(end).is_some_and(|mag| self.layout.behind_nat.contains(&mag));
        let apart = place(talk.source) != place(talk.destination);
        apart && behind(talk.source) && behind(talk.destination)
    }

    /// Everybody has left and every lifetime is over: nothing may be left.
    pub fn check_empty(&mut self) {
        let now = self.io_now();
        let residue = self.nodes.iter().find_map(|node| {
            let engine = node.engine.as_ref()?;
            let (bindings, paths) = (engine.bindings(now), engine.paths(now));
            let entries: usize = node
                .dataplane
                .workers
                .iter()
                .map(|worker| worker.table.entries())
                .sum();
            let left = bindings.len() + paths.len() + entries + node.dataplane.backlog();
            (left > 0).then(|| {
                format!(
                    "{}: bindings {bindings:?}, paths {paths:?}, {entries} entries",
                    node.name
                )
            })
        });
        if let Some(text) = residue {
            self.violate(ViolationKind::Residue, text);
        }
        if let Some((token, command)) = self.commands.iter().next() {
            let text = format!("{} never answered {token}", self.nodes[command.node].name);
            self.violate(ViolationKind::Reply, text);
        }
    }
}
