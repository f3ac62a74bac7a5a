//! `tintype stat`: what is known of one object; with a service key, what the caches hold of it too.

use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};
use http::Method;
use serde_json::Value;

use super::{Address, Reach, asked, explained};
use crate::cli::output::{Output, shown};
use crate::cli::remote::{Refused, Server};
use crate::cli::{Done, Failure};

#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    /// The object: photos/cats/tabby.jpg
    #[arg(value_name = "BUCKET/OBJECT")]
    address: Address,
    #[command(flatten)]
    reach: Reach,
}

pub(in crate::cli) fn run(options: &Options) -> Done {
    options.address.object().map_err(Failure::Usage)?;
    asked(&options.reach, async |server| {
        let known = known(server, &options.address).await?;
        print(&known, options.reach.output())?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The whole state for service keys, the row for others.
async fn known(server: &Server, address: &Address) -> Result<Value, Failure> {
    let whole = server.request(Method::GET, &address.path("/admin/objects"))?;
    let refused = match server.ask(whole).await {
        Ok(known) => return Ok(known),
        Err(refused) => refused,
    };
    let row = server.request(Method::GET, &address.path("/storage/v1/object/info"))?;
    match server.ask(row).await {
        Ok(known) => Ok(known),
        Err(Refused::Answered { code, message, .. }) if code == "NoSuchKey" || message == "Object not found" => {
            Err(server.failed(&format!(
                "there is no object {}; `tintype ls {}` lists those that are",
                shown(&address.to_string()),
                address.bucket
            )))
        }
        Err(row) if row.is_no_bucket() || refused.status().is_some_and(|status| status == 403) => {
            Err(explained(server, address.bucket.as_str(), row).await)
        }
        Err(_) => Err(server.failure(&refused)),
    }
}

fn print(known: &Value, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.document(known);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    rows(&mut table, "", known);
    output.line(table)
}

/// A line for every value that says something: `original.size  48213`.
fn rows(table: &mut Table, name: &str, value: &Value) {
    let below = |field: &str| if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(field, value)| rows(table, &below(field), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| rows(table, &below(&at.to_string()), item));
        }
        Value::String(text) => drop(table.add_row([name, &shown(text)])),
        other => drop(table.add_row([name, &other.to_string()])),
    }
}
