"""Providers are listed without importing, loaded by name, and fail alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from email.message import Message
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

import pytest

from pepperpy.providers import Provider, ProviderConfigError, ProviderError, ProviderNotFoundError, ProviderPluginError
from pepperpy.providers._registry import ProviderRegistry, installed_entry_points
from pepperpy.providers.hookspecs import API_VERSION, OLDEST_API_VERSION

GOOD = """
from pepperpy.providers import Provider, ProviderSpec, hookimpl

class Acme(Provider):
    async def complete(self, prompt, **options):
        return prompt

@hookimpl
def pepperpy_providers():
    yield ProviderSpec("acme", Acme, default_model="acme-1")
"""

Plugins = Callable[..., EntryPoint]


class FakeDistribution(Distribution):
    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def metadata(self) -> Any:
        message = Message()
        message["Name"] = self._name
        message["Version"] = "1.2.3"
        return message

    def read_text(self, filename: str) -> None:
        return None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


class Custom(Provider):
    async def complete(self, prompt: str, **options: Any) -> str:
        return prompt


class Other(Custom):
    pass


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """Writes a plugin's module and returns its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def write(
        source: str | None, name: str = "acme", module: str = "acme_plugin", owner: str = "acme-llm"
    ) -> EntryPoint:
        if source is not None:
            path = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        point = EntryPoint(name, module, "pepperpy.providers")
        vars(point).update(dist=FakeDistribution(owner))
        return point

    yield write
    for added in set(sys.modules) - before:
        if added.startswith(("acme", "other")):
            del sys.modules[added]


def test_listing_imports_nothing(plugin: Plugins) -> None:
    """All names are listed, sorted, and no plugin's code runs for it, not even a broken one's."""
    points = [plugin("raise SystemExit", "broken", "acme_broken"), plugin(GOOD), plugin(None, "gone", "acme_gone")]
    registry = ProviderRegistry(lambda: points)
    registry.register("custom", Custom)

    assert registry.names() == ["acme", "broken", "custom", "gone"]
    assert not [name for name in sys.modules if name.startswith("acme")]


def test_loads_by_name(plugin: Plugins) -> None:
    """Who asks for a provider gets its facts, and only its own plugin is imported, once."""
    points = [plugin("raise SystemExit", "other", "other_plugin"), plugin(GOOD + "\nprint('imported')")]
    registry = ProviderRegistry(lambda: points)
    spec = registry.get("acme")

    assert (spec.name, spec.default_model, spec.api_version) == ("acme", "acme-1", API_VERSION)
    assert issubclass(spec.provider, Provider)
    assert registry.get("acme") is spec
    assert "other_plugin" not in sys.modules


def test_one_module_may_have_several_providers(plugin: Plugins) -> None:
    """Two names may lead to the same module."""
    source = GOOD + '    yield ProviderSpec("acme-fast", Acme)\n'
    points = [plugin(source), plugin(None, "acme-fast")]
    registry = ProviderRegistry(lambda: points)

    assert registry.get("acme").provider is registry.get("acme-fast").provider


def test_two_registries_share_nothing(plugin: Plugins) -> None:
    """A plugin that one registry loaded can be loaded by another."""
    point = plugin(GOOD)

    assert (
        ProviderRegistry(lambda: [point]).get("acme").provider is ProviderRegistry(lambda: [point]).get("acme").provider
    )


BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "exits": "import sys; sys.exit('no luck')",
    "misses an import": "import acme_that_is_not_there",
    "is no Python": "def (",
    "recurses": "def f(): f()\nf()",
    "has no hook": "x = 1",
    "has a hook that is not marked": GOOD.replace("@hookimpl", ""),
    "has a hook with arguments": GOOD.replace("def pepperpy_providers()", "def pepperpy_providers(engine)"),
    "yields nothing": GOOD.replace("    yield", "    return\n    yield"),
    "yields another name": GOOD.replace('"acme",', '"acme2",'),
    "yields a class": GOOD.replace('yield ProviderSpec("acme", Acme, default_model="acme-1")', "yield Acme"),
    "yields None": GOOD.replace('yield ProviderSpec("acme", Acme, default_model="acme-1")', "yield None"),
    "returns no iterable": GOOD.replace('yield ProviderSpec("acme", Acme, default_model="acme-1")', "return 3"),
    "raises in the hook": GOOD.replace("    yield", "    raise RuntimeError('no luck')\n    yield"),
    "exits in the hook": GOOD.replace("    yield", "    raise SystemExit\n    yield"),
    "has no provider": GOOD.replace("(Provider):", ":"),
    "has an instance": GOOD.replace('"acme", Acme,', '"acme", object(),'),
    "raises what has no text": "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
    "is too new": GOOD.replace("default_model", f"api_version={API_VERSION + 1}, default_model"),
    "is too old": GOOD.replace("default_model", f"api_version={OLDEST_API_VERSION - 1}, default_model"),
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_harms_itself_alone(plugin: Plugins, source: str) -> None:
    """A plugin that does not load is a typed error that names its distribution; after it was mended, it loads."""
    points = [plugin(source), plugin(GOOD.replace('"acme"', '"other"'), "other", "other_plugin", "other-llm")]
    registry = ProviderRegistry(lambda: points)
    for _ in range(2):
        with pytest.raises(ProviderPluginError, match=r"acme_plugin of acme-llm 1\.2\.3") as caught:
            registry.get("acme")

    assert caught.value.provider_type == "acme"
    assert caught.value.details == {"distribution": "acme-llm 1.2.3", "entry_point": "acme_plugin"}
    assert len(str(caught.value)) <= 2_100
    assert registry.names() == ["acme", "other"]
    assert registry.get("other").name == "other"
    plugin(GOOD)
    assert registry.get("acme").name == "acme"


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        (API_VERSION + 1, "newer than.*; upgrade pepperpy-core, or install an older version of that distribution$"),
        (OLDEST_API_VERSION - 1, "older than.*; upgrade that distribution$"),
        ("'1'", "its api_version must be an int, not str; upgrade or uninstall that distribution$"),
    ],
)
def test_versions_that_do_not_fit_say_what_to_upgrade(plugin: Plugins, version: object, hint: str) -> None:
    """A plugin for another interface is refused in words."""
    point = plugin(GOOD.replace("default_model", f"api_version={version}, default_model"))
    with pytest.raises(ProviderPluginError, match=hint):
        ProviderRegistry(lambda: [point]).get("acme")


def test_an_entry_point_that_is_no_module_s_name(plugin: Plugins) -> None:
    """A value that nothing can be imported by is a plugin that did not load."""
    point = EntryPoint("acme", "acme plugin!", "pepperpy.providers")
    with pytest.raises(ProviderPluginError, match="an unknown distribution, did not load"):
        ProviderRegistry(lambda: [point]).get("acme")


def test_a_package_that_half_loaded_loads_afresh(plugin: Plugins) -> None:
    """What a broken plugin had imported of itself is forgotten, so that the mended one is not half the old one."""
    plugin("value = 1", module="acme_package.part")
    point = plugin("from . import part\nraise RuntimeError", module="acme_package.plugin")
    registry = ProviderRegistry(lambda: [point])
    with pytest.raises(ProviderPluginError):
        registry.get("acme")
    plugin("value = 'mended'", module="acme_package.part")
    plugin(GOOD.replace('"acme-1"', "part.value") + "\nfrom . import part\n", module="acme_package.plugin")

    assert registry.get("acme").default_model == "mended"


def test_a_keyboard_interrupt_is_the_user_s(plugin: Plugins) -> None:
    """An import that is interrupted is not a broken plugin."""
    point = plugin("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        ProviderRegistry(lambda: [point]).get("acme")


def test_two_claimants_are_refused(plugin: Plugins) -> None:
    """Where two distributions claim a name, neither gets the key: both are named, and neither is imported."""
    points = [plugin(GOOD), plugin(GOOD, module="acme_evil", owner="acme-evil")]
    registry = ProviderRegistry(lambda: points)
    with pytest.raises(ProviderPluginError, match=r"acme-evil 1\.2\.3.*acme-llm 1\.2\.3.*'acme'"):
        registry.get("acme")

    assert registry.names() == ["acme"]
    assert not {"acme_plugin", "acme_evil"} & set(sys.modules)


def test_a_registered_class_goes_first(plugin: Plugins) -> None:
    """`register` wins over what is installed, which is not even imported, and decides between two claimants."""
    points = [plugin(GOOD), plugin(GOOD, owner="acme-evil")]
    registry = ProviderRegistry(lambda: points)
    registry.register("acme", Custom)

    assert registry.get("acme").provider is Custom
    assert "acme_plugin" not in sys.modules


def test_a_registration_can_be_taken_back(plugin: Plugins) -> None:
    """After `unregister` the installed provider is found again."""
    point = plugin(GOOD)
    registry = ProviderRegistry(lambda: [point])
    registry.register("acme", Custom)
    registry.unregister("acme")

    assert registry.get("acme").default_model == "acme-1"
    with pytest.raises(ProviderNotFoundError, match="acme"):
        registry.unregister("acme")


def test_a_registration_is_not_taken_over_silently() -> None:
    """A second class under the same name is refused, naming both, unless `replace` is given; the same class is not."""
    registry = ProviderRegistry(list)
    registry.register("custom", Custom)
    registry.register("custom", Custom)
    with pytest.raises(ProviderConfigError, match=r"\.Custom.*\.Other.*replace=True"):
        registry.register("custom", Other)

    assert registry.get("custom").provider is Custom
    registry.register("custom", Other, replace=True)
    assert registry.get("custom").provider is Other


@pytest.mark.parametrize("thing", [None, 3, "Custom", object, Custom.complete, int])
def test_only_providers_are_registered(thing: Any) -> None:
    """What is no provider's class is refused when it is registered, not when it is used."""
    with pytest.raises(ProviderConfigError, match="Provider"):
        ProviderRegistry(list).register("custom", thing)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "../a", "-a", "é", "a\n", None, 3, b"a", ["a"]])
def test_bad_names_are_refused(name: Any) -> None:
    """What cannot be a name is refused, asked for or registered."""
    registry = ProviderRegistry(list)
    with pytest.raises(ProviderConfigError, match="provider_type"):
        registry.get(name)
    with pytest.raises(ProviderConfigError, match="provider_type"):
        registry.register(name, Custom)


def test_a_name_that_is_nearly_one(plugin: Plugins) -> None:
    """A slip is pointed out, and its author not sent to a stranger's package."""
    point = plugin(GOOD)
    with pytest.raises(
        ProviderNotFoundError, match=r"no provider named 'acem'; did you mean 'acme'.*installed: acme"
    ) as caught:
        ProviderRegistry(lambda: [point]).get("acem")

    assert isinstance(caught.value, LookupError)
    assert "pip" not in str(caught.value)


def test_a_name_that_is_none(plugin: Plugins) -> None:
    """For a name like no other there is a package to try, and the list of those that are there."""
    point = plugin(GOOD)
    with pytest.raises(
        ProviderNotFoundError, match="'zzz'; installed: acme; try: pip install pepperpy-core pepperpy-zzz"
    ):
        ProviderRegistry(lambda: [point]).get("zzz")
    with pytest.raises(ProviderNotFoundError, match="installed: none"):
        ProviderRegistry(list).get("zzz")


def test_names_are_not_folded(plugin: Plugins) -> None:
    """A name is found as it is written: `ACME` is not `acme`."""
    point = plugin(GOOD)
    with pytest.raises(ProviderError):
        ProviderRegistry(lambda: [point]).get("ACME")


def test_the_installed_ones_are_found() -> None:
    """The entry points of the installed distributions are the default."""
    assert "openai" in {point.name for point in installed_entry_points()}
    assert "openai" in ProviderRegistry().names()
