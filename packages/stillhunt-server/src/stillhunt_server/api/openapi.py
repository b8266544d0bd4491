"""The OpenAPI document of the server, made from the routes that it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from stillhunt import __version__
from stillhunt.decide.actions import Action, ReasonCode
from stillhunt_server.api.api_routes import ApiRoute
from stillhunt_server.api.forms import BUNDLE_TYPE, Problem
from stillhunt_server.api.gateway_home import SIGN_UP_PATH
from stillhunt_server.api.gateways import DECIDE_PATH
from stillhunt_server.api.operations import API_ROUTES
from stillhunt_server.api.questions import MOST_UNANSWERED

_SCHEMAS = "#/components/schemas/"
_PROBLEMS = {
    304: "The client already has the latest.",
    400: "The request is malformed.",
    401: "A token of this server is needed.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand.",
    413: "The body is too long.",
    429: "Too many calls.",
    503: "The server cannot answer now.",
}
_ALWAYS = (401, 403, 429, 503)


class LateQuestions(BaseModel):
    """Questions whose answers a process of a gateway did not wait for."""

    asker: str = Field(max_length=32, description="Name that the process chose at its start.")
    total: int = Field(ge=0, le=MOST_UNANSWERED, description="Such questions since then.")
    known: int = Field(0, ge=0, le=MOST_UNANSWERED, description="Of them, those that an answered question named.")


class Question(BaseModel):
    """A gateway's question about one request."""

    account_id: str = Field(description="The account, as in the logs.")
    model: str | None = Field("", description="Model that the request asks for.")
    messages: list[Any] | None = Field(None, description="Of the request, in OpenAI's form; matched with signatures.")
    texts: list[Any] | None = Field(None, description="Its texts, if there are no messages; other values are ignored.")
    user_agent: str | None = Field(None, description="Of the client.")
    conversation_id: str | None = Field(None, description="As in the logs.")
    unanswered: LateQuestions | None = Field(None, description="Questions whose answers the gateway did not wait for.")


class Answered(BaseModel):
    """What happens to the request."""

    model_config = ConfigDict(extra="forbid")

    allowed: bool = Field(description="Whether the request goes through.")
    action: Literal["none"] | Action
    status: Literal[200, 403, 429] = Field(description="Status of HTTP for the customer.")
    reason: ReasonCode | None
    message: str | None = Field(description="What the customer may be told.")
    decision: int | None = Field(description="Number of the decision, by which the customer appeals.")
    expires_at: str | None
    retry_after: int | None = Field(description="Seconds to wait.")


class NewCustomerQuestion(BaseModel):
    """A provider's question about a new customer; at least one of account_id, card, device, mail and ip."""

    model_config = ConfigDict(extra="forbid")

    account_id: str | None = Field(None, max_length=4096, description="Where it has one; asked again, it is the same.")
    plan: str | None = Field(None, max_length=1024, description="Its plan, such as free.")
    card: str | None = Field(None, max_length=1024, description="Fingerprint, as in the accounts table.")
    device: str | None = Field(None, max_length=1024, description="Id of the device.")
    mail: str | None = Field(None, max_length=1024, description="Address.")
    ip: str | None = Field(None, max_length=1024, description="Address of the sign-up or of the first request.")


class FreeTierCount(BaseModel):
    """Free tiers of one person, as far as card, device or mail show them."""

    accounts: int = Field(description="Most accounts with one value.")
    by: list[str] = Field(description="Kinds that show more than one.")


class NewCustomerAnswer(BaseModel):
    """What is known of a new customer; it names no other account."""

    answer: Literal["none", "step_up", "hold"] = Field(description="By the policy.")
    would: Literal["none", "step_up", "hold"] = Field(description="What it would be if the policy were in force.")
    reason: str = Field(description="Code of the reason; empty where nothing is asked of the customer.")
    message: str = Field(description="What the customer may be told.")
    bits: float = Field(description="Of the ties to the campaign with the most.")
    ties: list[dict[str, Any]] = Field(
        description="Campaign, bits and kind of each tie, those of the most bits first; requests: what it asked since."
    )
    free_tiers: FreeTierCount
    snapshot: int = Field(description="Number of the hunt that they rest on; 0 before the first.")
    problem: str = Field(
        description="What the server cannot do now, such as keep sign-ups on a full disk; usually empty."
    )


@cache
def openapi() -> dict[str, Any]:
    """The document, version 3.1, of what people's tools, portals and gateways call.

    Inlets of records have the forms of their senders (OTLP, LiteLLM), and Envoy and nginx ask by headers: these are
    described in the documentation and not here.
    """
    named = {form.__name__: form for route in API_ROUTES for form in (route.sent, route.given) if form is not None}
    used: list[tuple[type[BaseModel], Literal["validation"]]] = []
    used += [(named[name], "validation") for name in sorted(named)]
    used += [(one, "validation") for one in (Question, Answered, Problem, NewCustomerQuestion, NewCustomerAnswer)]
    _, made = models_json_schema(used, ref_template=f"{_SCHEMAS}{{model}}")
    about, known = ("NewCustomerQuestion", "NewCustomerAnswer"), "What is known of a new customer (stillhunt[signals])."
    decide = _build_gateway_operation("decide", "What happens to a request of an account.", ("Question", "Answered"))
    sign_up = _build_gateway_operation("signup", known, about)
    paths: dict[str, dict[str, Any]] = {DECIDE_PATH: {"post": decide}, SIGN_UP_PATH: {"post": sign_up}}
    for route in API_ROUTES:
        path = re.sub(r":\w+}", "}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _build_api_operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "stillhunt", "version": __version__, "description": "Decisions, appeals and tokens."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": made["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _build_api_operation(route: ApiRoute) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.does,
        "description": f"Scope: {route.scope}.",
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z]+', '_', route.path)}".strip("_"),
        "parameters": [_in_path(name, kind) for name, kind in re.findall(r"{(\w+)(:int)?}", route.path)],
        "responses": {
            str(route.status): _build_done_response(route),
            **_build_problem_responses((*route.problems, *_ALWAYS)),
        },
    }
    operation["parameters"] += [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in route.query.items()
    ]
    if route.sent is not None:
        operation["requestBody"] = {"required": True, "content": _build_json_content(route.sent.__name__)}
    return operation


def _build_gateway_operation(name: str, summary: str, forms: tuple[str, str]) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": "Scope: decide.",
        "operationId": f"post_v1_{name}",
        "requestBody": {"required": True, "content": _build_json_content(forms[0])},
        "responses": {
            "200": {"description": "The answer.", "content": _build_json_content(forms[1])},
            **_build_problem_responses((400, 413, *_ALWAYS)),
        },
    }


def _in_path(name: str, kind: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1} if kind else {"type": "string", "pattern": "^[0-9a-f]{8}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _build_done_response(route: ApiRoute) -> dict[str, Any]:
    if route.given is not None:
        return {"description": "Done.", "content": _build_json_content(route.given.__name__)}
    if route.status == 204:
        return {"description": "Done."}
    return {"description": "The file.", "content": {BUNDLE_TYPE: {}}}


def _build_problem_responses(statuses: tuple[int, ...]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for status in sorted(set(statuses)):
        body = {} if status == 304 else {"content": _build_json_content("Problem")}
        found[str(status)] = {"description": _PROBLEMS[status], **body}
    return found


def _build_json_content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{name}"}}}
