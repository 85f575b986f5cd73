"""The contract from the command line: `pytest --pepperpy-provider NAME`.

pytest loads this in every project that has core installed; so it imports nothing but pytest until it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .report import Report

REPORT = "pepperpy-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("pepperpy", "contract of pepperpy providers")
    group.addoption(
        "--pepperpy-provider",
        action="append",
        default=[],
        metavar="NAME",
        help="put the installed provider NAME to the test; may be given several times",
    )
    group.addoption(
        "--pepperpy-wire",
        action="append",
        default=[],
        metavar="[NAME=]MODULE:CLASS",
        help="how the answers of the provider's service look; none for no HTTP service. Without it: the entry point "
        "NAME of the group pepperpy.wires, else OpenAI's",
    )
    group.addoption(
        "--pepperpy-setting",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting for create_provider; numbers, true, false, null, lists and objects are read as JSON",
    )
    group.addoption(
        "--pepperpy-report", default=None, metavar="FILE", help="write what became of each promise to FILE, as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check what was asked for, and make ready to report."""
    names = list(dict.fromkeys(config.getoption("pepperpy_provider")))
    path = config.getoption("pepperpy_report")
    if not names:
        if config.getoption("pepperpy_wire") or config.getoption("pepperpy_setting"):
            raise pytest.UsageError("--pepperpy-wire and --pepperpy-setting are for --pepperpy-provider NAME")
    else:
        from .collecting import subjects

        # Made here, so that what is wrong with the command is said before anything is collected.
        config.stash[SUBJECTS] = subjects(
            names, config.getoption("pepperpy_wire"), config.getoption("pepperpy_setting")
        )
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            # No path was given: the contract alone is meant, not whatever lies in this directory.
            config.args = []
    if (names or path) and not hasattr(config, "workerinput"):
        from .report import Report

        config.pluginmanager.register(Report(path), REPORT)


SUBJECTS: pytest.StashKey[list[type[Any]]] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the contract's tests to those that were collected, before others choose among them."""
    subjects = config.stash.get(SUBJECTS, [])
    if subjects:
        from .collecting import collect

        items.extend(item for subject in subjects for item in collect(session, subject))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the table, where promises were put to the test from the command line."""
    report: Report | None = config.pluginmanager.get_plugin(REPORT)
    if report is not None:
        report.show(terminalreporter)
