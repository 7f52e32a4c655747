//! IPv4 between the nodes (RFC 5844 section 4).

use super::*;

/// A MAG that only IPv4 reaches.
fn mag4() -> Value {
    let mut value = with(
        mag(),
        "/ports/1/addresses",
        json!(["2001:db8:f::11/128", "198.51.100.11/24"]),
    );
    value["ports"][1].as_object_mut().unwrap().remove("gateway");
    value["ipv4_transport"] = json!({"peers": [
        {"peer": "2001:db8:f::1", "address": "198.51.100.1"}
    ]});
    value
}

fn row(key: &str, new: Value) -> Value {
    with(mag4(), &format!("/ipv4_transport/peers/0/{key}"), new)
}

#[test]
fn l_64_the_local_address_is_the_one_on_the_peers_link_or_the_gateways() {
    let local = |value: &Value| {
        let config = parse(value).unwrap();
        let row = &config.ipv4_transport.peers[0];
        row.local_of(&config).map(|local| local.to_string())
    };
    assert_eq!(local(&mag4()).as_deref(), Some("198.51.100.11"));
    let far = with(
        row("address", json!("192.0.2.1")),
        "/ports/1/gateway4",
        json!("198.51.100.254"),
    );
    assert_eq!(local(&far).as_deref(), Some("198.51.100.11"));
    let two = with(
        row("local", json!("203.0.113.11")),
        "/ports/1/addresses",
        json!(["2001:db8:f::11/128", "198.51.100.11/24", "203.0.113.11/24"]),
    );
    assert_eq!(local(&two).as_deref(), Some("203.0.113.11"));
    let defaults = parse(&mag()).unwrap().ipv4_transport;
    assert_eq!(defaults.nat_keepalive_s, 110, "RFC 5555 section 6");
}

#[test]
fn rfc5844_a_dhcp_server_that_the_relay_agent_cannot_reach_is_refused() {
    let relaying = |value: Value, servers: Value| with(value, "/mag/dhcp_servers", servers);
    let config = parse(&relaying(mag4(), json!(["198.51.100.67"]))).unwrap();
    assert_eq!(config.mag.unwrap().dhcp_servers.len(), 1);
    let nowhere = "no transport port reaches it";
    for (value, server, reason) in [
        (mag4(), "192.0.2.67", nowhere),
        (mag(), "198.51.100.67", nowhere),
        (mag4(), "198.51.100.11", "own address"),
        (mag4(), "255.255.255.255", "not a unicast address"),
    ] {
        let value = relaying(value, json!([server]));
        refused(&value, "mag.dhcp_servers[0]", reason);
    }
    let twice = relaying(mag4(), json!(["198.51.100.67", "198.51.100.67"]));
    refused(&twice, "mag.dhcp_servers[1]", "stands here twice");
}

#[test]
fn ipv4_transport_that_cannot_work_is_refused() {
    let at = |key: &str| format!("ipv4_transport.peers[0].{key}");
    for (key, new, reason) in [
        (
            "address",
            json!("192.0.2.1"),
            "no transport port reaches it",
        ),
        ("address", json!("198.51.100.11"), "own address"),
        ("address", json!("224.0.0.1"), "not a unicast address"),
        ("address", json!("198.51.100.1/24"), "beyond its length"),
        ("local", json!("192.0.2.9"), "no transport port has"),
        ("peer", json!("2001:db8:f::11"), "the node itself"),
    ] {
        refused(&row(key, new), &at(key), reason);
    }
    let forced = "/ipv4_transport/accept_forced_udp_encapsulation";
    refused(
        &with(mag4(), forced, json!(true)),
        "ipv4_transport.accept_forced_udp_encapsulation",
        "only an lma",
    );
    refused(
        &with(mag4(), "/ipv4_transport/peers", json!([])),
        "mag.lma",
        "no transport port reaches it",
    );
}

#[test]
fn a_node_without_an_ipv6_address_has_no_name() {
    let nameless = with(mag4(), "/ports/1/addresses", json!(["198.51.100.11/24"]));
    refused(&nameless, "ports[1].addresses", "RFC 6279");
}

#[test]
fn ipv4_addresses_and_gateways_have_to_fit_their_link() {
    for (address, reason) in [
        ("198.51.100.0/24", "network's own address"),
        ("198.51.100.255/24", "broadcast"),
        ("127.0.0.1/8", "not a unicast address"),
    ] {
        let value = with(mag4(), "/ports/1/addresses/1", json!(address));
        refused(&value, "ports[1].addresses[1]", reason);
    }
    let value = with(mag4(), "/ports/1/gateway4", json!("192.0.2.1"));
    refused(&value, "ports[1].gateway4", "on-link");
    let neighbour = json!([{"address": "198.51.100.1", "mac": "02:00:00:00:00:01"}]);
    parse(&with(mag4(), "/ports/1/neighbours", neighbour)).unwrap();
}
