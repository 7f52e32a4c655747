//! What IP carries: extension headers, UDP, tunnels, ESP, ICMPv6.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use super::header::leaf;
use super::packet::{Addresses, Walk, be16, ipv6_address};
use super::{Field, lower};
use crate::wire::Checksum;
use crate::wire::iana::{
    NEXT_HEADER_MH, NO_NEXT_HEADER, PORT_DSMIPV6, PORT_PMIP6_CNTL, PORT_PMIP6_DATA,
};

const UDP_HEADER: usize = 8;
const ESP_HEADER: usize = 8;
const PORT_ESP_IN_UDP: u16 = 4500;

impl Walk<'_> {
    /// What an IP header announces by its next header or protocol.
    pub(super) fn upper(&mut self, protocol: u8, addresses: Addresses, at: Range<usize>) {
        if self.too_deep() {
            return;
        }
        match (protocol, addresses.source) {
            (NEXT_HEADER_MH, IpAddr::V6(_)) => self.mobility_header(addresses.checksum(), at),
            (lower::UDP, _) => self.udp(addresses, at),
            (lower::IPV4 | lower::IPV6, _) => self.ip(at),
            (lower::GRE, _) => self.gre(at),
            (lower::ESP, _) => self.esp(at),
            (lower::ICMPV6, IpAddr::V6(_)) => self.icmpv6(addresses, &at),
            (lower::HOP_BY_HOP | lower::DESTINATION_OPTIONS | lower::ROUTING, IpAddr::V6(_)) => {
                self.extension(protocol, addresses, at);
            }
            (lower::FRAGMENT, IpAddr::V6(_)) => self.fragment(addresses, at),
            (NO_NEXT_HEADER, _) => self.payload("Behind No Next Header", &at),
            _ => self.payload(lower::protocol_name(protocol), &at),
        }
    }

    /// Hop-by-Hop Options, Destination Options, Routing.
    fn extension(&mut self, protocol: u8, mut addresses: Addresses, mut at: Range<usize>) {
        let octets = &self.packet[at.clone()];
        let need = octets.get(1).map_or(8, |len| (usize::from(*len) + 1) * 8);
        let rows = if protocol == lower::ROUTING {
            lower::ROUTING_HEADER
        } else {
            lower::EXTENSION
        };
        if !self.layer(lower::protocol_name(protocol), rows, &at, need) {
            return;
        }
        let header = &octets[..need];
        if protocol == lower::ROUTING {
            // Type 2 with a segment left: the home address is the final destination (RFC 6275 section 6.4).
            if let ([2, 1], Some(home)) = ([header[2], header[3]], header.get(8..24)) {
                addresses.destination = ipv6_address(home).into();
            }
        } else {
            let (options, home) = destination_options(&header[2..], at.start + 2);
            if let Some(layer) = self.layers.last_mut() {
                layer.children.extend(options);
            }
            if let Some(home) = home {
                addresses.source = home.into();
            }
        }
        at.start += need;
        self.upper(header[0], addresses, at);
    }

    fn fragment(&mut self, addresses: Addresses, mut at: Range<usize>) {
        if !self.layer("Fragment", lower::FRAGMENT_HEADER, &at, 8) {
            return;
        }
        let header = &self.packet[at.start..at.start + 8];
        let whole = u16::from_be_bytes([header[2], header[3]]) & 0xfff9 == 0;
        let next_header = header[0];
        at.start += 8;
        if whole {
            self.upper(next_header, addresses, at);
        } else {
            self.payload("Fragment data", &at);
        }
    }

    fn udp(&mut self, addresses: Addresses, mut at: Range<usize>) {
        if !self.layer("UDP", lower::UDP_HEADER, &at, UDP_HEADER) {
            return;
        }
        let octets = &self.packet[at.clone()];
        let field = |index: usize| u16::from_be_bytes([octets[index], octets[index + 1]]);
        let (source, destination, length, checksum) = (field(0), field(2), field(4), field(6));
        self.summary(format!("{source} -> {destination}"));
        if usize::from(length) < UDP_HEADER {
            self.problem("Length", format!("{length}, shorter than the header"));
            return;
        }
        let whole = usize::from(length) <= at.len();
        let tail = self.cut(&mut at, "Length", usize::from(length));
        let ours = [PORT_PMIP6_CNTL, PORT_PMIP6_DATA, PORT_DSMIPV6];
        let is_ours = ours.contains(&source) || ours.contains(&destination);
        let sum = addresses.sum(lower::UDP, &self.packet[at.clone()]);
        let control = [source, destination].contains(&PORT_PMIP6_CNTL);
        if checksum == 0 && (control || matches!(addresses.source, IpAddr::V6(_))) {
            let problem = "zero, but it must be used (RFC 5844 section 4.1.3.2)";
            self.problem("Checksum", problem.to_owned());
        } else if checksum != 0 && whole && sum != 0xffff {
            self.problem("Checksum", "wrong".to_owned());
        }
        at.start += UDP_HEADER;
        let nat_t = [source, destination].contains(&PORT_ESP_IN_UDP);
        match self.packet[at.clone()].first().map(|octet| octet >> 4) {
            None => {}
            Some(_) if nat_t => self.esp(at),
            Some(3) if is_ours => self.mobility_header(Some(Checksum::Ignored), at),
            Some(4 | 6) if is_ours => self.ip(at),
            Some(0) if is_ours => self.tlv(at),
            Some(_) => self.payload("Payload", &at),
        }
        self.payload("Behind UDP", &tail);
    }

    /// TLV header (RFC 5845 section 7).
    fn tlv(&mut self, mut at: Range<usize>) {
        if self.too_deep() || !self.layer("TLV header", lower::TLV_HEADER, &at, 4) {
            return;
        }
        let header = &self.packet[at.start..at.start + 4];
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let next_header = header[1];
        at.start += 4;
        if length != at.len() {
            self.problem(
                "Length",
                format!("{length} octets claimed, {} there", at.len()),
            );
        }
        match next_header {
            lower::IPV4 | lower::IPV6 => self.ip(at),
            lower::GRE => self.gre(at),
            lower::ESP => self.esp(at),
            _ => self.payload(lower::protocol_name(next_header), &at),
        }
    }

    /// RFC 2784 and the key of RFC 2890.
    fn gre(&mut self, mut at: Range<usize>) {
        if self.too_deep() || !self.layer("GRE", lower::GRE_HEADER, &at, 4) {
            return;
        }
        let octets = &self.packet[at.clone()];
        let bits = octets[0];
        let ethertype = be16(octets, 2);
        let words = [0x80_u8, 0x20, 0x10]
            .iter()
            .filter(|flag| bits & **flag != 0)
            .count();
        let need = 4 + 4 * words;
        if octets.len() < need {
            self.problem(
                "",
                format!("truncated: {} octets, {need} needed", octets.len()),
            );
            return;
        }
        if bits & 0x20 != 0 {
            let key_at = if bits & 0x80 == 0 { 4 } else { 8 };
            let key = u32::from_be_bytes([
                octets[key_at],
                octets[key_at + 1],
                octets[key_at + 2],
                octets[key_at + 3],
            ]);
            let key = leaf("Key".to_owned(), key.to_string(), at.start + key_at, 4);
            if let Some(layer) = self.layers.last_mut() {
                layer.length = need;
                layer.children.push(key);
            }
        }
        at.start += need;
        match ethertype {
            Some(lower::ETHERTYPE_IPV4 | lower::ETHERTYPE_IPV6) => self.ip(at),
            _ => self.payload("Payload", &at),
        }
    }

    fn esp(&mut self, mut at: Range<usize>) {
        if self.layer(
            "Encapsulating Security Payload",
            lower::ESP_HEADER,
            &at,
            ESP_HEADER,
        ) {
            at.start += ESP_HEADER;
            let value = format!("{} octets, not opened: nobody here has the keys", at.len());
            self.layers
                .push(leaf("Protected data".to_owned(), value, at.start, at.len()));
        }
    }

    fn icmpv6(&mut self, addresses: Addresses, at: &Range<usize>) {
        if !self.layer("ICMPv6", lower::ICMPV6_HEADER, at, 4) {
            return;
        }
        let octets = &self.packet[at.clone()];
        self.summary(lower::icmpv6_name(octets[0]).to_owned());
        if addresses.sum(lower::ICMPV6, octets) != 0xffff {
            self.problem("Checksum", "wrong".to_owned());
        }
        self.payload("ICMPv6 data", &(at.start + 4..at.end));
    }
}

/// The options of a Destination or Hop-by-Hop Options header, and the Home Address among them.
fn destination_options(mut rest: &[u8], mut offset: usize) -> (Vec<Field>, Option<Ipv6Addr>) {
    let mut fields = Vec::new();
    let mut home = None;
    while let [option_type, after @ ..] = rest {
        if *option_type == 0 {
            fields.push(leaf("Pad1".to_owned(), String::new(), offset, 1));
            (rest, offset) = (after, offset + 1);
            continue;
        }
        let data = after
            .split_first()
            .map(|(len, data)| (data, usize::from(*len)));
        let Some((data, after)) = data.and_then(|(data, len)| data.split_at_checked(len)) else {
            fields.push(Field {
                problem: Some("runs past the end of the header".to_owned()),
                ..leaf(
                    format!("Option {option_type}"),
                    String::new(),
                    offset,
                    rest.len(),
                )
            });
            break;
        };
        let (name, value) = match (*option_type, data) {
            (1, _) => ("PadN".to_owned(), String::new()),
            (lower::OPTION_ENCAPSULATION_LIMIT, [limit]) => {
                ("Tunnel Encapsulation Limit".to_owned(), limit.to_string())
            }
            (lower::OPTION_HOME_ADDRESS, _) if data.len() == 16 => {
                let address = ipv6_address(data);
                home = Some(address);
                ("Home Address".to_owned(), address.to_string())
            }
            _ => (
                format!("Option {option_type}"),
                format!("{} octets", data.len()),
            ),
        };
        fields.push(leaf(name, value, offset, 2 + data.len()));
        (rest, offset) = (after, offset + 2 + data.len());
    }
    (fields, home)
}
