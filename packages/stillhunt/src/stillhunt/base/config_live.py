"""Settings of what keeps running: hunts on a schedule, and the server that receives traffic."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stillhunt.base.config_group import SettingsGroup


class WatchSettings(SettingsGroup):
    """Hunts on a schedule over a data folder."""

    every_minutes: float = Field(
        15.0, gt=0, le=10_080, description="Minutes from the start of one scheduled hunt to that of the next."
    )
    every_requests: int = Field(
        0, ge=0, description="Requests received after which a hunt starts before its time; 0 = none does."
    )
    window_days: float = Field(
        14.0,
        gt=0,
        le=3650,
        description="Days of traffic that each hunt looks back over. The budget of false alarms was measured on 14.",
    )
    memory_limit_gb: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Memory that a scheduled hunt may take, GiB; one that takes more is ended, shown as failed and "
        "tried again. 0 = three quarters of this machine.",
    )
    accounts: str = Field(
        "", max_length=4096, description="Table of accounts that each hunt reads anew; a path or postgresql:// URL."
    )
    database: str = Field(
        "",
        description="URL of a PostgreSQL database (postgresql+psycopg://USER@HOST/NAME) for what is kept beside the "
        "snapshots. Empty: the file stillhunt.db in the data folder.",
    )
    spool_days: float = Field(
        30.0, gt=0, le=3650, description="Days after which received records are deleted, but for a legal hold."
    )
    snapshot_days: float = Field(
        30.0,
        gt=0,
        le=3650,
        description="Days after which snapshots are deleted, but for the newest one and for a legal hold.",
    )
    history_days: float = Field(
        400.0,
        gt=0,
        le=3650,
        description="Days after which campaigns that have ended, with their members and signatures, are deleted.",
    )
    signature_days: float = Field(
        90.0,
        gt=0,
        le=3650,
        description="Days after a campaign's last harvested request for which its signature links new accounts.",
    )


class ServeSettings(SettingsGroup):
    """The HTTP server that receives traffic."""

    listen: str = Field(
        "127.0.0.1:8686", max_length=256, description="Address and port to listen on; 0.0.0.0:8686 for all interfaces."
    )
    max_body_mb: float = Field(
        64.0, gt=0, le=1024, description="Size of one request body, before and after unpacking, in megabytes."
    )
    records_per_second: float = Field(
        0.0, ge=0, description="Most records a second that one token may send, over ten seconds; 0 = no limit."
    )
    spool_gb: float = Field(
        0.0, ge=0, description="Size of the spool above which nothing more is accepted, GiB; 0 = no limit."
    )
    free_gb: float = Field(
        1.0, ge=0, description="Free space on the disk of the data folder below which nothing more is accepted, GiB."
    )
    nats_url: str = Field(
        "",
        max_length=1024,
        description="Address of a NATS server whose JetStream is read too (stillhunt[nats]): nats://USER:PASSWORD@HOST "
        "or tls://HOST. Empty: none.",
    )
    nats_stream: str = Field("", max_length=255, description="Name of the stream; it must exist.")
    nats_subject: str = Field(
        "",
        max_length=255,
        description="Subject to read, with wildcards. Its last word says what messages hold: traces or logs (OTLP), "
        "litellm, anything else for records in JSON. Empty: all subjects of the stream.",
    )
    nats_consumer: str = Field(
        "stillhunt",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of the durable consumer; it is made where it does not exist. Two data folders that read one "
        "stream need two names.",
    )
    nats_source: str = Field(
        "nats",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="Folder of the spool for what comes from NATS: lower-case letters, digits, - and _.",
    )

    @model_validator(mode="after")
    def _stream_is_named(self) -> Self:
        if self.nats_url and not self.nats_stream:
            raise ValueError("serve.nats_url is set, but no stream: name it in serve.nats_stream")
        return self


class DecideSettings(SettingsGroup):
    """What is done about findings."""

    policy: str = Field(
        "",
        max_length=4096,
        description="The policy. Empty: policy.toml in the data folder; where there is none, nothing is decided.",
    )
    account_header: str = Field(
        "x-account-id",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="Header by which a gateway names the account, as it is called in the logs. The gateway must set it "
        "itself, whatever its client sent. 'authorization' takes the text behind the scheme.",
    )
    account_hash: Literal["none", "sha256"] = Field(
        "none",
        description="sha256: the header holds a key, and the logs name accounts by its SHA-256 in hexadecimal.",
    )
    model_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]{0,64}$",
        description="Header by which a gateway names the model, where it sets one itself before it asks. Empty: none "
        "does, and 'limit' marks requests for what stands behind the gateway.",
    )
    appeal_url: str = Field(
        "",
        max_length=1024,
        pattern=r"^(https?://[!#-\[\]-~]+)?$",
        description="Where a customer appeals; told to whoever is refused. Empty: nothing is told.",
    )

    @field_validator("appeal_url")
    @classmethod
    def _holds_no_password(cls, url: str) -> str:
        if "@" in urlsplit(url).netloc:
            raise ValueError("it holds a name or password, which customers would read: leave it out")
        return url
