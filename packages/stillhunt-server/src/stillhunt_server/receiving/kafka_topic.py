"""Kafka as an inlet and as a store: messages of a topic, whose offsets are committed once they are on disk."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.formatting import shorten
from stillhunt.watch.spool.parts import Stream
from stillhunt_server.receiving.bodies import Records
from stillhunt_server.receiving.broker_inlet import BrokerInlet
from stillhunt_server.receiving.committer import SpoolBusyError
from stillhunt_server.receiving.messages import BrokerMessage, encode_messages
from stillhunt_server.receiving.sinks import StoredTogether

LONGEST_MESSAGE = 1_000_000
"""Bytes that a broker takes in one message unless its operator raised that (message.max.bytes)."""
DELIVERY_SECONDS = 15
"""Longest time until the brokers have a message; then the sender is asked to send again. Judgement: an election takes a
few seconds, and senders wait for half a minute."""
SILENT_SECONDS = 10
"""Time without a sign of a process, after which others get its partitions. Judgement: Kafka's own earlier default."""


class KafkaInlet(BrokerInlet):
    """Takes messages of a topic; offsets are committed after the sync."""

    broker, failures = "Kafka", (KafkaException, SpoolBusyError, OSError)

    def _run_one_session(self) -> None:
        settings = self._settings
        own = {
            "group.id": settings.kafka_group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": SILENT_SECONDS * 1000,
        }
        with closing(Consumer({**_client_options(settings), **own})) as consumer:
            consumer.subscribe([settings.kafka_topic])
            while not self._stopping.is_set():
                if full := self._limits.full():
                    raise OSError(errno.ENOSPC, full)
                messages = consumer.consume(self._pace.batch, self._pace.fetch_seconds)
                for message in messages:
                    if (error := message.error()) is not None:
                        raise KafkaException(error)
                if messages:
                    self._keep_messages(messages)
                    consumer.commit(asynchronous=False)
                elif not consumer.assignment():
                    consumer.list_topics(settings.kafka_topic, timeout=self._pace.fetch_seconds)  # raises if away
                    continue
                self._note_connection()

    def _keep_messages(self, messages: Sequence[Message]) -> None:
        """Store what messages hold, and wait for it."""
        began, stored = time.monotonic(), StoredTogether()
        found: dict[Stream, list[Records]] = {}
        for message in messages:
            if (held := self._decode_or_count(_read_kafka_message(message))) is not None:
                found.setdefault(held[0], []).append(held[1])
        for stream, taken in found.items():
            if data := b"".join(records.data for records in taken):
                stored.submit(self._sink, stream, data, sum(records.accepted for records in taken))
        stored.wait()
        for stream, taken in found.items():
            self._count_stored_records(stream, taken, began)

    def _describe_failure(self, error: Exception) -> str:
        return describe_kafka_problem(error)


def _read_kafka_message(message: Message) -> BrokerMessage:
    headers: dict[str, str] = {}
    listed: Any = message.headers() or ()  # its stub also allows a mapping, which only sending takes
    for name, value in listed:
        headers[name.lower()] = value.decode("latin-1") if isinstance(value, bytes) else value or ""
    return BrokerMessage(message.topic() or "", message.value() or b"", headers)


class KafkaSender:
    """Sends records to the topic of the settings; a record lasts when all replicas that are in sync have it."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        own = {
            "acks": "all",
            "enable.idempotence": True,
            "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
            "linger.ms": 5,  # milliseconds: messages of one batch travel together
        }
        self._producer = Producer({**own, **_client_options(settings)})

    def store_records(self, stream: Stream, data: bytes, _records: int) -> None:
        """Send records, and wait until the brokers have all of them.

        Raises:
            OSError: they may not.
        """
        failures: list[KafkaError] = []

        def heard(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        topic = self._settings.kafka_topic
        for message in encode_messages(stream, data, topic, LONGEST_MESSAGE):
            self._send_message(message, heard)
        if left := self._producer.flush(DELIVERY_SECONDS + 1):
            self._producer.purge()
            raise OSError(errno.ETIMEDOUT, f"Kafka: {left} messages were not taken in time")
        if failures:
            raise OSError(errno.EIO, describe_kafka_problem(KafkaException(failures[0])))

    def _send_message(self, message: BrokerMessage, heard: Callable[[KafkaError | None, Message], None]) -> None:
        headers: list[tuple[str, str | bytes | None]] = [*message.headers.items()]
        while True:
            try:
                return self._producer.produce(message.subject, message.data, headers=headers, on_delivery=heard)
            except BufferError:  # its queue is full: hear of some that were sent
                self._producer.poll(0.1)
            except KafkaException as error:
                raise OSError(errno.EIO, describe_kafka_problem(error)) from error


def find_kafka_problem(settings: ServeSettings) -> str:
    """Why no messages could be fetched now; empty where they could."""
    try:
        client = Producer(_client_options(settings))
        topics = client.list_topics(settings.kafka_topic, timeout=SILENT_SECONDS / 2).topics
    except KafkaException as error:
        return describe_kafka_problem(error)
    failed = topics[settings.kafka_topic].error
    return describe_kafka_problem(KafkaException(failed)) if failed is not None else ""


def describe_kafka_problem(error: Exception) -> str:
    """Why nothing comes or goes, without what options say."""
    if isinstance(error, KafkaException):
        return shorten(f"Kafka: {error.args[0].str()}", 200)
    if isinstance(error, OSError):
        return f"messages cannot be written: {error.strerror or type(error).__name__}"
    return "messages cannot be written: more comes than can be stored"


def _client_options(settings: ServeSettings) -> dict[str, Any]:
    """Options of librdkafka; what the operator sets wins, but for where to connect."""
    quiet = {"client.id": "stillhunt", "logger": _QUIET, "error_cb": lambda _error: None}  # what matters is raised
    return {**quiet, **settings.kafka_options, "bootstrap.servers": settings.kafka_servers}


_QUIET = logging.getLogger("stillhunt.kafka")  # what librdkafka says may quote options; faults say what is wrong
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
