"""Every setting, declared once: its type and default here, its unit and reason in `settings.toml`.

Precedence: command-line flag (or keyword) > `STILLHUNT_*` variable > `./stillhunt.toml` > default.
Nested settings use a double underscore in variables (`STILLHUNT_SCORE__PRIOR_BITS=-12`) and a table in
TOML (`[score]`). `stillhunt config show --origin` prints each value and where it came from.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from stillhunt.base.config_alerts import AlertSettings
from stillhunt.base.config_console import ConsoleSettings
from stillhunt.base.config_group import SettingsGroup
from stillhunt.base.config_live import DecideSettings, ServeSettings, WatchSettings
from stillhunt.base.errors import ConfigError
from stillhunt.base.families import FAMILY_OF
from stillhunt.base.formatting import escape_controls
from stillhunt.base.ids import kept_id


class Price(SettingsGroup):
    """List price of one model."""

    input: float = Field(ge=0, description="Price of a million input tokens.")
    output: float = Field(ge=0, description="Price of a million output tokens.")


class ReportSettings(SettingsGroup):
    """What the report shows, and list prices."""

    currency: str = Field("USD", max_length=8)
    prices: dict[str, Price] = Field(default_factory=dict)
    default_price: Price = Price(input=3.0, output=15.0)
    excerpts: bool = True
    excerpt_chars: int = Field(320, ge=40, le=2000)


class ModelSettings(SettingsGroup):
    """Distillation, marks, proof and countermeasures; needs stillhunt[model]."""

    folder: str = Field("", max_length=4096)
    threads: int = Field(0, ge=0, le=1024)
    alpha: float = Field(1e-5, gt=0, le=0.05)
    pairs: int = Field(1000, ge=1, le=1_000_000)
    queries: int = Field(20_000, ge=1, le=1_000_000)


class DossierSettings(SettingsGroup):
    """Evidence packs and files to share."""

    keys: str = Field("", max_length=4096)
    excerpt_chars: int = Field(120, ge=40, le=2000)
    pack_days: float = Field(400.0, gt=0, le=36_500)


ENV_PREFIX = "STILLHUNT_"
_FOR_TESTS = {"STILLHUNT_REQUIRE_SERVICES", "STILLHUNT_THOROUGH"}
"""Variables with which the tests of this repository run, and all processes that they start."""
_LOG = logging.getLogger("stillhunt")
SETTINGS_FILE = "stillhunt.toml"
SECRET_SETTINGS = frozenset(
    {
        *("collect.identity_key", "watch.database", "alerts.webhooks", "alerts.email.password", "serve.nats_url"),
        *("signals", "serve.kafka_options", "serve.store", "watch.shared", "console.oidc_client_secret", "plugins"),
    }
)
"""Settings whose value is never shown or written, with all that is in them: screens and run.json say only whether they
are set."""
RENAMED_SETTINGS = {
    "link.public_accounts": "link.background_accounts",
    "link.public_requests": "link.background_requests",
}
"""Name of a setting in earlier versions -> its name now."""


class CollectSettings(SettingsGroup):
    """Reading of logs."""

    source: str = Field("default", max_length=64)
    format: str = Field("", max_length=64)
    default_account: str = Field("", max_length=256)
    identity_key: str = ""
    mmdb: tuple[str, ...] = ()
    sampling_rate: dict[str, Annotated[float, Field(ge=1e-6, le=1)]] = Field(default_factory=dict)
    rejects_limit: float = Field(0.01, ge=0, le=1)
    max_text_bytes: int = Field(1 << 20, ge=1024)
    max_field_bytes: int = Field(1024, ge=64)
    max_line_bytes: int = Field(256 << 20, ge=1 << 16)
    batch_rows: int = Field(65_536, ge=1)
    future_days: float = Field(2.0, ge=0)


class LinkSettings(SettingsGroup):
    """The search for slices that are more alike than chance allows."""

    min_slice_requests: int = Field(4, ge=2)
    background_accounts: int = Field(65_536, ge=1000)
    background_requests: int = Field(8_000_000, ge=10_000)


class ResolveSettings(SettingsGroup):
    """From groups of slices to campaigns."""

    min_accounts: int = Field(5, ge=2)


class FamilyCaps(SettingsGroup):
    """Most bits of each evidence family."""

    content: float = Field(FAMILY_OF["content"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["content"].about)
    queue: float = Field(FAMILY_OF["queue"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["queue"].about)
    timing: float = Field(FAMILY_OF["timing"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["timing"].about)
    network: float = Field(FAMILY_OF["network"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["network"].about)
    identity: float = Field(
        FAMILY_OF["identity"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["identity"].about
    )
    conduct: float = Field(FAMILY_OF["conduct"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["conduct"].about)


class ScoreSettings(SettingsGroup):
    """From evidence to verdicts."""

    prior_bits: float = -3.5
    family_cap_bits: FamilyCaps = Field(default_factory=FamilyCaps)  # so that no single kind convicts by itself
    linkage_cap_bits: float = Field(14.0, gt=0)
    act_probability: float = Field(0.99, gt=0, lt=1)
    review_probability: float = Field(0.85, gt=0, lt=1)
    flagged_strangers: float = Field(0.01, gt=0, lt=1)
    flagged_probability: float = Field(0.95, gt=0, lt=1)
    false_campaigns_per_month: float = Field(1.0, gt=0)
    family_floor_bits: float = Field(2.0, gt=0)


class SanctionedSettings(SettingsGroup):
    """Programmes that you allow to harvest: their accounts are shown but never flagged."""

    accounts: tuple[Annotated[str, AfterValidator(kept_id)], ...] = ()
    organizations: tuple[str, ...] = ()


class Config(BaseModel):
    """All settings of a hunt, frozen; `Config.load` raises a ConfigError for an unknown or malformed one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, lt=1 << 63)
    threads: int = Field(0, ge=0, le=1024)
    memory_limit_gb: float = Field(2.0, ge=0.1, le=1e6)
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = Field("", max_length=1024)
    state: str = ""
    collect: CollectSettings = Field(default_factory=CollectSettings)
    link: LinkSettings = Field(default_factory=LinkSettings)
    resolve: ResolveSettings = Field(default_factory=ResolveSettings)
    score: ScoreSettings = Field(default_factory=ScoreSettings)
    sanctioned: SanctionedSettings = Field(default_factory=SanctionedSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)
    watch: WatchSettings = Field(default_factory=WatchSettings)
    serve: ServeSettings = Field(default_factory=ServeSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    decide: DecideSettings = Field(default_factory=DecideSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    dossier: DossierSettings = Field(default_factory=DossierSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    terms: str = Field("", max_length=4096)
    signals: dict[str, Any] = Field(default_factory=dict, repr=False)
    plugins: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)

    _prepared: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def prepared(self) -> Mapping[str, Any]:
        """What kinds of evidence read for these settings before a hunt, by kind; empty before."""
        return self._prepared

    def with_prepared(self, prepared: Mapping[str, Any]) -> Config:
        """The same settings, which know what was read for them."""
        known = self.model_copy()
        known._prepared = prepared
        return known

    @model_validator(mode="after")
    def _without_contradictions(self) -> Config:
        if self.score.review_probability > self.score.act_probability:
            raise ValueError("score.review_probability is above score.act_probability")
        if self.state and self.engine == "spark":
            raise ValueError("a Spark cluster keeps nothing between hunts: leave out state, or set engine to duckdb")
        object.__setattr__(self, "alerts", self.alerts.with_plugins(self.plugins))
        return self

    @classmethod
    def load(
        cls, overrides: dict[str, Any] | None = None, *, environ: dict[str, str] | None = None, file: Path | None = None
    ) -> Config:
        """Settings merged from file, environment and overrides.

        Args:
            overrides: nested mapping of flags given on the command line; wins over all else.
            environ: environment to read `STILLHUNT_*` from; the process's own when None.
            file: settings file; `./stillhunt.toml` when None, and then it may be absent.

        Raises:
            ConfigError: unknown setting, wrong type, value out of range, unreadable file.
        """
        merged = _merge_layers(_file_layer(file), _environment_layer(os.environ if environ is None else environ))
        merged = _merge_layers(merged, overrides or {})
        try:
            return cls(**merged)
        except ValidationError as error:
            first = error.errors()[0]
            setting = ".".join(str(part) for part in first["loc"])
            got = "a hidden value" if _may_hold_secrets(setting) else f"{first.get('input')!r:.80}"
            what = f"{first['msg'].removeprefix('Value error, ')} (got {got})"
            if first["type"] == "extra_forbidden":
                what = "no such setting"
            if not setting:  # settings that contradict each other; all of them would be what was got
                what = first["msg"].removeprefix("Value error, ")
            lists_all = "'stillhunt config show' lists every setting with its unit and reason"
            new_name = RENAMED_SETTINGS.get(setting)
            raise ConfigError(
                what,
                where=f"setting {setting}" if setting else "settings",
                next_step=f"it is now called {new_name}; {lists_all}" if new_name else lists_all,
            ) from error


def is_secret(setting: str) -> bool:
    """Whether a setting, by its dotted name, is a secret one or a part of one."""
    return any(f"{setting}.".startswith(f"{secret}.") for secret in SECRET_SETTINGS)


def _may_hold_secrets(setting: str) -> bool:
    return is_secret(setting) or any(secret.startswith(f"{setting}.") for secret in SECRET_SETTINGS)


def setting_origins(
    overrides: dict[str, Any] | None = None, *, environ: dict[str, str] | None = None, file: Path | None = None
) -> list[tuple[str, Any, str, str]]:
    """Each setting's dotted name, effective value, origin (default, file, environment, flag) and reason."""
    config = Config.load(overrides, environ=environ, file=file)
    layers = (
        ("flag", overrides or {}),
        ("environment", _environment_layer(os.environ if environ is None else environ)),
        ("file", _file_layer(file)),
    )
    rows = []
    for name, value, description in _flatten_settings(config, ""):
        origin = next((label for label, layer in layers if _has_setting(layer, name.split("."))), "default")
        rows.append((name, value, origin, description))
    return rows


@cache
def _setting_texts() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("settings.toml").read_text(encoding="utf-8"))


def _text_of_setting(dotted: str) -> str:
    found: Any = _setting_texts()
    for part in dotted.split("."):
        found = found.get(part, {})
    return found or ""


def _flatten_settings(model: BaseModel, prefix: str) -> list[tuple[str, Any, str]]:
    rows: list[tuple[str, Any, str]] = []
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        dotted = f"{prefix}{name}"
        if isinstance(value, SettingsGroup) and not isinstance(value, Price):
            rows += _flatten_settings(value, dotted + ".")
        else:
            rows.append((dotted, value, _text_of_setting(dotted) or info.description or ""))
    return rows


def _has_setting(layer: dict[str, Any], path: list[str]) -> bool:
    for part in path:
        if not isinstance(layer, dict) or part not in layer:
            return False
        layer = layer[part]
    return True


def _file_layer(file: Path | None) -> dict[str, Any]:
    path = Path(SETTINGS_FILE) if file is None else file
    if file is None and not path.exists():
        return {}
    try:
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"settings file cannot be read: {error}", where=str(path), next_step="mend or remove it"
        ) from error


def _environment_layer(environ: Any) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name in _FOR_TESTS:
            continue
        path = name.removeprefix(ENV_PREFIX).lower().split("__")
        if not _names_setting(path):
            _warn_of_variable(name, ".".join(path))
            continue
        target = layer
        for part in path[:-1]:
            target = target.setdefault(part, {})
        target[path[-1]] = parse_value(environ[name])
    return layer


def _names_setting(path: list[str]) -> bool:
    model: Any = Config
    for part in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return get_origin(model) is dict  # whose names are the user's
        if part not in model.model_fields:
            return False
        model = model.model_fields[part].annotation
    return True


@cache  # once in a process, which reads its settings several times
def _warn_of_variable(name: str, setting: str) -> None:
    """Say that a variable is passed over: a shell may export one for another program, or for the tests."""
    known = [variable_name(row[0]) for row in _flatten_settings(Config(), "")]
    alike = get_close_matches(name, known, 1, cutoff=0.9)
    if setting in RENAMED_SETTINGS:
        alike = [variable_name(RENAMED_SETTINGS[setting])]
    hint = f"did you mean {alike[0]}?" if alike else "'stillhunt config show' lists every setting"
    _LOG.warning("The environment variable %s names no setting and is passed over; %s", escape_controls(name), hint)


def variable_name(setting: str) -> str:
    """The environment variable of a setting, by its dotted name."""
    return ENV_PREFIX + setting.upper().replace(".", "__")


def parse_value(text: str) -> Any:
    """The value in a variable or flag: a TOML value where it is one (number, true, list), else the plain text."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _merge_layers(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merge_layers(merged[name], value)
        else:
            merged[name] = value
    return merged
