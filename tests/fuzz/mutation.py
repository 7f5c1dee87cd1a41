"""Damage done to bytes and to JSON, the same for the same chance."""

import json
import random
from typing import Any

from tests.fuzz.seeds import HOSTILE

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def damaged(seed: bytes, chance: random.Random, structured: bool) -> bytes:
    """One damaged copy. JSON is mostly damaged where it means something."""
    if structured and chance.random() < 0.7:
        value = json.loads(seed)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            value = _changed(value, chance)
        text = json.dumps(value)
        return (text.replace('"kind"', '"number"', 1) if chance.random() < 0.02 else text).encode()
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 3, 8, 32))):
        data = _cut(data, chance) if chance.random() < 0.2 else _overwritten(data, chance)
    return bytes(data)


def _overwritten(data: bytearray, chance: random.Random) -> bytearray:
    if not data:
        return bytearray(chance.randbytes(8))
    at = chance.randrange(len(data)) if chance.random() < 0.5 else chance.randrange(min(len(data), 400))
    how = chance.randrange(4)
    if how == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif how == 1:
        data[at] = chance.randrange(256)
    elif how == 2:
        size = chance.choice((1, 2, 4, 8))
        number = chance.choice(_NUMBERS) % 256**size
        data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
    else:
        data[at:at] = chance.choice((b"\x00", b"\xff", b'"', b"[", b"{", b",", b"\xef\xbb\xbf", b"9" * 40))
    return data


def _cut(data: bytearray, chance: random.Random) -> bytearray:
    """A piece taken out, doubled, or all that follows it gone."""
    first = chance.randrange(len(data) + 1)
    last = min(len(data), first + chance.choice((1, 4, 16, 64, 1024)))
    how = chance.randrange(3)
    if how == 0:
        return data[:first] + data[last:]
    return data[:first] if how == 1 else data[:last] + data[first:]


def _changed(value: Any, chance: random.Random) -> Any:
    """The value with one place replaced, left out, doubled or wrapped."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(sorted(value))
        how = chance.randrange(10)
        if how == 0:
            return {key: held for key, held in value.items() if key != name}
        if how == 1:
            return {**value, chance.choice(("surplus", name + " ", "")): chance.choice(HOSTILE)}
        return {**value, name: _changed(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        how = chance.randrange(6)
        if how == 0:
            return value[:at] + value[at + 1 :]
        if how == 1:
            return value * chance.choice((2, 30))
        return [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    how = chance.randrange(12)
    if how == 0:
        return [value]
    if how == 1:
        return {"a": value}
    if how == 2 and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return chance.choice((-value, value + 1, value * 1e6, str(value)))
    return chance.choice(HOSTILE)
