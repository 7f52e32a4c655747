//! The file is read as it says, and what is wrong with it is said by line and key.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;

mod protection;
mod realms;
mod transport4;

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

fn mag() -> Value {
    json!({
        "role": "mag", "node_id": "mag1", "protection": "none",
        "ports": [
            {"device": "net_tap0", "name": "access", "roles": ["access"]},
            {"device": "net_tap1", "name": "core", "roles": ["transport"],
             "addresses": ["2001:db8:f::11/64"], "gateway": "2001:db8:f::fe"}
        ],
        "mag": {"lma": "2001:db8:f::1"}
    })
}

fn lma() -> Value {
    json!({
        "role": "lma", "node_id": "lma1", "protection": "none",
        "ports": [
            {"device": "net_tap0", "name": "core", "roles": ["transport", "network"],
             "addresses": ["2001:db8:f::1/64"], "gateway": "fe80::1",
             "neighbours": [{"address": "2001:db8:f::11", "mac": "02:00:00:00:00:11"}]}
        ],
        "lma": {"hnp_pools": ["2001:db8:100::/48"], "authorised_mags": ["2001:db8:f::/64"]}
    })
}

fn parse(value: &Value) -> Result<Config, ConfigError> {
    let text = serde_json::to_string_pretty(value).unwrap();
    Config::parse(&text, Path::new("x.json"))
}

/// Sets one value by JSON pointer, creating the objects on the way.
fn with(mut value: Value, pointer: &str, new: Value) -> Value {
    let mut at = &mut value;
    for part in pointer.split('/').skip(1) {
        at = match part.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[part],
        };
    }
    *at = new;
    value
}

fn problems(value: &Value) -> Vec<(String, String)> {
    let error = parse(value).expect_err("must be refused");
    let pair = |p: &Problem| (p.key.clone(), p.reason.clone());
    error.problems().iter().map(pair).collect()
}

/// The one complaint about `value`: its key, and that its reason says `reason`.
#[track_caller]
fn refused(value: &Value, key: &str, reason: &str) {
    let found = problems(value);
    assert!(
        found.iter().any(|(k, r)| k == key && r.contains(reason)),
        "expected {key}: ...{reason}..., found {found:?}"
    );
}

#[test]
fn the_least_configurations_run_with_the_rfcs_defaults() {
    let mag = parse(&mag()).unwrap();
    assert_eq!(mag.domain.mh_base, 240);
    assert_eq!(
        mag.domain.fixed_mag_link_local_address.to_string(),
        "fe80::200:5eff:fe00:5213"
    );
    let block = mag.mag.as_ref().unwrap();
    assert_eq!(block.initial_bindack_timeout_ms, 1000);
    assert_eq!(block.max_bindack_timeout_ms, 32_000);
    assert_eq!(mag.localized_routing.lifetime_s, 300);
    assert_eq!(mag.transport_addresses().count(), 1);
    let lma = parse(&lma()).unwrap().lma.unwrap();
    assert_eq!(lma.timestamp_validity_window_ms, 300);
    assert_eq!(lma.min_delay_before_bce_delete_ms, 10_000);
    assert_eq!(lma.max_delay_before_new_bce_assign_ms, 1500);
}

#[test]
fn what_is_written_is_read_again() {
    for value in [mag(), lma()] {
        let config = parse(&value).unwrap();
        let again = parse(&serde_json::to_value(&config).unwrap()).unwrap();
        assert_eq!(config, again);
    }
}

#[test]
fn a_syntax_error_names_file_line_column_and_key() {
    let text = "{\n  \"role\": \"mag\",\n  \"ports\": [{\"device\": 7}]\n}";
    let error = Config::parse(text, Path::new("dir/x.json")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dir/x.json:3:24: ports[0].device: invalid type: integer `7`, expected a string"
    );
    let error = Config::parse("{\n  \"role\": }", Path::new("x.json")).unwrap_err();
    assert!(error.to_string().starts_with("x.json:2:11: "), "{error}");
    let text = format!("{} x", mag());
    let error = Config::parse(&text, Path::new("x.json")).unwrap_err();
    assert!(error.to_string().contains("trailing characters"), "{error}");
}

#[test]
fn a_wrong_value_names_line_and_key_too_and_all_are_listed() {
    let text = serde_json::to_string_pretty(&with(
        with(mag(), "/node_id", json!("a b")),
        "/mag/lma",
        json!("ff02::1"),
    ))
    .unwrap();
    let error = Config::parse(&text, Path::new("x.json")).unwrap_err();
    let line_of = |key: &str| text.lines().position(|l| l.contains(key)).unwrap() + 1;
    let lines: Vec<_> = error.problems().iter().map(|p| p.line).collect();
    assert_eq!(lines, [line_of("node_id"), line_of("\"lma\"")]);
    assert_eq!(error.to_string().lines().count(), 2);
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    for pointer in [
        "/x",
        "/ports/0/x",
        "/domain/x",
        "/mag/x",
        "/mag/router_advertisement/x",
        "/localized_routing/x",
        "/localized_routing/detect/x",
        "/dataplane/x",
        "/limits/x",
        "/log/x",
        "/control/x",
    ] {
        let found = problems(&with(mag(), pointer, json!(1)));
        assert!(
            found[0].1.contains("unknown field `x`"),
            "{pointer}: {found:?}"
        );
    }
    let value = with(lma(), "/lma/x", json!(1));
    refused(&value, "lma.x", "unknown field `x`");
}

#[test]
fn l_3_a_pair_counts_as_talking_by_packets_or_by_octets_not_by_neither() {
    let detect = |value| with(mag(), "/localized_routing/detect", value);
    let by_octets = detect(json!({ "after_packets": 0, "after_bytes": 1, "within_ms": 10 }));
    parse(&by_octets).expect("one of the two is enough");
    let never = detect(json!({ "after_packets": 0 }));
    let key = "localized_routing.detect.after_packets";
    refused(&never, key, "no pair would ever count as talking");
}

#[test]
fn keys_that_stand_twice_are_refused() {
    let text = mag().to_string();
    let text = text.replacen("\"role\":", "\"role\":\"lma\",\"role\":", 1);
    let error = Config::parse(&text, Path::new("x.json")).unwrap_err();
    assert!(
        error.to_string().contains("duplicate field `role`"),
        "{error}"
    );
    let map = r#""lma_of":{"a":"2001:db8:f::1","a":"2001:db8:f::2"},"lma":"#;
    let text = mag().to_string().replacen("\"lma\":", map, 1);
    let error = Config::parse(&text, Path::new("x.json")).unwrap_err();
    assert!(error.to_string().contains("stands here twice"), "{error}");
}

#[test]
fn l_67_protection_is_required_unless_none_is_said() {
    let mut value = mag();
    value.as_object_mut().unwrap().remove("protection");
    refused(
        &value,
        "protection",
        "say \"esp\", with peers and keys in \"security\", or \"none\"",
    );
    let esp = with(mag(), "/protection", json!("esp"));
    refused(&esp, "security", "needs peers and their keys");
}

#[test]
fn the_role_has_its_block_and_no_other() {
    refused(
        &with(mag(), "/role", json!("cn")),
        "role",
        "\"cn\" is not in",
    );
    let value = with(mag(), "/role", json!("lma"));
    refused(&value, "lma", "missing: the role is \"lma\"");
    refused(&value, "mag", "does not belong here");
    refused(&value, "ports[0].roles[0]", "an lma has no access port");
    let value = with(mag(), "/ports/0/roles", json!(["network"]));
    refused(&value, "ports", "no port has the role \"access\"");
    refused(&value, "ports[0].roles[0]", "a mag has no network port");
}

#[test]
fn ports_have_names_and_addresses_that_make_sense() {
    let port = |pointer: &str, value| with(mag(), &format!("/ports/1/{pointer}"), value);
    refused(&with(mag(), "/ports", json!([])), "ports", "at least 1");
    refused(
        &port("device", json!("net_tap0")),
        "ports[1].device",
        "another port",
    );
    refused(
        &port("device", json!("a b")),
        "ports[1].device",
        "not a DPDK device",
    );
    refused(
        &port("name", json!("access")),
        "ports[1].name",
        "another port",
    );
    refused(&port("name", json!("7")), "ports[1].name", "not a number");
    refused(
        &port("roles", json!(["transport", "transport"])),
        "ports[1].roles[1]",
        "twice",
    );
    refused(
        &port("mtu_bytes", json!(1300)),
        "ports[1].mtu_bytes",
        "1320",
    );
    refused(
        &port("mtu_bytes", json!(9000)),
        "ports[1].mtu_bytes",
        "mbuf_data_room_bytes",
    );
    refused(
        &port("mtu_bytes", json!(1279)),
        "ports[1].mtu_bytes",
        "not from 1280 to 9600",
    );
    refused(
        &port("addresses", json!([])),
        "ports[1].addresses",
        "needs an address",
    );
    refused(
        &port("addresses", json!(["ff02::1/64"])),
        "ports[1].addresses[0]",
        "unicast",
    );
    refused(
        &port("addresses", json!(["2001:db8::1"])),
        "ports[1].addresses[0]",
        "invalid",
    );
    refused(
        &port("addresses", json!(["2001:db8:f::/64"])),
        "ports[1].addresses[0]",
        "anycast",
    );
    refused(
        &port("gateway", json!("2001:db8:e::1")),
        "ports[1].gateway",
        "in none",
    );
    refused(
        &port("gateway", json!("2001:db8:f::11")),
        "ports[1].gateway",
        "own address",
    );
    let value = with(mag(), "/ports/0/addresses", json!(["2001:db8::1/64"]));
    refused(&value, "ports[0].addresses", "fixed link-local address");
    let twice = json!(["2001:db8:f::11/64", "2001:db8:f::11/65"]);
    refused(&port("addresses", twice), "ports[1].addresses[1]", "twice");
}

#[test]
fn neighbours_are_unicast_on_link_and_listed_once() {
    let with = |v: Value| with(lma(), "/ports/0/neighbours", v);
    let one = |address: &str, mac: &str| json!({"address": address, "mac": mac});
    let good = one("2001:db8:f::11", "02:00:00:00:00:11");
    let key = "ports[0].neighbours[0]";
    let mac = format!("{key}.mac");
    refused(
        &with(json!([one("fe80::1", "03:00:00:00:00:11")])),
        &mac,
        "group address",
    );
    refused(
        &with(json!([one("fe80::1", "00:00:00:00:00:00")])),
        &mac,
        "zeros",
    );
    refused(
        &with(json!([one("fe80::1", "00:00")])),
        &mac,
        "not a MAC address",
    );
    let address = format!("{key}.address");
    refused(
        &with(json!([one("2001:db8:e::1", "02:00:00:00:00:11")])),
        &address,
        "in none",
    );
    let value = with(json!([good.clone(), good]));
    refused(&value, "ports[0].neighbours[1].address", "twice");
}

#[test]
fn a_mags_peers_are_others_and_reachable() {
    refused(
        &with(mag(), "/mag/lma", json!("2001:db8:f::11")),
        "mag.lma",
        "own address",
    );
    refused(
        &with(mag(), "/mag/lma", json!("fe80::1")),
        "mag.lma",
        "link-local",
    );
    let far = with(mag(), "/mag/lma", json!("2001:db8:e::1"));
    assert!(parse(&far).is_ok(), "the gateway reaches it");
    let far = with(far, "/ports/1/gateway", Value::Null);
    refused(&far, "mag.lma", "no transport port reaches it");
    let value = with(mag(), "/mag/lma_of", json!({"mn@x": "::1"}));
    refused(&value, "mag.lma_of.mn@x", "unicast");
    let value = with(
        mag(),
        "/mag/peer_mags",
        json!(["2001:db8:f::12", "2001:db8:f::12/128"]),
    );
    refused(&value, "mag.peer_mags[1]", "twice");
    let value = with(mag(), "/mag/peer_mags", json!(["2001:db8:f::12/64"]));
    refused(&value, "mag.peer_mags[0]", "beyond its length");
}

#[test]
fn timers_fit_their_fields_and_each_other() {
    let mag = |key: &str, value| with(mag(), &format!("/mag/{key}"), value);
    refused(
        &mag("binding_lifetime_s", json!(3601)),
        "mag.binding_lifetime_s",
        "multiple of 4",
    );
    refused(
        &mag("binding_lifetime_s", json!(262_144)),
        "mag.binding_lifetime_s",
        "262140",
    );
    let value = mag("max_bindack_timeout_ms", json!(999));
    refused(
        &value,
        "mag.max_bindack_timeout_ms",
        "less than initial_bindack_timeout_ms",
    );
    let value = mag("router_advertisement", json!({"min_interval_s": 500}));
    refused(&value, "mag.router_advertisement.min_interval_s", "0.75");
    let value = with(lma(), "/localized_routing", json!({"hold_off_max_s": 59}));
    refused(&value, "localized_routing.hold_off_max_s", "hold_off_s");
    let value = with(lma(), "/domain", json!({"mh_base": 241}));
    refused(&value, "domain.mh_base", "even");
    let value = with(lma(), "/log", json!({"filter": "a=b=c"}));
    refused(&value, "log.filter", "parsing");
}

#[test]
fn homes_do_not_overlap() {
    let lma = |key: &str, value| with(lma(), &format!("/lma/{key}"), value);
    let pools = json!(["2001:db8::/32", "2001:db8:100::/48"]);
    refused(
        &lma("hnp_pools", pools),
        "lma.hnp_pools[1]",
        "overlaps with 2001:db8::/32",
    );
    refused(
        &lma("hnp_pools", json!(["2001:db8::1/48"])),
        "lma.hnp_pools[0]",
        "beyond",
    );
    refused(
        &lma("hnp_pools", json!(["2001:db8::/65"])),
        "lma.hnp_pools[0]",
        "fits in",
    );
    refused(
        &lma("hnp_pools", json!([])),
        "lma.hnp_pools",
        "accept_unknown_mns",
    );
    let nodes = json!([
        {"mn_id": "a", "hnps": ["2001:db8:1::/64"], "ipv4_hoa": "192.0.2.1"},
        {"mn_id": "a", "hnps": ["2001:db8:1::/48"], "ipv4_hoa": "192.0.2.1"},
        {"mn_id": ""},
    ]);
    let value = lma("mobile_nodes", nodes);
    refused(&value, "lma.mobile_nodes[1].mn_id", "another");
    refused(
        &value,
        "lma.mobile_nodes[1].hnps[0]",
        "overlaps with 2001:db8:1::/64",
    );
    refused(&value, "lma.mobile_nodes[1].ipv4_hoa", "another");
    refused(&value, "lma.mobile_nodes[2].mn_id", "empty");
    let inner = json!([
        {"mn_id": "a", "hnps": ["2001:db8:1::/48"]},
        {"mn_id": "b", "hnps": ["2001:db8:1:7::/64"]},
    ]);
    let value = lma("mobile_nodes", inner);
    refused(
        &value,
        "lma.mobile_nodes[1].hnps[0]",
        "overlaps with 2001:db8:1::/48",
    );
    let peers = json!([{"prefix": "2001:db8:100:1::/64", "lma": "2001:db8:f::2"}]);
    refused(
        &lma("peer_lmas", peers),
        "lma.peer_lmas[0].prefix",
        "own pool",
    );
    let peers = json!([{"prefix": "10.1.0.0/16", "lma": "2001:db8:f::2"},
        {"prefix": "10.1.7.0/24", "lma": "2001:db8:f::2"}]);
    refused(
        &lma("peer_lmas", peers),
        "lma.peer_lmas[1].prefix",
        "overlaps with 10.1.0.0/16",
    );
    refused(
        &lma("authorised_mags", json!([])),
        "lma.authorised_mags",
        "no MAG may",
    );
}

/// Every bound in the schema is a bound in fact: one below and one above are refused by key.
#[test]
fn every_bound_of_the_schema_holds() {
    let schema = schema().to_value();
    let mut tried = 0;
    for (base, blocks) in [
        (
            mag(),
            &[
                "domain",
                "mag",
                "localized_routing",
                "dataplane",
                "limits",
                "control",
            ][..],
        ),
        (lma(), &["lma"]),
    ] {
        let full = serde_json::to_value(parse(&base).unwrap()).unwrap();
        for block in blocks {
            for (key, value) in full[block].as_object().unwrap() {
                let name = block
                    .split('_')
                    .map(|part| part[..1].to_uppercase() + &part[1..]);
                let name: String = name.collect();
                let bounds = &schema["$defs"][&name]["properties"][key];
                if !value.is_number() {
                    continue;
                }
                let maximum = bounds["maximum"].as_u64();
                let maximum = maximum.unwrap_or_else(|| panic!("{block}.{key} has no maximum"));
                let above = with(full.clone(), &format!("/{block}/{key}"), json!(maximum + 1));
                assert!(
                    parse(&above).is_err(),
                    "{block}.{key}: {maximum} and one more"
                );
                let minimum = bounds["minimum"].as_u64().unwrap_or(0);
                if minimum > 0 {
                    let below = with(full.clone(), &format!("/{block}/{key}"), json!(minimum - 1));
                    refused(&below, &format!("{block}.{key}"), "not from");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "only {tried} numbers were found");
}

#[test]
fn the_published_schema_is_the_one_in_the_code() {
    let path = configs().join("crowfly.schema.json");
    if std::env::var_os("CROWFLY_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, schema_text()).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert!(
        published == schema_text(),
        "configs/crowfly.schema.json is out of step; write it again with \
         CROWFLY_WRITE_SCHEMA=1 cargo test -p crowfly schema"
    );
}

/// Every JSON file below `folder` but the schema.
fn ready_configurations(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(ready_configurations(&path));
        } else if path.extension().is_some_and(|e| e == "json")
            && !path.ends_with("crowfly.schema.json")
            && std::fs::read_to_string(&path).unwrap().contains("\"role\"")
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_ready_configuration_passes() {
    let mut roles = std::collections::BTreeSet::new();
    for path in ready_configurations(&configs()) {
        let config = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
        roles.insert(config.role.to_string());
    }
    assert!(
        roles.contains("mag") && roles.contains("lma"),
        "found {roles:?}"
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = Config::load(Path::new("/nonexistent/x.json")).unwrap_err();
    assert!(
        error.to_string().starts_with("/nonexistent/x.json: "),
        "{error}"
    );
    assert!(Config::load(Path::new("/")).is_err());
}

#[test]
fn changes_are_named_by_key() {
    let old = parse(&mag()).unwrap();
    assert_eq!(changes(&old, &old), []);
    let new = with(mag(), "/log", json!({"filter": "debug"}));
    let new = with(new, "/mag/lma_of", json!({"mn1": "2001:db8:f::2"}));
    let new = parse(&with(new, "/ports/1/mtu_bytes", json!(1400))).unwrap();
    let found = changes(&old, &new);
    let mut keys: Vec<_> = found.iter().map(|change| change.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["log.filter", "mag.lma_of.mn1", "ports[1].mtu_bytes"]);
    let log = found
        .iter()
        .find(|change| change.key == "log.filter")
        .unwrap();
    assert_eq!((&log.from, &log.to), (&json!("info"), &json!("debug")));
}

/// RFC 5844 section 3.3.3: a home address has a subnet, and a default router in it.
#[test]
fn rfc5844_ipv4_homes_have_a_subnet_and_a_router() {
    let with = |keys: Value| {
        let mut value = lma();
        let lma = value["lma"].as_object_mut().unwrap();
        lma.insert(
            "ipv4_pools".to_owned(),
            json!(["10.1.0.0/16", "10.2.0.0/24"]),
        );
        lma.extend(keys.as_object().unwrap().clone());
        value
    };
    let router =
        |pool: &str, router: &str| with(json!({ "ipv4_default_routers": { pool: router } }));
    let hoa = |hoa: &str| {
        let node = json!({ "mn_id": "a", "ipv4_hoa": hoa });
        with(json!({ "mobile_nodes": [node], "ipv4_default_routers": {"10.1.0.0/16": "10.1.0.9"} }))
    };
    parse(&hoa("10.1.0.1")).unwrap();
    parse(&router("10.2.0.0/24", "10.2.0.254")).unwrap();
    refused(
        &with(json!({ "ipv4_pools": ["10.1.0.0/16", "10.1.2.0/24"] })),
        "lma.ipv4_pools[1]",
        "overlaps",
    );
    refused(
        &with(json!({ "ipv4_pools": ["10.1.0.1/16"] })),
        "lma.ipv4_pools[0]",
        "meant is 10.1.0.0/16",
    );
    refused(
        &with(json!({ "ipv4_pools": ["10.1.0.0/31"] })),
        "lma.ipv4_pools[0]",
        "fits in",
    );
    refused(
        &with(json!({ "ipv4_pools": ["224.0.0.0/8"] })),
        "lma.ipv4_pools[0]",
        "unicast",
    );
    refused(
        &router("10.3.0.0/24", "10.3.0.1"),
        "lma.ipv4_default_routers.10.3.0.0/24",
        "no pool",
    );
    refused(
        &router("10.2.0.0/24", "10.1.0.1"),
        "lma.ipv4_default_routers.10.2.0.0/24",
        "no host",
    );
    refused(
        &router("10.2.0.0/24", "10.2.0.255"),
        "lma.ipv4_default_routers.10.2.0.0/24",
        "no host",
    );
    for taken in ["10.1.0.9", "10.1.255.255", "10.2.0.1"] {
        refused(&hoa(taken), "lma.mobile_nodes[0].ipv4_hoa", "not free");
    }
    refused(
        &hoa("192.0.2.1"),
        "lma.mobile_nodes[0].ipv4_hoa",
        "neither subnet",
    );
}
