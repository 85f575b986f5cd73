"""What the command reports: providers, where their settings come from, and what is wrong."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

State: TypeAlias = Literal["installed", "ok", "duplicate", "too-old", "too-new", "unusable", "broken"]


@attrs.frozen(kw_only=True)
class Finding:
    """Something to know.

    Attributes:
        level: "problem", which makes the exit code 1, or "hint".
        code: What kind of thing it is, for programs.
        message: What is the matter.
        advice: What to do about it.
        provider: Whose it is; None where it is nobody's in particular.
    """

    level: Literal["problem", "hint"]
    code: str
    message: str
    advice: str
    provider: str | None = None


@attrs.frozen(kw_only=True)
class Resolved:
    """Where the value of a setting comes from where the caller gives none.

    Attributes:
        name: The setting.
        source: "environment", "default", or "none".
        variable: The variable that wins; None where none is set.
        value: The value as it may be shown; None where there is none.
        variables: All that are looked up, the first one first.
        outweighed: Those that are set, and have no effect because the winner is.
    """

    name: str
    source: Literal["environment", "default", "none"]
    variable: str | None
    value: str | None
    variables: tuple[str, ...]
    outweighed: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class InstalledProvider:
    """One claim to a provider's name.

    Attributes:
        name: The provider's name.
        distribution: Whose it is; None where its metadata doesn't say.
        version: The distribution's version; None where its metadata doesn't say.
        entry_point: Where its plugin is.
        state: "installed": nothing speaks against it; "ok": it loads; else what is wrong.
        reason: What is wrong; empty where nothing is.
        advice: What to do about it; empty where nothing is wrong.
        api_version: The version of the interface that the plugin was written to; None where it did not load.
        settings: Its settings; None where it did not load.
    """

    name: str
    distribution: str | None
    version: str | None
    entry_point: str
    state: State
    reason: str = ""
    advice: str = ""
    api_version: int | None = None
    settings: tuple[Resolved, ...] | None = None

    @property
    def owner(self) -> str:
        """The distribution with its version, in words."""
        return f"{self.distribution or 'a distribution without a name'} {self.version or '(no version)'}"


@attrs.frozen(kw_only=True)
class Report:
    """What one run of the command has found.

    Attributes:
        core: The version of pepperpy-core; None where its metadata is not there.
        python: The version of Python.
        providers: One entry for each claim to a name, sorted by name.
        findings: What else there is to know.
    """

    core: str | None
    python: str
    providers: tuple[InstalledProvider, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return all(provider.state in ("installed", "ok") for provider in self.providers) and not any(
            finding.level == "problem" for finding in self.findings
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-able data; the fields are documented and only ever grow."""
        return {"schema": 1, "healthy": self.healthy, **attrs.asdict(self)}
