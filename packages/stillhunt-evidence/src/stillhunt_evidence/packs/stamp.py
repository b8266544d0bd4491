"""Time stamps of packs (RFC 3161): an authority signs that the Merkle root existed at a time.

The root is stamped before the manifest is signed, so that the stamp is one of the files that the signature covers: a
changed stamp is noticed also by somebody who lacks the authority's certificate. It says nothing of when the signature
was made.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from stillhunt import ConfigError, PackError, __version__

_SECONDS = 30.0
"""How long an authority may take. Judgement: they answer within two."""
_MOST_BYTES = 256 << 10
"""Bytes of an answer; those with their chain of certificates have some ten thousand."""


def get_stamp(root: str, url: str) -> bytes:
    """Ask an authority to stamp a Merkle root; the answer is checked for what was asked, not for whom it is of.

    `url`: of the authority, which learns this root and nothing else. Raises PackError: it cannot be reached, refuses,
    or stamps something else.
    """
    import httpx  # start-up time

    request = TimestampRequestBuilder().data(root.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    headers = {"content-type": "application/timestamp-query", "user-agent": f"stillhunt/{__version__}"}
    try:
        with httpx.stream("POST", url, content=request.as_bytes(), headers=headers, timeout=_SECONDS) as answer:
            if answer.status_code != httpx.codes.OK:
                raise _build_time_stamp_error(url, f"it answers {answer.status_code}")
            content = bytearray()
            for part in answer.iter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise _build_time_stamp_error(url, "its answer is too long")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _build_time_stamp_error(url, str(error) or type(error).__name__) from error
    try:
        stamped = decode_timestamp_response(bytes(content))
        if stamped.status != 0 or stamped.tst_info.nonce != request.nonce:
            raise _build_time_stamp_error(url, "it stamps nothing, or something else")
    except ValueError as error:
        raise _build_time_stamp_error(url, "its answer is no time stamp") from error
    if stamped.tst_info.message_imprint.message != request.message_imprint.message:
        raise _build_time_stamp_error(url, "it stamps something else")
    return bytes(content)


def check_stamp(stamp: bytes, root: str, roots: Sequence[x509.Certificate], where: str) -> datetime:
    """When an authority stamped a Merkle root.

    Raises PackError: the stamp is damaged, of something else, or by nobody trusted.
    """
    builder = VerifierBuilder()
    for one in roots:
        builder = builder.add_root_certificate(one)
    try:
        answer = decode_timestamp_response(stamp)
        builder.build().verify_message(answer, root.encode())
    except (ValueError, VerificationError) as error:
        raise PackError(
            "the time stamp is not one of this pack by a trusted authority",
            where=where,
            next_step="see whether this is the certificate of the authority that the maker used",
        ) from error
    return answer.tst_info.gen_time.astimezone(UTC)


def stamp_time(stamp: bytes, where: str) -> datetime:
    """The time that a stamp claims, whoever made it.

    Raises PackError: it is damaged.
    """
    try:
        return decode_timestamp_response(stamp).tst_info.gen_time.astimezone(UTC)
    except ValueError as error:
        raise PackError("the time stamp is damaged", where=where) from error


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Certificates of authorities from a PEM file.

    Raises ConfigError: it cannot be read, or has none.
    """
    try:
        return list(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ConfigError(
            "there is no certificate in PEM", where=str(path), next_step="name the authority's root certificate"
        ) from error


def _build_time_stamp_error(url: str, what: str) -> PackError:
    return PackError(
        f"the authority gives no time stamp: {what}",
        where=url,
        next_step="try again, name another authority, or make the pack without a stamp",
    )
