"""What a dead process left of a turn, read from the turn's event log. Pure. `turns.py` calls it at start-up."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from doorward.model.chat import Usage

RUN_ERROR = msgspec.json.encode(
    {"type": "RUN_ERROR", "message": "The turn was interrupted by a restart.", "code": "turn_interrupted"}
)


# The same bounds as while the turn runs: what an agent claims beyond them is not counted, and fits no column.
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Value(msgspec.Struct, frozen=True, rename="camel"):
    model: str = ""
    input_tokens: _Tokens = 0
    output_tokens: _Tokens = 0


class _Event(msgspec.Struct, frozen=True):
    """Of an AG-UI event, only what is needed here."""

    type: str
    delta: str = ""
    name: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


_EVENT = msgspec.json.Decoder(_Event)
_VALUE = msgspec.json.Decoder(_Value)


def answer_so_far(events: Iterable[bytes]) -> tuple[str, Usage]:
    """The text of all ``TEXT_MESSAGE_CONTENT`` deltas, and the sum of the ``CUSTOM`` events named ``usage``.

    An event that cannot be read is passed over: start-up must not fail on what an agent said.
    """
    deltas: list[str] = []
    model, input_tokens, output_tokens = "", 0, 0
    for data in events:
        try:
            event = _EVENT.decode(data)
            if event.type == "TEXT_MESSAGE_CONTENT":
                deltas.append(event.delta)
            elif event.type == "CUSTOM" and event.name == "usage":
                value = _VALUE.decode(event.value)
                model = value.model or model
                input_tokens += value.input_tokens
                output_tokens += value.output_tokens
        except (msgspec.DecodeError, RecursionError):
            continue
    return "".join(deltas), Usage(model=model, input_tokens=input_tokens, output_tokens=output_tokens)
