"""What a message may hold: texts, pictures, sounds and files."""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import attrs

from .errors import ProviderInputError


def check_str(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Raise unless an attribute is a str."""
    if not isinstance(value, str):
        raise ProviderInputError(
            f"the {attribute.name} of {type(instance).__name__} must be a str, not {type(value).__name__}"
        )


@attrs.frozen
class Text:
    """A piece of text among other parts."""

    text: str = attrs.field(validator=check_str)


@attrs.frozen
class _Media:
    """What is no text: its bytes, or where the service finds them.

    Attributes:
        data: The bytes, or None where there is a `url`.
        url: An address that the service itself reads, or None where there are `data`.
        media_type: Such as "image/png"; may be None for a `url` alone.
    """

    data: bytes | None = attrs.field(default=None, repr=lambda data: "None" if data is None else f"<{len(data)} bytes>")
    url: str | None = None
    media_type: str | None = None

    def __attrs_post_init__(self) -> None:
        kind = type(self).__name__
        data: object = self.data
        if (data is None) == (self.url is None):
            raise ProviderInputError(f"{kind} takes either data or a url")
        if self.url is not None:
            check_url(kind, self.url)
            return
        if not isinstance(data, (bytes, bytearray, memoryview)) or not data:
            raise ProviderInputError(f"the data of {kind} must be bytes, at least one; see {kind}.from_path(...)")
        object.__setattr__(self, "data", bytes(data))
        object.__setattr__(self, "media_type", self.media_type or sniff(bytes(data)))
        if self.media_type is None:
            raise ProviderInputError(f"{kind}: its data tell no media type; give media_type=, such as 'image/png'")

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of these bytes; their media type is read from them where it is not given."""
        return cls(data=data, media_type=media_type, **fields)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of a file, which is read now.

        Raises:
            ProviderInputError: The file cannot be read, or nothing tells its media type.
        """
        problem = None
        try:
            data = Path(path).read_bytes()
        except (OSError, TypeError, ValueError) as error:
            # The last two: what is no path, or one that no file can have.
            problem = f"{cls.__name__} cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}"
        if problem is not None:
            raise ProviderInputError(problem)
        return cls(data=data, media_type=media_type or sniff(data) or mimetypes.guess_type(path)[0], **fields)

    @classmethod
    def from_url(cls, url: str, media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of an address that the service itself reads."""
        path = check_url(cls.__name__, url)
        return cls(url=url, media_type=media_type or mimetypes.guess_type(path)[0], **fields)

    @property
    def base64(self) -> str:
        """The data in base64; only where there are any."""
        return base64.b64encode(self.data or b"").decode()

    @property
    def data_url(self) -> str:
        """The address, or the data as an address."""
        return self.url if self.url is not None else f"data:{self.media_type};base64,{self.base64}"


@attrs.frozen
class Image(_Media):
    """A picture.

    Attributes:
        detail: How closely it is looked at, where the service lets one choose: "low", "high" or "auto".
    """

    detail: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Audio(_Media):
    """A sound."""

    @property
    def format(self) -> str:
        """The format as a single word, such as "wav" or "mp3"."""
        kind = (self.media_type or "").partition("/")[2].partition(";")[0].removeprefix("x-")
        return {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}.get(kind, kind)


@attrs.frozen
class File(_Media):
    """A document, such as a PDF.

    Attributes:
        name: Its name, as the model gets to see it.
    """

    name: str | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of a file, which is read now, under its own name."""
        part = super().from_path(path, media_type, **fields)
        return part if part.name is not None else attrs.evolve(part, name=Path(path).name)


Part: TypeAlias = Text | Image | Audio | File


def check_url(kind: str, url: object) -> str:
    """Return the path of an address; raise unless a service could read it."""
    if not isinstance(url, str) or not url.startswith(("http://", "https://", "data:", "gs://")):
        raise ProviderInputError(
            f"the url of {kind} must begin with http:// or https://; for a file give {kind}.from_path(...)"
        )
    try:
        return urlsplit(url).path
    except ValueError as error:
        problem = f"the url of {kind} is malformed: {error}; check it"
    raise ProviderInputError(problem)


def parts_of(content: Any) -> tuple[Part, ...]:
    """Return the parts, each text among them as a `Text`."""
    if not isinstance(content, (list, tuple)):
        raise ProviderInputError(f"a message's content must be a str or parts, not {type(content).__name__}")
    return tuple(_parts(content))


def _parts(content: Sequence[Any]) -> Iterator[Part]:
    for place, part in enumerate(content):
        if isinstance(part, str):
            yield Text(str(part))
        elif isinstance(part, (Text, Image, Audio, File)):
            yield part
        else:
            advice = "; read it by Image.from_path(...)" if isinstance(part, (bytes, os.PathLike)) else ""
            raise ProviderInputError(
                f"part {place} must be a str, Text, Image, Audio or File, not {type(part).__name__}{advice}"
            )


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)


def sniff(data: bytes) -> str | None:
    """Return the media type that the first bytes tell, or None.

    >>> sniff(b"RIFF....WEBPVP8 ")
    'image/webp'
    """
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12])
    return next((media_type for magic, media_type in _MAGIC if data.startswith(magic)), None)
