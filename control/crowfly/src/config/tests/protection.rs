//! Peers and keys of protected signalling.

use std::os::unix::fs::OpenOptionsExt;

use super::*;

/// Keying material of AES-GCM with 128 bits: 20 octets of one digit.
fn hex(digit: char) -> String {
    digit.to_string().repeat(40)
}

/// A MAG that has keys with its LMA.
fn esp() -> Value {
    let mut value = with(mag(), "/protection", json!("esp"));
    value["security"] = json!({
        "state_file": "/var/lib/crowfly/mag1.json",
        "peers": [{
            "addresses": ["2001:db8:f::1"],
            "roles": ["lma"],
            "associations": [{
                "generation": 1,
                "suite": "aes-128-gcm-16",
                "inbound": {"spi": 257, "key": hex('a')},
                "outbound": {"spi": 258, "key": hex('b')}
            }]
        }]
    });
    value
}

const ASSOCIATION: &str = "/security/peers/0/associations/0";

fn association(pointer: &str, value: Value) -> Value {
    with(esp(), &format!("{ASSOCIATION}{pointer}"), value)
}

#[test]
fn a_peer_with_keys_becomes_the_boundarys_peer() {
    let security = parse(&esp()).unwrap().security.unwrap();
    assert_eq!(security.replay_window_packets, 64);
    let boundary = security.boundary();
    let peer = &boundary.peers[0];
    assert!(peer.authorization.roles.lma && !peer.authorization.roles.mag);
    assert!(peer.associations[0].extended_sequence_numbers);
    assert_eq!(peer.associations[0].inbound.key.len(), 20);
    assert_eq!(peer.associations[0].outbound.as_ref().unwrap().spi, 258);
}

#[test]
fn keys_are_neither_shown_nor_kept() {
    let mut config = parse(&esp()).unwrap();
    let shown = serde_json::to_string(&config).unwrap() + &format!("{config:?}");
    for digit in ['a', 'b'] {
        assert!(!shown.contains(&digit.to_string().repeat(8)), "{shown}");
    }
    assert!(shown.contains("(hidden)"));
    let security = config.security.as_mut().unwrap();
    security.forget_keys();
    let legs = &security.boundary().peers[0].associations[0];
    assert!(legs.inbound.key.is_empty() && legs.outbound.as_ref().unwrap().key.is_empty());
}

#[test]
fn a_wrong_key_is_not_quoted() {
    for wrong in ["secretsecret", "abc", "0xaaaa"] {
        let value = association("/inbound/key", json!(wrong));
        let error = parse(&value).unwrap_err().to_string();
        assert!(
            error.contains("hexadecimal") && !error.contains(wrong),
            "{error}"
        );
    }
}

#[test]
fn unknown_keys_are_refused_here_too() {
    for pointer in ["/security/x", "/security/peers/0/x"] {
        assert!(parse(&with(esp(), pointer, json!(1))).is_err(), "{pointer}");
    }
    for pointer in ["/x", "/inbound/x"] {
        assert!(parse(&association(pointer, json!(1))).is_err(), "{pointer}");
    }
}

#[test]
fn what_cannot_be_is_named() {
    let at = "security.peers[0].associations[0]";
    let refused_at = |pointer: &str, value, key: &str, reason: &str| {
        refused(&association(pointer, value), &format!("{at}{key}"), reason);
    };
    refused_at("/inbound/spi", json!(255), ".inbound.spi", "not from 256");
    refused_at(
        "/inbound/key",
        json!("00"),
        ".inbound.key",
        "needs 20 octets, there are 1",
    );
    refused_at(
        "/suite",
        json!("aes-256-gcm-16"),
        ".outbound.key",
        "needs 36 octets",
    );
    refused_at("/inbound", json!({"spi": 300}), ".inbound.key", "missing");
    let whole = |pointer: &str, value, key: &str, reason: &str| {
        refused(
            &with(esp(), &format!("/security{pointer}"), value),
            key,
            reason,
        );
    };
    whole(
        "/replay_window_packets",
        json!(16),
        "security.replay_window_packets",
        "not from 32",
    );
    whole(
        "/state_file",
        json!("x.json"),
        "security.state_file",
        "absolute",
    );
    whole(
        "/peers/0/roles",
        json!([]),
        "security.peers[0].roles",
        "at least 1",
    );
    whole(
        "/peers/0/addresses",
        json!(["2001:db8:f::1/64"]),
        "security.peers[0].addresses[0]",
        "bits",
    );
    whole(
        "/peers/0/addresses",
        json!(["2001:db8:f::2"]),
        "mag.lma",
        "no entry of security.peers",
    );
    whole(
        "/peers/0/roles",
        json!(["mag"]),
        "mag.lma",
        "no entry of security.peers",
    );
    let same = association("/inbound/key", json!(hex('b')));
    refused(&same, "security", "have the same key");
    let none = with(esp(), "/protection", json!("none"));
    refused(&none, "security", "does not belong here");
}

#[test]
fn what_policy_lets_by_needs_no_keys() {
    let mut value = with(esp(), "/security/peers", json!([]));
    refused(&value, "mag.lma", "no entry of security.peers");
    value["security"]["policies"] = json!([{"mh_types": [5, 6], "action": "bypass"}]);
    assert!(parse(&value).is_ok());
}

/// RFC 5844 section 4.3.1: the selectors are IPv4 addresses; HL-8: the name is in the message.
#[test]
fn l_68_esp_over_ipv4_goes_by_the_addresses_of_the_peers_entry() {
    let rows = json!([
        {"peer": "2001:db8:f::1", "address": "198.51.100.1"},
        {"peer": "2001:db8:f::12", "address": "198.51.100.12"}
    ]);
    let mut base = with(
        esp(),
        "/ports/1/addresses",
        json!(["2001:db8:f::11/128", "198.51.100.11/24"]),
    );
    base["ports"][1].as_object_mut().unwrap().remove("gateway");
    base["ipv4_transport"] = json!({ "peers": rows });
    let addresses = |list: Value| with(base.clone(), "/security/peers/0/addresses", list);
    for right in [
        json!(["2001:db8:f::1", "198.51.100.1"]),
        json!(["2001:db8:f::1", "198.51.100.0/29"]),
    ] {
        let config = parse(&addresses(right.clone()));
        assert!(config.is_ok(), "{right}: {config:?}");
    }
    let named = addresses(json!(["2001:db8:f::1"]));
    let at = |index: usize, key: &str| format!("ipv4_transport.peers[{index}].{key}");
    refused(&named, &at(0, "address"), "add it there");
    // Through a NAT the IPv6 addresses are the selectors.
    for (pointer, new) in [
        ("/ipv4_transport/peers/0/nat", json!(["192.0.2.200"])),
        ("/ipv4_transport/behind_nat", json!(true)),
    ] {
        let config = parse(&with(named.clone(), pointer, new));
        assert!(config.is_ok(), "{pointer}: {config:?}");
    }
    let other = |list: Value| {
        let mut value = named.clone();
        let peers = value["security"]["peers"].as_array_mut().unwrap();
        peers.push(json!({"addresses": list, "roles": ["mag"], "associations": []}));
        value
    };
    refused(
        &other(json!(["198.51.100.1"])),
        &at(0, "address"),
        "different entries",
    );
    refused(
        &other(json!(["198.51.100.12"])),
        &at(1, "peer"),
        "not this name",
    );
}

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crowfly-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let _ = std::fs::remove_file(&path);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_with_keys_is_its_owners_alone() {
    let scratch = Scratch::new("config-mode");
    let open = scratch.write("open.json", 0o644, &esp().to_string());
    let error = Config::load(&open).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    let closed = scratch.write("closed.json", 0o600, &esp().to_string());
    assert!(Config::load(&closed).is_ok());
}

#[test]
fn a_key_file_stands_beside_the_configuration_and_is_its_owners_alone() {
    let scratch = Scratch::new("key-file");
    let leg = json!({"spi": 257, "key_file": "in.key"});
    let mut value = association("/inbound", leg);
    value["security"]["peers"][0]["associations"][0]["outbound"] = Value::Null;
    let file = scratch.write("mag.json", 0o644, &value.to_string());
    let load = || Config::load(&file).map_err(|error| error.to_string());
    assert!(load().unwrap_err().contains("No such file"));
    scratch.write("in.key", 0o640, &hex('c'));
    assert!(load().unwrap_err().contains("chmod 600"));
    scratch.write("in.key", 0o600, &(hex('c') + "00"));
    assert!(
        load()
            .unwrap_err()
            .contains("needs 20 octets, there are 21")
    );
    scratch.write("in.key", 0o600, &(hex('c') + "\n"));
    let config = load().unwrap();
    assert!(!serde_json::to_string(&config).unwrap().contains("cccc"));
    assert_eq!(
        config.security.unwrap().boundary().peers[0].associations[0]
            .inbound
            .key
            .len(),
        20
    );
}
