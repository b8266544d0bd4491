"""NATS JetStream as an inlet: messages of a durable pull consumer, acknowledged once they are on disk."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingYetError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.formatting import shorten
from stillhunt.watch.spool.parts import Stream
from stillhunt_server.receiving.bodies import Records
from stillhunt_server.receiving.broker_inlet import INLET_PACE, BrokerInlet
from stillhunt_server.receiving.committer import SpoolBusyError
from stillhunt_server.receiving.messages import BrokerMessage, encode_messages

CLIENT = "stillhunt"
REQUEST_SECONDS = 2.0
"""Longest wait for an answer of the broker, so that a stopped one is known within seconds. Judgement."""


class NatsInlet(BrokerInlet):
    """Takes messages of a durable consumer, acknowledged after the sync; what cannot be decoded is terminated."""

    broker, failures = "NATS", (NatsError, OSError, ValueError)

    def _run_one_session(self) -> None:
        asyncio.run(self._run_broker_session())

    def _describe_failure(self, error: Exception) -> str:
        return problem_of(error, self._settings)

    async def _run_broker_session(self) -> None:
        async with connection(self._settings) as stream:
            subscription = await self._bind_nats_subscription(stream)
            self._note_connection()
            while not self._stopping.is_set():
                await self._take_message_batch(subscription)

    async def _bind_nats_subscription(self, stream: JetStreamContext) -> JetStreamContext.PullSubscription:
        """Bind to the consumer; it is made where the operator has not made it."""
        settings = self._settings
        try:
            await stream.consumer_info(settings.nats_stream, settings.nats_consumer)
        except NotFoundError:
            consumer = ConsumerConfig(
                durable_name=settings.nats_consumer,
                filter_subject=settings.nats_subject or None,
                ack_wait=self._pace.acknowledge_seconds,
            )
            await stream.add_consumer(settings.nats_stream, consumer)
        return await stream.pull_subscribe_bind(settings.nats_consumer, settings.nats_stream)

    async def _take_message_batch(self, subscription: JetStreamContext.PullSubscription) -> None:
        if full := self._limits.full():
            await self._hold_messages_back(subscription, full)
            return
        try:
            messages = await subscription.fetch(self._pace.batch, timeout=self._pace.fetch_seconds)
        except NothingYetError:
            messages = []
        if not messages:  # a broker that dies at this moment may also leave none
            self._traffic.waiting[self._source] = (await subscription.consumer_info()).num_pending or 0
            return
        began = time.monotonic()
        self._traffic.waiting[self._source] = messages[-1].metadata.num_pending
        for stream, taken in (await self._group_decoded_messages(messages)).items():
            await self._keep_taken_messages(subscription, stream, taken, began)

    async def _group_decoded_messages(self, messages: Sequence[Msg]) -> dict[Stream, list[tuple[Msg, Records]]]:
        """Messages by the file that they belong to; those that cannot be decoded never come again."""
        found: dict[Stream, list[tuple[Msg, Records]]] = {}
        for message in messages:
            headers = {name.lower(): value for name, value in (message.headers or {}).items()}
            try:
                held = self._decode_or_count(BrokerMessage(message.subject, message.data, headers))
            except OSError:
                await message.nak(delay=self._pace.longest_wait)
                continue
            if held is None:
                await message.term()
            else:
                found.setdefault(held[0], []).append((message, held[1]))
        return found

    async def _keep_taken_messages(
        self,
        subscription: JetStreamContext.PullSubscription,
        stream: Stream,
        taken: Sequence[tuple[Msg, Records]],
        began: float,
    ) -> None:
        data = b"".join(records.data for _, records in taken)
        count = sum(records.accepted for _, records in taken)
        try:
            await self._store_message_data(stream, data, count)
        except (SpoolBusyError, OSError) as error:
            for message, _ in taken:
                await message.nak(delay=self._pace.first_wait)
            why = getattr(error, "strerror", None) or "more comes than the disk can take"
            await self._hold_messages_back(subscription, f"messages cannot be written: {why}")
            return
        for message, _ in taken:
            await message.ack()
        self._count_stored_records(stream, [records for _, records in taken], began)

    async def _store_message_data(self, stream: Stream, data: bytes, count: int) -> None:
        if not data:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Exception | None] = loop.create_future()

        def done(error: Exception | None) -> None:
            loop.call_soon_threadsafe(future.set_result, error)

        self._sink.submit(stream, data, done, count)
        if (error := await future) is not None:
            raise error

    async def _hold_messages_back(self, subscription: JetStreamContext.PullSubscription, problem: str) -> None:
        """Leave messages with the broker for a while, and say why."""
        self._traffic.problems[self._source] = problem
        self._traffic.waiting[self._source] = (await subscription.consumer_info()).num_pending or 0
        await self._pause_message_reading(self._pace.first_wait)
        self._traffic.problems.pop(self._source, None)

    async def _pause_message_reading(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.2))


class NatsSender:
    """Publishes records to the stream of the settings, over one connection that is made again when it breaks."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        subject = settings.nats_subject
        # under a wildcard, a name of our own; hunters know by the headers what a message holds
        self._subject = f"{subject.rstrip('.*>')}.records" if subject[-1:] in ("*", ">") else subject
        self._loop = asyncio.new_event_loop()
        self._opened: tuple[AsyncExitStack, Client] | None = None
        threading.Thread(target=self._loop.run_forever, name="stillhunt-nats", daemon=True).start()

    def store_records(self, stream: Stream, data: bytes, _records: int) -> None:
        """Publish records, and wait until the stream has all of them.

        Raises:
            OSError: it may not.
        """
        work = asyncio.run_coroutine_threadsafe(self._publish_records(stream, data), self._loop)
        try:
            work.result()
        except (NatsError, ValueError) as error:
            raise OSError(errno.EIO, problem_of(error, self._settings)) from error

    async def _publish_records(self, stream: Stream, data: bytes) -> None:
        if self._opened is None:
            opened = AsyncExitStack()
            self._opened = opened, await opened.enter_async_context(connect_client(self._settings))
        client = self._opened[1]
        messages = encode_messages(stream, data, self._subject, client.max_payload)
        try:
            for at in range(0, len(messages), INLET_PACE.batch):
                sent = (self._publish_message(client, one) for one in messages[at : at + INLET_PACE.batch])
                await asyncio.gather(*sent)
        except (NatsError, OSError, ValueError):
            broken, self._opened = self._opened[0], None
            with suppress(NatsError, OSError):
                await broken.aclose()
            raise

    async def _publish_message(self, client: Client, message: BrokerMessage) -> None:
        # the broker refuses it where no stream, or another one, takes this subject
        await client.jetstream(timeout=REQUEST_SECONDS).publish(
            message.subject, message.data, stream=self._settings.nats_stream, headers=dict(message.headers)
        )


@asynccontextmanager
async def connection(settings: ServeSettings) -> AsyncIterator[JetStreamContext]:
    """JetStream over a connection of its own; raises as `connect_client` does."""
    async with connect_client(settings) as client:
        yield client.jetstream(timeout=REQUEST_SECONDS)


@asynccontextmanager
async def connect_client(settings: ServeSettings) -> AsyncIterator[Client]:
    """A connection to the broker; it is not repaired when it breaks.

    Raises:
        NatsError: the broker refuses it, or nobody answers.
        OSError: it breaks.
        ValueError: the URL cannot be read.
    """

    async def unheard(_error: Exception) -> None:
        """What breaks a connection is raised where it is used."""

    address = urlsplit(settings.nats_url)
    if address.hostname is None or address.port == 0:  # reading the port raises for one that is no number
        raise ValueError
    client = Client()
    try:
        await client.connect(
            settings.nats_url,
            name=CLIENT,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            error_cb=unheard,
        )
        yield client
    finally:
        with suppress(TimeoutError):  # the broker reads no more; the socket closes with the client
            await asyncio.wait_for(client.close(), REQUEST_SECONDS)


async def problem_with(settings: ServeSettings) -> str:
    """Why no messages could be fetched now; empty where they could."""
    try:
        async with connection(settings) as stream:
            await stream.stream_info(settings.nats_stream)
    except (NatsError, OSError, ValueError) as error:
        return problem_of(error, settings)
    return ""


def problem_of(error: Exception, settings: ServeSettings) -> str:
    """Why nothing comes, without the credentials of the URL."""
    if isinstance(error, NotFoundError):
        return f"NATS has no stream {settings.nats_stream!r} (serve.nats_stream)"
    if isinstance(error, ValueError):
        return "serve.nats_url is no address of NATS; write nats://HOST:4222"
    return shorten(f"NATS: {str(error) or type(error).__name__}", 200)
