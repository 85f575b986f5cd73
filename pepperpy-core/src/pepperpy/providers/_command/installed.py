"""Which providers are installed, from metadata alone."""

from __future__ import annotations

import collections
import platform
from collections.abc import Iterable

import attrs

from .._config import check_provider_type
from .._discovery import Found, discover
from .._registry import GROUP
from ..domain import ProviderConfigError
from .findings import Finding, InstalledProvider, Report, State
from .requirements import fit, normalize, parse_requirement

CORE = "pepperpy-core"


def survey() -> Report:
    """Return what metadata says of the installed providers; no plugin is imported."""
    return judge(list(discover(GROUP)))


def judge(installed: Iterable[Found]) -> Report:
    """Return which providers the distributions have, and what speaks against them."""
    installed = list(installed)
    core = next((found for found in installed if found.name and normalize(found.name) == CORE), None)
    version = core.version if core else None
    claims = [(found, point) for found in installed for point in found.points]
    claimants = collections.Counter(point.name for _, point in claims)
    providers = []
    for found, point in claims:
        provider = InstalledProvider(
            name=point.name,
            distribution=found.name,
            version=found.version,
            entry_point=point.value,
            state="installed",
        )
        problem = _problem(provider, found, version, claimants)
        state, reason, advice = problem or ("installed", "", "")
        providers.append(attrs.evolve(provider, state=state, reason=reason, advice=advice))
    providers.sort(key=lambda provider: (provider.name, provider.owner, provider.entry_point))
    return Report(
        core=version,
        python=platform.python_version(),
        providers=tuple(providers),
        findings=tuple(_unreadable(found) for found in installed if found.problem),
    )


def _problem(
    provider: InstalledProvider, found: Found, core: str | None, claimants: collections.Counter[str]
) -> tuple[State, str, str] | None:
    try:
        check_provider_type(provider.name)
    except ProviderConfigError:
        return (
            "unusable",
            "its name cannot be asked for: a name is made of letters and digits, and then also '.', '_' or '-'",
            "upgrade or uninstall that distribution",
        )
    if not all(part.isidentifier() for part in provider.entry_point.partition(":")[0].strip().split(".")):
        return "unusable", "its entry point is no module's name", "upgrade or uninstall that distribution"
    if claimants[provider.name] > 1:
        return (
            "duplicate",
            f"{claimants[provider.name]} entry points claim the name {provider.name!r}, so none of them is used",
            "uninstall all but one of their distributions",
        )
    return _unfit(found, core)


def _unfit(found: Found, core: str | None) -> tuple[State, str, str] | None:
    for requirement in filter(None, map(parse_requirement, found.requirements)):
        if requirement.name != CORE or requirement.conditional or core is None:
            continue
        match fit(core, requirement.specifiers):
            case "below":
                return (
                    "too-new",
                    f"it requires {requirement}, newer than the {core} that is installed",
                    f"upgrade core: pip install --upgrade '{requirement}'",
                )
            case "above":
                return (
                    "too-old",
                    f"it requires {requirement}, older than the {core} that is installed",
                    "upgrade that distribution",
                )
    return None


def _unreadable(found: Found) -> Finding:
    return Finding(
        level="problem",
        code="unreadable-metadata",
        message=f"the entry points of {found.name or 'a distribution without a name'} {found.version or '(no version)'} "
        f"cannot be read ({found.problem}); if it has providers, they are not found",
        advice="install that distribution anew, or uninstall it",
    )
