"""AP-HTP-10: JSON that the door reads in one way and the agent in another."""

import json

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import JSON, Lab
from doorward.probe.surface import chat_request, has_front_chat
from doorward.probe.trials import Trial, judged

_BODIES = (
    ("the same name twice", '{"F":"probe","F":P}'),
    ("the same name twice, once escaped", '{"F":"probe","E":P}'),
    ("NaN", '{"F":P,"x":NaN}'),
    ("Infinity", '{"F":P,"x":-Infinity}'),
    ("a lone surrogate", '{"F":"\\udead"}'),
    ("two documents", '{"F":P}{"F":"probe"}'),
    ("text after the document", '{"F":P} probe'),
    ("a trailing comma", '{"F":P,}'),
    ("a comment", '{"F":P/*x*/}'),
    ("a line comment", '{"F":P}//x'),
    ("single quotes", "{'F':'hello'}"),
    ("a raw control character", '{"F":"a\x01b"}'),
    ("a raw line feed in a text", '{"F":"a\nb"}'),
    ("a number with a leading zero", '{"F":P,"x":01}'),
    ("a byte order mark", '\ufeff{"F":P}'),
    ("an array around it", '[{"F":P}]'),
    ("an unquoted name", "{F:P}"),
    ("a hexadecimal number", '{"F":P,"x":0x10}'),
)


class JsonDifferential(Attack):
    """JSON with two readings must not be answered."""

    id = "AP-HTP-10"
    title = "JSON with two readings"
    sources = ("RFC 8259", "CWE-436", "API8")
    does = "Sends the normal chat as JSON with duplicate names, NaN, lone surrogates, comments, two documents."
    mend = "Parse strictly, refuse duplicate names and what is not JSON, and send on only what was read, written anew."

    async def applies(self, lab: Lab) -> str:
        return "" if has_front_chat(lab) else "Nothing stands before the agent that could read the JSON differently."

    async def attack(self, lab: Lab) -> Finding:
        chat, bearer = chat_request(lab), await lab.bearer()
        field = lab.target.chat.prompt_field
        escaped = f"\\u{ord(field[0]):04x}{field[1:]}"
        trials = []
        for name, template in _BODIES:
            body = template.replace("F", field).replace('"E"', f'"{escaped}"').replace("P", _prompt(lab))
            reply = await lab.wire.send("POST", chat.origin + chat.path, [bearer, JSON], body.encode("utf-8"))
            trials.append(Trial(name, reply, 200 <= reply.status < 300))
        bad = await lab.wire.send(
            "POST", chat.origin + chat.path, [bearer, JSON], f'{{"{field}":"'.encode() + b'\xc3\x28\xff"}'
        )
        trials.append(Trial("bytes that are not UTF-8", bad, 200 <= bad.status < 300))
        return await judged(
            lab,
            trials,
            held="JSON that can be read in two ways was refused.",
            broken="JSON that can be read in two ways was answered",
        )


def _prompt(lab: Lab) -> str:
    return json.dumps(lab.target.chat.prompt)
