"""The command `pepperpy` tells what is installed and what is wrong with it, and no plugin can make it fail."""

from __future__ import annotations

import importlib
import io
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pepperpy.providers._command import environment, installed, loading
from pepperpy.providers._command.findings import Finding, InstalledProvider, Report, Resolved
from pepperpy.providers._command.main import main
from pepperpy.providers._command.requirements import fit, parse_requirement
from pepperpy.providers._command.settings import show
from pepperpy.providers._command.text import write_doctor, write_list
from pepperpy.providers._discovery import Found
from pepperpy.providers._registry import ProviderRegistry

KEY = "sk-acme-0123456789abcdef"

GOOD = """
import attrs
from pepperpy.providers import Provider, ProviderSpec, hookimpl

@attrs.frozen
class Options:
    base_url: str = "https://acme.example/v1"
    rate: float = attrs.field(default=1.5, validator=attrs.validators.ge(0))
    team: str | None = None

class Acme(Provider):
    options_type = Options

    async def complete(self, prompt, **options):
        return prompt

@hookimpl
def pepperpy_providers():
    yield ProviderSpec(
        "acme", Acme, default_model="acme-1", variables={"api_key": ["ACME_API_KEY"], "team": ["ACME_TEAM"]},
        needs_api_key=lambda options: True,
    )
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Writes a distribution onto the path: its metadata, and its plugin's module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in os.environ if name.startswith("PEPPERPY_PROVIDER_")]:
        monkeypatch.delenv(name)

    def write(
        source: str = GOOD,
        *,
        name: str = "acme",
        module: str = "acme_plugin",
        owner: str = "acme_llm",
        metadata: str | None = "Metadata-Version: 2.1\nName: acme-llm\nVersion: 1.2.3\n",
        points: str | bytes | None = None,
    ) -> Path:
        (tmp_path / f"{module}.py").write_text(source)
        folder = tmp_path / f"{owner}-1.2.3.dist-info"
        folder.mkdir()
        if metadata is not None:
            (folder / "METADATA").write_text(metadata)
        text = f"[pepperpy.providers]\n{name} = {module}\n" if points is None else points
        (folder / "entry_points.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        importlib.invalidate_caches()
        return folder

    yield write
    sys.modules.pop("acme_plugin", None)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Run the command in this process and return its exit code and what its JSON holds."""
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def examined(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return what `doctor acme` says of the one claim to the name."""
    _, report = run(capsys, "doctor", "acme", *arguments)
    (provider,) = report["providers"]
    return provider


def codes(report: Any) -> list[str]:
    return [finding["code"] for finding in report["findings"]]


# list


def test_the_list_is_made_from_metadata_alone(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """A provider is listed with its distribution and version, and its plugin is not imported."""
    install("raise SystemExit")
    code, report = run(capsys, "list")
    (acme,) = [provider for provider in report["providers"] if provider["name"] == "acme"]

    assert code == 0
    assert acme == {
        "name": "acme",
        "distribution": "acme-llm",
        "version": "1.2.3",
        "entry_point": "acme_plugin",
        "state": "installed",
        "reason": "",
        "advice": "",
        "api_version": None,
        "settings": None,
    }
    assert report["schema"] == 1
    assert "acme_plugin" not in sys.modules


def test_a_distribution_that_is_there_twice_counts_once(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two copies of a distribution the one that Python imports is listed, as the engine does, and no duplicate."""
    folder = install()
    first = tmp_path / "first" / folder.name
    first.mkdir(parents=True)
    (first / "METADATA").write_text("Name: Acme_LLM\nVersion: 9\n")
    (first / "entry_points.txt").write_text("[pepperpy.providers]\nacme = acme_plugin\n")
    monkeypatch.syspath_prepend(str(first.parent))
    _, report = run(capsys, "list")

    assert [(each["version"], each["state"]) for each in report["providers"] if each["name"] == "acme"] == [
        ("9", "installed")
    ]


def test_two_claimants_are_both_listed(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Two claims to a name are a problem in the list, and the doctor imports neither."""
    install("raise SystemExit")
    install("raise SystemExit", owner="acme_evil", metadata="Name: acme-evil\nVersion: 6\n")
    listed, _ = run(capsys, "list")
    code, report = run(capsys, "doctor", "acme")

    assert (listed, code) == (1, 1)
    assert [(each["distribution"], each["state"]) for each in report["providers"]] == [
        ("acme-evil", "duplicate"),
        ("acme-llm", "duplicate"),
    ]


@pytest.mark.parametrize(
    ("requirement", "state"),
    [
        ("pepperpy-core>=1,<2", "installed"),
        ("pepperpy_core (>=1)", "installed"),
        ("pepperpy-core>=99", "too-new"),
        ("pepperpy-core<1", "too-old"),
        ("pepperpy-core<1; extra == 'old'", "installed"),
        ("pepperpy-core<<>>", "installed"),
    ],
)
def test_metadata_tells_who_is_too_old_or_too_new(
    install: Install, capsys: pytest.CaptureFixture[str], requirement: str, state: str
) -> None:
    """Which core a plugin was made for is seen without importing it."""
    install("raise SystemExit", metadata=f"Name: acme-llm\nVersion: 1.2.3\nRequires-Dist: {requirement}\n")
    _, report = run(capsys, "list")
    (acme,) = [provider for provider in report["providers"] if provider["name"] == "acme"]

    assert acme["state"] == state


@pytest.mark.parametrize("command", ["list", "doctor"])
def test_an_environment_without_providers_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """With no provider installed the list says what to install, and nothing is wrong."""
    core = [found for found in installed.discover("none") if found.name]
    monkeypatch.setattr(installed, "discover", lambda group: core)
    monkeypatch.setattr("pepperpy.providers._command.doctor.discover", lambda group: core)
    code = main([command])
    text = capsys.readouterr().out

    assert code == 0
    assert ("pip install" if command == "list" else "no provider is installed") in text


METADATA = {
    "no METADATA": {"metadata": None},
    "an empty METADATA": {"metadata": ""},
    "no name": {"metadata": "Version: 1\n"},
    "no version": {"metadata": "Name: acme-llm\n"},
    "garbage": {"metadata": "\0\x1b[31m: \n\n\n"},
}


@pytest.mark.parametrize("metadata", METADATA.values(), ids=METADATA)
def test_weird_metadata_harms_nobody(
    install: Install, capsys: pytest.CaptureFixture[str], metadata: dict[str, Any]
) -> None:
    """A provider whose distribution has no name or version is listed, examined and loaded all the same."""
    install(**metadata)
    code, report = run(capsys, "list")

    assert code == 0
    assert "acme" in [provider["name"] for provider in report["providers"]]
    assert examined(capsys)["state"] == "ok"
    assert ProviderRegistry().get("acme").name == "acme"
    assert main(["list"]) == 0


@pytest.mark.parametrize("points", [b"[pepperpy.providers]\nacme\n", b"\xff\xfe[pepperpy", b"acme = acme_plugin\n["])
def test_entry_points_that_cannot_be_read_hide_no_others(
    install: Install, capsys: pytest.CaptureFixture[str], points: bytes
) -> None:
    """A distribution with a broken entry_points.txt is named, and all other providers are there, for the engine too."""
    install(points=points)
    code, report = run(capsys, "list")

    assert "openai" in [provider["name"] for provider in report["providers"]]
    assert "openai" in ProviderRegistry().names()
    assert code == (1 if codes(report) else 0)
    assert b"[pepperpy.providers]" not in points or codes(report) == ["unreadable-metadata"]


@pytest.mark.parametrize(("name", "module"), [("acme llm", "acme_plugin"), ("acme", "acme plugin!"), ("acme", "")])
def test_entry_points_that_lead_nowhere(
    install: Install, capsys: pytest.CaptureFixture[str], name: str, module: str
) -> None:
    """A name that cannot be asked for, and a value that is no module, are problems that metadata tells."""
    install(points=f"[pepperpy.providers]\n{name} = {module}\n")
    code, report = run(capsys, "doctor")
    (acme,) = [provider for provider in report["providers"] if provider["name"] == name]

    assert code == 1
    assert acme["state"] == "unusable"


# doctor


def test_a_sound_plugin_is_ok(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What loads is ok, and each setting tells which variable wins over which, or that the default does."""
    install()
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("PEPPERPY_PROVIDER_ACME_API_KEY", KEY + "x")
    monkeypatch.setenv("PEPPERPY_PROVIDER_ACME_MODEL", "acme-2")
    monkeypatch.setenv("PEPPERPY_PROVIDER_ACME_BASE_URL", f"http://127.0.0.1:8000/{KEY}")
    monkeypatch.setenv("PEPPERPY_PROVIDER_ACME_RATE", " ")
    code, report = run(capsys, "doctor", "acme")
    (acme,) = report["providers"]
    settings = {setting.pop("name"): setting for setting in acme["settings"]}

    assert (code, acme["state"], acme["api_version"], report["findings"]) == (0, "ok", 1, [])
    assert list(settings) == ["api_key", "model", "timeout", "max_retries", "base_url", "rate", "team"]
    assert settings["api_key"] == {
        "source": "environment",
        "variable": "PEPPERPY_PROVIDER_ACME_API_KEY",
        "value": "***",
        "variables": ["PEPPERPY_PROVIDER_ACME_API_KEY", "ACME_API_KEY"],
        "outweighed": ["ACME_API_KEY"],
    }
    assert (settings["model"]["value"], settings["model"]["source"]) == ("acme-2", "environment")
    assert settings["base_url"]["value"] == "http://127.0.0.1:8000/***"
    assert (settings["rate"]["value"], settings["rate"]["source"]) == ("1.5", "default")
    assert (settings["team"]["value"], settings["team"]["source"]) == (None, "none")


BROKEN = {
    "raises": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "misses an import": ("import acme_that_is_not_there", "acme_that_is_not_there"),
    "is no Python": ("def (", "SyntaxError"),
    "exits": ("import sys; sys.exit('no luck')", "SystemExit: no luck"),
    "exits at once": ("import os; os._exit(0)", "exit code 0"),
    "exits at once, badly": ("import os; os._exit(3)", "exit code 3"),
    "dies": ("import os; os.kill(os.getpid(), 9)", "signal 9"),
    "is interrupted": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "raises what has no text": (
        "class E(BaseException):\n    def __str__(self): raise ValueError\nraise E",
        "E",
    ),
    "recurses": ("def f(): f()\nf()", "RecursionError"),
    "closes all files": ("import os; os.closerange(0, 99); raise ValueError", "ended the process"),
    "writes into the answer": (
        "import os\nfor n in range(3, 20):\n try: os.write(n, b'[]')\n except OSError: 0\nos._exit(0)",
        "ended",
    ),
    "has no hook": ("x = 1", "no hook pepperpy_providers()"),
    "is no provider": (GOOD.replace("(Provider):", ":"), "no subclass of Provider"),
    "yields another name": (GOOD.replace('"acme", Acme', '"acme2", Acme'), "'acme2'"),
    "has options that are no attrs class": (GOOD.replace("= Options", "= int"), "settings that it declares"),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_hurts_its_own_line(
    install: Install, capsys: pytest.CaptureFixture[str], source: str, reason: str
) -> None:
    """Whatever a plugin does when it is loaded, the doctor says what it was, and ends with exit code 1."""
    install(source)
    code, report = run(capsys, "doctor", "acme")
    (acme,) = report["providers"]

    assert code == 1
    assert acme["state"] == "broken"
    assert reason in acme["reason"]
    assert acme["advice"] == "upgrade or uninstall that distribution"


def test_where_the_shell_is_is_no_password(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """PWD is kept for the plugin that is tried; a variable that ends in it is not."""
    install("import os\nraise LookupError([name for name in os.environ if name.endswith('PWD')])")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PWD", "OLDPWD", "DB_PWD"):
            patch.setenv(name, "/somewhere/else")
        reason = examined(capsys)["reason"]

    assert "'PWD'" in reason
    assert "'OLDPWD'" in reason
    assert "DB_PWD" not in reason


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no way to watch a process on this system")
def test_a_plugin_that_hangs_is_ended(install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin that does not come to an end is ended, together with what it has started, and so reported."""
    pids = tmp_path / "pids"
    child = "import os\nwhile True: pass"
    install(
        f"import os, subprocess, sys\nother = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"open({str(pids)!r}, 'w').write(str(other.pid))\nwhile True: pass"
    )
    acme = examined(capsys, "--timeout", "3")

    assert acme["state"] == "broken"
    assert "longer than 3 s" in acme["reason"]
    assert ends(int(pids.read_text()))


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no way to watch a process on this system")
def test_a_plugin_that_hangs_does_not_outlive_the_command_for_long(install: Install, tmp_path: Path) -> None:
    """Where the command itself is killed, what it tried ends all the same."""
    pid = tmp_path / "pid"
    install(f"import os\nopen({str(pid)!r}, 'w').write(f'{{os.getpid()}}.')\nwhile True: pass")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "pepperpy.providers", "doctor", "acme", "--timeout", "0.5"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not (pid.exists() and pid.read_text().endswith(".")):
            assert process.poll() is None
        process.kill()

    assert ends(int(pid.read_text().rstrip(".")))


def ends(pid: int) -> bool:
    """Whether a process has ended, or does so soon; one that waits to be reaped has."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([process], [], [], 10)
    os.close(process)
    return bool(readable)


def test_what_a_plugin_leaves_behind_keeps_nobody_waiting(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin that prints, asks, starts a thread without end and hooks into the exit is as good as another."""
    install(
        "import atexit, os, sys, threading\nprint('{\"state\": \"broken\"}', flush=True)\nos.write(1, b'{}')\n"
        "assert sys.stdin.read() == ''\nthreading.Thread(target=threading.Event().wait).start()\n"
        "atexit.register(threading.Event().wait)\nsys.stdout = sys.stderr = None\n" + GOOD
    )

    assert examined(capsys, "--timeout", "20")["state"] == "ok"


def test_what_starts_with_the_interpreter_may_print(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `sitecustomize` that prints spoils no verdict."""
    install()
    (tmp_path / "sitecustomize.py").write_text("print('hello')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    assert examined(capsys)["state"] == "ok"


@pytest.mark.parametrize(
    ("version", "state", "advice"),
    [(99, "too-new", "upgrade pepperpy-core"), (0, "too-old", "upgrade that distribution")],
)
def test_the_handshake_says_who_is_to_be_upgraded(
    install: Install, capsys: pytest.CaptureFixture[str], version: int, state: str, advice: str
) -> None:
    """A plugin of another interface is too new or too old, in words, even where its class is of no use either."""
    install(GOOD.replace("default_model", f"api_version={version}, default_model").replace("(Provider):", ":"))
    acme = examined(capsys)

    assert (acme["state"], acme["api_version"]) == (state, None)
    assert acme["reason"].startswith(f"it was written to interface {version}, ")
    assert acme["advice"].startswith(advice)


def test_an_interface_that_is_no_number_is_told(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """An api_version of the wrong type is named as such."""
    install(GOOD.replace("default_model", "api_version='1', default_model"))

    assert examined(capsys)["reason"] == "its api_version must be an int, not str"


def test_without_loading_only_metadata_is_read(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """`--no-load` starts no process and finds nothing wrong with a plugin that would not load."""
    install("raise SystemExit")
    acme = examined(capsys, "--no-load")

    assert (acme["state"], acme["settings"]) == ("installed", None)


def test_a_system_that_starts_no_process_is_no_fault_of_the_plugin(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no process can be started the plugin stays "installed", with the reason."""
    install()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    acme = examined(capsys)

    assert acme["state"] == "installed"
    assert "no process could be started" in acme["reason"]


def test_an_unknown_name(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not installed is a problem, with the nearest one that is."""
    install()
    code, report = run(capsys, "doctor", "acem")

    assert code == 1
    assert codes(report) == ["unknown-provider"]
    assert report["findings"][0]["advice"].startswith("did you mean 'acme'?; installed: acme, ")


def test_all_are_examined_though_some_are_broken(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """One broken plugin leaves the verdict on the others as it is."""
    install("import os; os._exit(1)")
    code, report = run(capsys, "doctor")
    states = {provider["name"]: provider["state"] for provider in report["providers"]}

    assert code == 1
    assert states["acme"] == "broken"
    assert {states["openai"], states["gemini"], states["openrouter"]} == {"ok"}


# settings


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", KEY, "acme: timeout must be a number of seconds"),
        ("PEPPERPY_PROVIDER_ACME_MAX_RETRIES", "-2", "acme: max_retries must be 0 or more"),
        ("PEPPERPY_PROVIDER_ACME_RATE", KEY, "acme: rate must be float"),
        ("PEPPERPY_PROVIDER_ACME_RATE", "-1", "acme: a setting was refused"),
    ],
)
def test_values_that_will_be_refused_are_told_before(
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    message: str,
) -> None:
    """A variable that `create_provider` will refuse is named, and its value is not."""
    install()
    monkeypatch.setenv(variable, value)
    code, report = run(capsys, "doctor", "acme")

    assert code == 1
    assert codes(report) == ["wrong-setting"]
    assert report["findings"][0]["message"].startswith(message)
    assert f"(it comes from the environment variable {variable})" in report["findings"][0]["message"] or value == "-1"
    assert KEY not in json.dumps(report)


def test_a_missing_key_is_a_hint(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """That no key is in the environment is said, and no problem: the application may give one."""
    install()
    code, report = run(capsys, "doctor", "acme")

    assert code == 0
    assert codes(report) == ["no-key"]
    assert report["findings"][0]["advice"] == ("give api_key=... or set PEPPERPY_PROVIDER_ACME_API_KEY or ACME_API_KEY")


def test_variables_that_mean_nothing_are_named(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable for no setting is a problem, one for no provider a hint; both come with what was meant."""
    install()
    monkeypatch.setenv("ACME_API_KEY", KEY)
    for name in ("ACME_MODLE", "ACEM_API_KEY", "ZZZ_API_KEY", "ACME_RATE"):
        monkeypatch.setenv(f"PEPPERPY_PROVIDER_{name}", "7")
    code, report = run(capsys, "doctor")
    found = {finding["message"].partition(" ")[0]: finding for finding in report["findings"]}
    unknown = found["PEPPERPY_PROVIDER_ACME_MODLE"]
    orphan = found["PEPPERPY_PROVIDER_ACEM_API_KEY"]

    assert code == 1
    assert (unknown["level"], unknown["advice"]) == ("problem", "did you mean PEPPERPY_PROVIDER_ACME_MODEL?")
    assert (orphan["level"], orphan["advice"]) == ("hint", "did you mean PEPPERPY_PROVIDER_ACME_API_KEY?")
    assert found["PEPPERPY_PROVIDER_ZZZ_API_KEY"]["advice"] == "install its provider, or unset it"
    assert "PEPPERPY_PROVIDER_ACME_RATE" not in found


SPIES = {
    "raises it": "import os; raise RuntimeError(dict(os.environ))",
    "raises it again": GOOD.replace(
        "    team: str",
        "    x: int = attrs.field(default=1)\n    def __attrs_post_init__(self):\n"
        "        from pepperpy.providers import ProviderConfigError\n        import os\n"
        "        raise ProviderConfigError(f'team {dict(os.environ)}')\n    team: str",
    ),
    "declares it": GOOD.replace('"team": ["ACME_TEAM"]', '"team": ["ACME_TEAM"], "model": ["OTHER_API_KEY"]').replace(
        '"api_key": ["ACME_API_KEY"]', '"rate": ["ACME_API_KEY"]'
    ),
    "is good": GOOD,
}


@pytest.mark.parametrize("source", SPIES.values(), ids=SPIES)
@pytest.mark.parametrize("key", ["sk-\"quoted'/&key", "1234567"])
def test_a_key_is_in_no_output(
    install: Install, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], source: str, key: str
) -> None:
    """Whatever a plugin does with the environment, no key of it is in any output."""
    install(source)
    for name in ("ACME_API_KEY", "ACME_TEAM", "OTHER_API_KEY"):
        monkeypatch.setenv(name, key)
    for name in ("API_KEY", "MODEL", "TIMEOUT", "MAX_RETRIES", "BASE_URL", "RATE", "TEAM", "NONSENSE"):
        monkeypatch.setenv(f"PEPPERPY_PROVIDER_ACME_{name}", key)
    for arguments in (["list", "--json"], ["doctor", "acme"], ["doctor", "acme", "--json"]):
        main(arguments)
    out, err = capfd.readouterr()

    assert "acme" in out
    assert [form for form in (key, repr(key)[1:-1], json.dumps(key)[1:-1]) if form in out + err] == []


def test_a_plugin_that_needs_a_secret_to_load_is_told_so(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plugins are tried without secrets; one that reads them when it is imported is broken, and the reason says why."""
    install("import os\nos.environ['ACME_API_KEY']\n" + GOOD)
    monkeypatch.setenv("ACME_API_KEY", KEY)

    assert "ACME_API_KEY is set, but hidden from plugins" in examined(capsys)["reason"]


@pytest.mark.parametrize(
    ("setting", "value", "shown"),
    [
        ("timeout", "30", "30"),
        ("timeout", " None ", "none"),
        ("trust_env", "TRUE", "true"),
        ("timeout", "0123456789012345", "***"),
        ("model", "org/model-1.5:free", "org/model-1.5:free"),
        ("model", "two words", "***"),
        ("base_url", "https://api.example/", "https://api.example"),
        ("base_url", "https://user:pass@api.example/v1", "***"),
        ("base_url", "https://api.example?key=1", "https://api.example/***"),
        ("base_url", "https://[", "***"),
        ("base_url", "https://a:99999", "***"),
        ("base_url", "mailto:x", "***"),
        ("api_key", "30", "***"),
        ("token_count", "30", "***"),
        ("team", "blue", "***"),
    ],
)
def test_what_is_shown_of_a_value(setting: str, value: str, shown: str) -> None:
    """Numbers, models and hosts are shown; all else is masked, with neither a beginning nor a length."""
    assert show(setting, f"PEPPERPY_PROVIDER_ACME_{setting.upper()}", value) == shown


# the environment


def test_what_core_requires_is_checked() -> None:
    """A requirement of core that is missing or of the wrong version is a problem that says what to install."""
    core = Found(
        "pepperpy-core", "1.0.0", requirements=("aiohttp>=3.14.3,<4", "attrs>=24", "pytest; extra == 'testing'")
    )
    findings = environment.check_environment([core, Found("aiohttp", "3.14.2")], [])

    assert [(finding.code, finding.message, finding.advice) for finding in findings] == [
        (
            "unmet-requirement",
            "pepperpy-core requires aiohttp>=3.14.3,<4, and 3.14.2 is installed",
            "pip install 'aiohttp>=3.14.3,<4'",
        ),
        ("unmet-requirement", "pepperpy-core requires attrs>=24, and none is installed", "pip install 'attrs>=24'"),
    ]


@pytest.mark.parametrize("installed", [[], [Found("pepperpy-core", "0.3.1")], [Found("Pepperpy_Core", None)]])
def test_a_foreign_core_is_told(installed: list[Found]) -> None:
    """Another project's 0.x under core's name, and a core without metadata, are problems."""
    (finding,) = environment.check_environment(installed, [])

    assert (finding.level, finding.code) == ("problem", "foreign-core")
    assert "pepperpy-core>=1" in finding.advice


def test_a_package_that_hides_the_namespace_is_told(tmp_path: Path) -> None:
    """A regular package or module named pepperpy on the path is a problem; a namespace is none."""
    for folder, name in (("a", "pepperpy/__init__.py"), ("b", "pepperpy.py"), ("c", "pepperpy/other.py")):
        (tmp_path / folder / name).parent.mkdir(parents=True)
        (tmp_path / folder / name).touch()
    core = [Found("pepperpy-core", "1.0.0")]
    findings = environment.check_environment(core, [str(tmp_path / folder) for folder in ("a", "b", "c", "\0")])

    assert [finding.code for finding in findings] == ["shadowed", "shadowed"]
    assert str(tmp_path / "a" / "pepperpy" / "__init__.py") in findings[0].message


@pytest.mark.parametrize(
    ("version", "specifiers", "expected"),
    [
        ("3.14.3", ">=3.14.3,<4", "fits"),
        ("3.14.2", ">=3.14.3,<4", "below"),
        ("4.0", ">=3.14.3,<4", "above"),
        ("3.14.3rc1", ">=3.14.3", "below"),
        ("3.14.3.post1", ">=3.14.3", "fits"),
        ("1.0", "==1.0.0", "fits"),
        ("1.0.1", "==1.0.*", "fits"),
        ("1.1", "==1.0.*", "above"),
        ("1.1", "==1.0", "above"),
        ("1.5", "~=1.4", "fits"),
        ("2.0", "~=1.4", "above"),
        ("1.4.9", "~=1.4.2", "fits"),
        ("1.5", "~=1.4.2", "above"),
        ("1.0", ">1.0", "below"),
        ("1.1", "<=1.0", "above"),
        ("1.1", "!=1.1", "fits"),
        ("1!1.0", "<1", "fits"),
        ("unknown", "<1", "fits"),
        ("1.0", "", "fits"),
        ("1.0", "<nonsense", "fits"),
    ],
)
def test_versions_are_held_against_requirements(version: str, specifiers: str, expected: str) -> None:
    """A version fits, or lies below or above; what cannot be compared fits."""
    assert fit(version, specifiers) == expected


def test_requirements_are_read() -> None:
    """Name, versions and whether there is a condition; what is no requirement is none."""
    requirement = parse_requirement("Pepperpy.Core[testing] >= 1, < 2 ; python_version < '4'")

    assert requirement is not None
    assert (str(requirement), requirement.conditional) == ("pepperpy-core>=1,<2", True)
    assert parse_requirement("???") is None


# text and exit codes


def test_the_text_is_in_columns_and_fits_80() -> None:
    """The table is aligned, long reasons are wrapped, and what could move the cursor is escaped."""
    acme = InstalledProvider(
        name="acme",
        distribution="acme-llm\x1b[31m",
        version=None,
        entry_point="acme",
        state="broken",
        reason="a long reason, " * 20,
        advice="upgrade it",
    )
    ok = InstalledProvider(
        name="a-longer-name",
        distribution="a-longer-name-still",
        version="1.0.0",
        entry_point="b",
        state="ok",
        settings=(
            Resolved(name="api_key", source="environment", variable="B_KEY", value="***", variables=("B_KEY",)),
            Resolved(name="max_retries", source="default", variable=None, value="2", variables=("B",)),
        ),
    )
    finding = Finding(level="hint", code="x", message="a hint", advice="do this")
    report = Report(core="1.0.0", python="3.11.7", providers=(acme, ok), findings=(finding,))
    listed, examined = write_list(report), write_doctor(report)
    rows = listed.splitlines()

    assert {row.index("  1.0.0") for row in rows if "  1.0.0" in row} == {rows[0].index("  VERSION")}
    assert max(map(len, (listed + examined).splitlines())) <= 80
    assert "\x1b" not in listed + examined
    assert "acme-llm\\x1b[31m" in listed
    assert "  api_key      ***  B_KEY\n  max_retries  2    default\n" in examined
    assert "- a hint\n  -> do this\n" in examined


@pytest.mark.parametrize(
    "arguments",
    [[], ["lst"], ["list", "acme"], ["doctor", "--timeout", "0"], ["doctor", "--timeout", "nan"], ["doctor", "--x"]],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What the command does not take is refused with the usage."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: pepperpy" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` names core and Python."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("pepperpy-core 1.")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_console_can_show_it(install: Install, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Names beyond the console's encoding are written as escapes."""
    install(metadata="Name: acmé-日本\nVersion: 1\n")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))

    assert main(["list"]) == 0
    assert ("日本" if encoding == "utf-8" else "\\u65e5\\u672c") in raw.getvalue().decode(encoding)


def test_an_interruption_ends_the_children(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the command with exit code 130, and every process that it has started."""
    install("while True: pass")
    started: list[subprocess.Popen[bytes]] = []

    def interrupt(child: Any) -> None:
        started.append(child._process)
        raise KeyboardInterrupt

    monkeypatch.setattr(loading._Child, "wait", interrupt)

    assert main(["doctor", "acme"]) == 130
    assert [process.returncode for process in started] == [-9]


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pepperpy.providers", *arguments], text=True, check=False, **options
    )


def test_the_module_is_the_command() -> None:
    """`python -m pepperpy.providers` runs it, without importing a plugin or an HTTP client."""
    code = (
        "import sys\nfrom pepperpy.providers._command.main import main\nmain(['list'])\n"
        "assert not [n for n in sys.modules if n.startswith(('pepperpy_', 'aiohttp', 'cattrs', 'backoff'))]"
    )
    done = command("list", capture_output=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert "pepperpy-openai" in done.stdout
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)


def test_a_reader_that_leaves_is_no_error() -> None:
    """A pipe that nobody reads any more ends the command quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    done = command("list", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_cannot_be_written_is_told() -> None:
    """A full disk is exit code 1 and a line, no traceback."""
    with Path("/dev/full").open("w") as full:
        done = command("list", stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 1
    assert done.stderr.startswith("pepperpy: the output cannot be written")
    assert "Traceback" not in done.stderr
