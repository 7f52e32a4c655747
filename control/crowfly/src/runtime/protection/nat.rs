//! A MAG whose LMA answers nothing in ESP over IPv4: most likely there is a NAT, and `behind_nat` does not say so.
//! The LMA sees an address that no peer has, and has to discard (RFC 4301 section 5.2); the MAG sees nothing at all.

use std::net::IpAddr;

use pmipv6::esp::AssociationView;

use crate::config::{Config, Protection};

/// Alarm: a NAT that nobody has told of.
pub(in crate::runtime) const SUSPECTED: &str = "esp-nat-suspected";
/// Messages without an answer until it is suspected: one, and two repetitions.
const UNANSWERED: u64 = 3;

/// IPv4 addresses of the LMAs that bare ESP goes to; none where this node knows of a NAT.
pub(super) fn bare_anchors(config: &Config) -> Vec<IpAddr> {
    let transport = &config.ipv4_transport;
    let Some(mag) = config.mag.as_ref() else {
        return Vec::new();
    };
    if config.protection == Protection::None || transport.behind_nat {
        return Vec::new();
    }
    let lmas = std::iter::once(&mag.lma).chain(mag.lma_of.values());
    let rows = lmas.filter_map(|lma| transport.row_of(*lma));
    let bare = rows.filter(|row| row.nat.is_empty() && row.address.0.prefix_len() == 32);
    let mut addresses: Vec<IpAddr> = bare.map(|row| row.address.0.addr().into()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// What to tell an operator of an LMA that has been sent something by these associations, if anything.
pub(super) fn suspicion(anchor: IpAddr, associations: &[AssociationView]) -> Option<String> {
    let sealed = associations.iter().filter_map(|of| of.outbound.as_ref());
    let sealed: u64 = sealed.map(|outbound| outbound.sealed).sum();
    let answered = associations.iter().any(|of| of.inbound.opened > 0);
    (sealed >= UNANSWERED && !answered).then(|| {
        format!(
            "{anchor} has answered none of {sealed} messages in ESP: where a NAT is on the way, say so in \
             ipv4_transport.behind_nat, because bare ESP has no port that a NAT could translate"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pmipv6::esp::{InboundView, OutboundView};
    use serde_json::{Value, json};

    use super::*;

    fn associations(sealed: u64, opened: u64) -> [AssociationView; 1] {
        [AssociationView {
            generation: 1,
            suite: "null-hmac-sha2-256-128".to_owned(),
            extended_sequence_numbers: true,
            active: true,
            inbound: InboundView {
                opened,
                ..InboundView::default()
            },
            outbound: Some(OutboundView {
                spi: 256,
                sequence: sealed,
                sealed,
            }),
        }]
    }

    #[test]
    fn ls_11_an_lma_that_is_silent_from_the_start_is_suspected_to_be_past_a_nat() {
        let anchor = "198.51.100.1".parse().unwrap();
        let told = suspicion(anchor, &associations(3, 0)).unwrap();
        assert!(
            told.contains("198.51.100.1") && told.contains("behind_nat"),
            "{told}"
        );
        for (sealed, opened) in [(2, 0), (3, 1)] {
            assert_eq!(suspicion(anchor, &associations(sealed, opened)), None);
        }
        assert_eq!(suspicion(anchor, &[]), None);
    }

    /// A MAG with two LMAs, both over IPv4, each with a key.
    fn mag(transport: Value) -> Config {
        let peer = |last: u8| {
            let key = format!("{last:02x}").repeat(32);
            let spi = 256 + u32::from(last);
            json!({
                "addresses": [format!("2001:db8:f::{last}"), format!("198.51.100.{last}")], "roles": ["lma"],
                "associations": [{
                    "generation": 1, "suite": "null-hmac-sha2-256-128", "inbound": {"spi": spi, "key": key}
                }]
            })
        };
        let rows = [1, 2].map(|last| {
            json!({ "peer": format!("2001:db8:f::{last}"), "address": format!("198.51.100.{last}") })
        });
        let mut value = json!({
            "role": "mag", "node_id": "mag1", "protection": "esp",
            "security": { "state_file": "/nowhere/esp.json", "peers": [peer(1), peer(2)] },
            "ports": [
                {"device": "net_tap0", "name": "access", "roles": ["access"]},
                {"device": "net_tap1", "name": "core", "roles": ["transport"],
                 "addresses": ["2001:db8:f::11/128", "198.51.100.11/24"]}
            ],
            "mag": {"lma": "2001:db8:f::1", "lma_of": {"a": "2001:db8:f::1", "b": "2001:db8:f::2"}},
            "ipv4_transport": { "peers": rows }
        });
        for (key, new) in transport.as_object().unwrap() {
            value["ipv4_transport"][key] = new.clone();
        }
        Config::parse(&value.to_string(), Path::new("mag.json")).unwrap()
    }

    #[test]
    fn who_knows_of_its_nat_suspects_none() {
        let anchors = ["198.51.100.1", "198.51.100.2"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(bare_anchors(&mag(json!({}))), anchors);
        assert!(bare_anchors(&mag(json!({ "behind_nat": true }))).is_empty());
    }
}
