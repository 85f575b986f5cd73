"""JSON to bytes and back, with one kind of failure each way; by orjson where it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from .errors import ProviderInputError

Dumps: TypeAlias = Callable[[Any], bytes]
Loads: TypeAlias = Callable[[bytes | bytearray], Any]

# What contains itself is found by its depth, which costs nothing where it doesn't.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode

_WHITESPACE = " \t\n\r"


def plain_dumps(value: Any) -> bytes:
    """Encode as compact JSON in UTF-8.

    Raises:
        ProviderInputError: It holds what JSON or UTF-8 cannot.
    """
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        problem = "a text holds half a surrogate pair, which is no character; decode it with errors='replace'"
    except RecursionError:
        problem = "the request cannot be written as JSON: it contains itself, or is nested too deep"
    except (TypeError, ValueError) as error:
        problem = f"the request cannot be written as JSON: {error}"
    raise ProviderInputError(problem)


def plain_loads(data: bytes | bytearray) -> Any:
    """Decode JSON in UTF-8, whatever its sender says it is; a byte-order mark is passed over.

    Raises:
        ValueError: It is not JSON, or nested too deep to be an answer.
    """
    text = data.decode()
    try:
        if text.startswith(("{", "[")):
            value, end = _decode(text)
            if end == len(text) or not text[end:].strip(_WHITESPACE):
                return value
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        problem = "nested too deep"
    raise ValueError(problem)


def quick(orjson: ModuleType) -> tuple[Dumps, Loads]:
    """Return `dumps` and `loads` by orjson, with the same values and failures as the plain ones.

    What orjson refuses, the plain ones judge. What it does in its own way is not left to it: a nan that becomes null,
    an integer beyond 64 bits that becomes a float, and the types that only it can write.
    """
    encode, decode = orjson.dumps, orjson.loads
    how = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

    def dumps(value: Any) -> bytes:
        try:
            encoded: bytes = encode(value, None, how)
        except TypeError:
            return plain_dumps(value)
        return plain_dumps(value) if b"null" in encoded else encoded

    def loads(data: bytes | bytearray) -> Any:
        # Written out: to call something for each chunk of a stream would be as dear as to decode it.
        if len(data) > _LARGE and is_long_strings(data):
            return plain_loads(data)
        # So many digits that 64 bits might not hold them.
        if _LONG_NUMBER in data.translate(_DIGITS_AS_ZEROS):
            return plain_loads(data)
        try:
            # It takes no subclass of bytes.
            return decode(data if type(data) in _BYTES else bytes(data))
        except ValueError:
            return plain_loads(data)

    return dumps, loads


_LARGE = 256 * 1024
_SAMPLE = 16 * 1024
_LONG_NUMBER = b"0" * 19
_BYTES = (bytes, bytearray)
_DIGITS_AS_ZEROS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))


def is_long_strings(data: bytes | bytearray) -> bool:
    """Tell whether a large JSON text holds little but long strings, as embeddings in base64 do.

    There is nothing to gain from orjson then, and it takes more than ten times the text's memory meanwhile.
    """
    # By a look into its middle: to count all of it takes more than half as long as to decode it.
    middle = len(data) // 2
    return data.count(b",", middle, middle + _SAMPLE) * 100 < _SAMPLE


dumps: Dumps = plain_dumps
loads: Loads = plain_loads
try:
    import orjson
except ImportError:
    pass
else:
    dumps, loads = quick(orjson)


def dumps_indented(value: Any) -> str:
    """Return JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def loads_each(texts: Sequence[bytes], loads: Loads = loads) -> list[Any]:
    """Decode several JSON texts, in one go where they are all in order.

    Raises:
        ValueError: One is not JSON.
    """
    if len(texts) == 1:
        return [loads(texts[0])]
    try:
        values: list[Any] = loads(b"[" + b",".join(texts) + b"]")
    except ValueError:
        values = []
    return values if len(values) == len(texts) else [loads(text) for text in texts]
