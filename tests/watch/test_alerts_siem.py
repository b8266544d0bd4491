"""Lines for SIEMs are what the public schemas ask for.

The schemas below restate, for the fields that are written, OCSF 1.8.0 (class Detection Finding with its objects
metadata, product, finding_info, analytic and evidences) and the Elastic Common Schema 9.1 (its categorisation fields
and the types of fields). No field is allowed that they do not name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stillhunt.base.config_alerts import AlertFile, AlertSettings
from stillhunt.watch.alerts.changes import (
    Alert,
    early_sign_alerts,
    failing_alert,
    limit_alert,
    recovered_alert,
    replacement_alert,
)
from stillhunt.watch.alerts.lines import LineFile
from stillhunt.watch.alerts.sending import Due
from stillhunt.watch.alerts.siem import as_ecs, as_ocsf
from stillhunt.watch.service_faults import ServiceFault
from stillhunt_server.fault_alerts import fault_alert
from watch.alert_scenes import ACT, START, alerts, event, some_alert, some_sign

TEXT, WHOLE = {"type": "string", "minLength": 1}, {"type": "integer"}
MILLISECONDS = {"type": "integer", "minimum": 1_000_000_000_000, "maximum": 10_000_000_000_000}


def closed(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


PRODUCT = {**closed("", name=TEXT, uid=TEXT, vendor_name=TEXT, version=TEXT), "minProperties": 1}
OCSF = closed(
    "activity_id category_uid class_uid metadata severity_id time type_uid finding_info",
    activity_id={"enum": [0, 1, 2, 3, 99]},
    activity_name=TEXT,
    category_uid={"const": 2},
    category_name={"const": "Findings"},
    class_uid={"const": 2004},
    class_name={"const": "Detection Finding"},
    type_uid={"enum": [200400, 200401, 200402, 200403, 200499]},
    severity_id={"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
    severity=TEXT,
    status_id={"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
    status=TEXT,
    is_alert={"type": "boolean"},
    time=MILLISECONDS,
    message=TEXT,
    confidence_score=WHOLE,
    metadata=closed("product version", version={"const": "1.8.0"}, uid=TEXT, product=PRODUCT),
    finding_info=closed(
        "uid",
        uid=TEXT,
        title=TEXT,
        desc=TEXT,
        types={"type": "array", "items": TEXT},
        analytic=closed("type_id", name=TEXT, uid=TEXT, type=TEXT, type_id={"enum": [*range(12), 99]}),
        created_time=MILLISECONDS,
        first_seen_time=MILLISECONDS,
        last_seen_time=MILLISECONDS,
        src_url={"type": "string", "format": "uri"},
    ),
    evidences={"type": "array", "items": closed("data", name=TEXT, data={"type": "object"})},
    unmapped={"type": "object"},
)
_NAMED = {"type": "array", "items": TEXT, "minItems": 1}
_LISTS = {"id": _NAMED, "name": _NAMED}
ECS = closed(
    "@timestamp ecs event message",
    **{
        "@timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "ecs": closed("version", version=TEXT),
        "message": TEXT,
        "event": closed(
            "kind category type id",
            id=TEXT,
            kind={"const": "alert"},
            category={"type": "array", "items": {"enum": ["threat", "host"]}, "minItems": 1},
            type={"type": "array", "items": {"enum": ["indicator", "info"]}, "minItems": 1},
            action=TEXT,
            provider=TEXT,
            module=TEXT,
            dataset=TEXT,
            severity=WHOLE,
            reason=TEXT,
            url=TEXT,
            risk_score={"type": "number", "minimum": 0, "maximum": 100},
            start=TEXT,
            end=TEXT,
        ),
        "rule": closed("", id=TEXT, name=TEXT, ruleset=TEXT, version=TEXT),
        "observer": closed("", product=TEXT, type=TEXT, vendor=TEXT, version=TEXT),
        "threat": closed(
            "framework",
            framework=TEXT,
            tactic=closed("", **_LISTS),
            technique=closed("", **_LISTS, subtechnique=closed("", **_LISTS)),
        ),
        "stillhunt": {"type": "object"},
    },
)
EXPECTED_TYPES = {"threat": {"indicator"}, "host": {"access", "change", "end", "info", "start"}}
"""Category of ECS -> types that it expects."""

SETTINGS = AlertSettings(console="https://console.example")
EVERY_ALERT: list[Alert] = [
    *alerts([event("born")], console="https://console.example"),
    *alerts([event("verdict")]),
    *alerts([event("merged", "hunt-gone", ACT)]),
    *alerts([event("returned")]),
    *alerts([event("born", "hunt-0e9b55d7")], review=True),
    replacement_alert(ACT, 3, "they use 12 of 14 rare phrases", START, SETTINGS),
    *early_sign_alerts([some_sign("a", "b")], SETTINGS),
    failing_alert(3, "no room", 7, START, SETTINGS),
    recovered_alert(8, START, SETTINGS),
    some_alert(),
    limit_alert("budget_limit", "the allowed false campaigns are used up", START, SETTINGS),
]
EVERY_ALERT += [
    fault_alert(ServiceFault(name, "it does not answer", START), START, SETTINGS, ended=over)
    for name in ("enforcement off", "inlet nats")
    for over in (False, True)
]
every_alert = pytest.mark.parametrize("alert", EVERY_ALERT, ids=lambda alert: alert.kind)


def check(document: Any, schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(json.dumps(document)))


def due(alert: Alert) -> Due:
    return Due(alert.alert_id, alert.at, alert.body, 0)


@every_alert
def test_ocsf(alert: Alert) -> None:
    line = as_ocsf(due(alert))
    check(line, OCSF)
    assert line["type_uid"] == line["class_uid"] * 100 + line["activity_id"]
    assert line["metadata"]["uid"] == alert.alert_id
    assert line["time"] == START // 1000


@every_alert
def test_ecs(alert: Alert) -> None:
    document = as_ecs(due(alert))
    check(document, ECS)
    (category,), types = document["event"]["category"], set(document["event"]["type"])
    assert types <= EXPECTED_TYPES[category]
    assert ("threat" in document) == (category == "threat")


def test_a_campaign_is_one_finding_and_each_alert_an_event_of_it() -> None:
    new, rose = as_ocsf(due(EVERY_ALERT[0])), as_ocsf(due(EVERY_ALERT[1]))
    assert new["finding_info"]["uid"] == rose["finding_info"]["uid"] == ACT
    assert (new["activity_name"], rose["activity_name"]) == ("Create", "Update")
    assert new["metadata"]["uid"] != rose["metadata"]["uid"]
    assert {one["data"]["speaks"] for one in new["evidences"]} == {"for", "against"}
    assert new["confidence_score"] == 99


@pytest.mark.parametrize("form", ["ocsf", "ecs"])
def test_a_line_is_one_line(tmp_path: Path, form: str) -> None:
    path = tmp_path / "alerts.jsonl"
    for alert in EVERY_ALERT:
        LineFile(AlertFile(path=str(path), form=form)).deliver(due(alert), 0.0)
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(EVERY_ALERT)
    for line in lines:
        check(json.loads(line), OCSF if form == "ocsf" else ECS)


def test_what_is_no_harvest_is_not_called_one_by_a_siem() -> None:
    (alert,) = alerts([event("born")])
    body = {**alert.body, "campaign": {**alert.body["campaign"], "kind": "one operator"}}
    due = Due(alert.alert_id, START, body, 0)
    assert as_ocsf(due)["finding_info"]["types"] == ["one operator"]
    assert "threat" not in as_ecs(due)
