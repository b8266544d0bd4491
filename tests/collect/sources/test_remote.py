"""Logs in an object store: a server that speaks S3 runs beside the tests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.collect.gathering import collected, content, row, write_lines, write_parquet

from stillhunt.base.config import Config
from stillhunt.base.errors import InputError
from stillhunt.collect.locate.object_stores import RemoteFile, _without_secrets, hide_credentials, remote_files
from stillhunt.pipeline import hunt

KEY, SECRET = "testing-access-key", "testing/secret+key"
BUCKET = "logs"


class Store(NamedTuple):
    """A running server.

    Attributes:
        endpoint: host and port.
        client: of boto3.
    """

    endpoint: str
    client: Any

    def address(self, path: str, key: str = KEY, secret: str = SECRET) -> str:
        options = f"scheme=http&region=us-east-1&endpoint_override={quote(self.endpoint)}"
        return f"s3://{quote(key)}:{quote(secret, safe='')}@{path}?{options}"

    def put(self, name: str, file: Path) -> None:
        self.client.put_object(Bucket=BUCKET, Key=name, Body=file.read_bytes())

    def asks_who_is_there(self, asks: bool) -> None:
        """Whether rights are checked from now on."""
        self.tell("reset-auth", b"0" if asks else b"inf")

    def tell(self, what: str, data: bytes = b"") -> None:
        """Ask the server itself for something."""
        connection = http.client.HTTPConnection(self.endpoint)
        connection.request("POST", f"/moto-api/{what}", data)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200


def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Store(f"{host}:{port}", client_of(f"{host}:{port}", "s3"))
    finally:
        server.stop()


def client_of(endpoint: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://{endpoint}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from served(monkeypatch)


@pytest.fixture
def store(server: Store) -> Store:
    """The server with an empty bucket."""
    server.tell("reset")
    server.client.create_bucket(Bucket=BUCKET)
    return server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of three files."""
    place = tmp_path / "log"
    (place / "day").mkdir(parents=True)
    rows = [row(n, client_ip=f"192.0.2.{n}", prompt=f"question {n} " * 50) for n in range(300)]
    write_parquet(place / "day" / "a.parquet", rows[:100], row_group_size=30)
    write_lines(place / "b.jsonl.gz", rows[100:200])
    write_lines(place / "c.jsonl", rows[200:])
    return place


def filled(store: Store, folder: Path, prefix: str = "prod/api") -> Store:
    for file in sorted(folder.rglob("*.*")):
        store.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file)
    return store


def messages(error: BaseException) -> str:
    """All that a user could be shown of an error."""
    return f"{error} {getattr(error, 'where', '')} {getattr(error, 'next_step', '')}"


def hides(text: str) -> bool:
    return not any(part in text for part in (KEY, SECRET, quote(SECRET, safe=""), SECRET.split("/")[-1]))


def test_a_bucket_reads_as_the_folder_does(store: Store, folder: Path) -> None:
    filled(store, folder)
    store.put("prod/api/notes.txt", folder / "c.jsonl")
    store.put("prod/api/_temporary/half.jsonl", folder / "c.jsonl")
    local, here = collected(folder)
    far, there = collected(store.address(f"{BUCKET}/prod/api"))
    assert len(far) == 300
    assert local == far
    assert here.facts.inputs == there.facts.inputs


def test_single_objects_and_both_kinds_together(store: Store, folder: Path) -> None:
    filled(store, folder)
    whole, _ = collected(folder)
    addresses = [store.address(f"{BUCKET}/prod/api/{name}") for name in ("day/a.parquet", "b.jsonl.gz")]
    mixed, log = collected([*addresses, str(folder / "c.jsonl")])
    assert content(mixed) == content(whole)
    twice, _ = collected([*addresses, *addresses, str(folder / "c.jsonl")])
    assert content(twice) == content(whole)
    assert sorted(file.name for file in log.facts.inputs) == ["a.parquet", "b.jsonl.gz", "c.jsonl"]


def test_equal_keys_of_two_stores_are_two_files(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("b.jsonl.gz", folder / "b.jsonl.gz")
    others = served(monkeypatch)
    other = next(others)
    # Servers of one process share what they hold, but not their address.
    rows, log = collected([store.address(f"{BUCKET}/b.jsonl.gz"), other.address(f"{BUCKET}/b.jsonl.gz")])
    assert len(log.facts.inputs) == 2
    assert {r["origin_file"] for r in rows} <= {0, 1}
    assert next(others, None) is None


@pytest.mark.parametrize("place", ["empty", f"{BUCKET}/nothing", "no-such-bucket/x", f"{BUCKET}/prod/api/absent.jsonl"])
def test_nothing_there(store: Store, folder: Path, place: str) -> None:
    filled(store, folder)
    store.client.create_bucket(Bucket="empty")
    with pytest.raises(InputError, match="no object at this address") as told:
        collected(store.address(place))
    assert place in messages(told.value)
    assert "bucket" in messages(told.value)
    assert hides(messages(told.value))


def test_no_permission(store: Store, folder: Path) -> None:
    filled(store, folder)
    people = client_of(store.endpoint, "iam")
    people.create_user(UserName="nobody")
    made = people.create_access_key(UserName="nobody")["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    store.asks_who_is_there(True)
    try:
        with pytest.raises(InputError, match="ACCESS_DENIED") as told:
            collected(store.address(f"{BUCKET}/prod/api", key, secret))
        assert "credentials" in messages(told.value)
        assert key not in messages(told.value)
        assert secret not in messages(told.value)
    finally:
        store.asks_who_is_there(False)


@pytest.mark.parametrize(
    "address",
    [
        f"s3://{KEY}:{SECRET}@{BUCKET}/a?region=x",  # a slash that was not encoded
        f"s3://{KEY}:{SECRET}@{BUCKET}/a?no_such_option=1",
        f"s3://{KEY}:{SECRET}?x@{BUCKET}/a",
        f"s3://{BUCKET}/a?secret={SECRET}&key={KEY}",
        f"foo://{KEY}:{SECRET}@{BUCKET}/a",
        f"s3://{KEY}:{SECRET}@{BUCKET}/%zz a",
    ],
)
def test_credentials_are_in_no_message(address: str) -> None:
    with pytest.raises(InputError) as told:
        remote_files(address, lambda _name: True)
    assert hides(messages(told.value))
    assert hides(hide_credentials(address))
    for part in (SECRET, quote(SECRET, safe=""), f"{KEY}:{SECRET}", address):
        assert hides(_without_secrets(f"cannot read {part}, sorry", address))


def test_credentials_are_in_no_run_json_and_state_goes_on(store: Store, folder: Path, tmp_path: Path) -> None:
    filled(store, folder)
    address = store.address(f"{BUCKET}/prod/api")
    settings = Config.load({"state": str(tmp_path / "state")}, environ={})
    first = hunt(address, config=settings)
    first.write(tmp_path / "case")
    for file in (tmp_path / "case").iterdir():
        held = file.read_bytes()
        assert not any(part.encode() in held for part in (KEY, SECRET, quote(SECRET, safe=""), store.endpoint))
    assert json.loads((tmp_path / "case" / "run.json").read_text())["inputs"][0]["name"] == "b.jsonl.gz"
    again = hunt(address, config=settings)
    assert again.run["inputs"] == first.run["inputs"]
    held = [file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert not any(SECRET.encode() in data or KEY.encode() in data for data in held)
    # A changed object of the same size is seen: it is hashed each time.
    changed = folder / "c.jsonl"
    changed.write_text(changed.read_text().replace("question 299", "question 298"))
    store.put("prod/api/c.jsonl", changed)
    third = hunt(address, config=settings)
    assert third.run["inputs"] == hunt(folder).run["inputs"] != first.run["inputs"]


def test_an_object_that_goes_while_it_is_read(store: Store, folder: Path) -> None:
    filled(store, folder)
    ((_, file),) = remote_files(store.address(f"{BUCKET}/prod/api/c.jsonl"), lambda _name: True)
    assert isinstance(file, RemoteFile)
    store.client.delete_object(Bucket=BUCKET, Key="prod/api/c.jsonl")
    with pytest.raises(OSError, match=r".") as told:
        file.open().read()
    assert hides(str(told.value))


def test_file_addresses_are_paths(folder: Path) -> None:
    local, _ = collected(folder)
    for given in (folder.as_uri(), [f"{folder.as_uri()}/day/a.parquet", str(folder)]):
        far, _ = collected(given)
        assert content(far) == content(local)
    with pytest.raises(InputError, match="no such file"):
        collected((folder / "absent").as_uri())
    with pytest.raises(InputError, match="not one of this machine's"):
        collected("file://elsewhere/log")
