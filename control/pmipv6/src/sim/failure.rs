//! Nodes that crash and come back, partitions that end.

use super::domain::Domain;
use super::event::Event;
use super::layout::{MobileIndex, Role};
use super::network::{Faults, Micros, NodeIndex, SECOND};
use super::node::Dataplane;

/// The MNs of a MAG that has come back attach again within this.
const REATTACH: Micros = SECOND;

impl Domain<'_> {
    pub(super) fn crash(&mut self, index: NodeIndex, down_us: Micros) {
        let workers = self.layout.workers;
        let node = &mut self.nodes[index];
        if node.engine.take().is_none() {
            return;
        }
        self.nodes_down += 1;
        if let Some(frozen) = node.frozen.take() {
            self.nodes_frozen -= 1;
            // What was written for it is there when it starts.
            node.stage = frozen.stage().unwrap_or(node.stage);
        }
        self.anchor_crashed |= node.role == Role::Lma;
        let noted_at = node.gate.as_ref().map_or(0, |gate| gate.noted_at);
        node.last_notes.insert(node.incarnation, noted_at);
        node.incarnation += 1;
        node.dataplane = Dataplane::new(workers);
        node.gate = None;
        node.wake_at = None;
        self.commands.retain(|_, command| command.node != index);
        self.grants.forget(index);
        for mobile in &mut self.mobiles {
            if mobile.place == Some(index) {
                mobile.settled_at = None;
                mobile.epoch += 1;
            }
        }
        self.after(down_us, Event::Restart { node: index });
    }

    pub(super) fn restart(&mut self, index: NodeIndex) {
        if self.nodes[index].is_up() {
            return;
        }
        self.trace.line(self.now, |_| {
            format!("-- {} restarts", self.nodes[index].name)
        });
        self.nodes_down -= 1;
        self.start(index);
        self.calm_since = self.now;
        let here: Vec<MobileIndex> = (0..self.mobiles.len())
            .filter(|mobile| self.mobiles[*mobile].place == Some(index))
            .collect();
        for mobile in here {
            let delay = self.rng_mobile.range(1, REATTACH);
            self.try_again(mobile, delay);
        }
    }

    pub(super) fn heal(&mut self, one: NodeIndex, other: NodeIndex) {
        if self.network.is_partitioned(one, other) {
            self.network.heal(one, other);
            self.calm_since = self.now;
            self.trace.line(self.now, |_| {
                format!(
                    "-- {} and {} are joined again",
                    self.nodes[one].name, self.nodes[other].name
                )
            });
        }
    }

    /// Ends every failure: all nodes are up, the network is whole and healthy.
    pub fn heal_everything(&mut self) {
        self.network.set_faults(Faults::NONE);
        self.end_lies();
        self.end_delays();
        for one in 0..self.nodes.len() {
            for other in one + 1..self.nodes.len() {
                self.heal(one, other);
            }
            self.restart(one);
            self.thaw(one);
        }
        self.calm_since = self.now;
    }
}
