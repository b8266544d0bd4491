"""Sixty secrets of twelve kinds, a log in which they are planted wherever a client or a customer writes, and a search.

Ids are left out on purpose: account and request ids stand in the case as in the log, because they are what one acts on.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from watch import small_world

PHRASES: dict[str, tuple[tuple[str, str], ...]] = {
    "name": (
        ("My name is {}.", "Eleanor Whitcombe"),
        ("Dear Mr. {},", "Oyelaran"),
        ("Mit freundlichen Grüßen, {}", "Jörg Kesselbach"),
        ("Je m'appelle {}.", "Bérénice Lacombe"),
        ("我叫{}，", "王晓梅"),
    ),
    "postal address": (
        ("Ship it to {}.", "4821 Maple Grove Avenue, Dayton, OH 45402"),
        ("Lieferadresse: {}.", "Goethestraße 14b, 80336 München"),
        ("J'habite au {}.", "12 bis rue des Lilas, 69003 Lyon"),
        ("Vivo en {}.", "Calle Mayor 45, 28013 Madrid"),
        ("Адрес: {}.", "г. Москва, ул. Ленина, д. 15, кв. 42"),
    ),
    "phone": (
        ("Call {} today.", "+1 (415) 555-0132"),
        ("Tel. {}", "089 / 24 55 81 30"),
        ("Téléphone : {}", "06 12 34 56 78"),
        ("手机号{}。", "13812345678"),
        ("Telefone: {}", "(11) 98765-4321"),
    ),
    "e-mail": (
        ("Write to {}.", "g.harlow@northmail.example"),
        ("mail {} now", "müller@büro-köln.example"),
        ("reach {} instead", "jane.doe (at) fastpost (dot) example"),
        ("ask {} please", "dev.ops+alerts@k8s-team.example"),
        ("邮箱是{}。", "zhiqiang.chen@youxiang.example"),
    ),
    "key": (
        ("key {} fails", "sk-proj-T3BlbkFJ9aZqLmW2xY7vRn4KcD8e"),
        ("aws {} is dead", "AKIAQ3EGRWXYZ7LMNOP2"),
        ("push with {} again", "ghp_9fKx2LmPqRsTuVwXyZ0123456789abcdEF"),
        ("Authorization: Bearer {}", "ya29.a0AfH6SMBx9kQw7vLzR3TnPd"),
        ("slack {} revoked", "xoxb-123456789012-abcdefGHIJ"),
    ),
    "password": (
        ("my password is {}", "Tr0ub4dor&3"),
        ("Das Passwort lautet: {}", "Fr1tz!2024"),
        ("La contraseña es {}", "Gato_2020"),
        ("пароль: {}", "Зима2023!"),
        ("password={}", "Qw3rty!!9"),
    ),
    "card": (
        ("card {} declined", "5500 0055 5555 5559"),
        ("amex {} declined", "3714 496353 98431"),
        ("visa {} accepted", "4012888888881881"),
        ("pay with {}.", "4111-1111-1111-1111"),
        ("discover {} too", "6011 1111 1111 1117"),
    ),
    "bank account": (
        ("IBAN {}", "GB29 NWBK 6016 1331 9268 19"),
        ("Konto {}", "DE44 5001 0517 5407 3249 31"),
        ("vers {}", "FR76 3000 6000 0112 3456 7890 189"),
        ("rekening {}", "NL91 ABNA 0417 1643 00"),
        ("cuenta {}", "ES91 2100 0418 4502 0005 1332"),
    ),
    "id number": (
        ("my SSN is {}", "519-48-7723"),
        ("CPF {}", "529.982.247-25"),
        ("codice fiscale {}", "FRRLVC85T50H501X"),
        ("passport number {}", "C01X0006H"),
        ("身份证号{}。", "11010519491231002X"),
    ),
    "network address": (
        ("from {} only", "203.0.113.77"),
        ("ssh {} hangs", "198.51.100.23"),
        ("ping {} fails", "2001:db8:85a3::8a2e:370:7334"),
        ("route {} please", "fe80::a1b2:c3d4:e5f6:7890"),
        ("block {} now", "192.0.2.146"),
    ),
    "web address": (
        ("clone https://{}@git.example.com/app.git", "ci-bot:hunter2hunter2"),
        ("db postgres://{}@db.internal:5432/prod", "admin:Sup3rS3cret!"),
        ("redis://{}@cache.internal:6379/0", ":p4ssw0rdRedis"),
        ("see https://files.example.com/report?{}", "sig=Zm9vYmFyYmF6&user=42"),
        ("hook https://hooks.slack.com/{}", "services/T02AB3CDE/B04FG5HIJ/kLmNoPqRsTuVwXyZ0123"),
    ),
    "date of birth": (
        ("DOB: {}", "14/07/1983"),
        ("geboren am {}", "23.11.1976"),
        ("née le {}", "5 mars 1969"),
        ("出生日期：{}", "1988年3月15日"),
        ("date of birth {}", "1994-08-21"),
    ),
}  # fmt: skip
"""Kind -> what stands around a secret, and the secret."""
SECRETS = [(kind, around, secret) for kind, pairs in PHRASES.items() for around, secret in pairs]


@dataclass(frozen=True)
class PlantedLog:
    """Files with secrets in them.

    Attributes:
        requests: JSON lines, a few of them broken.
        accounts: CSV.
        members: accounts of the campaign.
    """

    requests: Path
    accounts: Path
    members: frozenset[str]


def phrase(number: int) -> str:
    """A sentence with the secret of this number, the first again after the last.

    Args:
        number: any.
    """
    _, around, secret = SECRETS[number % len(SECRETS)]
    return around.format(secret)


def user_agent(number: int) -> str:
    """The header of a client that says too much about its user.

    Args:
        number: of the secret.
    """
    secret = SECRETS[number % len(SECRETS)][2]
    return f"{secret} client/1.0" if number % 5 == 0 else f"OpenAI/Python 1.54.0 ({phrase(number)})"


def planted_log(folder: Path) -> PlantedLog:
    """Write a log with a campaign, in which each secret stands in every place where people may write.

    Args:
        folder: where.
    """
    members = small_world.harvesters()
    everybody = [json.loads(line) for line in small_world.lines()]
    others = sorted({row["account_id"] for row in everybody} - members)
    kept = {*members, *others[::2]}
    rows = [row for row in everybody if row["account_id"] in kept]
    for number, row in enumerate(rows):
        row["prompt"] = f"{phrase(number)}\n{row['prompt']}\n{phrase(number + 7)}"
        row["system_prompt"] = f"You help. {phrase(number + 13)}"
        row["response"] = f"{phrase(number + 29)} Done."
        row["user_agent"] = user_agent(number)
        row["metadata"] = {"note": phrase(number + 37)}
    lines = [json.dumps(row, ensure_ascii=bool(number % 2)).encode() for number, row in enumerate(rows)]
    requests = folder / "requests.jsonl"
    requests.write_bytes(b"\n".join([*_broken(rows), *lines]) + b"\n")
    accounts = folder / "accounts.jsonl"
    ids = sorted({row["account_id"] for row in rows})
    table = [_customer(number, account) for number, account in enumerate(ids)]
    accounts.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    return PlantedLog(requests, accounts, members)


def _broken(rows: list[dict[str, Any]]) -> Iterator[bytes]:
    """Lines that become rejects: cut short, no JSON, of a wrong type, with a wrong time that is a secret."""
    for number, row in enumerate(rows[: len(SECRETS)]):
        short = {**row, "prompt": phrase(number), "response": phrase(number + 1), "metadata": phrase(number + 2)}
        yield json.dumps(short, ensure_ascii=bool(number % 2)).encode()[:-9]
        yield f"{phrase(number)} not json {phrase(number + 1)}".encode()
        yield json.dumps({**row, "request_id": f"bad-{number}", "timestamp": phrase(number)}).encode()
        odd = {"request_id": f"odd-{number}", "output_tokens": phrase(number)}
        yield json.dumps({name: row[name] for name in ("account_id", "timestamp", "model", "prompt")} | odd).encode()
        yield json.dumps({"prompt": phrase(number), "timestamp": row["timestamp"]}).encode()


def _customer(number: int, account: str) -> dict[str, str]:
    emails = [secret for kind, _, secret in SECRETS if kind == "e-mail" and " " not in secret]
    addresses = [secret for kind, _, secret in SECRETS if kind == "network address"]
    return {
        "account_id": account,
        "created_at": "2026-01-01T00:00:00Z",
        "email": emails[number % len(emails)],
        "signup_ip": addresses[number % len(addresses)],
        "declared_use": phrase(number),
    }


def needles(secret: str) -> set[str]:
    """Forms of a secret by which it is recognised, also where it was cut: whole, and the part that gives it away."""
    forms = {secret}
    words = [word.strip(",.;:()") for word in secret.replace("\n", " ").split(" ")]
    telling = max(words, key=len)
    if len(telling) >= 8 or not telling.isascii():
        forms.add(telling)
    return forms | {json.dumps(form)[1:-1] for form in forms}


def leaks_in(name: str, data: bytes) -> list[str]:
    """Secrets that an artefact holds, in small or capital letters, in its bytes or in what its bytes encode.

    Args:
        name: of the artefact; its ending tells what it is.
        data: its content.
    """
    texts = [text.lower() for text in (data.decode("utf-8", "replace"), *_inside(name, data))]
    return [
        f"{name}: {kind} {form!r}"
        for kind, _, secret in SECRETS
        for form in sorted(needles(secret))
        if any(form.lower() in text for text in texts)
    ]


def _inside(name: str, data: bytes) -> Iterator[str]:
    if name.endswith(".parquet"):
        yield _strings(pq.read_table(pa.BufferReader(data)))
    elif name.endswith(".arrow"):
        yield _strings(pa.ipc.open_file(pa.BufferReader(data)).read_all())
    elif name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                content = archive.read(entry)
                yield content.decode("utf-8", "replace")
                yield from _inside(entry.filename, content)
    elif name.endswith((".html", ".svg")):
        import html

        yield html.unescape(data.decode("utf-8", "replace"))


def _strings(table: pa.Table) -> str:
    return "\n".join(str(column.to_pylist()) for column in table.columns if _is_text(column.type))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind) or pa.types.is_list(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def files_below(folder: Path, *, without: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file below a folder.

    Args:
        folder: where.
        without: names of folders that are left out.
    """
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not set(inside.parts) & set(without):
            yield f"{folder.name}/{inside.as_posix()}", path.read_bytes()
