"""Arguments that are wrong."""

from __future__ import annotations

import json
from typing import Any

from pepperpy.providers import ProviderError

from ..promises import expect, promise, skip
from ..stage import Stage, complete, failure_of, show, takes
from .subject import Subject


class Inputs(Subject):
    """What is wrong is said before anything is sent."""

    @promise(
        "inputs.prompt-checked",
        "a prompt that is blank or no text is refused before anything is sent",
        mend="raise ProviderInputError for a prompt that is not a str, or blank",
    )
    async def test_inputs_prompt_checked(self, stage: Stage) -> None:
        wrong: Any
        async with stage.provider() as provider:
            for wrong in ("", "  \n", None, 3, b"x"):
                error = await failure_of(complete(provider, wrong))
                if error is None and stage.wire is None and isinstance(wrong, str):
                    skip("the provider takes a blank prompt, and sends nothing anywhere")
                # A text's method that the prompt lacks refuses it too.
                refused = isinstance(error, (ProviderError, TypeError, ValueError, AttributeError))
                expect(refused, f"the prompt {wrong!r}: {show(error)}")
        sent = 0 if stage.wire is None else len(stage.service.requests)
        expect(sent == 0, f"{sent} requests were sent")

    @promise(
        "inputs.unknown-option",
        "an option that the provider does not know is refused or sent, never dropped",
        mend="name the options that complete() takes, or check **options with pepperpy.providers.options.check_options",
    )
    async def test_inputs_unknown_option(self, stage: Stage) -> None:
        async with stage.provider() as provider:
            error = await failure_of(complete(provider, "Where?", no_such_option="xyzzy"))
        if error is None and stage.wire is None:
            skip("the provider takes any option, and what becomes of it cannot be seen without a wire")
        sent = b"" if stage.wire is None else b"".join(one.body for one in stage.service.requests)
        if error is None:
            expect(b"xyzzy" in sent, "complete(no_such_option='xyzzy') was answered, and the option not sent")
        else:
            expect(isinstance(error, (ProviderError, TypeError)), show(error))
            expect("no_such_option" in str(error), f"the error does not name it: {show(error)}")
            expect(not sent, "the error came after a request had been sent")

    @promise(
        "inputs.options-sent",
        "temperature and max_tokens are sent or refused, never dropped",
        mend="put them into the request, or raise ProviderCapabilityError",
        needs="wire",
    )
    async def test_inputs_options_sent(self, stage: Stage) -> None:
        for option, value in (("temperature", 0.625), ("max_tokens", 321)):
            if not takes(stage.provider_class, option):
                continue
            async with stage.provider() as provider:
                error = await failure_of(complete(provider, "Where?", **{option: value}))
            if error is None:
                sent = stage.service.requests[-1].body.decode("utf-8", "replace")
                expect(json.dumps(value) in sent, f"{option}={value} is not in the request: {sent[:300]}")
            else:
                expect(isinstance(error, (ProviderError, TypeError)), f"{option}={value}: {show(error)}")
