"""A provider that speaks HTTP: a dialect, the transport, and a few lines of identity."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import attrs

from . import options as check
from ._bodies import merge_body, split_texts
from ._config import ProviderConfig, Timeouts, check_timeouts
from ._origin import check_base_url, check_given_headers, check_headers, header_value
from ._provider import Provider, check_text, check_texts, gather_embeddings
from ._secret import SecretDict, SecretText, redact_error
from ._transport.body import MAX_RESPONSE_BYTES
from ._transport.http import Authorize, HTTPTransport, decode
from .dialect import Dialect, EmbeddingBatch, Request, check_not_refused, response_error, unknown_shape
from .domain import (
    Completion,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderError,
    ProviderInputError,
)
from .embeddings import Embeddings
from .stream import ByteSource, CompletionStream

__all__ = [
    "ByteSource",
    "CompletionStream",
    "HTTPOptions",
    "HTTPProvider",
    "HTTPTransport",
    "Transport",
    "check_base_url",
    "header_value",
]

if TYPE_CHECKING:
    from .capabilities import Capabilities, Model
    from .explain import Explanation
    from .messages import Message, Prompt
    from .outputs import OutputSchema

T = TypeVar("T")


def _unseen(headers: dict[str, str]) -> dict[str, str]:
    return SecretDict(headers)


@attrs.frozen(kw_only=True)
class HTTPOptions:
    """The extras that every HTTP provider takes; a plugin's own class inherits from it.

    Attributes:
        base_url: Where the service is, version included; the paths of the dialect are put behind it.
        embedding_model: The model that embeds where a call names none.
        headers: Sent with every request, beside those of the provider. They count as secret.
        max_response_bytes: The longest answer, unpacked.
        max_retry_wait: The longest delay in seconds that a service may ask for; a longer one ends the call.
        trust_env: Whether the environment's proxies are used. Its .netrc never is, and no variable turns off TLS.
    """

    base_url: str | None = None
    embedding_model: str | None = None
    headers: dict[str, str] = attrs.field(factory=dict, repr=False, converter=_unseen)
    max_response_bytes: int = MAX_RESPONSE_BYTES
    max_retry_wait: float = 60.0
    trust_env: bool = False


def total(parse: Callable[[Any], T]) -> Callable[[Any], T]:
    """Return `parse` with whatever it raises as a `ProviderAPIError`: a dialect is to be total, and one may not be."""

    def parse_totally(payload: Any) -> T:
        try:
            return parse(payload)
        except ProviderAPIError:
            raise
        except Exception as bug:  # noqa: BLE001 -- what a dialect forgot is no caller's KeyError
            error = unknown_shape(bug)
        raise error

    return parse_totally


class Transport(Protocol):
    """What carries a provider's requests: an `HTTPTransport`, or what a plugin makes of several."""

    def open(self) -> None:
        """Let requests through; no connection is made before the first."""
        ...

    async def close(self) -> None:
        """End what is under way with `ProviderNotInitializedError` and close all connections."""
        ...

    async def post(self, request: Request, parse: Callable[[Any], T]) -> tuple[T, int]:
        """Return the answer to a request as `parse` reads it, and the number of attempts."""
        ...

    async def stream(self, request: Request, begin: Callable[[ByteSource], Awaitable[T]]) -> tuple[T, int]:
        """Return what `begin` makes of the open answer to a request, and the number of attempts."""
        ...


@functools.cache
def _conversations() -> Callable[[Any], Sequence[Message]]:
    """Return what checks a conversation; who asks with texts alone needs nothing of it."""
    from .messages import check_conversation

    return check_conversation


class HTTPProvider(Provider):
    """A provider whose service is reached over HTTP.

    A subclass says which dialect its service speaks, by `make_dialect`, and how it wants to be told the key, by
    `make_headers`. Sessions, retries, streams, bounds and errors are done here.

    Attributes:
        base_url: Where the service is, checked, without a slash at its end.
        dialect: What `make_dialect` returned.
    """

    options_type: ClassVar[type[HTTPOptions]] = HTTPOptions
    options: HTTPOptions

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.base_url = check_base_url(self.options.base_url)
        self.dialect = self.make_dialect()
        for name in ("max_response_bytes", "max_retry_wait"):
            if not getattr(self.options, name) > 0:
                raise ProviderConfigError(f"{name} must be above 0")
        check_given_headers(self.options.headers)
        self._content_timeout = config.timeouts.content
        self._transport = self.make_transport()

    def make_dialect(self) -> Dialect:
        """Return the dialect that the service speaks; `options`, `config` and `base_url` are set already."""
        raise NotImplementedError(f"{type(self).__name__} must say which dialect it speaks: override make_dialect()")

    def make_headers(self) -> Mapping[str, str]:
        """Return the headers of every request: by default the key, if there is one, as a bearer."""
        return {"Authorization": f"Bearer {self.config.api_key}"} if self.config.api_key else {}

    def make_transport(self) -> Transport:
        """Return what carries the requests; override it for a service of several origins or a key that runs out."""
        return self.transport_to(self.base_url, self.all_headers())

    def all_headers(self) -> Mapping[str, str]:
        """Return the provider's headers with those of the settings, which go before the provider's own."""
        given = SecretDict(self.options.headers)
        names = {name.lower() for name in given}
        mine = {name: value for name, value in self.make_headers().items() if name.lower() not in names}
        return SecretDict({**mine, **given})

    def transport_to(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        parse_error: Callable[[int, Any], ProviderAPIError] | None = None,
        max_retries: int | None = None,
        authorize: Authorize | None = None,
    ) -> HTTPTransport:
        """Return a transport to one origin, bounded as the settings say.

        Args:
            base_url: What `check_base_url` returned.
            headers: Sent with every request, and to this origin only.
            parse_error: Reads an answer that is an error; by default the dialect does.
            max_retries: Requests after the first, if other than the setting.
            authorize: Returns the headers of a request whose key runs out; given those that the service refused,
                newer ones.
        """
        headers = SecretDict(headers)
        return HTTPTransport(
            base_url,
            SecretDict({name: SecretText(value) for name, value in check_headers(headers).items()}),
            parse_error=parse_error or self.dialect.parse_error,
            timeouts=self.config.timeouts,
            max_retries=self.config.max_retries if max_retries is None else max_retries,
            max_retry_wait=self.options.max_retry_wait,
            max_response_bytes=self.options.max_response_bytes,
            trust_env=self.options.trust_env,
            secrets=self.secrets,
            authorize=authorize,
        )

    def secrets(self) -> Iterable[str]:
        """Return the values that are blotted out of everything that leaves in an error."""
        given = [*filter(None, [self.config.api_key]), *self.options.headers.values()]
        # "Bearer" and the token behind it may come back apart.
        return [*given, *(word for value in self.options.headers.values() for word in value.split())]

    async def initialize(self) -> None:
        """Make the provider ready. No connection is opened before the first call."""
        self._transport.open()

    async def cleanup(self) -> None:
        """Close all connections; calls under way end with `ProviderNotInitializedError`."""
        await self._transport.close()

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do, as the dialect knows it."""
        return self.dialect.capabilities

    async def complete(
        self,
        prompt: Prompt,
        *,
        stream: bool = False,
        model: str | None = None,
        output: Any = None,
        timeout: float | Timeouts | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Completion | CompletionStream:
        """Complete a prompt.

        Args:
            prompt: What the model is to answer: a text, a `Message`, or the messages of a conversation.
            stream: Whether to return the pieces as they come.
            model: The model of this call, instead of the provider's.
            output: What the answer is to be: an attrs class, a dataclass, a TypedDict, another type, or a JSON schema
                as a dict. The answer's `output` is an object of it.
            timeout: The bounds of this call in seconds, instead of the provider's.
            extra_body: Merged into the request as it is, for what has no option here.
            **options: What the dialect takes: system, temperature, max_tokens, top_p, stop, seed, reasoning, tools,
                tool_choice, ... None is left out.

        Returns:
            The answer, a `str` with `usage`, `finish_reason` and more; with `stream` a `CompletionStream`.

        Raises:
            ProviderInputError: An argument is wrong; nothing was sent.
            ProviderCapabilityError: The service cannot do what an argument asks for; nothing was sent.
            ProviderOutputError: The answer does not fit `output`.
            ProviderError: The call failed, and so did the retries that it was worth.
        """
        self._check_initialized()
        try:
            schema = None if output is None else self._schema(output)
            request = self._request(prompt, stream, model, schema, timeout, extra_body, options)
            if stream:
                begin = self._begin
                if schema is not None or request.timeouts is not None:
                    begin = functools.partial(self._begin, schema=schema, timeouts=request.timeouts)
                opened, attempts = await self._transport.stream(request, begin)
                return opened.count_attempts(attempts)
            parse = self._parse_completion
            if schema is not None:
                parse = functools.partial(self._parse_completion, schema=schema)
            completion, attempts = await self._transport.post(request, parse)
            completion.attempts = attempts
            return completion
        except ProviderError as error:
            raise self._sign(error) from error.__cause__

    def _request(
        self,
        prompt: Prompt,
        stream: bool,
        model: str | None,
        schema: OutputSchema | None,
        timeout: float | Timeouts | None,
        extra_body: Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> Request:
        """Return the request of a call, or raise what is wrong with its arguments."""
        if isinstance(prompt, str):
            check_text("prompt", prompt)
        else:
            prompt = _conversations()(prompt)
        if not isinstance(stream, bool):
            raise ProviderInputError(f"stream must be True or False, not {type(stream).__name__}")
        if options:
            options = {name: value for name, value in options.items() if value is not None}
        if schema is not None:
            options["output"] = schema
        request = self.dialect.complete(
            prompt, model=self._model(model, self.config.model), stream=stream, options=options
        )
        if extra_body is not None:
            request = merge_body(request, extra_body)
        if timeout is not None:
            request = attrs.evolve(request, timeouts=check_timeouts(timeout))
        return request

    @staticmethod
    def _schema(output: Any) -> OutputSchema:
        # Imported here: who asks for texts alone needs nothing of it.
        from .outputs import output_schema

        return output_schema(output)

    def explain(
        self,
        prompt: Prompt,
        *,
        stream: bool = False,
        model: str | None = None,
        output: Any = None,
        timeout: float | Timeouts | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Explanation:
        """Return the request that `complete` would send for these arguments, every secret masked; nothing is sent.

        Raises:
            ProviderInputError: An argument is wrong, as `complete` would say.
            ProviderCapabilityError: The service cannot do what an argument asks for.
        """
        from ._codec import dumps
        from .explain import Explanation, map_arguments

        def view(arguments: Mapping[str, Any]) -> dict[str, Any]:
            request = self._request(
                arguments.get("prompt", "-"),
                arguments.get("stream", False),
                # Who names the model in the call alone needs another one to be compared with.
                arguments.get("model", None if self.config.model else "-"),
                arguments.get("output"),
                timeout,
                arguments.get("extra_body"),
                {name: value for name, value in arguments.items() if name in options},
            )
            return {"url": self.url_of(request), **request.body}

        try:
            schema = None if output is None else self._schema(output)
            request = self._request(prompt, stream, model, schema, timeout, extra_body, dict(options))
            # What cannot be written as JSON is refused here too.
            dumps(request.body)
            given = {"prompt": prompt, "stream": stream or None, "model": model, "output": schema}
            arguments = {**given, "extra_body": extra_body, **options}
            arguments = {name: value for name, value in arguments.items() if value is not None}
            mapped = map_arguments(arguments, view)
        except ProviderError as error:
            raise self._sign(error) from error.__cause__
        return Explanation.without_secrets(
            request, url=self.url_of(request), headers=self.all_headers(), mapped=mapped, secrets=self.secrets()
        )

    def url_of(self, request: Request) -> str:
        """Return where a request goes."""
        return self.base_url + request.path

    async def list_models(self) -> list[Model]:
        """Return the models that the service offers, all pages of them.

        Raises:
            ProviderCapabilityError: The service doesn't tell.
            ProviderError: A request failed, and so did the retries that it was worth.
        """
        self._check_initialized()
        models: list[Model] = []
        seen: set[str] = set()
        page: str | None = None
        try:
            while page is None or page not in seen:
                if page is not None:
                    seen.add(page)
                found, _ = await self._transport.post(self.dialect.models(page), total(self.dialect.parse_models))
                models += found.models
                if found.next is None:
                    return models
                page = found.next
            raise response_error("with a list of models that goes round in circles")
        except ProviderError as error:
            raise self._sign(error) from error.__cause__

    async def embed(
        self,
        text: str,
        *,
        model: str | None = None,
        dimensions: int | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> list[float]:
        """Embed a text.

        Args:
            text: What to embed.
            model: The model of this call, instead of `embedding_model`.
            dimensions: The length of the vector, where the model can choose.
            extra_body: Merged into the request as it is.
            **options: What else the dialect takes.

        Returns:
            The vector: finite floats, at least one.

        Raises:
            ProviderInputError: An argument is wrong; nothing was sent.
            ProviderError: The call failed, and so did the retries that it was worth.
        """
        self._check_initialized()
        try:
            check_text("text", text)
            batch = await self._embed([text], model, dimensions, extra_body, options)
            return list(batch.vectors[0])
        except ProviderError as error:
            raise self._sign(error) from error.__cause__

    async def embed_many(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        batch_size: int | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Embeddings:
        """Embed many texts in as few requests as the service allows, a few at a time.

        Args:
            texts: What to embed.
            model: The model of this call, instead of `embedding_model`.
            dimensions: The length of the vectors, where the model can choose.
            batch_size: Texts in one request at most, if fewer than the service takes.
            extra_body: Merged into each request as it is.
            **options: What else the dialect takes.

        Returns:
            The vectors in the order of the texts, in one buffer of float32; `usage` sums up all requests.

        Raises:
            ProviderInputError: An argument is wrong; nothing was sent.
            ProviderError: A request failed, and so did the retries that it was worth.
        """
        self._check_initialized()
        try:
            check_texts(texts)
            limits = self.dialect.embedding_limits
            if batch_size is not None:
                limits = attrs.evolve(limits, inputs=min(check.count("batch_size", batch_size), limits.inputs))
            return await gather_embeddings(
                [
                    functools.partial(self._embed, batch, model, dimensions, extra_body, options)
                    for batch in split_texts(texts, limits)
                ]
            )
        except ProviderError as error:
            raise self._sign(error) from error.__cause__

    async def _embed(
        self,
        texts: Sequence[str],
        model: str | None,
        dimensions: int | None,
        extra_body: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> EmbeddingBatch:
        request = self.dialect.embed(
            texts,
            model=self._model(model, self.options.embedding_model, "embedding_model"),
            dimensions=None if dimensions is None else check.count("dimensions", dimensions),
            options={name: value for name, value in options.items() if value is not None},
        )
        request = merge_body(request, extra_body)
        batch, _ = await self._transport.post(
            request, total(functools.partial(self.dialect.parse_embeddings, request=request))
        )
        return batch

    def _model(self, asked: str | None, default: str | None, setting: str = "model") -> str:
        if asked is not None:
            return check.text("model", asked)
        if default is None:
            if setting == "embedding_model" and not self.capabilities.embeddings:
                # There is no model that it could be told.
                raise ProviderCapabilityError("this service has no embeddings; use another provider for them")
            raise ProviderInputError(f"no model is named; give model= to the call or {setting}= to create_provider")
        return default

    def _parse_completion(self, payload: Any, schema: OutputSchema | None = None) -> Completion:
        completion = total(self.dialect.parse_completion)(payload)
        if not completion and (refused := check_not_refused(completion)):
            raise refused
        if schema is not None:
            completion.output = schema.read(completion)
        return completion

    def _parse_whole(self, body: bytes) -> Completion:
        return total(self.dialect.parse_completion)(decode(body))

    async def _begin(
        self, source: ByteSource, schema: OutputSchema | None = None, timeouts: Timeouts | None = None
    ) -> CompletionStream:
        return await CompletionStream(
            source,
            self.dialect.stream_parser(),
            parse_whole=self._parse_whole,
            schema=schema,
            sign=self._sign,
            content_timeout=self._content_timeout if timeouts is None else timeouts.content,
        ).begin()

    def _sign(self, error: ProviderError) -> ProviderError:
        """Put the provider's name on an error that leaves, and blot out what nobody may read."""
        error.provider_type = error.provider_type or self.config.provider_type
        redact_error(error, self.secrets())
        # The frames below hold what the service sent, which may be the key.
        error.__context__ = None
        return error.with_traceback(None)
