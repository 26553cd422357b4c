"""AP-BYP-06."""

import re

from msgspec.structs import replace

from doorward.probe.finding import Finding
from doorward.probe.lab import SESSION_HEADER, Lab
from doorward.probe.signed_call import TURN_HEADER, USER_HEADER, Call, SignedAttack, refused, signed


class Tampering(SignedAttack):
    """A signed call with one thing changed."""

    id = "AP-BYP-06"
    title = "Changes to a signed call"
    sources = ("API2", "RFC 9421 7.2", "ASI07")
    does = (
        "Changes single bytes of a signed call's body, path, query and headers, and adds or drops headers that count."
    )
    mend = "Sign method, path, query, body and every header that is acted on, and refuse such a header unsigned."

    async def attack(self, lab: Lab) -> Finding:
        """Each change on a call of its own, that was never sent."""
        calls = {}
        for change in (_body, _target, _session, _headers, _proof):
            for name in change(signed(lab)):
                calls[name] = change(signed(lab))[name]
        return await refused(lab, calls, "Changed calls")


def _body(call: Call) -> dict[str, Call]:
    def flipped(place: int) -> Call:
        changed = bytearray(call.body)
        changed[place] ^= 1
        return replace(call, body=bytes(changed))

    middle = call.body.index(b":") + 4
    other = call.body.replace(b'"prompt"', b'"Prompt"')
    return {
        "the body's first byte": flipped(0),
        "a byte of the prompt": flipped(middle),
        "the body's last byte": flipped(len(call.body) - 1),
        "a letter's case in the body": replace(call, body=other),
        "a space after the body": replace(call, body=call.body + b" "),
        "no body": replace(call, body=b""),
        "another hash of the body": call.with_header("X-Amz-Content-Sha256", "0" * 64),
        "a body that is said to be unsigned": call.with_header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
    }


def _target(call: Call) -> dict[str, Call]:
    base, _, query = call.url.partition("?")
    name = base.rsplit("/", 1)[0]
    last = "x" if name[-1] != "x" else "y"
    return {
        "a letter of the agent's name": replace(call, url=call.url.replace(name, name[:-1] + last)),
        "another agent of the house": replace(call, url=call.url.replace(name, name.rsplit("%2F", 1)[0] + "%2Fother")),
        "another operation": replace(call, url=call.url.replace("/invocations", "/stopruntimesession")),
        "a letter of the query": replace(call, url=call.url[:-1] + "U"),
        "no query": replace(call, url=base),
        "more in the query": replace(call, url=f"{base}?{query}&accountId=000000000000"),
        "a slash at the end of the path": replace(call, url=f"{base}/?{query}"),
    }


def _session(call: Call) -> dict[str, Call]:
    session = call.header(SESSION_HEADER)

    def other(place: int) -> Call:
        letter = "a" if session[place] != "a" else "b"
        return call.with_header(SESSION_HEADER, session[:place] + letter + session[place + 1 :])

    return {
        "the session id's first letter": other(0),
        "a letter within the session id": other(len(session) // 2),
        "the session id's last letter": other(len(session) - 1),
        "a letter more in the session id": call.with_header(SESSION_HEADER, session + "a"),
        "no session id": call.without_header(SESSION_HEADER),
    }


def _headers(call: Call) -> dict[str, Call]:
    host = call.header("host")
    return {
        "a user id that is not signed": call.with_header(USER_HEADER, "somebody-else"),
        "a turn token that is not signed": call.with_header(TURN_HEADER, "a.b.c"),
        "a header for the agent that is not signed": call.with_header(
            "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Probe", "x"
        ),
        "a security token that is not signed": call.with_header("X-Amz-Security-Token", "probe"),
        "another content type": call.with_header("Content-Type", "text/plain"),
        "no content type": call.without_header("Content-Type"),
        "another Accept": call.with_header("Accept", "text/event-stream"),
        "another Host": call.with_header("Host", host.replace("127.0.0.1", "localhost") + "."),
    }


def _proof(call: Call) -> dict[str, Call]:
    proof = call.header("authorization")
    date = call.header("x-amz-date")

    def with_proof(text: str) -> Call:
        return call.with_header("authorization", text)

    def unsigned(name: str) -> Call:
        return with_proof(re.sub(rf"(?<=[=;]){name.lower()};|;{name.lower()}(?=,)", "", proof))

    later = date[:-2] + ("0" if date[-2] != "0" else "1") + date[-1]
    last = "0" if proof[-1] != "0" else "1"
    return {
        "the session id left out of the signed headers": unsigned(SESSION_HEADER),
        "the host left out of the signed headers": unsigned("host"),
        "the content type left out of the signed headers": unsigned("content-type"),
        "the date left out of the signed headers": unsigned("x-amz-date"),
        "another second": call.with_header("x-amz-date", later),
        "no date": call.without_header("x-amz-date"),
        "a digit of the signature": with_proof(proof[:-1] + last),
        "the signature in capitals": with_proof(proof[:-64] + proof[-64:].upper() + " "),
        "no signature": with_proof(proof[:-64]),
        "another region": with_proof(proof.replace("/bedrock-agentcore/", "/s3/")),
        "a letter of the key id": with_proof(re.sub(r"(Credential=[^/]*)[^/]/", r"\1-/", proof)),
        "another algorithm": with_proof(proof.replace("SHA256", "SHA1", 1)),
        "the proof twice": with_proof(f"{proof}, {proof}"),
        "no proof": call.without_header("authorization"),
    }
