//! What is handed to operators: the dashboard and the alert rules speak of metrics that are there.

use std::collections::BTreeSet;

use crate::support::Setup;

const DASHBOARD: &str = include_str!("../../deploy/observability/grafana.json");
const ALERTS: &str = include_str!("../../deploy/observability/alerts.yml");

/// Every word of ours in a text of expressions.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("tintype_")).collect()
}

/// The names under which the series of `/metrics` can be asked for.
fn series(metrics: &str) -> BTreeSet<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .flat_map(|(name, kind)| match kind {
            "counter" => vec![format!("{name}_total")],
            "histogram" => ["bucket", "sum", "count"].map(|part| format!("{name}_{part}")).to_vec(),
            _ => vec![name.to_owned()],
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_ask_for_what_is_measured() {
    let server = Setup::new().photos().start().await;
    // What has labels is there from its first sample on.
    server.get("/image/photos/avatar-fox.png?w=64").await.expect(200);
    let series = series(&server.get("/metrics").await.expect(200).text());
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let asked: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(asked.len() > 15, "{asked:?}");
    for text in asked.into_iter().chain([ALERTS]) {
        for name in named(text) {
            assert!(series.contains(name), "{name} is not measured: {text}");
        }
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let alerts = ALERTS.matches("- alert: ").count();
    assert!(alerts >= 6);
    assert_eq!(ALERTS.matches("summary: ").count(), alerts);
    assert_eq!(ALERTS.matches("description: ").count(), alerts);
}
