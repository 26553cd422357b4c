"""The rules of the rehearsal model. Pure: messages and tools in, one reply out; no framework, no time, no chance."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

MAX_WORDS = 100_000
MAX_SECONDS = 60.0

_NAME = re.compile(r"\bmy name is ([^\s.,;!?]+)", re.IGNORECASE)
_STREAM = re.compile(r"\bplease stream (\d+) words?\b", re.IGNORECASE)
_WAIT = re.compile(r"\bplease wait (\d+(?:\.\d+)?) seconds?\b", re.IGNORECASE)
_FAIL = re.compile(r"\bplease fail\b", re.IGNORECASE)
_GREETING = re.compile(r"^\s*(hello|hi|hey|good (morning|afternoon|evening))\b", re.IGNORECASE)
_ASKED_NAME = re.compile(r"\b(what is|what's|do you know|remember) my name\b", re.IGNORECASE)
_ASKED_BEFORE = re.compile(r"\bwhat did i (say|tell|write|ask)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:in|for|at|near)\s+(.+?)(?=[?!;\n]|\.(?:\s|$)|\s+(?:please|now|today|tomorrow|and|or)\b|$)", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORD = re.compile(r"[a-z]+")

# Words that name no tool by themselves.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at by current do fetch find for from get give how i in is it list look make me my now "
        "of on or please run search set show tell the this to tool use what when where which with you your",
    )
)
_SAME = {
    "clock": "time", "date": "time", "hour": "time",
    "forecast": "weather", "rain": "weather", "snow": "weather", "sunny": "weather", "temperature": "weather",
    "warm": "weather", "cold": "weather",
}  # fmt: skip


class ToolResult(Struct, frozen=True, kw_only=True):
    """What a tool answered."""

    name: str
    text: str
    failed: bool = False


class Spoken(Struct, frozen=True, kw_only=True):
    """One message of the conversation."""

    who: Literal["user", "assistant", "tool"]
    text: str
    result: ToolResult | None = None


class ToolCall(Struct, frozen=True, kw_only=True):
    """A tool that the reply asks for."""

    name: str
    arguments: dict[str, Any]


class Reply(Struct, frozen=True, kw_only=True):
    """What to answer: text, or `count` numbered words, or tool calls, after `wait` seconds; or a failure."""

    text: str = ""
    count: int = 0
    calls: tuple[ToolCall, ...] = ()
    wait: float = 0.0
    failure: str = ""


def answer_to(spoken: list[Spoken], tools: list[dict[str, Any]]) -> Reply:
    """The reply to a conversation. `tools` are functions in OpenAI's form: name, description, parameters."""
    results = _results(spoken)
    if results:
        return Reply(text=" ".join(_as_sentence(result) for result in results))
    message = next((one.text for one in reversed(spoken) if one.who == "user"), "")
    return _command(message) or _memory(message, spoken) or _tools(message, tools) or _small_talk(message, spoken)


def pieces_of(reply: Reply) -> Iterator[str]:
    """The text in pieces of one word each."""
    if reply.count:
        yield from (f"{number} " if number < reply.count else str(number) for number in range(1, reply.count + 1))
    yield from re.findall(r"\S+\s*|^\s+", reply.text)


def _results(spoken: list[Spoken]) -> list[ToolResult]:
    """The results that came after the last thing said."""
    results: list[ToolResult] = []
    for one in reversed(spoken):
        if one.result is None:
            break
        results.insert(0, one.result)
    return results


def _as_sentence(result: ToolResult) -> str:
    text = result.text.strip()
    if result.failed:
        return f"The tool {result.name} failed: {text}"
    return text if text.endswith((".", "!", "?")) else f"{result.name.replace('_', ' ').capitalize()}: {text}."


def _command(message: str) -> Reply | None:
    if _FAIL.search(message):
        return Reply(failure="the prompt asked for a failure")
    if found := _STREAM.search(message):
        return Reply(count=min(int(found[1]), MAX_WORDS))
    if found := _WAIT.search(message):
        seconds = min(float(found[1]), MAX_SECONDS)
        return Reply(text=f"I waited {seconds:g} seconds.", wait=seconds)
    return None


def _memory(message: str, spoken: list[Spoken]) -> Reply | None:
    said = [one.text for one in spoken if one.who == "user"]
    if _ASKED_NAME.search(message):
        name = _known_name(said)
        return Reply(text=f"Your name is {name}." if name else "You have not told me your name.")
    if _ASKED_BEFORE.search(message):
        return Reply(text=f"You said: {said[-2]}" if len(said) > 1 else "You have said nothing before this.")
    if found := _NAME.search(message):
        return Reply(text=f"Nice to meet you, {found[1]}. I will remember your name in this conversation.")
    return None


def _known_name(said: list[str]) -> str:
    return next((found[1] for text in reversed(said) if (found := _NAME.search(text))), "")


def _small_talk(message: str, spoken: list[Spoken]) -> Reply:
    if _GREETING.search(message):
        name = _known_name([one.text for one in spoken if one.who == "user"])
        return Reply(
            text=f"Hello{', ' + name if name else ''}! I am the rehearsal model: fixed rules, no language model."
        )
    return Reply(text=f"You said: {message.strip()}" if message.strip() else "You said nothing.")


def _tools(message: str, tools: list[dict[str, Any]]) -> Reply | None:
    words = _words(message)
    wanted = [tool for tool in tools if words & _words(tool["name"].replace("_", " "))]
    if not wanted:
        return None
    calls = []
    for tool in wanted:
        about = message[_first(message, _words(tool["name"].replace("_", " "))) :]
        arguments, missing = _arguments(about, tool.get("parameters", {}))
        if missing:
            arguments, missing = _arguments(message, tool.get("parameters", {}))
        if missing:
            return Reply(text=f"Please tell me the {missing} for {tool['name'].replace('_', ' ')}.")
        calls.append(ToolCall(name=tool["name"], arguments=arguments))
    return Reply(calls=tuple(calls))


def _first(message: str, words: frozenset[str]) -> int:
    """Where the message begins to speak of one of these words."""
    lowered = message.lower()
    return next((found.start() for found in _WORD.finditer(lowered) if _SAME.get(found[0], found[0]) in words), 0)


def _words(text: str) -> frozenset[str]:
    words: list[str] = _WORD.findall(text.lower())
    return frozenset(_SAME.get(word, word) for word in words if word not in _COMMON)


def _arguments(message: str, schema: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Arguments found in the message, and the first required parameter that was not."""
    arguments: dict[str, Any] = {}
    required = schema.get("required", [])
    for name, kind in schema.get("properties", {}).items():
        value = _value(message, kind)
        if value is not None:
            arguments[name] = value
        elif name in required:
            return {}, name
    return arguments, ""


def _value(message: str, kind: dict[str, Any]) -> object:
    if "enum" in kind:
        return next((choice for choice in kind["enum"] if str(choice).lower() in message.lower()), None)
    if kind.get("type") in ("integer", "number"):
        found = _NUMBER.search(message)
        return None if found is None else int(float(found[0])) if kind["type"] == "integer" else float(found[0])
    if kind.get("type") == "string":
        place = _PLACE.search(message)
        return place[1].strip(" ,") if place else None
    return None
