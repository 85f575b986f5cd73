"""What loading costs, looked at in an interpreter of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

from ..promises import BrokenPromise, expect, promise
from ..stage import Stage
from .subject import Subject

CLIENTS = ("aiohttp", "httpx", "requests", "urllib3", "httpcore", "grpc", "botocore", "openai", "anthropic")
MOST_SECONDS = 1.0

LISTING = """
early = sorted(sys.modules)
from pepperpy.providers.engine import ProviderEngine
names = ProviderEngine.list_providers()
result = {"names": names, "modules": sorted(sys.modules), "early": early}
"""

LOADING = """
import builtins, threading, time
import pepperpy.providers, pepperpy.providers.http, pepperpy.providers.dialects.openai, pepperpy.providers.engine
registry = pepperpy.providers.engine.ProviderEngine.registry
# What core brings does not count; forgotten, it shows again when somebody else asks for it.
for client in CLIENTS:
    sys.modules.pop(client, None)
importers, touched = {}, []
original = builtins.__import__
def noted(name, globals=None, locals=None, fromlist=(), level=0):
    top = name.partition(".")[0]
    importer = str((globals or {}).get("__name__", ""))
    if level == 0 and top in CLIENTS and importer.partition(".")[0] not in (*CLIENTS, "importlib"):
        importers.setdefault(top, importer)
    return original(name, globals, locals, fromlist, level)
def audit(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system", "os.putenv",
                 "os.unsetenv"):
        touched.append(event)
environment, threads = dict(os.environ), threading.active_count()
sys.addaudithook(audit)
builtins.__import__ = noted
started = time.process_time()
registry.get(sys.argv[1])
seconds = time.process_time() - started
builtins.__import__ = original
changed = sorted(n for n in {*environment, *os.environ} if environment.get(n) != os.environ.get(n))
asked = [f"{importers.get(client, 'somebody')} imports {client}" for client in CLIENTS if client in sys.modules]
result = {"asked": asked, "touched": touched, "changed": changed, "seconds": seconds,
          "threads": threading.active_count() - threads}
"""


class Laziness(Subject):
    """A plugin costs nothing before it is asked for, and little then."""

    @promise(
        "lazy.listing-loads-nothing",
        "list_providers() names the provider, and neither its modules nor an HTTP client are loaded for that",
        mend="bring the provider by its entry point alone: no .pth file, no import from sitecustomize, and no module "
        "inside the pepperpy namespace",
        needs="installed",
    )
    async def test_lazy_listing_loads_nothing(self, stage: Stage) -> None:
        result, _ = await self._in_child(LISTING)
        expect(self.provider_type in result["names"], f"listed are {', '.join(result['names'])}")
        theirs = [name for name in result["modules"] if name.partition(".")[0] in (self._root(), *CLIENTS)]
        early = [name for name in theirs if name in result["early"]]
        expect(not early, f"{_some(early)} loaded when the interpreter starts, by a .pth file or sitecustomize")
        expect(not theirs, f"{_some(theirs)} loaded by list_providers()")

    @promise(
        "lazy.import-is-light",
        "the plugin's module imports no HTTP client or SDK by itself, and takes less than a second of computing",
        mend="import what is heavy inside the method that needs it; HTTPProvider brings the HTTP client",
        needs="installed",
    )
    async def test_lazy_import_is_light(self, stage: Stage) -> None:
        result, _ = await self._in_child(LOADING)
        expect(not result["asked"], f"when the module is imported, {'; '.join(result['asked'][:5])}")
        expect(result["seconds"] < MOST_SECONDS, f"{result['seconds']:.2f} s of computing")

    @promise(
        "lazy.import-is-quiet",
        "importing the plugin and asking for its facts prints nothing, opens nothing, starts nothing and writes no "
        "environment",
        mend="let the module hold definitions and the hook yield its ProviderSpec, and nothing else",
        needs="installed",
    )
    async def test_lazy_import_is_quiet(self, stage: Stage) -> None:
        result, printed = await self._in_child(LOADING)
        expect(not printed, f"it printed {printed[:200]!r}")
        expect(not result["touched"], f"it did {', '.join(result['touched'][:5])}")
        expect(not result["changed"], f"it changed the variables {', '.join(result['changed'][:5])}")
        expect(not result["threads"], f"it started {result['threads']} threads")

    def _root(self) -> str:
        point: Any = self.entry_point()
        return str(point.value).partition(":")[0].partition(".")[0].strip()

    async def _in_child(self, code: str) -> tuple[dict[str, Any], str]:
        """Run code in a fresh interpreter and return its result and what was printed beside it."""
        mark = "pepperpy-result:"
        whole = f"import json, os, sys\nCLIENTS = {CLIENTS!r}\n{code}\nprint({mark!r} + json.dumps(result))\n"
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", whole, self.provider_type],
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
            # What the tests found on their path, the child finds too.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        before, found, after = done.stdout.rpartition(mark)
        if not found:
            raise BrokenPromise(f"the interpreter ended with {done.returncode}: {done.stderr[-500:]}")
        result, _, behind = after.partition("\n")
        return json.loads(result), (before + behind + done.stderr).strip()


def _some(modules: list[str]) -> str:
    return f"{', '.join(modules[:5])}{', ...' if len(modules) > 5 else ''} {'is' if len(modules) == 1 else 'are'}"
