"""The filter stops what it is for, and lets ordinary things through."""

import pytest
from msgspec import Struct

from doorward.front_door.known_bad_inputs import bad_field, exploitable_path, known_bad

BAD = {
    "log4shell": [
        "${jndi:ldap://x/a}",
        "${JnDi:rmi://x}",
        "${${lower:j}ndi:ldap://x}",
        "${${::-j}${::-n}${::-d}${::-i}:ldap://x}",
        "${${env:BARFOO:-j}ndi${env:BARFOO:-:}ldap://x}",
        "${j${k8s:k5:-ND}i${sd:k5:-:}ldap://x}",
        "%24%7Bjndi:dns://x%7D",
        "%2524%257Bjndi:dns://x%257D",
        "\\u0024\\u007bjndi:ldap://x}",
        "${env:AWS_SECRET_ACCESS_KEY}",
    ],
    "java_deserialization": [
        "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==",
        "x=rO0ABXNy"[2:],
        "aced000573720011",
        "\xac\xed\x00\x05",
        'T(java.lang.Runtime).getRuntime().exec("id")',
    ],
    "spring4shell": ["class.module.classLoader.resources", "class%2Emodule%2EclassLoader", "class['module']"],
    "path_traversal": [
        "../../x", "..%2f..%2fx", "%2e%2e/x", "..\\x", "%252e%252e%252fx", "a=..", "..;/x", "/etc/passwd", "file:///x",
    ],
}  # fmt: skip

BENIGN = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "/api/conversations/0123456789abcdef-0123-4567?limit=50&cursor=eyJhIjoxfQ%3D%3D",
    "q=classes%20about%20java%20in%20100%25%20of%20cases",
    "q=how...%20really?",
    "http://127.0.0.1:8000/page?next=%2Fchat",
    "q=price%20in%20$%20{approx}",
    "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "text ends..",
    "application/javascript",
]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BAD.items() for text in texts])
def test_known_bad_inputs_are_found_in_every_disguise(rule: str, text: str) -> None:
    """AP-HTP-08."""
    assert known_bad(b"/api/me\nx: " + text.encode("latin-1"))


@pytest.mark.parametrize("text", BENIGN)
def test_ordinary_text_passes(text: str) -> None:
    assert known_bad(text.encode()) == ""


class Body(Struct):
    message: str
    name: str = ""
    tags: list[str] = []


def test_fields_are_read_but_for_the_prompt_and_passwords() -> None:
    attack = BAD["log4shell"][0]
    assert bad_field(Body(message=attack), ("message",)) == ""
    assert bad_field(Body(message="a", name=attack), ("message",)) == "log4shell"
    assert bad_field(Body(message="a", tags=["b", attack]), ("message",)) == "log4shell"
    assert bad_field({"password": attack, "username": "a"}, ()) == ""
    assert bad_field({"username": attack}, ()) == "log4shell"


@pytest.mark.parametrize(
    "path",
    ["/.git/config", "/.env", "/wp-login.php", "/actuator/env", "/vendor/phpunit", "/a/backup.sql", "/x/.DS_Store"],
)
def test_paths_that_scanners_try_are_known(path: str) -> None:
    assert exploitable_path(tuple(path[1:].split("/")))
    assert not exploitable_path((".well-known", "openid-configuration"))
