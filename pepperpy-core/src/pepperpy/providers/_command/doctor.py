"""Examine what is installed: does it load, where do its settings come from, what is to be done."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from os.path import exists
from typing import Any

import attrs

from .._config import did_you_mean
from .._discovery import discover
from .._registry import GROUP
from .._secret import forms, redact
from .environment import check_environment, check_orphans, prefix_of
from .findings import Finding, InstalledProvider, Report
from .installed import judge
from .loading import Trial, try_all
from .settings import declared_of, is_set, resolve, secret_values, without_secrets

Attempt = Callable[[Iterable[Trial]], list[dict[str, Any]]]


def examine(environ: Mapping[str, str], *, name: str | None = None, load: bool = True, timeout: float = 30.0) -> Report:
    """Return what is installed and what is wrong with it.

    Args:
        environ: The environment's variables; only those that a plugin declares are looked at.
        name: The one provider to examine; None for all.
        load: Whether to try the plugins, each in a process of its own.
        timeout: Seconds that each has to load.
    """
    installed = list(discover(GROUP))
    report = judge(installed)
    chosen = [provider for provider in report.providers if name in (None, provider.name)]
    if name is not None and not chosen:
        known = [provider.name for provider in report.providers]
        return attrs.evolve(report, providers=(), findings=(_unknown(name, known),))
    findings: list[Finding] = []
    if load:
        chosen, findings = _try(chosen, environ, lambda trials: try_all(trials, timeout))
    # The names of all, so that the variables of those that were not chosen are not taken for orphans.
    others = [provider for provider in report.providers if provider.name not in {each.name for each in chosen}]
    names = [each for each in environ if name is None or each.startswith(prefix_of(name))]
    findings = [
        *report.findings,
        *check_environment(installed, sys.path),
        *findings,
        *check_orphans(names, [*chosen, *others]),
    ]
    return _redacted(attrs.evolve(report, providers=tuple(chosen), findings=tuple(findings)), environ)


def _unknown(name: str, known: list[str]) -> Finding:
    near = did_you_mean(name, known).strip("; ")
    installed = f"installed: {', '.join(dict.fromkeys(known)) or 'none'}"
    return Finding(
        level="problem",
        code="unknown-provider",
        message=f"no provider named {name!r} is installed",
        advice="; ".join(filter(None, (near, installed))),
    )


def _try(
    providers: list[InstalledProvider], environ: Mapping[str, str], attempt: Attempt
) -> tuple[list[InstalledProvider], list[Finding]]:
    """Return the providers as they are once they were tried, and what is wrong with their settings."""
    bare = without_secrets(environ)
    sound = [provider for provider in providers if provider.state == "installed"]
    tried = dict(zip(sound, attempt(Trial(provider, bare) for provider in sound), strict=True))
    described = {provider: _described(provider, facts, environ) for provider, facts in tried.items()}
    # Its own variables are shown to a plugin only once it has said which they are: to check what they hold.
    own = {provider: _own(described[provider], environ) for provider in sound}
    again = [provider for provider in sound if described[provider].state == "ok" and own[provider].keys() - bare.keys()]
    checked = dict(zip(again, attempt(Trial(each, {**bare, **own[each]}) for each in again), strict=True))
    findings = []
    for provider in sound:
        facts = checked.get(provider, tried[provider])
        if described[provider].state == "ok" and facts.get("state") != "ok":
            described[provider] = _described(provider, facts, environ)
        elif isinstance(facts.get("problem"), str):
            findings.append(_of_setting(provider.name, facts["problem"]))
    return [_hinted(described.get(provider, provider), environ, bare) for provider in providers], findings


def _described(provider: InstalledProvider, facts: Mapping[str, Any], environ: Mapping[str, str]) -> InstalledProvider:
    """Return a provider with what its trial found, of which nothing can be taken for granted."""
    state, version = facts.get("state", "broken"), facts.get("api_version")
    if state == "ok":
        return attrs.evolve(
            provider,
            state=state,
            api_version=version if isinstance(version, int) else None,
            settings=resolve(provider.name, declared_of(facts), environ),
        )
    return attrs.evolve(
        provider,
        state=state,
        reason=str(facts.get("reason", "")) or "it does not say why",
        advice=str(facts.get("advice", "upgrade or uninstall that distribution")),
    )


def _own(provider: InstalledProvider, environ: Mapping[str, str]) -> dict[str, str]:
    names = [name for setting in provider.settings or () for name in setting.variables]
    return {name: environ[name] for name in names if is_set(environ, name)}


def _hinted(provider: InstalledProvider, environ: Mapping[str, str], bare: Mapping[str, str]) -> InstalledProvider:
    """Say of a plugin that stumbled over a variable's absence that it was the doctor who had hidden it."""
    hidden = [name for name in environ.keys() - bare.keys() if re.search(rf"\b{re.escape(name)}\b", provider.reason)]
    if provider.state != "broken" or not hidden:
        return provider
    return attrs.evolve(
        provider,
        reason=f"{provider.reason} ({hidden[0]} is set, but hidden from plugins while they are tried: "
        "a plugin reads no environment when it is imported)",
    )


def _of_setting(name: str, problem: str) -> Finding:
    """Return the finding for what `create_provider` would say to the settings."""
    if problem.startswith("no api_key: "):
        return Finding(
            level="hint",
            code="no-key",
            message=f"{name}: no api_key",
            advice=problem.removeprefix("no api_key: "),
            provider=name,
        )
    if missing := re.match(r"(\w+) is missing; ", problem):
        return Finding(
            level="hint",
            code="missing-setting",
            message=f"{name}: {missing[1]} is missing",
            advice=problem[missing.end() :],
            provider=name,
        )
    return Finding(
        level="problem",
        code="wrong-setting",
        message=f"{name}: {problem}",
        advice="mend the variable that it comes from, or unset it",
        provider=name,
    )


def _redacted(report: Report, environ: Mapping[str, str]) -> Report:
    """Return the report with every secret of the environment blotted out, and more out of what a plugin has said."""
    resolved = [setting for provider in report.providers for setting in provider.settings or ()]
    secrets = _spellings(secret_values(environ, resolved))
    # Any variable may hold a key, whatever its name; only what is a place is worth more than it may betray.
    anything = {value for value in environ.values() if len(value) > 7 and not exists(value)}  # noqa: PTH110 -- never raises
    said_by_plugins = secrets | _spellings(anything)

    def clean(provider: InstalledProvider) -> InstalledProvider:
        settings = provider.settings and tuple(
            attrs.evolve(setting, value=redact(setting.value, secrets)) for setting in provider.settings
        )
        reason, advice = redact([provider.reason, provider.advice], said_by_plugins)
        return attrs.evolve(provider, reason=reason, advice=advice, settings=settings)

    return attrs.evolve(
        report,
        providers=tuple(
            clean(provider) if provider.state != "duplicate" else provider for provider in report.providers
        ),
        findings=tuple(
            attrs.evolve(each, message=redact(each.message, said_by_plugins)) if each.code == "wrong-setting" else each
            for each in report.findings
        ),
    )


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Return secrets as they stand, and as URLs, HTML, JSON and Python's `repr` spell them."""
    quoted = {form for secret in secrets for form in (*forms(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])}
    # Between double quotes `repr` leaves single ones alone, and in a longer text it may not.
    return quoted | {form.replace("'", "\\'") for form in quoted}
