//! What the receiver of a well-formed message would make of it.

use super::Field;
use super::header::leaf;
use crate::wire::iana::{ro_status, status};
use crate::wire::message::{BindingUpdate, RoKind};
use crate::wire::ro::{Endpoints, EndpointsError, Group, mag_address};
use crate::wire::{Message, MobilityOption, options};

/// One field without octets at `offset`.
pub(super) fn verdict(message: &Message, offset: usize) -> Field {
    let (value, problem) = match message {
        Message::RoRequest(request) if request.kind == RoKind::Query => query(&request.options),
        Message::RoRequest(request) => localized(&request.options, needs_mag(request.kind)),
        Message::LocalizedRoutingInitiation(request) => localized(&request.options, false),
        Message::BindingUpdate(update) if update.flags & BindingUpdate::P != 0 => {
            (registration(update), missing_option(update))
        }
        _ => ("understood".to_owned(), None),
    };
    Field {
        problem,
        ..leaf("Verdict".to_owned(), value, offset, 0)
    }
}

const fn needs_mag(kind: RoKind) -> bool {
    matches!(kind, RoKind::Trigger | RoKind::Init | RoKind::Setup)
}

/// Source and destination by the order of the options (HL-9), or status 136.
fn localized(list: &[MobilityOption], needs_mag: bool) -> (String, Option<String>) {
    let malformed = |error: EndpointsError| {
        let code = ro_status::MISSING_OR_MALFORMED_OPTION;
        format!("status {code} ({}): {error}", ro_status::name(code))
    };
    match Endpoints::from_options(list) {
        Ok(ends) => {
            let value = format!("{} to {}", group(&ends.source), group(&ends.destination));
            let mag = if needs_mag {
                mag_address(list).err()
            } else {
                None
            };
            (value, mag.map(malformed))
        }
        Err(error) => ("no two ends".to_owned(), Some(malformed(error))),
    }
}

fn query(list: &[MobilityOption]) -> (String, Option<String>) {
    let prefix = options::home_network_prefixes(list)
        .map(|prefix| prefix.to_string())
        .next();
    let address = options::ipv4_home_addresses(list)
        .map(|(address, _)| address.to_string())
        .next();
    match prefix.or(address) {
        Some(home) => (format!("which MAG serves {home}"), None),
        None => {
            let error = EndpointsError::Missing(crate::wire::ro::End::Source);
            ("nobody is asked for".to_owned(), Some(error.to_string()))
        }
    }
}

fn group(group: &Group) -> String {
    let homes: Vec<_> = group.homes.iter().map(ToString::to_string).collect();
    match &group.mn_id {
        Some(mn_id) => format!("{mn_id} {}", homes.join(", ")),
        None => homes.join(", "),
    }
}

fn registration(update: &BindingUpdate) -> String {
    let what = if update.lifetime == 0 {
        "de-registration"
    } else {
        "registration"
    };
    let who = options::nai(&update.options).unwrap_or("somebody");
    format!("proxy {what} of {who}")
}

/// The first mandatory option that the LMA would miss, in the order of RFC 5213 section 5.3.1.
fn missing_option(update: &BindingUpdate) -> Option<String> {
    let list = &update.options;
    let home = options::home_network_prefixes(list).next().is_some()
        || options::ipv4_home_address_request(list).is_some();
    let code = if options::mn_id(list).is_none() {
        status::MISSING_MN_IDENTIFIER_OPTION
    } else if !home {
        status::MISSING_HOME_NETWORK_PREFIX_OPTION
    } else if options::handoff_indicator(list).is_none() {
        status::MISSING_HANDOFF_INDICATOR_OPTION
    } else if options::access_technology_type(list).is_none() {
        status::MISSING_ACCESS_TECH_TYPE_OPTION
    } else {
        return None;
    };
    Some(format!("status {code} ({})", status::name(code)))
}
