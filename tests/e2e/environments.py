"""A fresh environment, as a user's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Self

import attrs


@attrs.frozen
class Environment:
    """A fresh environment.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """Make one."""
        venv.create(folder, with_pip=True)
        return cls(folder)

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    def pip(self, *arguments: str) -> None:
        """Run its pip."""
        subprocess.run([self.python, "-m", "pip", "--quiet", *arguments], check=True)

    def run(self, code: str, **variables: str) -> Any:
        """Run some code and return what it prints, decoded; warnings are errors."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [self.python, "-W", "error", "-c", code],
            check=True,
            capture_output=True,
            env={**environment, **variables},
            cwd=self.folder,
        )
        return json.loads(done.stdout)

    def installed(self) -> set[str]:
        """Return the names of all distributions in it."""
        return set(
            self.run("import importlib.metadata as m, json; print(json.dumps([d.name for d in m.distributions()]))")
        )

    def start_pytest(self, folder: Path, *arguments: str) -> subprocess.Popen[str]:
        """Run its pytest in a folder, beside whatever else runs."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        return subprocess.Popen(
            [self.python, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def build_wheels(folder: Path, *projects: Path) -> None:
    """Build the wheels of distributions."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", str(folder), *map(str, projects)],
        check=True,
    )
