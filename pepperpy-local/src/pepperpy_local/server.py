"""Serve a model from a process of its own, which ends with this one.

Not from this very process, although llama.cpp could: while it loads a model it holds the interpreter's lock, so that
no thread keeps the event loop alive, and where it gives up it takes the whole process with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, cast

from pepperpy.providers.domain import ProviderConfigError

from .template import template_with_tools

LONGEST_TEXT = 2048
"""How many tokens a text to embed may have: twice as many would take another 500 MB of memory."""


class ModelServer:
    """A model that is served on a free port of 127.0.0.1, in the OpenAI wire format.

    Args:
        path: The GGUF file.
        key: What a request has to carry as its bearer.
        context_size: Tokens of prompt and answer together; None is what the model was trained for.
        threads: How many threads compute; None lets llama.cpp choose.
    """

    def __init__(self, path: Path, key: str, *, context_size: int | None, threads: int | None) -> None:
        self._path = path
        # -P: what lies in the working directory is not imported. The key goes through the pipe, where nobody lists it.
        self._process = subprocess.Popen(  # noqa: S603 -- our own module, by our own interpreter
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._orders, self._answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        order = {"path": str(path), "key": key, "context_size": context_size, "threads": threads}
        print(json.dumps(order), file=self._orders, flush=True)

    def wait_until_ready(self) -> str:
        """Return the server's address once the model is loaded, which takes seconds: call it on a thread.

        Raises:
            ProviderConfigError: The model could not be loaded.
        """
        line = self._answers.readline()
        if not line:
            raise ProviderConfigError(
                f"llama.cpp gave up loading {str(self._path)!r}; is the file whole, and is there enough memory?"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise ProviderConfigError(
                f"llama.cpp cannot load {str(self._path)!r}: {answer['error']}; "
                "is the file whole, and of a kind of model that it knows?"
            )
        return str(answer["address"])

    def stop(self) -> None:
        """End the process and free the model."""
        with self._process:
            self._process.kill()


def load(order: dict[str, Any]) -> Any:
    """Load the model and return llama.cpp's server, which serves until it is dropped."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["path"]
    parameters.model_alias = {Path(order["path"]).stem}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [order["key"]]
    if (template := template_with_tools(Path(order["path"]))) is not None:
        parameters.chat_template = template
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    # A text to embed has to fit in one batch, and what llama.cpp sets aside is enough for 512 tokens only.
    parameters.n_batch = parameters.n_ubatch = LONGEST_TEXT
    parameters.verbosity = -1
    parameters.ui = False
    parameters.endpoint_slots = False
    if order["context_size"] is not None:
        parameters.n_ctx = order["context_size"]
    if order["threads"] is not None:
        parameters.cpuparams.n_threads = order["threads"]
    return xllamacpp.Server(parameters)


def main() -> None:
    """Take the order from standard input, serve, and end when standard input does."""
    order = json.loads(sys.stdin.readline())
    # What the library prints must not stand in the answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = None
    try:
        server = load(order)
        answer = {"address": server.listening_address}
    except (ImportError, RuntimeError) as error:
        answer = {"error": f"{error}"}
    print(json.dumps(answer), file=answers, flush=True)
    if server is not None:
        sys.stdin.read()
    # At once: the library's own end may wait for ever for a server that has just begun.
    os._exit(0)


if __name__ == "__main__":
    main()
