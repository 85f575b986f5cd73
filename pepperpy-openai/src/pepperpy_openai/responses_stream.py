"""Read the streams of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy.providers.dialect import response_error
from pepperpy.providers.domain import Completion, ProviderAPIError
from pepperpy.providers.values import count_or_none, loads, loads_each, text_or_none

from .responses_answers import items_in, parts_of, read_answer, read_call, reasoning_of, text_of, texts_of

if TYPE_CHECKING:
    from pepperpy.providers.messages import ToolCall

TEXT = "response.output_text.delta"
REASONING = ("response.reasoning_summary_text", "response.reasoning_text")
ENDS = {f"response.{status}": status for status in ("completed", "incomplete", "failed", "cancelled")}

Place = tuple[int | None, int | None]


class ErrorReader(Protocol):
    """What reads the errors of the dialect."""

    def error_in_answer(self, error: Any) -> ProviderAPIError:
        """Read the `error` of an answer whose status was 200."""
        ...

    def error_in_response(self, response: Mapping[str, Any]) -> ProviderAPIError | None:
        """Return the error that a response object is instead of an answer, or None."""
        ...


class ResponsesStreamParser:
    """Reads the events of one stream. Each says by its own `type` what it is; the event's name may be missing."""

    def __init__(self, errors: ErrorReader) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self._errors = errors
        self._texts: list[str] = []
        self._pieces: list[str] = []
        self._place: Place | None = None
        self._heard: set[Place] = set()
        self._reasoning: list[str] = []
        self._reasoned_by: dict[int | None, str] = {}
        self._refusal: list[str] = []
        self._calls = 0
        self._items: dict[int, dict[str, Any]] = {}
        self._response: Mapping[str, Any] = {}
        self._ended = False

    @property
    def finished(self) -> bool:
        """Whether the event came that ends the answer, and holds the whole of it."""
        return self._ended

    @property
    def conclusive(self) -> bool:
        """The same: nothing of the answer follows that event."""
        return self._ended

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read some events and return their pieces of text."""
        pieces = self._pieces = []
        try:
            values = loads_each(events)
        except ValueError:
            self._feed_one_by_one(events)
        else:
            self._feed(values, events)
        self._texts += pieces
        return pieces

    def _feed_one_by_one(self, events: Sequence[bytes]) -> None:
        for event in events:
            data = event.strip()
            if data == b"[DONE]":
                # Some servers send it; the answer has an end of its own, and without that it is none.
                self.done = self._ended
            try:
                value = loads(data) if data and data != b"[DONE]" else None
            except ValueError:
                # Behind the end of the answer a broken event loses nothing.
                if self._ended:
                    continue
                self.error = response_error("with an event that is no JSON")
                return
            self._feed([value], [event])
            if self.done or self.error is not None:
                return

    def _feed(self, values: Sequence[Any], events: Sequence[bytes]) -> None:
        pieces = self._pieces
        for value, event in zip(values, events, strict=True):
            try:
                # The usual event, of which a stream has hundreds: the next piece of the same text.
                usual = value["type"] == TEXT and (value["output_index"], value["content_index"]) == self._place
                piece = value["delta"]
            except (KeyError, TypeError):
                usual = False
            if usual and not self._ended:
                if type(piece) is str and piece:
                    pieces.append(piece)
            elif isinstance(value, dict):
                self._read(value, event)
                if self.error is not None:
                    return

    def _read(self, event: dict[str, Any], data: bytes) -> None:
        kind = text_or_none(event.get("type")) or getattr(data, "name", b"").decode("utf-8", "replace")
        delta = text_or_none(event.get("delta"))
        if self._ended and not self._begins_again(kind):
            return
        if kind == TEXT:
            self._place = _place(event)
            self._heard.add(self._place)
            if delta:
                self._pieces.append(delta)
        elif kind == "response.output_text.done":
            self._catch_up(_place(event), text_or_none(event.get("text")))
        elif kind == "response.content_part.done":
            self._catch_up(_place(event), text_of(event.get("part")))
        elif kind == "response.refusal.delta":
            self._refusal.append(delta or "")
        elif kind.startswith(REASONING):
            self._read_reasoning(event, *kind.rsplit(".", 1))
        elif kind == "response.output_item.done":
            self._read_item(event.get("output_index"), event.get("item"))
        elif kind in ENDS:
            self._end(event.get("response"), ENDS[kind])
        elif kind == "error" or (event.get("error") and not kind.startswith("response.")):
            self.error = self._errors.error_in_answer(_error_of(event))
        elif isinstance(event.get("response"), dict):
            self._response = {**event["response"], "status": None}

    def _begins_again(self, kind: str) -> bool:
        """Take the beginning of another answer: some gateways put several into one stream; the last one counts."""
        if kind != "response.created":
            return False
        self._ended, self._place, self._calls = False, None, 0
        for noted in (self._heard, self._reasoned_by, self._items, self._refusal):
            noted.clear()
        return True

    def _catch_up(self, place: Place, text: str | None) -> None:
        """Take the text of a part that came whole, where it did not come in pieces."""
        if not text or place in self._heard:
            return
        # Where a place is not told, it may be that of pieces that came.
        untold = any(None in each for each in (place, *self._heard))
        if not (untold and self._text_so_far().endswith(text)):
            self._heard.add(place)
            self._pieces.append(text)

    def _text_so_far(self) -> str:
        return "".join((*self._texts, *self._pieces))

    def _read_reasoning(self, event: dict[str, Any], kind: str, step: str) -> None:
        item = count_or_none(event.get("output_index"))
        text = text_or_none(event.get("delta")) if step == "delta" else None
        # Of an item that shows both its summary and the whole, the one that comes first counts.
        if text and self._reasoned_by.setdefault(item, kind) == kind:
            self._reason(text)

    def _reason(self, text: str) -> None:
        self._reasoning.append(text)
        self.asides.append((len(self._texts) + len(self._pieces), text))

    def _read_item(self, index: Any, item: Any) -> None:
        if not isinstance(item, dict):
            return
        place = count_or_none(index)
        self._items[len(self._items) if place is None else place] = item
        for content_index, part in enumerate(parts_of(item)):
            self._catch_up((place, content_index), text_of(part))
        if place not in self._reasoned_by and (text := reasoning_of(item)):
            self._reasoned_by[place] = "item"
            self._reason(text)
        if (call := read_call(item, self._calls)) is not None:
            self._calls += 1
            self.asides.append((len(self._texts) + len(self._pieces), call))

    def _end(self, response: Any, status: str) -> None:
        response = response if isinstance(response, dict) else dict(self._response)
        if not text_or_none(response.get("status")):
            response = {**response, "status": status}
        self.error = self._errors.error_in_response(response)
        if self.error is not None:
            return
        self._ended = True
        self._response = response
        items = items_in(response.get("output")) or []
        # What the whole answer has and the events had not.
        if not self._reasoning and (text := "".join(map(reasoning_of, items))):
            self._reason(text)
        whole, heard = "".join(texts_of(items)), self._text_so_far()
        if len(whole) > len(heard) and whole.startswith(heard):
            self._pieces.append(whole[len(heard) :])

    def completion(self) -> Completion:
        """Return what has come so far."""
        items = items_in(self._response.get("output")) or [self._items[place] for place in sorted(self._items)]
        completion = read_answer(self._response, items, text="".join(self._texts), reasoning="".join(self._reasoning))
        completion.refusal = completion.refusal or "".join(self._refusal) or None
        if not self._ended:
            completion.finish_reason = completion.native_finish_reason = completion.raw = None
        return completion


def _place(event: Mapping[str, Any]) -> Place:
    return count_or_none(event.get("output_index")), count_or_none(event.get("content_index"))


def _error_of(event: Mapping[str, Any]) -> Any:
    """Return the error object that an event is or holds."""
    if error := event.get("error"):
        return error
    return {name: value for name, value in event.items() if name != "type"}
