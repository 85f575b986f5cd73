"""`pytest --pepperpy-provider NAME`, as somebody runs it who has nothing of this project but what is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .test_kit_faults import run_pytest

METADATA = "Metadata-Version: 2.1\nName: pepperpy-{name}\nVersion: 3.1\n"

PLUGIN = """
from pepperpy.providers import Provider, Completion, ProviderInputError, ProviderSpec, hookimpl
import attrs

@attrs.frozen(kw_only=True)
class Options:
    mood: str = "calm"

class Shouting(Provider):
    options_type = Options

    async def complete(self, prompt, *, stream=False):
        self._check_initialized()
        if not isinstance(prompt, str) or not prompt.strip():
            raise ProviderInputError("prompt must be a text that is not blank")
        return self._words(prompt) if stream else Completion(prompt.upper())

    async def _words(self, prompt):
        for word in prompt.split():
            yield word.upper()

@hookimpl
def pepperpy_providers():
    yield ProviderSpec("{name}", Shouting)
"""


def install(folder: Path, name: str, code: str = "", *, early: str = "") -> None:
    """Lay out an installed distribution with one provider; `early` runs whenever the interpreter starts."""
    (folder / f"shouting_{name}.py").write_text(code + PLUGIN.replace("{name}", name), "utf-8")
    metadata = folder / f"pepperpy_{name}-3.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(METADATA.format(name=name), "utf-8")
    (metadata / "entry_points.txt").write_text(f"[pepperpy.providers]\n{name} = shouting_{name}\n", "utf-8")
    if early:
        (folder / "sitecustomize.py").write_text(early, "utf-8")


def run(folder: Path, name: str, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Run the command and return its exit code, its output and its report on the provider."""
    done = run_pytest(folder, "--pepperpy-provider", name, "--pepperpy-report", "report.json", *arguments)
    file = folder / "report.json"
    report = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return done.returncode, done.stdout + done.stderr, next(iter(report.get("providers", [])), {})


def test_a_right_provider_without_http_keeps_every_promise(tmp_path: Path) -> None:
    """One that is no HTTP service passes whole; what goes over a wire is skipped, and says why."""
    install(tmp_path, "shouting")

    code, output, report = run(tmp_path, "shouting")

    assert code == 0, output
    assert (report["provider"], report["distribution"], report["version"]) == ("shouting", "pepperpy-shouting", "3.1")
    assert report["outcome"] == "kept"
    assert report["broken"] == 0
    assert report["kept"] > 15
    skipped = {one["name"]: one["reason"] for one in report["promises"] if one["outcome"] == "skipped"}
    assert "no wire" in skipped["retries.exact"]
    assert "does not claim embeddings" in skipped["embeddings.vector"]
    assert "shouting (pepperpy-shouting 3.1)" in output


def test_the_seeds_own_provider_keeps_every_promise(tmp_path: Path) -> None:
    """One that declares no options, takes what it is given and returns bare text passes whole."""
    museum = Path(__file__).parents[1] / "museum/release_1_0/seed_custom.py"
    hook = (
        "\nfrom pepperpy.providers import ProviderSpec, hookimpl\n"
        "@hookimpl\ndef pepperpy_providers():\n    yield ProviderSpec('custom', CustomProvider)\n"
    )
    install(tmp_path, "custom")
    (tmp_path / "shouting_custom.py").write_text(museum.read_text("utf-8") + hook, "utf-8")

    code, output, report = run(tmp_path, "custom")

    assert code == 0, output
    assert report["kept"] > 15
    skipped = {one["name"]: one["reason"] for one in report["promises"] if one["outcome"] == "skipped"}
    assert "declares no options_type" in skipped["configuration.unknown-setting"]


@pytest.mark.parametrize(
    ("promise", "code", "early"),
    [
        ("lazy.listing-loads-nothing", "", "import aiohttp"),
        ("lazy.listing-loads-nothing", "", "import shouting_faulty"),
        ("lazy.import-is-light", "import aiohttp\n", ""),
        ("lazy.import-is-light", "import importlib\nimportlib.import_module('aiohttp')\n", ""),
        ("lazy.import-is-light", "import timeit\nexec('import aiohttp', vars(timeit))\n", ""),
        ("lazy.import-is-quiet", "print('hello')\n", ""),
        ("lazy.import-is-quiet", "import os\nos.environ['X_FAULTY'] = '1'\n", ""),
        ("lazy.import-is-quiet", "import socket\nsocket.getaddrinfo('127.0.0.1', 1)\n", ""),
        ("lazy.import-is-quiet", "import threading\nthreading.Timer(1, print).start()\n", ""),
    ],
)
def test_what_shows_at_loading_is_caught_by_name(tmp_path: Path, promise: str, code: str, early: str) -> None:
    """A distribution that does something when providers are listed, or its module is imported, breaks that promise."""
    install(tmp_path, "faulty", code, early=early)

    exit_code, output, report = run(tmp_path, "faulty", "-k", promise.replace(".", "_").replace("-", "_"))

    assert exit_code == 1, output
    assert [(one["name"], one["outcome"]) for one in report["promises"]] == [(promise, "broken")]
    assert f"\nbroken promise {promise}: " in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pepperpy-provider", "opnai"], "no provider named 'opnai'; did you mean 'openai'? installed: "),
        (["--pepperpy-provider", "openai", "--pepperpy-wire", "no_such:Wire"], "cannot be loaded"),
        (["--pepperpy-provider", "openai", "--pepperpy-wire", "wire"], "module:Class, or none"),
        (["--pepperpy-provider", "openai", "--pepperpy-setting", "api"], "KEY=VALUE"),
        (["--pepperpy-setting", "api=x"], "are for --pepperpy-provider"),
    ],
)
def test_a_wrong_command_is_a_usage_error(tmp_path: Path, arguments: list[str], said: str) -> None:
    """What is wrong with the command is said in a line, with pytest's exit code for it."""
    done = run_pytest(tmp_path, *arguments)

    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_provider_that_does_not_load_breaks_its_promises(tmp_path: Path) -> None:
    """A plugin whose import fails is reported as that, and the run goes on."""
    install(tmp_path, "faulty", "raise RuntimeError('not today')\n")

    code, output, report = run(tmp_path, "faulty", "-k", "answers_text or life_cleanup_twice")

    assert code == 1
    assert report["broken"] == 2
    assert "cannot be loaded: ProviderPluginError" in output
    assert "not today" in output


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_other_tests_and_settings_do_not_matter(tmp_path: Path, mode: str) -> None:
    """In a project with tests, names and warnings of its own, and pytest-asyncio in either mode, the contract runs alone."""
    install(tmp_path, "shouting")
    (tmp_path / "test_other.py").write_text("raise RuntimeError('not to be imported')\n", "utf-8")
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\npython_functions = check_*\npython_classes = Check*\nfilterwarnings = error\n"
        "asyncio_default_fixture_loop_scope = function\n",
        "utf-8",
    )

    code, output, report = run(tmp_path, "shouting", "-k", "answers or configuration or life")

    assert code == 0, output
    assert report["kept"] > 8


def test_what_would_be_looked_at_can_be_listed(tmp_path: Path) -> None:
    """`--collect-only` lists the contract's tests, and counts them."""
    install(tmp_path, "shouting")

    done = run_pytest(tmp_path, "--pepperpy-provider", "shouting", "--collect-only", "-k", "answers")

    assert done.returncode == 0, done.stdout
    assert "pepperpy::shouting::test_answers_text" in done.stdout
    assert "4/" in done.stdout


def test_pytest_pays_nothing_for_the_plugin() -> None:
    """The plugin that every pytest loads where core is installed imports neither a client nor the contract."""
    code = (
        "import sys, pepperpy.providers.testing.plugin\n"
        "print([name for name in sys.modules if name in ('aiohttp', 'attrs', 'pepperpy.providers.engine', "
        "'pepperpy.providers.testing.contract', 'pepperpy.providers.testing.service')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
