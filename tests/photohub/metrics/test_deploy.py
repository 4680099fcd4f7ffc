"""The alert rules and the board of `deploy/` name figures that there are, and the rules do what they say."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from photohub.metrics import families, sharing

ROOT = Path(__file__).resolve().parent.parent.parent.parent
RULES = ROOT / "deploy/prometheus/alerts.yml"
BOARD = json.loads((ROOT / "deploy/grafana/photohub.json").read_text())
_NAME = re.compile(r"\b(?:photohub|process|up)\w*(?=[{\[ )=<>]|$)")
_SELECTOR = re.compile(r"(photohub_\w+)\{([^}]*)\}")
_LABEL = re.compile(r'(\w+)=~?"([^"]*)"')


def expressions() -> dict[str, str]:
    found = {rule["alert"]: rule["expr"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    for panel in BOARD["panels"]:
        found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found


@pytest.fixture(scope="module")
def samples(django_db_setup, django_db_blocker) -> dict[str, dict[str, set[str]]]:
    """Return each name that is told: label → the values that it may have."""
    with django_db_blocker.unblock():
        told = [sample for family in families.Hub().collect() for sample in family.samples]
    found: dict[str, dict[str, set[str]]] = {"up": {}}
    for sample in told:
        labels = found.setdefault(sample.name, {})
        for label, value in sample.labels.items():
            labels.setdefault(label, set()).add(value)
    return found


@pytest.mark.parametrize("what", expressions())
def test_every_expression_names_figures_labels_and_words_that_there_are(samples, what):
    expression = expressions()[what]
    names = set(_NAME.findall(expression))
    assert names and names <= set(samples), names - set(samples)
    for name, matchers in _SELECTOR.findall(expression):
        for label, words in _LABEL.findall(matchers):
            if label != "job":
                assert set(words.split("|")) <= samples[name][label], (name, label, words)


def test_every_figure_is_in_the_document(samples):
    text = (ROOT / "docs/monitoring.md").read_text()
    names = {re.sub("_(bucket|sum|count)$", "", name) if "duration" in name else name for name in samples}
    # Other tests of this process may have counted something for themselves.
    names = {name for name in names if name.startswith(("photohub_", "process_", "python_", "up"))}
    assert {name for name in names if f"`{name}`" not in text} == {"up"} - set(re.findall("`(up)`", text))


def test_every_alert_is_in_the_document():
    text = (ROOT / "docs/monitoring.md").read_text()
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules if f"`{rule['alert']}`" not in text] == []


def promtool(*words: object) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool")
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules():
    promtool("check", "rules", RULES)


def series(name: str, values: str, **labels: str) -> dict:
    named = {"job": "photohub", "instance": "hub"} | labels
    inside = ",".join(f'{label}="{value}"' for label, value in named.items())
    return {"series": f"{name}{{{inside}}}", "values": values}


# What is told each minute, and which alerts there are at which time.
STORIES = [
    ([series("up", "0x60")], "3m", ["PhotoHubAway"]),
    ([series("up", "1x60")], "30m", []),
    (
        [series("photohub_part_state", "1x60", part="worker", state="problem")],
        "3m",
        ["PhotoHubPartNotWorking"],
    ),
    ([series("photohub_part_state", "1x60", part="worker", state="problem")], "1m", []),
    (
        [series("photohub_part_state", "1x60", part="mirror", state="warning")],
        "31m",
        ["PhotoHubPartNeedsAttention"],
    ),
    ([series("photohub_part_state", "0x60", part="mirror", state="warning")], "31m", []),
    (
        [
            series("photohub_disk_free_bytes", "900x60", machine="north"),
            series("photohub_disk_floor_bytes", "500x60"),
        ],
        "10m",
        ["PhotoHubDiskNearlyFull"],
    ),
    (
        [
            series("photohub_disk_free_bytes", "100000-55x480", machine="north"),
            series("photohub_disk_floor_bytes", "500x480"),
        ],
        "7h30m",
        ["PhotoHubDiskFullWithinADay"],
    ),
    (
        [series("photohub_uploads_refused_total", "0+3x60", reason="disk_full")],
        "10m",
        ["PhotoHubUploadsRefused"],
    ),
    ([series("photohub_uploads_refused_total", "0+3x60", reason="auth")], "10m", []),
    (
        [
            series("photohub_ingest_duration_seconds_bucket", "0+1x60", source="http", le="1.0"),
            series("photohub_ingest_duration_seconds_bucket", "0+60x60", source="http", le="2.5"),
            series("photohub_ingest_duration_seconds_bucket", "0+60x60", source="http", le="+Inf"),
        ],
        "25m",
        ["PhotoHubUploadsSlow"],
    ),
    (
        [series("photohub_queue_oldest_seconds", "0+60x60", queue="mirror")],
        "25m",
        ["PhotoHubMirrorBehind"],
    ),
    (
        [series("photohub_queue_oldest_seconds", "0+60x60", queue="previews")],
        "30m",
        ["PhotoHubQueueStands"],
    ),
    ([series("photohub_queue_oldest_seconds", "0+60x60", queue="commands")], "30m", []),
    (
        [
            series("photohub_command_duration_seconds_count", "0+1x60", outcome="expired"),
            series("photohub_command_duration_seconds_count", "0+0x60", outcome="uploaded"),
        ],
        "30m",
        ["PhotoHubCommandsUnanswered"],
    ),
    (
        [
            series("photohub_command_duration_seconds_count", "0+1x60", outcome="expired"),
            series("photohub_command_duration_seconds_count", "0+9x60", outcome="uploaded"),
        ],
        "30m",
        [],
    ),
    (
        [series("photohub_mqtt_unacknowledged_messages", "600x60")],
        "10m",
        ["PhotoHubMessagesUnacknowledged"],
    ),
    (
        [series("photohub_metrics_source_missing", "1x60", source="rows")],
        "10m",
        ["PhotoHubFiguresMissing"],
    ),
]


def test_the_rules_raise_their_alarms_and_no_others(tmp_path: Path):
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    tests = []
    for told, at, raised in STORIES:
        # `count` leaves out the texts, which are for people.
        found = [
            {
                "expr": f'count(ALERTS{{alertname="{rule["alert"]}",alertstate="firing"}}) or vector(0)',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": int(rule["alert"] in raised)}],
            }
            for rule in rules
        ]
        tests.append({"interval": "1m", "input_series": told, "promql_expr_test": found})
    file = tmp_path / "stories.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", file)
    assert {rule["alert"] for rule in rules} == {name for _told, _at, raised in STORIES for name in raised}


def test_the_board_is_one_that_grafana_can_import():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert BOARD["uid"] and BOARD["schemaVersion"] >= 36 and len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert {v["name"] for v in BOARD["templating"]["list"]} == {"datasource", "job"}


def test_a_process_tells_as_often_as_the_alarms_need():
    assert sharing.SHARED_EVERY_S <= 15
