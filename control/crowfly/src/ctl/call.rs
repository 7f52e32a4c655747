//! What a command asks of a node.

use serde_json::{Map, Value, json};

use super::args::{
    AttachArgs, BindingCommand, Command, ConfigCommand, MnArgs, MnCommand, PageArgs, PairArgs,
    PathCommand,
};
use super::client::Client;
use super::error::Failure;
use super::show::Shape;
use crate::socket::{MAX_PAGE_ENTRIES, PortRef};

/// Asks, and says how the answer is to be shown.
pub(super) fn ask(client: &mut Client, command: &Command) -> Result<(Shape, Value), Failure> {
    let (shape, method, params) = match command {
        Command::Version => (Shape::Members, "version", json!({})),
        Command::Status => (Shape::Status, "status", json!({})),
        Command::Attach(args) | Command::Mn(MnCommand::Attach(args)) => {
            (Shape::Members, "mn.attach", attach(args))
        }
        Command::Detach(args) | Command::Mn(MnCommand::Detach(args)) => {
            (Shape::Members, "mn.detach", mn(args))
        }
        Command::Bindings(page) | Command::Binding(BindingCommand::List(page)) => {
            let list = all_pages(client, "binding.list", "bindings", page)?;
            return Ok((Shape::Bindings, list));
        }
        Command::Binding(BindingCommand::Show(args)) => (Shape::Members, "binding.show", mn(args)),
        Command::Binding(BindingCommand::Revoke(args)) => {
            (Shape::Members, "binding.revoke", mn(args))
        }
        Command::Binding(BindingCommand::RevokeAll(args)) => {
            let params = json!({ "mag": args.mag });
            (Shape::Members, "binding.revoke_all", params)
        }
        Command::Paths(page) | Command::Path(PathCommand::List(page)) => {
            let list = all_pages(client, "path.list", "paths", page)?;
            return Ok((Shape::Paths, list));
        }
        Command::Path(PathCommand::Show(args)) => (Shape::Members, "path.show", pair(args)),
        Command::Path(PathCommand::Request(args)) => (Shape::Members, "path.request", pair(args)),
        Command::Path(PathCommand::Remove(args)) => (Shape::Members, "path.remove", pair(args)),
        Command::Peers(page) => {
            let list = all_pages(client, "peer.list", "peers", page)?;
            return Ok((Shape::Peers, list));
        }
        Command::Stats(args) => {
            let params = args
                .filter
                .as_ref()
                .map_or_else(|| json!({}), |f| json!({ "filter": f }));
            (Shape::Stats, "stats", params)
        }
        Command::Latency => (Shape::Latency, "latency", json!({})),
        Command::Config(ConfigCommand::Show) => (Shape::Json, "config.show", json!({})),
        Command::Config(ConfigCommand::Reload) => (Shape::Reloaded, "config.reload", json!({})),
        Command::LogLevel { filter } => {
            let params = filter
                .as_ref()
                .map_or_else(|| json!({}), |f| json!({ "filter": f }));
            (Shape::Members, "log.level", params)
        }
        Command::Raw { method, params } => {
            let params = serde_json::from_str(params)
                .map_err(|error| Failure::Usage(format!("the parameters are not JSON: {error}")))?;
            (Shape::Json, method.as_str(), params)
        }
        Command::Events(_)
        | Command::Decode(_)
        | Command::Replay { .. }
        | Command::Trace(_)
        | Command::Metrics => {
            unreachable!("these are no single call")
        }
    };
    Ok((shape, client.call(method, params)?))
}

fn attach(args: &AttachArgs) -> Value {
    let port = match &args.port {
        PortRef::Number(number) => json!(number),
        PortRef::Name(name) => json!(name),
    };
    let mut link = json!({ "port": port, "mac": args.mac });
    if let Some(vlan) = args.vlan {
        link["vlan"] = json!(vlan);
    }
    let mut params = json!({
        "mn_id": args.mn_id, "link": link, "att": args.att.0, "hi": args.hi.0,
    });
    if args.no_ipv6 {
        params["ipv6"] = json!(false);
    }
    match args.hnps.as_slice() {
        [] => {}
        [one] => params["hnp"] = json!(one),
        several => params["hnp"] = json!(several),
    }
    if let Some(hoa) = args.ipv4_hoa {
        params["ipv4_hoa"] = json!(hoa);
    }
    params
}

fn mn(args: &MnArgs) -> Value {
    json!({ "mn_id": args.mn_id })
}

pub(super) fn pair(args: &PairArgs) -> Value {
    json!({ "source": args.source, "destination": args.destination })
}

/// A list in as many pages as it takes, as if it were one page. The list may change meanwhile: then an
/// entry may be missing or stand twice, as in any paged list.
fn all_pages(
    client: &mut Client,
    method: &str,
    key: &str,
    page: &PageArgs,
) -> Result<Value, Failure> {
    let wanted = page.limit.unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let mut total = Value::Null;
    while entries.len() < wanted {
        let limit = (wanted - entries.len()).min(MAX_PAGE_ENTRIES);
        let params = json!({ "offset": page.offset + entries.len(), "limit": limit });
        let mut answer = client.call(method, params)?;
        total = answer["total"].take();
        let Value::Array(mut part) = answer[key].take() else {
            let reason = format!("the answer to {method} has no list {key:?}");
            return Err(Failure::Stranger(reason));
        };
        let last = part.len() < limit;
        entries.append(&mut part);
        if last {
            break;
        }
    }
    let mut list = Map::new();
    list.insert("total".to_owned(), total);
    list.insert("offset".to_owned(), json!(page.offset));
    list.insert(key.to_owned(), Value::Array(entries));
    Ok(Value::Object(list))
}
