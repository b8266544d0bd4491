"""What each token of a tokenizer writes, in bytes."""

import re
from typing import Any

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
_WORD_BEGINS = "\u2581"
"""How SentencePiece writes the space before a word."""
_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))


def read_token_bytes(tokenizer: Any) -> list[bytes]:
    """The bytes of each token; those of special tokens are empty.

    Tokenizers of byte-level BPE write bytes as printable signs, as GPT-2 does; others write text, with a sign for the
    space before a word, and single bytes as `<0x0A>`.
    """
    special = set(tokenizer.all_special_ids)
    signs = _signs_of_bytes()
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    # One that has a token for each sign of a byte is byte-level.
    by_bytes = set(signs) <= {one for one in tokens if one is not None and len(one) == 1}
    return [
        b"" if token is None or place in special else _bytes_of(token, signs if by_bytes else None)
        for place, token in enumerate(tokens)
    ]


def _signs_of_bytes() -> dict[str, int]:
    """Sign -> byte, of byte-level BPE."""
    others = [byte for byte in range(0x100) if byte not in set(_PRINTABLE)]
    return {chr(byte): byte for byte in _PRINTABLE} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


def _bytes_of(token: str, signs: dict[str, int] | None) -> bytes:
    if signs is not None:
        # A token that was added has signs of its own.
        return bytes(signs[sign] for sign in token) if set(token) <= signs.keys() else token.encode()
    if found := _BYTE_TOKEN.fullmatch(token):
        return bytes([int(found[1], 16)])
    return token.replace(_WORD_BEGINS, " ").encode()
