//! Ports: names, roles, addresses, what their links reach, and the memory that their queues take.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

use super::super::locate::KeyPath;
use super::{Check, Port, PortRole, Role, is_name, mac_problem, root, transport4, unicast_problem};

/// Octets that a frame needs of a packet buffer beside the IP packet: 128 of headroom, which takes the
/// outer header too, an Ethernet header and a VLAN tag.
const FRAME_OVERHEAD_BYTES: u16 = 128 + 14 + 4;

/// Least MTU of a transport link: an IPv6 packet of 1280 octets (RFC 8200 section 5) and the outer
/// header (RFC 2473 section 7.1).
const MIN_TRANSPORT_MTU_BYTES: u16 = 1280 + 40;

impl Check<'_> {
    pub(super) fn ports(&mut self) {
        let mut devices = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        let config = self.config;
        for (number, port) in config.ports.iter().enumerate() {
            let path = root("ports").index(number);
            if port.device.is_empty() || port.device.contains(|c: char| c.is_whitespace()) {
                self.complain(path.key("device"), "not a DPDK device name or PCI address");
            }
            if !devices.insert(&port.device) {
                self.complain(path.key("device"), "another port has this device");
            }
            if !is_name(&port.name, 32) || port.name.bytes().all(|b| b.is_ascii_digit()) {
                let reason = "letters, digits, '.', '_', '-', at most 32, and not a number";
                self.complain(path.key("name"), reason);
            }
            if !names.insert(&port.name) {
                self.complain(path.key("name"), "another port has this name");
            }
            for (index, address) in port.addresses.iter().enumerate() {
                if !addresses.insert(address.addr()) {
                    let path = path.key("addresses").index(index);
                    self.complain(path, "this address stands here twice");
                }
            }
            self.port_roles(port, &path);
            self.realm_of_port(number, port, &path);
            self.port_addresses(port, &path);
            self.neighbours(port, &path);
        }
        self.name();
    }

    /// RFC 6279 section 3.3: a node is named by its IPv6 address, whatever reaches it.
    fn name(&mut self) {
        let ports = &self.config.ports;
        let first = ports.iter().position(|port| port.has(PortRole::Transport));
        let (Some(first), None) = (first, self.config.transport_addresses().next()) else {
            return;
        };
        if !ports[first].addresses.is_empty() {
            let reason = "no IPv6 address among them: it is the node's name to its peers, also where only \
                          IPv4 reaches it (RFC 6279 section 3.3); a /128 will do";
            let path = root("ports").index(first).key("addresses");
            self.complain(path, reason);
        }
    }

    fn port_roles(&mut self, port: &Port, path: &KeyPath) {
        for (index, role) in port.roles.iter().enumerate() {
            let path = path.key("roles").index(index);
            if port.roles[..index].contains(role) {
                self.complain(path.clone(), "stands here twice");
            }
            match (self.config.role, role) {
                (Role::Mag, PortRole::Network) => {
                    self.complain(path, "a mag has no network port: only an lma does");
                }
                (Role::Lma, PortRole::Access) => {
                    self.complain(path, "an lma has no access port: only a mag does");
                }
                _ => {}
            }
        }
        if port.has(PortRole::Transport) && port.mtu_bytes < MIN_TRANSPORT_MTU_BYTES {
            let reason = format!(
                "a transport port needs {MIN_TRANSPORT_MTU_BYTES} for tunnels of 1280 (RFC 2473 section 7.1)"
            );
            self.complain(path.key("mtu_bytes"), reason);
        }
        let needed = port.mtu_bytes.saturating_add(FRAME_OVERHEAD_BYTES);
        if needed > self.config.dataplane.mbuf_data_room_bytes {
            let reason = format!(
                "a frame of this port needs dataplane.mbuf_data_room_bytes of at least {needed}"
            );
            self.complain(path.key("mtu_bytes"), reason);
        }
    }

    fn port_addresses(&mut self, port: &Port, path: &KeyPath) {
        let addressed = port.has(PortRole::Transport) || port.has(PortRole::Network);
        if addressed && port.addresses.is_empty() {
            let reason = "a transport or network port needs an address";
            self.complain(path.key("addresses"), reason);
        }
        if !addressed && !port.addresses.is_empty() {
            let reason = "an access port has the domain's fixed link-local address and no other";
            self.complain(path.key("addresses"), reason);
        }
        for (index, address) in port.addresses.iter().enumerate() {
            let problem = match address {
                IpNet::V6(own) => interface_problem(*own),
                IpNet::V4(own) => transport4::interface_problem(*own),
            };
            if let Some(reason) = problem {
                self.complain(path.key("addresses").index(index), reason);
            }
        }
        let gateways = [
            ("gateway", port.gateway.map(IpAddr::V6)),
            ("gateway4", port.gateway4.map(IpAddr::V4)),
        ];
        for (key, gateway) in gateways {
            if let Some(gateway) = gateway {
                self.gateway(port, path.key(key), gateway, addressed);
            }
        }
    }

    fn gateway(&mut self, port: &Port, path: KeyPath, gateway: IpAddr, addressed: bool) {
        if !addressed {
            self.complain(path, "an access port has no gateway");
        } else if port.addresses.iter().any(|own| own.addr() == gateway) {
            self.complain(path, "this is the port's own address");
        } else if !port.on_link(gateway) {
            let reason = "in none of the port's on-link prefixes, nor link-local";
            self.complain(path, reason);
        }
    }

    fn neighbours(&mut self, port: &Port, path: &KeyPath) {
        let mut seen = BTreeSet::new();
        for (index, neighbour) in port.neighbours.iter().enumerate() {
            let path = path.key("neighbours").index(index);
            if !seen.insert(neighbour.address) {
                self.complain(path.key("address"), "this address stands here twice");
            }
            if neighbour.address.is_multicast() || neighbour.address.is_unspecified() {
                self.complain(path.key("address"), "not a unicast address");
            } else if !port.on_link(neighbour.address) {
                let reason = "in none of the port's on-link prefixes, nor link-local";
                self.complain(path.key("address"), reason);
            }
            if let Some(reason) = mac_problem(neighbour.mac.0) {
                self.complain(path.key("mac"), reason);
            }
        }
    }

    pub(super) fn memory(&mut self) {
        let rings = |port: &Port| u64::from(port.rx_descriptors) + u64::from(port.tx_descriptors);
        let held: u64 = self.config.ports.iter().map(rings).sum();
        let mbufs = self.config.dataplane.mempool_mbufs;
        if u64::from(mbufs) < held {
            let reason = format!("{mbufs} is less than the {held} descriptors of one queue a port");
            self.complain(root("dataplane").key("mempool_mbufs"), reason);
        }
    }
}

/// Why an address with its on-link prefix cannot be an interface's, if it cannot.
fn interface_problem(own: Ipv6Net) -> Option<&'static str> {
    match own.prefix_len() {
        _ if unicast_problem(own.addr()).is_some() => unicast_problem(own.addr()),
        0 => Some("an on-link prefix of length 0 covers everything"),
        1..=126 if own.addr() == own.network() => {
            Some("the prefix itself is its routers' anycast address (RFC 4291 section 2.6.1)")
        }
        _ => None,
    }
}
