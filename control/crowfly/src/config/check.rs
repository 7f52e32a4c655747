//! What the schema cannot say: addresses that fit their links, ports that fit the role, names that stand
//! once, numbers that fit each other.

mod ipv4;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use tracing_subscriber::EnvFilter;

use super::error::Complaint;
use super::locate::KeyPath;
use super::range::check_ranges;
use super::{Config, Lma, Mag, MobileNode, Port, PortRole, Role, protection, transport4};

/// Octets that a frame needs of a packet buffer beside the IP packet: 128 of headroom, which takes the
/// outer header too, an Ethernet header and a VLAN tag.
const FRAME_OVERHEAD_BYTES: u16 = 128 + 14 + 4;

/// Least MTU of a transport link: an IPv6 packet of 1280 octets (RFC 8200 section 5) and the outer
/// header (RFC 2473 section 7.1).
const MIN_TRANSPORT_MTU_BYTES: u16 = 1280 + 40;

/// Longest MN-ID: the option's length octet counts a subtype octet too (RFC 4283 section 3).
pub(crate) const MAX_MN_ID_BYTES: usize = 254;

/// Everything that is wrong with a configuration.
pub(super) fn check(config: &Config) -> Vec<Complaint> {
    let schema = super::schema().to_value();
    let value = serde_json::to_value(config).expect("a configuration is plain JSON");
    let mut check = Check {
        config,
        complaints: check_ranges(&schema, &value),
    };
    check.node();
    check.role();
    check.ports();
    check.timers();
    check.memory();
    if let (Role::Mag, Some(mag)) = (config.role, &config.mag) {
        check.mag(mag);
    }
    if let (Role::Lma, Some(lma)) = (config.role, &config.lma) {
        check.lma(lma);
    }
    check.complaints
}

/// Why a text cannot be an MN-ID, if it cannot.
pub(crate) fn mn_id_problem(mn_id: &str) -> Option<String> {
    match mn_id.len() {
        0 => Some("an MN-ID is not empty".to_owned()),
        1..=MAX_MN_ID_BYTES if mn_id.chars().any(char::is_control) => {
            Some("an MN-ID has no control characters".to_owned())
        }
        1..=MAX_MN_ID_BYTES => None,
        length => Some(format!(
            "an MN-ID has at most {MAX_MN_ID_BYTES} octets (RFC 4283), this one has {length}"
        )),
    }
}

struct Check<'a> {
    config: &'a Config,
    complaints: Vec<Complaint>,
}

fn root(key: &str) -> KeyPath {
    KeyPath::default().key(key)
}

impl Check<'_> {
    fn complain(&mut self, path: KeyPath, reason: impl Display) {
        let reason = reason.to_string();
        self.complaints.push(Complaint { path, reason });
    }

    fn node(&mut self) {
        if !is_name(&self.config.node_id, 64) {
            self.complain(
                root("node_id"),
                "letters, digits, '.', '_', '-', at most 64",
            );
        }
        self.complaints.extend(protection::check(self.config));
        self.complaints.extend(transport4::check(self.config));
        if let Err(error) = EnvFilter::builder().parse(&self.config.log.filter) {
            self.complain(root("log").key("filter"), error);
        }
        let mut named = BTreeSet::new();
        for (index, peer) in self.config.peers.iter().enumerate() {
            if !named.insert(peer.address) {
                let path = root("peers").index(index).key("address");
                self.complain(path, "this peer stands here twice");
            }
        }
        if self.config.state_dir.as_os_str().is_empty() {
            self.complain(root("state_dir"), "empty: name a directory");
        }
        let domain = &self.config.domain;
        if !domain.mh_base.is_multiple_of(2) {
            let reason = "must be even: even types are requests, odd ones acknowledgements";
            self.complain(root("domain").key("mh_base"), reason);
        }
        if !domain.fixed_mag_link_local_address.is_unicast_link_local() {
            let path = root("domain").key("fixed_mag_link_local_address");
            self.complain(path, "not a link-local address (fe80::/10)");
        }
        if let Some(reason) = mac_problem(domain.fixed_mag_link_layer_address.0) {
            self.complain(root("domain").key("fixed_mag_link_layer_address"), reason);
        }
    }

    fn role(&mut self) {
        let role = self.config.role;
        if role == Role::Cn {
            let reason = "\"cn\" is not in this version; \"mag\" and \"lma\" are";
            return self.complain(root("role"), reason);
        }
        let blocks = [
            (Role::Mag, "mag", self.config.mag.is_some()),
            (Role::Lma, "lma", self.config.lma.is_some()),
        ];
        for (of, name, there) in blocks {
            if of == role && !there {
                self.complain(root(name), format!("missing: the role is \"{role}\""));
            }
            if of != role && there {
                self.complain(
                    root(name),
                    format!("does not belong here: the role is \"{role}\""),
                );
            }
        }
        let wanted: &[PortRole] = match role {
            Role::Mag => &[PortRole::Access, PortRole::Transport],
            Role::Lma | Role::Cn => &[PortRole::Transport],
        };
        for wanted in wanted {
            if !self.config.ports.iter().any(|port| port.has(*wanted)) {
                let wanted = format!("{wanted:?}").to_lowercase();
                let reason = format!("no port has the role \"{wanted}\", which a {role} needs");
                self.complain(root("ports"), reason);
            }
        }
    }

    fn ports(&mut self) {
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

    fn timers(&mut self) {
        let lr = &self.config.localized_routing;
        if lr.hold_off_max_s < lr.hold_off_s {
            let path = root("localized_routing").key("hold_off_max_s");
            self.complain(path, format!("less than hold_off_s, {}", lr.hold_off_s));
        }
        if lr.detect.after_packets == 0 && lr.detect.after_bytes == 0 {
            let path = root("localized_routing").key("detect").key("after_packets");
            self.complain(
                path,
                "0, and after_bytes is 0 too: no pair would ever count as talking",
            );
        }
    }

    fn memory(&mut self) {
        let rings = |port: &Port| u64::from(port.rx_descriptors) + u64::from(port.tx_descriptors);
        let held: u64 = self.config.ports.iter().map(rings).sum();
        let mbufs = self.config.dataplane.mempool_mbufs;
        if u64::from(mbufs) < held {
            let reason = format!("{mbufs} is less than the {held} descriptors of one queue a port");
            self.complain(root("dataplane").key("mempool_mbufs"), reason);
        }
    }

    /// The four-second units of PBU and PBA (RFC 6275 sections 6.1.7, 6.1.8).
    fn lifetime(&mut self, path: KeyPath, lifetime_s: u32) {
        if !lifetime_s.is_multiple_of(4) {
            self.complain(
                path,
                "not a multiple of 4: the field counts in units of 4 s",
            );
        }
    }

    /// A node of the domain must be reachable and must not be this one.
    fn peer(&mut self, path: KeyPath, peer: Ipv6Addr) {
        if let Some(reason) = unicast_problem(peer) {
            return self.complain(path, reason);
        }
        let ports = &self.config.ports;
        if ports
            .iter()
            .flat_map(Port::ipv6)
            .any(|own| own.addr() == peer)
        {
            return self.complain(path, "this is the node's own address");
        }
        let reachable = ports
            .iter()
            .filter(|port| port.has(PortRole::Transport))
            .any(|port| port.gateway.is_some() || port.on_link(peer.into()));
        if !reachable && !self.config.is_reached_by_ipv4(peer) {
            let reason = "no transport port reaches it: in no on-link prefix, and no gateway";
            self.complain(path, reason);
        }
    }

    fn mag(&mut self, mag: &Mag) {
        let path = root("mag");
        self.peer(path.key("lma"), mag.lma);
        for (mn_id, lma) in &mag.lma_of {
            let path = path.key("lma_of").key(mn_id);
            if let Some(reason) = mn_id_problem(mn_id) {
                self.complain(path.clone(), reason);
            }
            self.peer(path, *lma);
        }
        let peers = mag.peer_mags.iter().map(|peer| peer.0);
        self.listed_once(&path.key("peer_mags"), peers);
        self.dhcp_servers(mag, &path.key("dhcp_servers"));
        self.lifetime(path.key("binding_lifetime_s"), mag.binding_lifetime_s);
        if mag.max_bindack_timeout_ms < mag.initial_bindack_timeout_ms {
            let reason = "less than initial_bindack_timeout_ms";
            self.complain(path.key("max_bindack_timeout_ms"), reason);
        }
        let ra = &mag.router_advertisement;
        let path = path.key("router_advertisement");
        if ra.min_interval_s > ra.max_interval_s * 3 / 4 {
            let reason = "more than 0.75 times max_interval_s (RFC 4861 section 6.2.1)";
            self.complain(path.key("min_interval_s"), reason);
        }
        if u32::from(ra.router_lifetime_s) < ra.max_interval_s {
            let reason = "less than max_interval_s (RFC 4861 section 6.2.1)";
            self.complain(path.key("router_lifetime_s"), reason);
        }
    }

    fn lma(&mut self, lma: &Lma) {
        let path = root("lma");
        self.lifetime(
            path.key("max_binding_lifetime_s"),
            lma.max_binding_lifetime_s,
        );
        self.pools(lma, &path.key("hnp_pools"));
        self.ipv4_pools(lma, &path);
        self.ipv4_default_routers(lma, &path);
        self.mobile_nodes(lma, &path.key("mobile_nodes"));
        let mags = lma.authorised_mags.iter().map(|mag| mag.0);
        self.listed_once(&path.key("authorised_mags"), mags);
        if lma.authorised_mags.is_empty() {
            let reason = "empty: no MAG may register a mobile node here";
            self.complain(path.key("authorised_mags"), reason);
        }
        self.peer_lmas(lma, &path.key("peer_lmas"));
    }

    fn pools(&mut self, lma: &Lma, path: &KeyPath) {
        for (index, pool) in lma.hnp_pools.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = home_prefix_problem(*pool) {
                self.complain(path.clone(), reason);
            }
            if pool.prefix_len() > lma.hnp_length_bits {
                let reason = format!(
                    "no prefix of hnp_length_bits, {}, fits in",
                    lma.hnp_length_bits
                );
                self.complain(path.clone(), reason);
            }
            let overlap = lma.hnp_pools[..index]
                .iter()
                .find(|other| overlaps(**other, *pool));
            if let Some(other) = overlap {
                self.complain(path, format!("overlaps with {other}"));
            }
        }
        if lma.accept_unknown_mns && lma.hnp_pools.is_empty() && lma.ipv4_pools.is_empty() {
            self.complain(
                path.clone(),
                "empty, but accept_unknown_mns needs a pool to serve from",
            );
        }
    }

    fn mobile_nodes(&mut self, lma: &Lma, path: &KeyPath) {
        let mut names = BTreeSet::new();
        let mut homes_v4 = BTreeSet::new();
        let mut homes = BTreeMap::new();
        for (index, node) in lma.mobile_nodes.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = mn_id_problem(&node.mn_id) {
                self.complain(path.key("mn_id"), reason);
            }
            if !names.insert(&node.mn_id) {
                self.complain(path.key("mn_id"), "another mobile node has this MN-ID");
            }
            if node.ipv4_hoa.is_some_and(|hoa| !homes_v4.insert(hoa)) {
                self.complain(path.key("ipv4_hoa"), "another mobile node has this address");
            }
            if let Some(hoa) = node.ipv4_hoa {
                self.ipv4_hoa(lma, hoa, path.key("ipv4_hoa"));
            }
            if node.ipv6 && node.hnps.is_empty() && lma.hnp_pools.is_empty() {
                self.complain(
                    path.key("hnps"),
                    "empty, and there is no pool to take one from",
                );
            }
            self.hnps(node, &path.key("hnps"), &mut homes);
        }
    }

    /// `homes` has the prefixes seen so far by their first address; prefixes either nest or are disjoint,
    /// so only the nearest ones below and above can overlap with a new one.
    fn hnps(&mut self, node: &MobileNode, path: &KeyPath, homes: &mut BTreeMap<Ipv6Addr, Ipv6Net>) {
        let max = self.config.limits.max_homes_per_binding as usize;
        if node.hnps.len() > max {
            self.complain(
                path.clone(),
                format!("more than limits.max_homes_per_binding, {max}"),
            );
        }
        for (index, hnp) in node.hnps.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = home_prefix_problem(*hnp) {
                self.complain(path, reason);
                continue;
            }
            let below = homes.range(..=hnp.network()).next_back();
            let above = homes.range(hnp.network()..).next();
            let taken = below
                .into_iter()
                .chain(above)
                .find(|(_, other)| overlaps(**other, *hnp));
            match taken {
                Some((_, other)) => self.complain(path, format!("overlaps with {other}")),
                None => {
                    homes.insert(hnp.network(), *hnp);
                }
            }
        }
    }

    fn listed_once(&mut self, path: &KeyPath, prefixes: impl Iterator<Item = Ipv6Net>) {
        let mut seen = BTreeSet::new();
        for (index, prefix) in prefixes.enumerate() {
            let path = path.index(index);
            if prefix.prefix_len() == 128
                && let Some(reason) = unicast_problem(prefix.addr())
            {
                self.complain(path.clone(), reason);
            }
            if prefix.trunc() != prefix {
                let reason = format!("has bits beyond its length; meant is {}", prefix.trunc());
                self.complain(path.clone(), reason);
            }
            if !seen.insert(prefix.trunc()) {
                self.complain(path, "stands here twice");
            }
        }
    }
}

fn is_name(text: &str, max: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=max).contains(&text.len()) && text.bytes().all(allowed)
}

fn mac_problem(mac: [u8; 6]) -> Option<&'static str> {
    match mac {
        [0, 0, 0, 0, 0, 0] => Some("a link-layer address of zeros is nobody's"),
        [first, ..] if first & 1 == 1 => Some("a group address, not a node's"),
        _ => None,
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

fn unicast_problem(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        Some("not a unicast address of a node")
    } else if address.is_unicast_link_local() {
        Some("a link-local address reaches no further than its link; a global one is needed")
    } else {
        None
    }
}

fn home_prefix_problem(prefix: Ipv6Net) -> Option<String> {
    if prefix.trunc() != prefix {
        return Some(format!(
            "has bits beyond its length; meant is {}",
            prefix.trunc()
        ));
    }
    if prefix.prefix_len() == 0 {
        return Some("all of IPv6 is not a home".to_owned());
    }
    unicast_problem(prefix.addr()).map(|_| "not a prefix of global unicast addresses".to_owned())
}

fn overlaps(a: Ipv6Net, b: Ipv6Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}
