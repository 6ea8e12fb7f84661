"""What contrib/monitoring asks of Prometheus: its own tool takes it, and every metric that is named is one of ours."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.house.pages import ROOT
from whisperd.metrics import METRICS as DAEMON_METRICS
from whisperd.relay.metrics import METRICS as RELAY_METRICS

MONITORING = ROOT / "contrib/monitoring"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)


def test_prometheus_takes_the_rules_and_the_scrape() -> None:
    found = run("promtool", "check", "config", str(MONITORING / "prometheus.yml"))
    assert found.returncode == 0, found.stdout + found.stderr
    assert "rules found" in found.stdout


def test_every_metric_is_shown_and_none_that_is_not_there() -> None:
    dashboard = json.loads((MONITORING / "grafana.json").read_text())
    shown = {word for panel in dashboard["panels"] for target in panel["targets"]
             for word in re.findall(r"whisperd_\w+", target["expr"])}
    assert shown == set(DAEMON_METRICS | RELAY_METRICS)


def test_alerts_are_about_metrics_that_are_there() -> None:
    expressions = re.findall(r"expr: (.*)", (MONITORING / "alerts.yml").read_text())
    assert len(expressions) == 7
    for expression in expressions:
        words = set(re.findall(r"whisperd_\w+", expression))
        assert words and words <= set(DAEMON_METRICS | RELAY_METRICS)


@pytest.mark.parametrize(("series", "alert"), [
    ('- series: whisperd_tor_up\n        values: "0x60"', "WhisperdTorLost"),
    ('- series: whisperd_tor_up\n        values: "1x60"\n      - series: whisperd_onion_up\n        values: "0x60"',
     "WhisperdOnionAway"),
    ('- series: whisperd_onion_up\n        values: "0x60"', "WhisperdOnionAway"),
    ('- series: whisperd_onion_reached_age_seconds\n        values: "0+600x60"', "WhisperdNotReached"),
    ('''- series: whisperd_relay_limit{limit="rooms",scope="total"}
        values: "100x60"
      - series: whisperd_relay_limit_used{limit="rooms",scope="total"}
        values: "81x60"''', "WhisperdLimitNear"),
    ('- series: whisperd_relay_limit_refused_total{limit="rooms",scope="circuit"}\n        values: "0+120x60"',
     "WhisperdRefusing"),
    ('- series: other\n        values: "0x60"', "WhisperdSilent"),
])
def test_an_alert_fires_when_it_should(tmp_path: Path, series: str, alert: str) -> None:
    fed(tmp_path, series, f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})', "{value: 1}")


def fed(folder: Path, series: str, expression: str, samples: str) -> None:
    """Have Prometheus' own tool tell whether the rules, fed with ``series``, give these samples after half an hour."""
    test = folder / "test.yml"
    test.write_text(f"""\
rule_files: ["{MONITORING}/alerts.yml"]
tests:
  - interval: 1m
    input_series:
      {series}
    promql_expr_test:
      - expr: {expression}
        eval_time: 30m
        exp_samples: [{samples}]
""")
    found = run("promtool", "test", "rules", str(test))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(("series", "alert"), [
    ('- series: whisperd_uptime_seconds\n        values: "0+60x60"', "WhisperdTorLost"),
    ('- series: whisperd_uptime_seconds\n        values: "0+60x60"', "WhisperdOnionAway"),
    ('- series: whisperd_tor_up\n        values: "0x60"\n      - series: whisperd_onion_up\n        values: "0x60"',
     "WhisperdOnionAway"),
])
def test_an_alert_is_silent_where_there_is_nothing_to_watch(tmp_path: Path, series: str, alert: str) -> None:
    fed(tmp_path, series, f'count(ALERTS{{alertname="{alert}"}})', "")


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in ("whisperd-metrics.service", "whisperd-metrics.timer"):
        (tmp_path / name).write_text((MONITORING / name).read_text())
    found = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "whisperd-metrics.timer"))
    assert (found.returncode, found.stderr) == (0, "")
