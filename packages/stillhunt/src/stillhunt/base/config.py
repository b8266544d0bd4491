"""Every setting, declared once: default, unit and reason.

Precedence: command-line flag (or keyword) > `STILLHUNT_*` variable > `./stillhunt.toml` > default.
Nested settings use a double underscore in variables (`STILLHUNT_SCORE__PRIOR_BITS=-12`) and a table in
TOML (`[score]`). `stillhunt config show --origin` prints each value and where it came from.

Thresholds here are not arbitrary: each reason names the measurement or the rule behind it.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stillhunt.base.config_alerts import AlertSettings
from stillhunt.base.config_console import ConsoleSettings
from stillhunt.base.config_dossier import DossierSettings
from stillhunt.base.config_group import SettingsGroup as _Group
from stillhunt.base.config_live import DecideSettings, ServeSettings, WatchSettings
from stillhunt.base.config_model import ModelSettings
from stillhunt.base.config_report import Price, ReportSettings
from stillhunt.base.errors import ConfigError
from stillhunt.base.families import FAMILY_OF

ENV_PREFIX = "STILLHUNT_"
SETTINGS_FILE = "stillhunt.toml"
SECRET_SETTINGS = frozenset(
    {
        "collect.identity_key",
        "watch.database",
        "alerts.webhooks",
        "alerts.email.password",
        "serve.nats_url",
        "console.oidc_client_secret",
        "plugins",
    }
)
"""Settings whose value is never shown or written, with all that is in them: screens and run.json say only whether they
are set."""
RENAMED_SETTINGS = {
    "link.public_accounts": "link.background_accounts",
    "link.public_requests": "link.background_requests",
}
"""Name of a setting in earlier versions -> its name now."""


class CollectSettings(_Group):
    """Reading of logs."""

    source: str = Field(
        "default", description="Name given to this log; calls with the same name and id are duplicates.", max_length=64
    )
    format: str = Field(
        "",
        max_length=64,
        description="Format of the logs, by its name in `stillhunt inspect`. Empty: recognised by content. "
        "'canonical': the logs have the columns of docs/tables.md.",
    )
    default_account: str = Field(
        "",
        max_length=256,
        description="Account for calls whose log names none, as in files of batch APIs. Empty: the name of the file.",
    )
    identity_key: str = Field(
        "",
        description="Secret for the keyed hashes of addresses, cards and e-mail. Empty: the key of the state folder; "
        "without one, a fresh random key for each run, so hashes of two runs cannot be compared and no case can be "
        "searched by address. Findings never depend on it.",
    )
    mmdb: tuple[str, ...] = Field(
        (),
        description="MMDB files (GeoLite2, GeoIP2 with Anonymous-IP and Connection-Type, DB-IP, IPinfo, IP2Location) "
        "that give the network, country and kind (hosting, vpn, tor, mobile ...) of an address where the log does not. "
        "The first file with a value counts; of several kinds, the most specific one. Needs stillhunt[enrich]. "
        "With engine spark, every machine needs them under the same path. run.json lists only their names.",
    )
    sampling_rate: dict[str, Annotated[float, Field(ge=1e-6, le=1)]] = Field(
        default_factory=dict,
        description="Format of a log, by its name in `stillhunt inspect` (vertex = 0.1) -> share of calls that such "
        "logs keep, if their records do not state it. Requests, tokens and money are then estimated for all calls, and "
        "evidence that needs every call does not count for a campaign.",
    )
    rejects_limit: float = Field(
        0.01, ge=0, le=1, description="Share of rejected rows above which the exit code is 4 (partial input)."
    )
    max_text_bytes: int = Field(
        1 << 20,
        ge=1024,
        description="Bytes kept of one text field; of longer ones, samples of the beginning, middle and end are kept.",
    )
    max_field_bytes: int = Field(
        1024, ge=64, description="Bytes kept of ids, user agents and other short fields; longer ones are cut, hashed."
    )
    max_line_bytes: int = Field(
        256 << 20, ge=1 << 16, description="Bytes of one JSON or CSV line; longer lines go to rejects unread."
    )
    batch_rows: int = Field(
        65_536, ge=1, description="Rows processed at a time; it limits memory and changes no result."
    )
    future_days: float = Field(
        2.0,
        ge=0,
        description="Days by which a timestamp may be ahead of this machine's clock; later rows are rejected.",
    )


class LinkSettings(_Group):
    """The search for slices that are more alike than chance allows."""

    min_slice_requests: int = Field(
        4,
        ge=2,
        description="Distinct prompts that a slice needs before anything is inferred from it; fewer prove nothing.",
    )
    background_accounts: int = Field(
        65_536,
        ge=1000,
        description="Most accounts in the background sample, the random sample of accounts with which groups are "
        "compared; a log with fewer accounts is in it as a whole. A sample of the default size still shows three "
        "times what one account in 20,000 does.",
    )
    background_requests: int = Field(
        8_000_000,
        ge=10_000,
        description="Most requests in the background sample; it limits memory where accounts are busy.",
    )


class ResolveSettings(_Group):
    """From groups of slices to campaigns."""

    min_accounts: int = Field(
        5, ge=2, description="Fewest accounts of a campaign; the definition of a first correct call asks for five."
    )


class FamilyCaps(_Group):
    """Most bits of each evidence family."""

    content: float = Field(FAMILY_OF["content"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["content"].about)
    queue: float = Field(FAMILY_OF["queue"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["queue"].about)
    timing: float = Field(FAMILY_OF["timing"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["timing"].about)
    network: float = Field(FAMILY_OF["network"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["network"].about)
    identity: float = Field(
        FAMILY_OF["identity"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["identity"].about
    )
    conduct: float = Field(FAMILY_OF["conduct"].cap_bits, gt=0, description="Most bits. " + FAMILY_OF["conduct"].about)


class ScoreSettings(_Group):
    """From evidence to verdicts."""

    prior_bits: float = Field(
        -5.5,
        description="log2 odds that a candidate group is a harvesting operation before any evidence: about one in "
        "45; of 2,951 honest candidates of seeded worlds, a class of 23 accounts came highest, to 2.5 bits.",
    )
    family_cap_bits: FamilyCaps = Field(
        default_factory=lambda: FamilyCaps(),
        description="Most bits each family may add or take: no single kind of evidence can convict by itself.",
    )
    linkage_cap_bits: float = Field(
        4.0,
        gt=0,
        description="Most bits of identity, network and timing together: they show one operator, which the seats of a "
        "company also have. With 10 bits, the strongest honest candidates had no other evidence.",
    )
    act_probability: float = Field(
        0.99, gt=0, lt=1, description="Probability from which the verdict is act; the target is a precision of 99 %."
    )
    review_probability: float = Field(
        0.85,
        gt=0,
        lt=1,
        description="The same for the verdict review, at which a person should look: nearly six to one. At four to "
        "one, a class or a chance group was a case for review in two of nine honest worlds of 3,000 accounts.",
    )
    flagged_strangers: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Expected share of strangers, at most, among the accounts that are flagged of one campaign with "
        "the verdict act; its other members get the verdict review.",
    )
    flagged_probability: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="Least probability of membership from which an account can be flagged, however sure the other "
        "members are.",
    )
    false_campaigns_per_month: float = Field(
        1.0,
        gt=0,
        description="False campaigns with the verdict act that are allowed in 30 days of hourly looks. The larger the "
        "log, the more bits the verdict act then needs; campaigns with fewer bits get the verdict review.",
    )
    family_floor_bits: float = Field(
        2.0,
        gt=0,
        description="Bits from which a family counts as one of the two independent families: four to one. With 3 bits, "
        "two campaigns of seeded worlds with 12 bits were left for review, and no honest group came near either.",
    )


class SanctionedSettings(_Group):
    """Programmes that you allow to harvest: their accounts are shown but never flagged."""

    accounts: tuple[str, ...] = Field(
        (), description="Ids of accounts under contract, of your own evaluations and of known researchers."
    )
    organizations: tuple[str, ...] = Field((), description="Ids of organisations whose accounts are all allowed.")


class Config(BaseModel):
    """All settings of a hunt, frozen.

    Raises:
        ConfigError: through `Config.load`, for an unknown or malformed setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, lt=1 << 63, description="Seed of every keyed sample and split; same seed, same answer.")
    threads: int = Field(
        0, ge=0, le=1024, description="Worker threads, at most 1024; 0 = one per core. Changes no result."
    )
    memory_limit_gb: float = Field(
        2.0, ge=0.1, le=1e6, description="Memory of the SQL engine before it spills to disk, GiB; 0.1 to 1,000,000."
    )
    engine: Literal["duckdb", "spark"] = Field(
        "duckdb", description="What processes the requests: this machine, or a Spark cluster (stillhunt[spark], Java)."
    )
    spark_master: str = Field(
        "",
        description="For engine spark: master URL (spark://host:7077, yarn, k8s://..., local[*]) or Spark Connect URL "
        "(sc://host). Empty: the running session, or else what spark-submit and the cluster configure.",
        max_length=1024,
    )
    state: str = Field(
        "",
        description="Folder that keeps what was computed for each input file, so that the next hunt reads only new or "
        "changed files; about 340 bytes per request. Empty: nothing is kept. Nothing is ever removed from it: if it "
        "grows too large, delete the whole folder, and the next hunt makes it again. Keep its file `identity.key`, "
        "which is secret: under another key, all files are read again. A file counts as unchanged if its path, size, "
        "inode, mtime and ctime are the same. Where the file system has no ctime (FAT, some network mounts, Windows), "
        "delete the folder's file `digests` after a file was rewritten under its old mtime. An unchanged file is read "
        "again if a file that was added late or removed can change which parts of its prompts are resent history. Not "
        "with engine spark.",
    )
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
    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        repr=False,
        description="Settings of plugins that you installed: one table [plugins.NAME] each, which is handed to the "
        "plugin as it is. `stillhunt plugin list` names them.",
    )

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
        merged = _merge(_file_layer(file), _environment_layer(os.environ if environ is None else environ))
        merged = _merge(merged, overrides or {})
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
    for name, value, description in _walk(config, ""):
        origin = next((label for label, layer in layers if _has(layer, name.split("."))), "default")
        rows.append((name, value, origin, description))
    return rows


def _walk(model: BaseModel, prefix: str) -> list[tuple[str, Any, str]]:
    rows: list[tuple[str, Any, str]] = []
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        dotted = f"{prefix}{name}"
        if isinstance(value, _Group) and not isinstance(value, Price):
            rows += _walk(value, dotted + ".")
        else:
            rows.append((dotted, value, info.description or ""))
    return rows


def _has(layer: dict[str, Any], path: list[str]) -> bool:
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
        if not name.startswith(ENV_PREFIX) or name == ENV_PREFIX + "REQUIRE_SERVICES":
            continue
        path = name[len(ENV_PREFIX) :].lower().split("__")
        target = layer
        for part in path[:-1]:
            target = target.setdefault(part, {})
        target[path[-1]] = parse_value(environ[name])
    return layer


def parse_value(text: str) -> Any:
    """The value in a variable or flag: a TOML value where it is one (number, true, list), else the plain text."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merge(merged[name], value)
        else:
            merged[name] = value
    return merged
