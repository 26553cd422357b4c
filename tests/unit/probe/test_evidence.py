"""Evidence can be repeated in a shell, and holds no credential."""

import shlex
import subprocess

import pytest

from doorward.probe.evidence import evidence_of
from doorward.probe.redaction import Redactor
from doorward.probe.wire import Reply, Sent

NONE = Redactor({})


def _of(redactor: Redactor = NONE, **sent: object) -> str:
    return evidence_of(
        Reply(sent=Sent(**{"method": "POST", "url": "http://127.0.0.1:1/a", **sent}), status=0), redactor
    ).command


def _written(command: str, **environment: str) -> bytes:
    """What the part before the pipe writes, as bash runs it."""
    line = command.rpartition(" | ")[0]
    return subprocess.run(["bash", "-c", line], capture_output=True, check=True, env=environment).stdout


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /%2e%2e HTTP/1.1\r\nA: '\"`$(id)`\\n%s\r\n\r\n",
        "GET /\u00e9\u0660 HTTP/1.1\r\n\tfold: \x0b\x00\r\n\r\n".encode(),
    ],
)
def test_a_shell_writes_the_raw_bytes_as_they_were_sent(raw: bytes) -> None:
    assert _written(_of(raw=raw)) == raw


def test_a_shell_puts_the_token_back_where_the_placeholder_stands() -> None:
    redactor = Redactor({"sesame-sesame": "<user-1-access-token>"})
    raw = b"GET / HTTP/1.1\r\nAuthorization: Bearer sesame-sesame\r\n\r\n"
    command = _of(redactor, raw=raw)
    assert "sesame" not in command
    assert _written(command, USER_1_ACCESS_TOKEN="sesame-sesame") == raw


def test_a_curl_line_has_the_words_that_were_sent() -> None:
    headers = (("Content-Type", "application/json"), ("X-Odd", 'it\'s $HOME `id` "q"'))
    words = shlex.split(_of(headers=headers, body=b'{"message": "it\'s"}'))
    assert words[-1] == "http://127.0.0.1:1/a"
    assert [words[at + 1] for at, word in enumerate(words) if word == "-H"] == [
        "Content-Type: application/json",
        'X-Odd: it\'s $HOME `id` "q"',
    ]
    assert words[words.index("--data-binary") + 1] == '{"message": "it\'s"}'


def test_control_characters_do_not_reach_the_terminal_of_a_reader() -> None:
    reply = Reply(sent=Sent(method="GET", url="http://127.0.0.1:1/\x1b[2J"), status=200, body=b"\x1b[31m\x07red\r")
    found = evidence_of(reply, NONE)
    assert not any(ord(character) < 32 and character != "\n" for character in found.command + found.excerpt)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer whatever-it-is", "Bearer $TOKEN"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=A/B, Signature=abc", "$TOKEN"),
        ("Cookie", "__Host-a=1; b=2", "__Host-a=$COOKIE; b=$COOKIE"),
        ("X-Forwarded-Access-Token", "abc", "$TOKEN"),
        ("Accept", "text/html", "text/html"),
    ],
)
def test_credential_headers_are_withheld_whatever_they_hold(name: str, value: str, shown: str) -> None:
    assert NONE.header(name, value) == shown


@pytest.mark.parametrize(
    "text",
    [
        "GET / HTTP/1.1\r\ncookie: a=verysecret\r\n",
        "code=verysecret&state=1",
        'grant={"refresh_token": "verysecret"}',
        "?access_token=verysecret#",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.verysecret",
    ],
)
def test_what_looks_like_a_credential_is_withheld(text: str) -> None:
    assert "verysecret" not in NONE.text(text)


@pytest.mark.parametrize("form", ["a b&c/d=e!", "a%20b%26c%2Fd%3De%21", "a+b%26c%2Fd%3De%21", "YSBiJmMvZD1lIQ"])
def test_a_known_secret_is_found_in_other_spellings(form: str) -> None:
    assert Redactor({"a b&c/d=e!": "<user-1-password>"}).text(f"x {form} y") == "x $USER_1_PASSWORD y"


def test_codes_of_errors_stay_readable() -> None:
    assert NONE.text('{"code": "token_expired"}') == '{"code": "token_expired"}'
