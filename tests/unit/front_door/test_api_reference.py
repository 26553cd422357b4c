"""docs/reference/http-api.md names every route of every pattern, and no other."""

import re
from pathlib import Path
from typing import Any, cast

from tests.unit.front_door.signed_in import KEY

from doorward.front_door.api.chat import chat_routes
from doorward.front_door.api.conversations import conversation_routes
from doorward.front_door.api.export import export_routes
from doorward.front_door.api.health import health_routes
from doorward.front_door.api.me import me_routes, usage_routes
from doorward.front_door.api.operator.house import house_routes
from doorward.front_door.api.operator.ledger import ledger_routes
from doorward.front_door.api.operator.ledger_export import export_routes as ledger_export_routes
from doorward.front_door.api.operator.metrics import metrics_routes
from doorward.front_door.api.operator.sessions import session_routes
from doorward.front_door.api.operator.turns import running_turn_routes
from doorward.front_door.api.operator.users import user_routes
from doorward.front_door.api.pass_through import PassThrough, pass_through_routes
from doorward.front_door.api.simple_chat import simple_chat_routes
from doorward.front_door.api.turns import turn_routes
from doorward.front_door.browser_session import BrowserSessions, SessionOptions
from doorward.front_door.openapi import Document, openapi_routes
from doorward.front_door.page import PageConfig, page_routes
from doorward.http.routes import Route
from doorward.model.secret import Secret
from doorward.model.settings import SignInSettings
from doorward.sign_in.routes import SignIn
from doorward.sign_in.routes import routes as sign_in_routes
from doorward.sign_in.signing import SigningKeys

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "http-api.md"
NOTHING = cast("Any", None)


def all_routes() -> list[Route]:
    """Routes can be listed without the services behind them."""
    passing = PassThrough(
        agent=NOTHING,
        arn="",
        access_token=NOTHING,
        max_prompt_characters=1,
        body_limit=1,
        max_response_bytes=1,
    )
    options = SessionOptions(public_url="http://127.0.0.1", ttl=1.0, sealing_key=b"s" * 32)
    page = PageConfig(pattern="conversations", model="", rehearsal=True, max_message_characters=1)
    return [
        *chat_routes(NOTHING, max_message_characters=1, body_limit=1),
        *turn_routes(NOTHING),
        *conversation_routes(NOTHING),
        *export_routes(NOTHING),
        *me_routes("conversations", ""),
        *usage_routes(NOTHING),
        *operator_routes(),
        *health_routes({}),
        *simple_chat_routes(NOTHING, max_message_characters=1, body_limit=1),
        *pass_through_routes(passing),
        *BrowserSessions(NOTHING, NOTHING, options, NOTHING).routes(),
        *page_routes(page),
        *openapi_routes([], Document(title="", version="", server="", cookie="")),
    ]


def operator_routes() -> list[Route]:
    return [
        *metrics_routes(NOTHING),
        *ledger_routes(NOTHING),
        *ledger_export_routes(NOTHING),
        *user_routes(NOTHING, ""),
        *running_turn_routes(NOTHING),
        *session_routes(NOTHING),
        *house_routes(NOTHING),
    ]


def embedded_sign_in() -> list[Route]:
    return sign_in_routes(
        SignIn(
            settings=SignInSettings(open_sign_up=True),
            issuer="http://127.0.0.1",
            clients=(),
            accounts=NOTHING,
            grants=NOTHING,
            signed_out=NOTHING,
            keys=SigningKeys([KEY]),
            cookie_key=Secret("k" * 32),
            ledger=NOTHING,
            clock=NOTHING,
        )
    )


def test_the_reference_lists_every_route_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    served = {f"{route.method} {route.path}" for route in all_routes() if not route.path.startswith("/assets/")}
    embedded = {f"{route.method} {route.path}" for route in embedded_sign_in()}
    assert listed == served | embedded
