//! Realms: the same pool is for different realms, with GRE keys, and for nobody else.

use super::*;

fn realm(name: &str, pool: &str) -> Value {
    json!({ "name": name, "ipv4_pools": [pool] })
}

/// Blue and red with one pool, a network port of blue's, an MN of each with one address.
fn realms() -> Value {
    let mut value = lma();
    value["gre"] = json!("optional");
    value["lma"]["realms"] = json!([realm("blue", "10.0.0.0/24"), realm("red", "10.0.0.0/24")]);
    let node = |mn_id: &str, realm: &str| json!({ "mn_id": mn_id, "realm": realm, "ipv4_hoa": "10.0.0.9" });
    value["lma"]["mobile_nodes"] = json!([node("a", "blue"), node("b", "red")]);
    value["ports"].as_array_mut().unwrap().push(json!({
        "device": "net_tap1", "name": "blue", "roles": ["network"], "realm": "blue",
        "addresses": ["192.0.2.1/24"], "gateway4": "192.0.2.2"
    }));
    value
}

#[test]
fn rfc5845_realms_may_have_one_pool_and_two_mns_one_address() {
    let config = parse(&realms()).unwrap();
    let lma = config.lma.unwrap();
    assert_eq!(lma.realms.len(), 2);
    assert_eq!(config.ports[1].realm.as_deref(), Some("blue"));
}

#[test]
fn rfc5845_realms_need_gre_keys_and_a_dhcp_server_that_knows_them() {
    for gre in [json!("off"), Value::Null] {
        let mut value = with(realms(), "/gre", gre.clone());
        if gre.is_null() {
            value.as_object_mut().unwrap().remove("gre");
        }
        refused(&value, "lma.realms", "told apart by GRE keys");
    }
    parse(&with(realms(), "/gre", json!("required"))).unwrap();
    let value = with(realms(), "/lma/dhcp_mode", json!("relay"));
    refused(&value, "lma.realms", "knows no realms");
}

#[test]
fn rfc5845_a_pool_is_shared_by_realms_alone() {
    let both = json!(["10.0.0.0/24", "10.0.0.128/25"]);
    let value = with(realms(), "/lma/realms/0/ipv4_pools", both);
    refused(
        &value,
        "lma.realms[0].ipv4_pools[1]",
        "overlaps with 10.0.0.0/24",
    );
    let value = with(realms(), "/lma/ipv4_pools", json!(["10.0.0.0/8"]));
    refused(&value, "lma.realms[1].ipv4_pools[0]", "of no realm");
    let peer = json!([{ "prefix": "10.0.0.0/16", "lma": "2001:db8:f::2" }]);
    let value = with(realms(), "/lma/peer_lmas", peer);
    refused(&value, "lma.realms[0].ipv4_pools[0]", "of a peer LMA");
    let value = with(
        realms(),
        "/lma/realms/1/ipv4_pools/0",
        json!("192.0.2.0/24"),
    );
    refused(
        &value,
        "lma.realms[1].ipv4_pools[0]",
        "own address 192.0.2.1",
    );
    let value = with(realms(), "/lma/realms/1/ipv4_pools", json!([]));
    refused(&value, "lma.realms[1].ipv4_pools", "nobody");
    let routers = json!({ "10.0.1.0/24": "10.0.1.1" });
    let value = with(realms(), "/lma/realms/0/ipv4_default_routers", routers);
    refused(
        &value,
        "lma.realms[0].ipv4_default_routers.10.0.1.0/24",
        "no pool",
    );
    let value = with(realms(), "/lma/realms/0/ipv4_pools/0", json!("10.0.0.1/24"));
    refused(
        &value,
        "lma.realms[0].ipv4_pools[0]",
        "meant is 10.0.0.0/24",
    );
}

#[test]
fn rfc5845_an_address_is_given_once_in_a_realm() {
    let value = with(realms(), "/lma/mobile_nodes/1/realm", json!("blue"));
    refused(&value, "lma.mobile_nodes[1].ipv4_hoa", "another");
    let value = with(realms(), "/lma/mobile_nodes/1/ipv4_hoa", json!("10.0.0.1"));
    refused(&value, "lma.mobile_nodes[1].ipv4_hoa", "not free");
    let value = with(realms(), "/lma/mobile_nodes/1/ipv4_hoa", json!("10.0.1.1"));
    refused(&value, "lma.mobile_nodes[1].ipv4_hoa", "neither subnet");
    // Of no realm there is no such pool.
    let value = with(realms(), "/lma/mobile_nodes/1/realm", Value::Null);
    refused(&value, "lma.mobile_nodes[1].ipv4_hoa", "neither subnet");
}

#[test]
fn realms_are_named_as_they_are() {
    let value = with(realms(), "/lma/mobile_nodes/0/realm", json!("green"));
    refused(&value, "lma.mobile_nodes[0].realm", "no realm");
    let value = with(realms(), "/ports/1/realm", json!("green"));
    refused(&value, "ports[1].realm", "no realm");
    let value = with(realms(), "/lma/realms/1/name", json!("blue"));
    refused(&value, "lma.realms[1].name", "another realm");
    let value = with(realms(), "/lma/realms/1/name", json!("re d"));
    refused(&value, "lma.realms[1].name", "letters");
}

#[test]
fn rfc4282_an_nai_is_of_one_realm() {
    let of = |realm: usize, names: Value| {
        let pointer = format!("/lma/realms/{realm}/nai_realms");
        with(realms(), &pointer, names)
    };
    parse(&of(0, json!(["blue.example", "corp.example"]))).unwrap();
    let value = of(0, json!(["mn@blue.example"]));
    refused(&value, "lma.realms[0].nai_realms[0]", "such as");
    let value = with(
        of(0, json!(["blue.example"])),
        "/lma/realms/1/nai_realms",
        json!(["red.example", "Blue.Example"]),
    );
    refused(&value, "lma.realms[1].nai_realms[1]", "already");
}

#[test]
fn a_realm_has_one_network_port_with_an_ipv4_gateway() {
    let value = with(realms(), "/ports/1/gateway4", Value::Null);
    refused(&value, "ports[1].gateway4", "missing");
    let mut value = realms();
    value["ports"].as_array_mut().unwrap().push(json!({
        "device": "net_tap2", "name": "more", "roles": ["network"], "realm": "blue",
        "addresses": ["198.51.100.1/24"], "gateway4": "198.51.100.2"
    }));
    refused(&value, "ports[2].realm", "another port");
    let value = with(realms(), "/ports/1/roles", json!(["transport"]));
    refused(&value, "ports[1].realm", "network port of an lma");
    let value = with(mag(), "/ports/0/realm", json!("blue"));
    refused(&value, "ports[0].realm", "network port of an lma");
}
