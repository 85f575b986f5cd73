"""Teach a model's chat template to speak of tools, where it cannot."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_KEY = b"tokenizer.chat_template"
_STRING = 8
_HEAD = 64 * 2**20
"""Where in the file the key is looked for: what describes a model stands before its weights."""

# What llama.cpp takes for a model that brings none.
_CHATML = """\
{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

# It writes tools, calls and results into the texts of the messages, and hands those to the model's own template, whose
# tags stay its own. llama.cpp finds out by itself how calls are written here, and reads them from the answer.
# A call that is `demanded` is shown for each tool first: a small model learns more from that than from words. Where it
# has its result, it is told to use words, and the tools stand with the user's words instead of the instructions: else it
# makes the same call again and again.
_TOOLS = """\
{%- set ns = namespace(messages=[], rest=messages, head="", ask="", text="") -%}
{%- if tools and demanded -%}
{%- set ns.ask = "Call the function for this: " -%}
{%- set ns.head = "You call functions:\\n" -%}
{%- for tool in tools -%}
{%- set ns.head = ns.head + (tool.function | tojson) + "\\n" -%}
{%- set ns.messages = ns.messages + [\
{"role": "user", "content": ns.ask + (tool.function.description or tool.function.name)}, \
{"role": "assistant", "content": "{\\"name\\": \\"" + tool.function.name + "\\", \\"arguments\\": {}}"}] -%}
{%- endfor -%}
{%- if messages[0].role == "system" and messages[0].content is string -%}
{%- set ns.head = ns.head + messages[0].content -%}
{%- set ns.rest = messages[1:] -%}
{%- endif -%}
{%- set ns.messages = [{"role": "system", "content": ns.head}] + ns.messages -%}
{%- set ns.head = "" -%}
{%- elif tools -%}
{%- set ns.head = "You may call these functions, given as JSON schemas:\\n" -%}
{%- for tool in tools -%}{%- set ns.head = ns.head + (tool | tojson) + "\\n" -%}{%- endfor -%}
{%- set ns.head = ns.head + "To call one, write only this, and wait for its result:\\n\
<tool_call>\\n{\\"name\\": \\"the function\\", \\"arguments\\": {}}\\n</tool_call>\\n\
When you know enough, answer in words.\\n\\n" -%}
{%- endif -%}
{%- for message in ns.rest -%}
{%- if message.role == "tool" -%}
{%- set ns.text = "The function returned: " + message.content -%}
{%- if loop.last and not ns.ask -%}{%- set ns.text = ns.text + "\\n\\nSay it in words." -%}{%- endif -%}
{%- set ns.messages = ns.messages + [{"role": "user", "content": ns.text}] -%}
{%- elif message.tool_calls -%}
{%- set ns.text = message.content or "" -%}
{%- for call in message.tool_calls -%}
{%- set ns.text = ns.text + "<tool_call>\\n{\\"name\\": \\"" + call.function.name + "\\", \\"arguments\\": " \
+ (call.function.arguments | tojson) + "}\\n</tool_call>" -%}
{%- endfor -%}
{%- set ns.messages = ns.messages + [{"role": "assistant", "content": ns.text}] -%}
{%- elif ns.ask and loop.last and message.content is string and message.role == "user" -%}
{%- set ns.messages = ns.messages + [{"role": "user", "content": ns.ask + message.content}] -%}
{%- elif ns.head and message.content is string and message.role == "user" -%}
{%- set ns.messages = ns.messages + [{"role": message.role, "content": ns.head + message.content}] -%}
{%- set ns.head = "" -%}
{%- else -%}
{%- set ns.messages = ns.messages + [message] -%}
{%- endif -%}
{%- endfor -%}
{%- set messages = ns.messages -%}"""


def template_with_tools(path: Path) -> str | None:
    """Return a chat template for a model whose own one cannot speak of tools, or None where it can."""
    template = read_template(path)
    if template is None:
        template = _CHATML
    return None if "tools" in template else _TOOLS + template


def read_template(path: Path) -> str | None:
    """Return the chat template that a GGUF file carries, or None."""
    mark = struct.pack("<Q", len(_KEY)) + _KEY + struct.pack("<I", _STRING)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(mark, 0, _HEAD)
        if place < 0 or len(content) < place + len(mark) + 8:
            return None
        begin = place + len(mark) + 8
        (length,) = struct.unpack_from("<Q", content, begin - 8)
        return content[begin : begin + length].decode("utf-8", "replace")
