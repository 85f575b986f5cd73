"""What is asked, and of whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

FLOOR = "aiohttp"
OURS = "pepperpy"
SPEED = "with orjson"
GEMINI = "pepperpy on Gemini"

GEMINI_FLOOR = "aiohttp on Gemini"

FLOORS = {GEMINI: GEMINI_FLOOR}
"""What a participant is compared with, where it is not `FLOOR`: the same service's wire by hand."""

MODULES = {
    FLOOR: "bare",
    OURS: "ours",
    SPEED: "ours_speed",
    GEMINI_FLOOR: "bare_gemini",
    GEMINI: "ours_gemini",
    "openai": "openai_sdk",
    "litellm": "litellm_sdk",
}
"""The module in `bench.clients` of each participant."""

DISTRIBUTIONS = {
    FLOOR: "aiohttp",
    OURS: "pepperpy-core",
    SPEED: "orjson",
    GEMINI_FLOOR: "aiohttp",
    GEMINI: "pepperpy-gemini",
    "openai": "openai",
    "litellm": "litellm",
}
"""What each is installed from."""

STATEMENTS = {
    FLOOR: "import asyncio, json, aiohttp",
    OURS: "import pepperpy.providers",
    "openai": "import openai",
    "litellm": "import litellm",
}
"""What a program of each begins with."""


@dataclass(frozen=True)
class Import:
    """The CPU of an import statement in a new interpreter.

    Attributes:
        name: The question's name in the JSON.
        label: Its name in the table.
        goal: What pepperpy's ratio to the floor shall be at most.
        statements: Those that differ from `STATEMENTS`.
        participants: Who is asked; by default everybody.
    """

    name: str
    label: str
    goal: float | None
    statements: Mapping[str, str] = field(default_factory=dict)
    participants: tuple[str, ...] = (FLOOR, OURS, "openai", "litellm")


@dataclass(frozen=True)
class Process:
    """The CPU of a whole process that asks for one completion and ends."""

    name: str
    label: str
    goal: float | None


@dataclass(frozen=True)
class Work:
    """The cost of one item of some work, in a process that has done it before.

    Attributes:
        name: The question's name in the JSON.
        label: Its name in the table.
        goal: What pepperpy's ratio to the floor shall be at most.
        mode: What the server does; see `bench.server`.
        kind: What the client does; see `bench.worker`.
        count: How often, in one block.
        messages: How many there are in a request.
        clock: What is compared.
        fixed: Whether `count` is part of the question, rather than as many as there is time for.
        slow: Whether it takes too long for the quick mode.
        goal_speed: The goal with orjson.
    """

    name: str
    label: str
    goal: float | None
    mode: str
    kind: Literal["complete", "together", "stream", "streams", "first", "embed"]
    count: int
    messages: int = 1
    clock: Literal["cpu", "wall"] = "cpu"
    fixed: bool = False
    slow: bool = False
    goal_speed: float | None = None


@dataclass(frozen=True)
class Count:
    """Something that is the same each time: function calls, or memory.

    Attributes:
        name: The question's name in the JSON.
        label: Its name in the table.
        goal: What pepperpy shall reach.
        mode: What the server does; see `bench.server`.
        kind: What is counted; see `bench.worker`.
        figure: Which of its figures is meant.
        messages: How many there are in a request.
    """

    name: str
    label: str
    goal: str
    mode: str
    kind: Literal["calls", "memory"]
    figure: Literal["calls", "kept", "peak"] = "calls"
    messages: int = 1


Question: TypeAlias = Import | Process | Work | Count

COLD = (
    Import("import", "import, CPU", 0.30),
    Import(
        "import_beside",
        "the same, `import asyncio, json` = 1.00",
        0.30,
        statements={FLOOR: "import asyncio, json"},
        participants=(FLOOR, OURS),
    ),
    Import(
        "import_call",
        "`from pepperpy.providers import create_provider`, CPU",
        None,
        statements={OURS: "from pepperpy.providers import create_provider"},
        participants=(FLOOR, OURS),
    ),
    Process("process", "whole process to its first answer, CPU", 1.15),
)

WARM = (
    Work("completion", "one completion, CPU", 1.10, "plain", "complete", 200, goal_speed=1.00),
    Work("messages_100", "100 messages, CPU", 1.10, "plain", "complete", 100, messages=100, goal_speed=0.75),
    Work("messages_1000", "1,000 messages, CPU", 1.10, "plain", "complete", 25, messages=1000, goal_speed=0.75),
    Work("in_flight", "one of 500 in flight, CPU", 1.15, "think-50", "together", 500, fixed=True, goal_speed=1.05),
    Work("chunk", "chunk of one fast stream, CPU", 0.95, "fast-1000", "stream", 4, goal_speed=0.70),
    Work("chunk_of_100", "chunk of 100 streams, CPU", 1.15, "paced-15", "streams", 100, fixed=True, goal_speed=1.00),
    Work("first_chunk", "first chunk, wall", 1.15, "fast-5", "first", 100, clock="wall", goal_speed=1.10),
    Work("embeddings", "256 embeddings × 1536, CPU", 1.10, "embed", "embed", 4, goal_speed=1.05),
    Work(
        "burst",
        "1,000 at once, the server thinks 1 s, wall",
        1.15,
        "think-1000",
        "together",
        1000,
        clock="wall",
        fixed=True,
        slow=True,
    ),
)

COUNTS = (
    Count("calls_request", "function calls per request", "≤ 395", "plain", "calls"),
    Count("calls_request_101", "the same with 101 messages", "no more", "plain", "calls", messages=101),
    Count("calls_chunk", "function calls per chunk", "≤ 31", "fast-1000", "calls"),
    Count("embeddings_kept", "256 embeddings, memory kept, × their float32", "≤ 1.2", "embed", "memory", "kept"),
    Count("embeddings_peak", "256 embeddings, memory at the peak, × their float32", "≤ 5", "embed", "memory", "peak"),
)
