//! Every method's parameters, right and wrong.

use pmipv6::io::{AttachRequest, Event, Link, MacAddr, Refusal};
use serde_json::{Value, json};

use super::method::Call;
use super::*;

fn parse(method: &str, params: Value) -> Result<Method, RpcError> {
    match Call::parse(method, Some(params))? {
        Call::Method(method) => Ok(method),
        Call::Subscribe(_) => panic!("not a method of the control thread"),
    }
}

/// The key and the text of the error that these parameters get.
#[track_caller]
fn wrong(method: &str, params: Value) -> (Option<String>, String) {
    let error = parse(method, params).expect_err("must be refused");
    assert_eq!(error.code, RpcError::INVALID_PARAMS, "{error:?}");
    (error.data.unwrap().key, error.message)
}

fn attach() -> Value {
    json!({
        "mn_id": "mn1@example.com",
        "link": {"port": "access", "mac": "02:00:00:00:00:01"},
    })
}

fn attach_with(key: &str, value: Value) -> Value {
    let mut params = attach();
    match key.strip_prefix("link.") {
        Some(key) => params["link"][key] = value,
        None => params[key] = value,
    }
    params
}

fn attached(params: Value) -> MnAttach {
    match parse("mn.attach", params) {
        Ok(Method::MnAttach(attach)) => attach,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_method_without_parameters_is_known() {
    for (name, method) in [
        ("version", Method::Version),
        ("status", Method::Status),
        ("latency", Method::Latency),
        ("config.show", Method::ConfigShow),
        ("config.reload", Method::ConfigReload),
        ("stats", Method::Stats { filter: None }),
        ("log.level", Method::LogLevel { filter: None }),
        ("binding.list", Method::BindingList(Page::default())),
        ("path.list", Method::PathList(Page::default())),
        ("peer.list", Method::PeerList(Page::default())),
    ] {
        assert_eq!(parse(name, json!({})), Ok(method.clone()), "{name}");
        assert_eq!(parse(name, Value::Null), Ok(method.clone()), "{name}");
        assert_eq!(Call::parse(name, None), Ok(Call::Method(method)), "{name}");
        let (key, message) = wrong(name, json!({"x": 1}));
        assert_eq!(key.as_deref(), Some("x"), "{name}");
        assert!(message.contains("unknown field"), "{name}: {message}");
        assert!(wrong(name, json!([1])).1.contains("by name"), "{name}");
    }
}

#[test]
fn a_mobile_node_is_named_by_its_mn_id() {
    let mn_id = "mn1@example.com".to_owned();
    let params = json!({ "mn_id": mn_id });
    let method = |name| parse(name, params.clone()).unwrap();
    assert_eq!(
        method("mn.detach"),
        Method::MnDetach {
            mn_id: mn_id.clone()
        }
    );
    assert_eq!(
        method("binding.show"),
        Method::BindingShow {
            mn_id: mn_id.clone()
        }
    );
    assert_eq!(method("binding.revoke"), Method::BindingRevoke { mn_id });
    let mag = "2001:db8:f::11".parse().unwrap();
    let all = parse("binding.revoke_all", json!({ "mag": "2001:db8:f::11" }));
    assert_eq!(all, Ok(Method::BindingRevokeAll { mag }));
    assert!(wrong("mn.detach", json!({})).1.contains("`mn_id`"));
    for bad in ["".to_owned(), "a".repeat(255), "a\nb".to_owned()] {
        let (key, _) = wrong("mn.detach", json!({ "mn_id": bad }));
        assert_eq!(key.as_deref(), Some("mn_id"), "{bad:?}");
    }
}

#[test]
fn attach_has_the_engines_defaults() {
    let request = attached(attach()).into_request(4);
    assert_eq!(
        request,
        AttachRequest {
            mn_id: "mn1@example.com".to_owned(),
            link: Link {
                port: 4,
                vlan: None,
                mac: MacAddr([2, 0, 0, 0, 0, 1]),
            },
            att: 3,
            hi: 4,
            ipv6: true,
            hnps: Vec::new(),
            ipv4_hoa: None,
        }
    );
}

#[test]
fn attach_can_be_for_ipv4_alone() {
    let mut params = attach_with("ipv6", json!(false));
    params["ipv4_hoa"] = json!("0.0.0.0");
    let request = attached(params).into_request(4);
    assert_eq!(
        (request.ipv6, request.ipv4_hoa),
        (false, Some([0; 4].into()))
    );
}

#[test]
fn attach_takes_names_and_numbers() {
    let port = |value| attached(attach_with("link.port", value)).link.port;
    assert_eq!(port(json!(2)), PortRef::Number(2));
    assert_eq!(port(json!("2")), PortRef::Number(2));
    assert_eq!(port(json!("radio")), PortRef::Name("radio".to_owned()));
    assert_eq!(attached(attach_with("att", json!("802.11"))).att.0, 4);
    assert_eq!(attached(attach_with("att", json!(200))).att.0, 200);
    assert_eq!(attached(attach_with("hi", json!("between-mags"))).hi.0, 3);
    assert_eq!(attached(attach_with("hi", json!(1))).hi.0, 1);
    assert_eq!(
        attached(attach_with("link.vlan", json!(4094))).link.vlan,
        Some(4094)
    );
    let hnps = |value| attached(attach_with("hnp", value)).hnps.len();
    assert_eq!(hnps(json!("2001:db8:1::/64")), 1);
    assert_eq!(hnps(json!(["2001:db8:1::/64", "2001:db8:2::/64"])), 2);
    assert_eq!(hnps(Value::Null), 0);
    let hoa = attached(attach_with("ipv4_hoa", json!("0.0.0.0"))).ipv4_hoa;
    assert!(hoa.unwrap().is_unspecified());
}

#[test]
fn attach_says_which_key_is_wrong() {
    for (key, value, reason) in [
        ("link.port", json!(65_536), "not a port's name"),
        ("link.port", json!(-1), "a port's name"),
        ("link.vlan", json!(0), "1 to 4094"),
        ("link.vlan", json!(4095), "1 to 4094"),
        ("link.mac", json!("02:00"), "not a MAC address"),
        ("link.mac", json!("ff:ff:ff:ff:ff:ff"), "not a node's"),
        ("link.mac", json!("00:00:00:00:00:00"), "not a node's"),
        ("att", json!(0), "1 to 255"),
        ("att", json!("wimax"), "802.16e"),
        ("hi", json!(256), "1 to 255"),
        ("hi", json!("handoff"), "between-mags"),
        ("hnp", json!("2001:db8::1/64"), "meant is 2001:db8::/64"),
        ("hnp", json!(["192.0.2.0/24"]), "not a prefix like"),
        ("hnp", json!(7), "a list of prefixes"),
        ("ipv4_hoa", json!("2001:db8::1"), "invalid"),
        ("mn_id", json!(""), "not empty"),
    ] {
        let (at, message) = wrong("mn.attach", attach_with(key, value.clone()));
        let at = at.unwrap_or_default();
        assert!(at.starts_with(key), "{key} {value}: {at}: {message}");
        assert!(message.contains(reason), "{key} {value}: {message}");
    }
    let (key, message) = wrong("mn.attach", json!({"mn_id": "a"}));
    assert!(message.contains("`link`"), "{message}");
    assert_eq!(key.as_deref(), Some("link"));
    let (key, _) = wrong("mn.attach", attach_with("link.lan", json!(1)));
    assert_eq!(key.as_deref(), Some("link.lan"));
}

#[test]
fn a_pair_is_of_addresses_or_prefixes() {
    let pair = json!({"source": "2001:db8:1::/64", "destination": "192.0.2.1"});
    let expected = Pair {
        source: "2001:db8:1::/64".parse().unwrap(),
        destination: "192.0.2.1/32".parse().unwrap(),
    };
    assert_eq!(
        parse("path.show", pair.clone()),
        Ok(Method::PathShow(expected))
    );
    assert_eq!(
        parse("path.request", pair.clone()),
        Ok(Method::PathRequest(expected))
    );
    assert_eq!(parse("path.remove", pair), Ok(Method::PathRemove(expected)));
    let (key, message) = wrong("path.show", json!({"source": "x", "destination": "::1"}));
    assert_eq!(key.as_deref(), Some("source"));
    assert!(
        message.contains("neither an address nor a prefix"),
        "{message}"
    );
    let host_bits = json!({"source": "::1", "destination": "2001:db8::1/64"});
    assert_eq!(
        wrong("path.show", host_bits).0.as_deref(),
        Some("destination")
    );
}

#[test]
fn pages_are_bounded() {
    let page = |offset, limit| parse("path.list", json!({"offset": offset, "limit": limit}));
    assert_eq!(
        page(7, 1000),
        Ok(Method::PathList(Page {
            offset: 7,
            limit: 1000
        }))
    );
    assert_eq!(
        page(0, 0).unwrap_err().data.unwrap().key.as_deref(),
        Some("limit")
    );
    assert!(page(0, 1001).is_err());
    let list = [1, 2, 3];
    assert_eq!(
        Page {
            offset: 1,
            limit: 1
        }
        .of(&list),
        [2]
    );
    assert_eq!(
        Page {
            offset: 2,
            limit: 9
        }
        .of(&list),
        [3]
    );
    assert!(
        Page {
            offset: usize::MAX,
            limit: 9
        }
        .of(&list)
        .is_empty()
    );
}

#[test]
fn a_subscription_to_what_never_happens_is_refused() {
    let ask = |events: Value| Call::parse("events.subscribe", Some(json!({ "events": events })));
    let error = ask(json!(["attach", "path-up"])).unwrap_err();
    assert_eq!(error.code, RpcError::INVALID_PARAMS);
    assert_eq!(error.data.unwrap().key.as_deref(), Some("events"));
    assert!(
        error.message.contains("\"path-up\" is no event"),
        "{}",
        error.message
    );
    assert!(error.message.contains("path_up"), "{}", error.message);
    let all = EVENT_NAMES.map(str::to_owned).into();
    assert_eq!(ask(json!(EVENT_NAMES)), Ok(Call::Subscribe(Some(all))));
    assert_eq!(ask(Value::Null), Ok(Call::Subscribe(None)));
}

/// Every event of the engines can be asked for by the name that it is told by.
#[test]
fn every_event_of_an_engine_has_its_name() {
    let (mn_id, reason, text) = (String::new(), String::new(), String::new());
    let peer: std::net::IpAddr = "2001:db8::1".parse().unwrap();
    let home: ipnet::IpNet = "2001:db8::/64".parse().unwrap();
    let (source, destination, status, setup_us) = (home, home, None, 0);
    let events = [
        Event::Attach {
            mn_id: mn_id.clone(),
            homes: Vec::new(),
            peer,
        },
        Event::Detach {
            mn_id: mn_id.clone(),
            reason: reason.clone(),
        },
        Event::Handover {
            mn_id,
            from: peer,
            to: peer,
        },
        Event::PathUp {
            source,
            destination,
            peer: None,
            setup_us,
        },
        Event::PathDown {
            source,
            destination,
            reason: reason.clone(),
        },
        Event::PathRefused {
            source,
            destination,
            status,
            reason: reason.clone(),
        },
        Event::PeerUp { peer },
        Event::PeerDown { peer, reason },
        Event::PeerRestarted { peer },
        Event::Alarm {
            name: text.clone(),
            text,
        },
    ];
    for event in &events {
        // Another variant has to be added above, too.
        match event {
            Event::Attach { .. }
            | Event::Detach { .. }
            | Event::Handover { .. }
            | Event::PathUp { .. }
            | Event::PathDown { .. }
            | Event::PathRefused { .. }
            | Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::PeerRestarted { .. }
            | Event::Alarm { .. } => {}
        }
        let name = &serde_json::to_value(event).unwrap()["event"];
        assert!(EVENT_NAMES.contains(&name.as_str().unwrap()), "{name}");
    }
    assert_eq!(events.len() + 1, EVENT_NAMES.len(), "and \"discarded\"");
}

#[test]
fn what_a_client_sent_is_not_echoed_in_full() {
    let long = "x".repeat(1_000_000);
    let error = parse(&long, json!({})).unwrap_err();
    assert_eq!(error.code, RpcError::METHOD_NOT_FOUND);
    assert!(error.message.len() < 1000);
    let error = parse("path.show", json!({"source": "é".repeat(100_000)})).unwrap_err();
    assert!(serde_json::to_string(&error).unwrap().len() < 2000);
    let error = parse("version", json!({ long: 1 })).unwrap_err();
    assert!(serde_json::to_string(&error).unwrap().len() < 2000);
}

#[test]
fn a_refusal_keeps_its_status_and_name() {
    let error = RpcError::from(Refusal {
        status: Some(153),
        name: "NOT_LMA_FOR_THIS_MOBILE_NODE".to_owned(),
        text: "the LMA does not serve mn1".to_owned(),
    });
    let error = serde_json::to_value(error).unwrap();
    assert_eq!(error["code"], -32000);
    assert_eq!(
        error["data"],
        json!({"status": 153, "name": "NOT_LMA_FOR_THIS_MOBILE_NODE"})
    );
}
