"""Changes of inputs that a fuzzer of bytes seldom makes: a value of a text replaced by one of
another kind.

libFuzzer's own changes and these take turns; the default tests make both by themselves.
"""

import random
import re

_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]+')
_GROUP = re.compile(rb"\[[^\[\]]*\]|\{[^{}]*\}")
_LINE = re.compile(rb"[^\n]*\n?")
OTHERS = (
    b"", b"0", b"-1", b"1.5", b"1e308", b"-1e-308", b"1e999", b"9223372036854775807",
    b"99999999999999999999999", b"-2147483648", b"NaN", b"nan", b"Infinity", b"null", b"true",
    b"false", b"[]", b"{}", b"[[]]", b'{"a": 1}', b'""', b'"a"', b'"1"', b"'", b"a b", b"#",
    b"\xef\xbb\xbf", "\u0663".encode(), b"\\ud800", b"\0", b"\r", b"\n", b"0x1f", b"1_0",
    b"[" * 2000, b"1" * 5000,
)  # fmt: skip


def changed(data: bytes, rng: random.Random) -> bytes:
    """`data` with one value, one group in brackets or one line replaced, repeated or left out."""
    pattern = rng.choice((_TOKEN, _TOKEN, _TOKEN, _GROUP, _LINE))
    places = [match.span() for match in pattern.finditer(data) if match.group()]
    if not places:
        return data + rng.choice(OTHERS)
    start, end = rng.choice(places)
    other_start, other_end = rng.choice(places)
    other = rng.choice((rng.choice(OTHERS), data[other_start:other_end], data[start:end] * 2))
    return data[:start] + other + data[end:]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """`data` with some bytes changed, put in or left out, or cut short, as on a bad disk."""
    place = rng.randrange(len(data) + 1)
    junk = rng.randbytes(rng.randrange(1, 9))
    match rng.randrange(5):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + junk + data[place:]
        case 2:
            return data[:place] + data[place + len(junk) :]
        case 3:
            return data[:place] + bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF))]) + data[place + 1 :]
    return data[:place] + junk + data[place + len(junk) :]
