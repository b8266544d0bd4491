"""What each format asks for, checked with the libraries and schemas of each."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator, Draft202012Validator, ValidationError, validators

TEXT, WHOLE = {"type": "string", "minLength": 1}, {"type": "integer"}
ECS = json.loads((Path(__file__).parent / "ecs_fields.json").read_text(encoding="utf-8"))


def closed(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties, "additionalProperties": False}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


CONFIDENCE = {"confidence_id": {"enum": [0, 1, 2, 3, 99]}, "confidence": TEXT}
NAMED = closed("uid name", uid=TEXT, name=TEXT)
ATTACK = {
    **closed("", tactic=NAMED, technique=NAMED, sub_technique=NAMED),
    "anyOf": [{"required": ["tactic"]}, {"required": ["technique"]}],
}
METADATA = closed(
    "product version",
    version={"const": "1.8.0"},
    uid=TEXT,
    labels=listed(TEXT),
    profiles=listed({"enum": ["osint", "incident"]}),
    product=closed("vendor_name", name=TEXT, vendor_name=TEXT, version=TEXT),
)
FINDING_INFO = closed(
    "uid",
    uid=TEXT,
    title=TEXT,
    desc=TEXT,
    types=listed(TEXT),
    analytic=closed("type_id", name=TEXT, uid=TEXT, version=TEXT, type=TEXT, type_id={"enum": [*range(12), 99]}),
    attacks=listed(ATTACK),
    first_seen_time=WHOLE,
    last_seen_time=WHOLE,
    modified_time=WHOLE,
    data_sources=listed(TEXT),
)
OSINT = closed(
    "value type_id",
    value=TEXT,
    type=TEXT,
    type_id={"enum": [*range(15), 99]},
    tlp={"enum": ["AMBER", "AMBER STRICT", "CLEAR", "GREEN", "RED"]},
    desc=TEXT,
    autonomous_system={**closed("", number=WHOLE, name=TEXT), "minProperties": 1},
    campaign=closed("name", name=TEXT),
    **CONFIDENCE,
)
COMMON: dict[str, Any] = {
    "activity_id": {"enum": [1, 2, 3]},
    "activity_name": TEXT,
    "category_uid": {"const": 2},
    "category_name": {"const": "Findings"},
    "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
    "severity": TEXT,
    "time": WHOLE,
    "message": TEXT,
    "metadata": METADATA,
    "status": TEXT,
    **CONFIDENCE,
}
NEEDED = "activity_id category_uid class_uid metadata severity_id time type_uid"
OCSF_CLASSES = {
    2004: closed(
        f"{NEEDED} finding_info",
        **COMMON,
        class_uid={"const": 2004},
        class_name={"const": "Detection Finding"},
        type_uid={"enum": [200401, 200402, 200403]},
        status_id={"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        is_alert={"type": "boolean"},
        confidence_score={"type": "integer", "minimum": 0, "maximum": 100},
        finding_info=FINDING_INFO,
        evidences=listed(closed("data", name=TEXT, data={"type": "object"})),
        osint=listed(OSINT),
        remediation=closed("desc", desc=TEXT),
        unmapped={"type": "object"},
    ),
    2005: closed(
        f"{NEEDED} finding_info_list status_id assignee_group",
        **COMMON,
        class_uid={"const": 2005},
        class_name={"const": "Incident Finding"},
        type_uid={"enum": [200501, 200502, 200503]},
        status_id={"enum": [0, 1, 2, 3, 4, 5, 99]},
        verdict_id={"enum": [*range(11), 99]},
        verdict=TEXT,
        priority_id={"enum": [0, 1, 2, 3, 4, 99]},
        priority=TEXT,
        desc=TEXT,
        start_time=WHOLE,
        end_time=WHOLE,
        assignee_group=closed("name", name=TEXT),
        attacks=listed(ATTACK),
        finding_info_list={**listed(FINDING_INFO), "minItems": 1},
    ),
}
"""The classes of OCSF 1.8.0 with their objects, restated for the attributes that are written; none beside them."""


def check_stix(text: str) -> list[dict[str, Any]]:
    """The objects of a bundle that the strict validator accepts and the library reads without custom content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of these libraries: deprecated calls in what they import
        import stix2  # as its import warns
        from stix2validator import ValidationOptions, validate_string  # as its import warns

        options = ValidationOptions(version="2.1", strict=True, strict_types=True, strict_properties=True)
        found = validate_string(text, options)
        assert found.is_valid, [str(error) for error in found.errors]
        stix2.parse(text, allow_custom=False)
    objects: list[dict[str, Any]] = json.loads(text)["objects"]
    ids = [one["id"] for one in objects]
    assert len(set(ids)) == len(ids)
    for one in objects:
        refs = [value for name, value in one.items() if name.endswith("_ref")]
        refs += [ref for name, value in one.items() if name.endswith("_refs") for ref in value]
        assert set(refs) <= set(ids), one["type"]
    return objects


def find_repeated(_validator: Any, wanted: bool, items: Any, _schema: Any) -> Iterator[ValidationError]:
    """`uniqueItems` by the texts of the items; jsonschema compares each with each, seconds for an event's thousands."""
    if wanted and isinstance(items, list) and len({json.dumps(one, sort_keys=True) for one in items}) < len(items):
        yield ValidationError("items are not unique")


@cache
def misp_validator() -> Any:
    import pymisp  # slow

    schema = Path(pymisp.__file__).parent / "data" / "schema-lax.json"
    checking = validators.extend(Draft4Validator, {"uniqueItems": find_repeated})
    return checking(json.loads(schema.read_text(encoding="utf-8")))


def check_misp(text: str) -> list[Any]:
    """The events, as pymisp reads them: known types and categories, and objects as their templates ask."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymisp import MISPEvent  # slow

    document = json.loads(text)
    events = []
    for one in document.get("response", [document]):
        misp_validator().validate(one)
        event = MISPEvent(strict_validation=True)
        event.from_dict(**one["Event"])
        for found in event.objects:
            _check_template(found)
        uids = [found.uuid for found in (*event.attributes, *event.objects)]
        uids += [inner.uuid for found in event.objects for inner in found.attributes]
        assert len(set(uids)) == len(uids)
        events.append(event)
    return events


def _check_template(found: Any) -> None:
    import pymisp  # slow

    folder = Path(pymisp.__file__).parent / "data" / "misp-objects" / "objects" / found.name
    template = json.loads((folder / "definition.json").read_text(encoding="utf-8"))
    assert found.template_uuid == template["uuid"]
    assert int(found.template_version) <= int(template["version"])
    assert found["meta-category"] == template["meta-category"]
    relations = {one.object_relation: one for one in found.attributes}
    assert set(relations) & set(template.get("requiredOneOf", template.get("required", [])))
    for name, one in relations.items():
        declared = template["attributes"][name]
        assert one.type == declared["misp-attribute"]
        assert one.value in declared.get("values_list", declared.get("sane_default", [one.value])) or (
            name not in ("method", "type", "version", "format", "keyed-hash-function")
        ), (name, one.value)


def check_ocsf(text: str) -> list[dict[str, Any]]:
    """The events, by the restated schema and, for class 2004, the models of py-ocsf-models."""
    from py_ocsf_models.events.findings.detection_finding import DetectionFinding  # slow

    events = [json.loads(line) for line in text.splitlines()]
    for one in events:
        Draft202012Validator(OCSF_CLASSES[one["class_uid"]]).validate(one)
        assert one["type_uid"] == one["class_uid"] * 100 + one["activity_id"]
        if one["class_uid"] == 2004:
            DetectionFinding(**one)
    return events


def check_ecs(text: str) -> list[dict[str, Any]]:
    """The documents: every field outside of `stillhunt` is in the schema, with its type and an allowed value."""
    documents = [json.loads(line) for line in text.splitlines()]
    for one in documents:
        assert {"@timestamp", "ecs", "event"} <= set(one)
        for name, value in _fields("", {key: inner for key, inner in one.items() if key != "stillhunt"}):
            kind = ECS["fields"][name]
            for single in value if isinstance(value, list) else [value]:
                allowed = ECS["allowed_values"].get(name, [single])
                assert single in allowed, (name, single)
                fits = isinstance(single, int | float) if kind in ("long", "float") else isinstance(single, str)
                assert fits, (name, single)
                assert kind != "date" or (single.endswith("Z") and single[10] == "T")
    return documents


def _fields(prefix: str, document: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in document.items():
        found += _fields(f"{prefix}{key}.", value) if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return found


def check_csv(text: str) -> list[dict[str, str]]:
    """The rows: each line has as many cells as the header, and no cell begins as a formula."""
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    for row in rows[1:]:
        for cell in row[:9]:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


CHECKS = {"stix": check_stix, "misp": check_misp, "ocsf": check_ocsf, "ecs": check_ecs, "csv": check_csv}
