"""What each generation of OpenAI's models accepts, as data; the service itself does not tell."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import attrs

from pepperpy.providers.domain import ProviderCapabilityError
from pepperpy.providers.options import nearest_effort


@attrs.frozen(kw_only=True)
class Family:
    """What the models of one family have in common.

    Attributes:
        efforts: The efforts of reasoning that they accept; none for models that do not reason.
        idle: Whether they reason only where an effort is asked for.
        tools_on_chat: Whether Chat Completions lets them reason and call tools at once.
    """

    efforts: tuple[str, ...] = ()
    idle: bool = False
    tools_on_chat: bool = True

    @property
    def reasons(self) -> bool:
        """Whether they can reason at all."""
        return bool(self.efforts)


PLAIN = Family()
O_SERIES = Family(efforts=("low", "medium", "high"))
CHAT = Family(efforts=("medium",))
NEWEST = Family(efforts=("low", "medium", "high", "xhigh", "max"), tools_on_chat=False)
"""The rules of gpt-6-astra. They hold for what nobody knows yet: an effort of theirs is refused by no newer model."""

GPT_5_2 = Family(efforts=("none", "low", "medium", "high", "xhigh"), idle=True)
GPT_5_4 = attrs.evolve(GPT_5_2, tools_on_chat=False)
GPT_5_5 = attrs.evolve(GPT_5_4, idle=False)
GPT_5_6 = attrs.evolve(GPT_5_5, efforts=(*GPT_5_5.efforts, "max"))
PRO = Family(efforts=("medium", "high", "xhigh"))
NEWER_PRO = attrs.evolve(PRO, tools_on_chat=False)

FAMILIES: Mapping[str, Family] = {
    "gpt-5-chat": PLAIN,
    "gpt-5-pro": Family(efforts=("high",)),
    "gpt-5-codex": O_SERIES,
    "gpt-5": Family(efforts=("minimal", "low", "medium", "high")),
    "gpt-5.1-chat": CHAT,
    "gpt-5.1-codex-max": Family(efforts=("low", "medium", "high", "xhigh")),
    "gpt-5.1-codex-mini": Family(efforts=("medium", "high")),
    "gpt-5.1-codex": O_SERIES,
    "gpt-5.1": Family(efforts=("none", "low", "medium", "high"), idle=True),
    "gpt-5.2-chat": CHAT,
    "gpt-5.2-pro": PRO,
    "gpt-5.2-codex": Family(efforts=("low", "medium", "high", "xhigh")),
    "gpt-5.2": GPT_5_2,
    "gpt-5.3-chat": CHAT,
    "gpt-5.3-codex": Family(efforts=("low", "medium", "high", "xhigh")),
    "gpt-5.3": GPT_5_2,
    "gpt-5.4-pro": NEWER_PRO,
    "gpt-5.4": GPT_5_4,
    "gpt-5.5-pro": NEWER_PRO,
    "gpt-5.5": GPT_5_5,
    "gpt-5.6": GPT_5_6,
    "gpt-6-sol": GPT_5_6,
    "gpt-6-luna": GPT_5_6,
    "gpt-6.1-terra": GPT_5_6,
    "gpt-6-astra": NEWEST,
    "gpt-6.1-sol": NEWEST,
    "gpt-6.2-astra": NEWEST,
    "gpt-6.2-sol": NEWEST,
}
"""The families by the beginning of their models' names; of several, the first."""

_PLAIN_NAMES = re.compile(r"(chatgpt-|gpt-[34](?![0-9])|gpt-(audio|realtime)|text-|davinci|babbage)")
_O_SERIES = re.compile(r"o[1-9][0-9]?($|-)")


@functools.lru_cache(maxsize=256)
def known_family(model: str) -> Family | None:
    """Return the family of a model that is known by its name, such as "gpt-5.4-mini" or "openai/gpt-5.4-mini".

    >>> known_family("gpt-5.4-mini-2026-03-17").idle, known_family("gpt-5.9"), known_family("llama-3")
    (True, None, None)
    """
    # "ft:gpt-4.1:team::id" is a model that was tuned, "openai/gpt-4.1" how gateways call it.
    name = model.removeprefix("ft:").removeprefix("openai/").lower()
    for start, family in FAMILIES.items():
        if name.startswith(start) and name[len(start) : len(start) + 1] in ("", "-", ":", "@"):
            return family
    if _O_SERIES.match(name):
        return O_SERIES
    return PLAIN if _PLAIN_NAMES.match(name) else None


def family_of(model: str) -> Family:
    """Return the family of a model of OpenAI's own; one that is not known has the newest rules."""
    return known_family(model) or NEWEST


def effort_for(model: str, asked: str) -> str | None:
    """Return the effort that a model of OpenAI's own is asked for: the nearest that it has, or None for nothing.

    Raises:
        ProviderCapabilityError: The model does not reason, and was asked to.
    """
    family = family_of(model)
    if family.reasons:
        return nearest_effort(asked, family.efforts)
    if asked == "none":
        return None
    raise ProviderCapabilityError(f"{model} does not reason; leave reasoning out, or choose a model that does")
