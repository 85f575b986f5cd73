"""Which providers there are: list without importing, load by name, fail alone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import attrs
import pluggy

from . import hookspecs
from ._config import check_provider_type, did_you_mean
from ._installed import InstalledEntryPoint, entry_points_on_path
from ._provider import Provider
from .domain import ProviderConfigError, ProviderNotFoundError, ProviderPluginError
from .hookspecs import ProviderSpec

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PluginPoint: TypeAlias = Union["EntryPoint", InstalledEntryPoint]

GROUP = "pepperpy.providers"


def installed_entry_points() -> Iterable[PluginPoint]:
    """Return the entry points of our group, from metadata alone."""
    try:
        points = entry_points_on_path(GROUP)
        if points is not None:
            return points
        from importlib.metadata import entry_points

        return entry_points(group=GROUP)
    except Exception:  # noqa: BLE001 -- one distribution's broken metadata, whoever's, must not hide all others
        from ._discovery import readable_entry_points

        return readable_entry_points(GROUP)


class ProviderRegistry:
    """Providers by name: those that were registered, then those that are installed.

    Args:
        entry_points: Returns the entry points that count as installed.
    """

    def __init__(self, entry_points: Callable[[], Iterable[PluginPoint]] = installed_entry_points) -> None:
        self._entry_points = entry_points
        self._registered: dict[str, ProviderSpec] = {}
        self._loaded: dict[str, ProviderSpec] = {}
        # Threads that ask for one plugin at the same time share one load.
        self._loading = threading.Lock()
        self._collected: list[Iterable[ProviderSpec]] = []
        self._plugins = pluggy.PluginManager(hookspecs.PROJECT)
        self._plugins.add_hookspecs(hookspecs)
        self._plugins.hook.pepperpy_providers.call_historic(result_callback=self._collected.append)

    def register(self, name: str, provider: type[Provider] | ProviderSpec, *, replace: bool = False) -> None:
        """Register a class, or the facts of one, under a name; it goes before an installed provider of that name.

        Raises:
            ProviderConfigError: The name or the class cannot be used, or another class has the name and `replace`
                is not given.
        """
        check_provider_type(name)
        spec = attrs.evolve(provider, name=name) if isinstance(provider, ProviderSpec) else ProviderSpec(name, provider)
        if not _is_provider(spec.provider):
            raise ProviderConfigError(f"{name!r} must be registered with a subclass of Provider, not {provider!r}")
        known = self._registered.get(name)
        if known is not None and known.provider is not spec.provider and not replace:
            raise ProviderConfigError(
                f"{name!r} is registered already, as {_spell(known.provider)}; to put {_spell(spec.provider)} "
                "in its place, give replace=True"
            )
        self._registered[name] = spec

    def unregister(self, name: str) -> None:
        """Take back a registration; an installed provider of that name is found again."""
        if self._registered.pop(name, None) is None:
            raise ProviderNotFoundError(f"no provider is registered as {name!r}")

    def names(self) -> list[str]:
        """Return the names of all providers, sorted, from metadata alone: no plugin is imported."""
        return sorted({*self._registered, *(point.name for point in self._entry_points())})

    def get(self, name: str) -> ProviderSpec:
        """Return the facts of a provider; its plugin is imported the first time it is asked for.

        Raises:
            ProviderConfigError: The name cannot be one.
            ProviderNotFoundError: There is none of this name.
            ProviderPluginError: It did not load, or several distributions claim the name.
        """
        check_provider_type(name)
        if (spec := self._registered.get(name)) or (spec := self._loaded.get(name)):
            return spec
        with self._loading:
            return self._loaded.get(name) or self._find(name)

    def _find(self, name: str) -> ProviderSpec:
        claimants = [point for point in self._entry_points() if point.name == name]
        if not claimants:
            raise self._not_found(name)
        if len(claimants) > 1:
            # Whoever comes first on the path would get the user's key.
            owners = " and ".join(sorted(map(_distribution, claimants)))
            raise ProviderPluginError(f"{owners} both claim the name {name!r}; uninstall one of them")
        spec = self._loaded[name] = self._load(claimants[0])
        return spec

    def _not_found(self, name: str) -> ProviderNotFoundError:
        installed = self.names()
        # No command for a name that is near a known one: who mistypes must not be sent to a stranger's package.
        hint = did_you_mean(name, installed)
        advice = f"; try: pip install pepperpy-core pepperpy-{name}" if hint == ";" else ""
        return ProviderNotFoundError(
            f"no provider named {name!r}{hint} installed: {', '.join(installed) or 'none'}{advice}"
        )

    def _load(self, point: PluginPoint) -> ProviderSpec:
        before = set(sys.modules)
        module: Any = None
        self._collected.clear()
        try:
            module = point.load()
            self._plugins.register(module, name=point.name)
            specs = [spec for found in self._collected for spec in found]
            return _choose(point.name, specs)
        except (Exception, SystemExit) as error:
            # Undone whole, so that a later attempt, after the plugin was mended, starts afresh.
            root = point.value.partition(":")[0].partition(".")[0].strip()
            for added in set(sys.modules) - before:
                if added.partition(".")[0] == root:
                    del sys.modules[added]
            owner = _distribution(point)
            reason = error.message if isinstance(error, ProviderPluginError) else describe(error)
            advice = error.advice if isinstance(error, UnfitPluginError) else "upgrade or uninstall that distribution"
            raise ProviderPluginError(
                f"the plugin of {point.name!r}, {point.value} of {owner}, did not load: {reason}; {advice}",
                provider_type=point.name,
                details={"distribution": owner, "entry_point": point.value},
            ) from error
        finally:
            # Its facts are all that is kept: another name may lead to the same module, which is then registered again.
            if self._plugins.has_plugin(point.name):
                self._plugins.unregister(name=point.name)


def _choose(name: str, specs: list[ProviderSpec]) -> ProviderSpec:
    """Return the spec of this name, once it is seen to be one that core can use."""
    for spec in specs:
        if not isinstance(spec, ProviderSpec):
            raise ProviderPluginError(f"its hook yields a {type(spec).__name__}, where a ProviderSpec is due")
        if spec.name != name:
            continue
        # First, because what else is amiss may be so for that reason.
        check_api_version(spec.api_version)
        if not _is_provider(spec.provider):
            raise ProviderPluginError(f"{spec.provider!r} is no subclass of Provider")
        return spec
    if not specs:
        raise ProviderPluginError("it has no hook pepperpy_providers(), or the hook yields nothing")
    raise ProviderPluginError(f"its hook yields {', '.join(repr(spec.name) for spec in specs)}, but not {name!r}")


class UnfitPluginError(ProviderPluginError):
    """A plugin and this core were written to interfaces that don't meet; raised as the cause of the public error.

    Args:
        message: What does not fit.
        state: "too-new" or "too-old", of the plugin.
        advice: What to do.
    """

    def __init__(self, message: str, state: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.state = state
        self.advice = advice


def check_api_version(version: object) -> None:
    """Raise unless a plugin that was written to this version of the interface can be used."""
    newest, oldest = hookspecs.API_VERSION, hookspecs.OLDEST_API_VERSION
    if isinstance(version, bool) or not isinstance(version, int):
        raise ProviderPluginError(f"its api_version must be an int, not {type(version).__name__}")
    if version > newest:
        raise UnfitPluginError(
            f"it was written to interface {version}, newer than {newest}, the newest that this pepperpy-core serves",
            "too-new",
            "upgrade pepperpy-core, or install an older version of that distribution",
        )
    if version < oldest:
        raise UnfitPluginError(
            f"it was written to interface {version}, older than {oldest}, the oldest that this pepperpy-core serves",
            "too-old",
            "upgrade that distribution",
        )


def describe(error: BaseException) -> str:
    """Return an error's class and text, also where the text cannot be had: it is a plugin's error."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 -- whatever a plugin's __str__ raises
        return type(error).__name__


def _is_provider(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Provider)


def _distribution(point: PluginPoint) -> str:
    if not point.dist:
        return "an unknown distribution"
    # Imported here, with what it needs: only who complains of a plugin names its distribution.
    from ._discovery import identify

    name, version = identify(point.dist)
    return f"{name or 'a distribution without a name'} {version or '(no version)'}"


def _spell(provider: type[Provider]) -> str:
    return f"{provider.__module__}.{provider.__qualname__}"
