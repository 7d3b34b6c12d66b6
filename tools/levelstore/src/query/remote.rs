//! Asking a running server.

use super::Options;
use crate::client::{Client, escaped, token};
use crate::json::legible;
use anyhow::{Context, Result, bail};
use checkpointer::memstore::{Answer, Element};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(1);
/// The longest answer: some ten million values.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

#[derive(Deserialize)]
struct Series {
    from: i64,
    to: i64,
    step: i64,
    values: Vec<Option<f64>>,
}

/// The answer, whose `frequency` is how far apart its values are.
pub(super) fn ask(options: &Options, url: &str) -> Result<Answer> {
    let client = Client::new(url, token(options.token_file.as_deref())?, PATIENCE)?;
    let answer = client.get(&path(options)?, ANSWER_BYTES_MAX)?;
    if answer.status != 200 {
        let told: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let error = told.as_ref().and_then(|told| told["error"].as_str()).unwrap_or_default();
        bail!("the server answers {}: {}", answer.status, legible(error.as_bytes()));
    }
    let series: Series = serde_json::from_slice(&answer.body).context("answer of the server")?;
    let Series { from, to, step, values } = series;
    let values = values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();

    Ok(Answer { from, to, resolution: step, frequency: step, values })
}

fn path(options: &Options) -> Result<String> {
    let mut path = format!(
        "/api/v1/series?cluster={}&host={}&metric={}&from={}&to={}&step={}",
        escaped(&options.cluster),
        escaped(&options.host),
        escaped(&options.metric),
        options.from.unwrap_or(i64::MIN),
        options.to.unwrap_or(i64::MAX),
        options.resolution
    );
    for device in &options.devices {
        let Element::Name(name) = device else {
            bail!("--device: a server is asked for one device, not for several or `*`");
        };
        let name = str::from_utf8(name).context("--device")?;
        path.push_str("&device=");
        path.push_str(&escaped(name));
    }
    Ok(path)
}
