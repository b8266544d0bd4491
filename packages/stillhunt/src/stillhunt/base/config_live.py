"""Settings of what keeps running: hunts on a schedule, and the server that receives traffic."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stillhunt.base.config_group import SettingsGroup


class WatchSettings(SettingsGroup):
    """Hunts on a schedule over a data folder."""

    every_minutes: float = Field(15.0, gt=0, le=10_080)
    every_requests: int = Field(0, ge=0)
    cold_hours: float = Field(6.0, ge=0, le=8760)
    early_share: float = Field(0.25, ge=0, le=1)
    window_days: float = Field(14.0, gt=0, le=3650)
    memory_limit_gb: float = Field(0.0, ge=0, le=1e6)
    accounts: str = Field("", max_length=4096)
    database: str = ""
    shared: str = Field("", max_length=4096, pattern=r"^((file|s3|gs|gcs|abfs|abfss|hdfs)://.+)?$")
    spool_days: float = Field(30.0, gt=0, le=3650)
    snapshot_days: float = Field(30.0, gt=0, le=3650)
    history_days: float = Field(400.0, gt=0, le=3650)
    signature_days: float = Field(90.0, gt=0, le=3650)


class ServeSettings(SettingsGroup):
    """The HTTP server that receives traffic."""

    listen: str = Field("127.0.0.1:8686", max_length=256)
    max_body_mb: float = Field(64.0, gt=0, le=1024)
    records_per_second: float = Field(0.0, ge=0)
    spool_gb: float = Field(0.0, ge=0)
    free_gb: float = Field(1.0, ge=0)
    store: str = Field("", max_length=4096, pattern=r"^(nats|kafka|(file|s3|gs|gcs|abfs|abfss|hdfs)://.+)?$")
    nats_url: str = Field("", max_length=1024)
    nats_stream: str = Field("", max_length=255)
    nats_subject: str = Field("", max_length=255)
    nats_consumer: str = Field("stillhunt", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    nats_source: str = Field("nats", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kafka_servers: str = Field("", max_length=4096)
    kafka_topic: str = Field("", max_length=249)
    kafka_group: str = Field("stillhunt", min_length=1, max_length=200)
    kafka_source: str = Field("kafka", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kafka_options: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stream_is_named(self) -> Self:
        if self.nats_url and not self.nats_stream:
            raise ValueError("serve.nats_url is set, but no stream: name it in serve.nats_stream")
        if self.kafka_servers and not self.kafka_topic:
            raise ValueError("serve.kafka_servers is set, but no topic: name it in serve.kafka_topic")
        if self.store == "nats" and not (self.nats_url and self.nats_subject):
            raise ValueError("serve.store is nats: name server and subject in serve.nats_url and serve.nats_subject")
        if self.store == "kafka" and not self.kafka_servers:
            raise ValueError("serve.store is kafka: name the servers in serve.kafka_servers")
        return self


class DecideSettings(SettingsGroup):
    """What is done about findings."""

    policy: str = Field("", max_length=4096)
    account_header: str = Field("x-account-id", pattern=r"^[A-Za-z0-9-]{1,64}$")
    account_hash: Literal["none", "sha256"] = "none"
    model_header: str = Field("", pattern=r"^[A-Za-z0-9-]{0,64}$")
    appeal_url: str = Field("", max_length=1024, pattern=r"^(https?://[!#-\[\]-~]+)?$")

    @field_validator("appeal_url")
    @classmethod
    def _holds_no_password(cls, url: str) -> str:
        if "@" in urlsplit(url).netloc:
            raise ValueError("it holds a name or password, which customers would read: leave it out")
        return url
