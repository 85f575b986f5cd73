"""What in the environment keeps providers from working, whichever they are."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._discovery import Found
from .._settings import variables
from .findings import Finding, InstalledProvider
from .installed import CORE
from .requirements import fit, normalize, parse_requirement
from .settings import PREFIX

OLDEST_PYTHON = (3, 11)


def check_environment(installed: Iterable[Found], path: Iterable[str]) -> list[Finding]:
    """Return what is wrong with Python, with core, with what core requires, and on the path."""
    installed = list(installed)
    return [*_check_python(sys.version_info[:2]), *_check_core(installed), *_check_shadows(path)]


def _check_python(version: tuple[int, int]) -> Iterable[Finding]:
    if version < OLDEST_PYTHON:
        yield Finding(
            level="problem",
            code="old-python",
            message=f"Python {version[0]}.{version[1]} is older than 3.11",
            advice="use Python 3.11 or later",
        )


def _check_core(installed: list[Found]) -> Iterable[Finding]:
    core = next((found for found in installed if found.name and normalize(found.name) == CORE), None)
    if core is None or core.version is None or fit(core.version, ">=1.0.dev0") == "below":
        seen = f"is {core.version}, which is another project's" if core and core.version else "has no metadata"
        yield Finding(
            level="problem",
            code="foreign-core",
            message=f"the {CORE} that is installed {seen}",
            advice=f"install it anew: pip install --force-reinstall '{CORE}>=1'",
        )
        return
    versions = {normalize(found.name): found.version for found in installed if found.name}
    for requirement in filter(None, map(parse_requirement, core.requirements)):
        if requirement.conditional:
            continue
        version = versions.get(requirement.name)
        if version is None or fit(version, requirement.specifiers) != "fits":
            yield Finding(
                level="problem",
                code="unmet-requirement",
                message=f"{CORE} requires {requirement}, and {version or 'none'} is installed",
                advice=f"pip install '{requirement}'",
            )


def _check_shadows(path: Iterable[str]) -> Iterable[Finding]:
    """Find other packages named pepperpy: a regular one anywhere on the path hides the namespace of that name."""
    for folder in dict.fromkeys(Path(entry).absolute() for entry in ("", *path)):
        for shadow in (folder / "pepperpy" / "__init__.py", folder / "pepperpy.py"):
            if _is_file(shadow):
                yield Finding(
                    level="problem",
                    code="shadowed",
                    message=f"{shadow} is another package of the name pepperpy; where it is found, "
                    "pepperpy.providers is not",
                    advice="uninstall what brought it, or rename it",
                )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_orphans(
    names: Iterable[str],
    providers: Iterable[InstalledProvider],
) -> list[Finding]:
    """Return the variables that look like settings of providers and are none; only their names are looked at.

    Args:
        names: The names of the environment's variables.
        providers: What is installed.
    """
    owners: dict[str, list[InstalledProvider]] = {}
    for provider in providers:
        owners.setdefault(prefix_of(provider.name), []).append(provider)
    findings = []
    for name in sorted(name for name in names if name.startswith(PREFIX)):
        matching = [prefix for prefix in owners if name.startswith(prefix)]
        if not matching:
            findings.append(_nobody(name, owners))
            continue
        candidates = [provider for prefix in matching for provider in owners[prefix]]
        if any(provider.settings is None for provider in candidates):
            continue
        known = [variable for each in candidates for setting in each.settings or () for variable in setting.variables]
        if name not in known:
            findings.append(_no_setting(name, candidates, known))
    return findings


def prefix_of(provider_type: str) -> str:
    """Return what the variables of a provider begin with."""
    return variables(provider_type, "", {})[0]


def _nobody(name: str, owners: Mapping[str, list[InstalledProvider]]) -> Finding:
    """Return the finding of a variable whose provider is not installed."""
    near = [
        prefix + rest
        for prefix in owners
        for rest in [name[len(PREFIX) :].partition("_")[2]]
        if difflib.get_close_matches(name.removesuffix(rest), [prefix], cutoff=0.9)
    ]
    return Finding(
        level="hint",
        code="orphaned-variable",
        message=f"{name} is set, and no provider of that name is installed",
        advice=f"did you mean {near[0]}?" if near else "install its provider, or unset it",
    )


def _no_setting(name: str, candidates: list[InstalledProvider], known: list[str]) -> Finding:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    provider = candidates[-1].name
    return Finding(
        level="problem",
        code="unknown-variable",
        message=f"{name} is set, but {provider!r} has no such setting, so it has no effect",
        advice=f"did you mean {near[0]}?"
        if near
        else f"unset it; the settings are listed by: pepperpy doctor {provider}",
        provider=provider,
    )
