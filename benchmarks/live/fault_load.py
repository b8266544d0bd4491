"""Clients that post requests of a small world, and send again what was not acknowledged; for faults.py."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
import threading
from collections import Counter, deque

BATCH = 30
"""Most requests in one post."""
SENDERS = 3
PAUSE_SECONDS = 0.3
"""Longest pause of a client between two posts."""
ANSWER_SECONDS = 3.0
"""How long a client waits for an answer before it counts the post as lost."""
DUPLICATED, TRUNCATED, ABORTED = "duplicated and reordered delivery", "truncated delivery", "aborted delivery"
TRICKS = (DUPLICATED, TRUNCATED, ABORTED)


class Load:
    """Clients in threads.

    Args:
        lines: requests by id.
        tokens: of the sources; a request always goes to the same one.
        port: of the server.
        seed: of all choices.
    """

    def __init__(self, lines: dict[str, bytes], tokens: list[str], port: int, seed: int) -> None:
        self._lines, self._tokens, self._port, self._seed = lines, tokens, port, seed
        self._sources = {name: sum(name.encode()) % len(tokens) for name in lines}
        self._unsent = [[name for name in lines if self._sources[name] == index] for index in range(len(tokens))]
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._tricks: deque[str] = deque()
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self.answers: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(SENDERS)]

    def start(self) -> None:
        """Begin to post."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until every client has had its last answer."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def play(self, trick: str) -> None:
        """Let some client do one of TRICKS next."""
        self._tricks.append(trick)

    def _run(self, number: int) -> None:
        chooser = random.Random(self._seed * SENDERS + number)  # noqa: S311 - no secret
        while not self._stopping.wait(chooser.random() * PAUSE_SECONDS):
            trick = ""
            with self._lock:
                if self._tricks:
                    trick = self._tricks.popleft()
                source = chooser.randrange(len(self._tokens))
                names = self._chosen(chooser, source, again=trick == DUPLICATED or chooser.random() < 0.1)
                self.sent.update(names)
            if names:
                self._post(chooser, source, names, trick)

    def _chosen(self, chooser: random.Random, source: int, *, again: bool) -> list[str]:
        if again:
            known = sorted(name for name in self.acknowledged if self._sources[name] == source)
            return chooser.sample(known, min(len(known), 4 * BATCH))
        pool = self._unsent[source]
        return [pool.pop(chooser.randrange(len(pool))) for _ in range(min(len(pool), chooser.randint(1, BATCH)))]

    def _post(self, chooser: random.Random, source: int, names: list[str], trick: str) -> None:
        body = b"".join(self._lines[name] for name in names)
        if trick == TRUNCATED:
            body = body[: chooser.randrange(1, len(body))]
        accepted = 0
        try:
            status, answer = self._answer(source, body, packed=chooser.random() < 0.2, whole=trick != ABORTED)
            self.answers[str(status)] += 1
            if status == 200:
                accepted = json.loads(answer)["accepted"]
        except (OSError, http.client.HTTPException) as error:
            self.answers[type(error).__name__] += 1
        with self._lock:
            self.acknowledged.update(names[:accepted])
            self._unsent[source] += [name for name in names[accepted:] if name not in self.acknowledged]

    def _answer(self, source: int, body: bytes, *, packed: bool, whole: bool) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._tokens[source]}"}
        if packed:
            body, headers = gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            if not whole:
                connection.putrequest("POST", "/v1/ingest/jsonl")
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    connection.putheader(name, value)
                connection.endheaders(body[: len(body) // 2])
                connection.sock.shutdown(socket.SHUT_RDWR)
                raise ConnectionAbortedError
            connection.request("POST", "/v1/ingest/jsonl", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
