"""Embeddings."""

from __future__ import annotations

import math

from pepperpy.providers import ProviderCapabilityError, ProviderError

from ..promises import expect, promise, skip
from ..service import Reply
from ..stage import Stage, claims, failure_of, show
from .errors import malformed
from .subject import Subject


class Embedding(Subject):
    """What `embed` and `embed_many` return."""

    @promise(
        "embeddings.vector",
        "embed(text) returns a list of finite floats",
        mend="return the service's vector as list[float], and raise ProviderResponseError where there is none",
        needs="embeddings",
    )
    async def test_embeddings_vector(self, stage: Stage) -> None:
        replies = [] if stage.wire is None else [stage.wire.embeddings]
        async with stage.provider(*replies) as provider:
            vector = await provider.embed("four")
        right = isinstance(vector, list) and vector and all(isinstance(x, float) and math.isfinite(x) for x in vector)
        expect(right, f"{str(vector)[:200]}, a {type(vector).__name__}")
        expect(stage.wire is None or vector == [1.0, 2.0, 4.0], f"{vector} instead of [1.0, 2.0, 4.0]")

    @promise(
        "embeddings.many-in-order",
        "embed_many(texts) returns a vector for each text, in their order",
        mend="sort the service's rows by their index",
        needs="embeddings",
    )
    async def test_embeddings_many_in_order(self, stage: Stage) -> None:
        texts = ["1", "22", "333", "4444", "55555"]
        replies = [] if stage.wire is None else [stage.wire.embeddings]
        async with stage.provider(*replies) as provider:
            vectors = [list(vector) for vector in await provider.embed_many(texts, batch_size=2)]
        expect(len(vectors) == len(texts), f"{len(vectors)} vectors for {len(texts)} texts")
        lengths = [vector[2] for vector in vectors] if stage.wire is not None else [1.0, 2.0, 3.0, 4.0, 5.0]
        expect(lengths == [1.0, 2.0, 3.0, 4.0, 5.0], f"the texts' lengths, as the vectors tell them, are {lengths}")

    @promise(
        "embeddings.malformed",
        "an answer without a vector is a ProviderError",
        mend="raise ProviderResponseError where the vector is not where the service documents it",
        needs="wire embeddings",
    )
    async def test_embeddings_malformed(self, stage: Stage) -> None:
        for said, reply in {**malformed(), "a 500": Reply(status=500)}.items():
            async with stage.provider(reply) as provider:
                error = await failure_of(provider.embed("four"))
            expect(isinstance(error, ProviderError), f"{said}: {show(error)}")

    @promise(
        "embeddings.refused",
        "a provider that claims no embeddings says so, by ProviderCapabilityError",
        mend="do not override embed(), or claim embeddings in capabilities",
    )
    async def test_embeddings_refused(self, stage: Stage) -> None:
        if (await claims(stage))["embeddings"]:
            skip("the provider claims embeddings")
        async with stage.provider() as provider:
            error = await failure_of(provider.embed("four"))
        expect(isinstance(error, ProviderCapabilityError), show(error))
