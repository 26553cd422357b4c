"""The gateway process: front door, sign-in, page and services over one store. What it is made of stands here."""

import time
from collections.abc import Callable

import aiohttp
import structlog
from msgspec.structs import replace

from doorward import __version__
from doorward.agent_door.knock import Knock
from doorward.agent_door.operator_knock import OperatorKnock
from doorward.compose.console import Console
from doorward.compose.first_users import first_users
from doorward.compose.house import CHAT_WORKLOAD, OPERATOR_WORKLOAD, PRICES, TITLES_AGENT, Places, arn, deployment
from doorward.compose.issuing import Issuing, browser_client, browser_sessions, issuing
from doorward.compose.message_texts import with_texts
from doorward.compose.observing import count_request
from doorward.compose.operator_port import operator_app
from doorward.compose.process import Listeners, Say, Stop
from doorward.compose.serving import Served, serve_until, traced
from doorward.compose.settings import Loaded
from doorward.errors import ConfigurationError, StoreUnavailable
from doorward.front_door.api.chat import chat_routes
from doorward.front_door.api.conversations import conversation_routes
from doorward.front_door.api.export import export_routes
from doorward.front_door.api.health import PartCheck, health_routes
from doorward.front_door.api.me import me_routes, usage_routes
from doorward.front_door.api.pass_through import PassThrough, pass_through_routes
from doorward.front_door.api.simple_chat import simple_chat_routes
from doorward.front_door.api.turns import turn_routes
from doorward.front_door.browser_session import BrowserSessions
from doorward.front_door.check import Parts
from doorward.front_door.door import FrontDoor
from doorward.front_door.openapi import Document, openapi_routes
from doorward.front_door.page import DirectConfig, PageConfig, page_routes
from doorward.http.protocol import strict_protocol
from doorward.http.routes import Route
from doorward.identity.discovery import ProviderMetadata
from doorward.identity.key_files import load_or_create_turn_key, load_or_create_workload
from doorward.identity.sigv4 import Credentials
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.settings import Settings
from doorward.ports.functions import OpenedStores
from doorward.services.budget import Budget, Pricing, budget_of, load_prices
from doorward.services.caps import caps_of
from doorward.services.chat.forgetting import Forgetting
from doorward.services.chat.options import chat_options
from doorward.services.chat.service import ChatService
from doorward.services.conversations.service import ConversationsService
from doorward.services.invocation import Invoker, InvokerOptions
from doorward.services.metering import Meter
from doorward.services.relay import RelayOptions, RelayService
from doorward.services.usage.service import UsageService
from doorward.stores.sqlite.open import GatewayStores, open_gateway

_log = structlog.get_logger()


async def main(loaded: Loaded, listeners: Listeners, say: Say, stop: Stop) -> None:
    """Run the gateway until `stop`."""
    settings = loaded.settings
    stores = open_gateway(Places(settings).gateway_store)
    http = aiohttp.ClientSession(trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    house = GatewayHouse(loaded, stores, http)
    try:
        await stores.budgets.settle_lost()
        users = await first_users(settings, house.who.embedded)
        metadata = await house.issuer_metadata()
        door = house.door(metadata)
        await house.adopt_turns()
        served = (
            Served(traced("front_door", door), listeners["front_door"], house.protocol()),
            Served(operator_app, listeners["operator"], strict_protocol()),
        )

        def ready() -> None:
            house.start()
            endpoints = {
                "authorize_endpoint": metadata.authorization_endpoint if metadata else None,
                "token_endpoint": metadata.token_endpoint if metadata else None,
            }
            say({**endpoints, "users": users})

        async def close() -> None:
            door.begin_shutdown()
            await house.close_turns(hand_over=stop.hand_over)

        await serve_until(stop, served, on_ready=ready, on_stop=close, grace=settings.gateway.shutdown_grace)
    finally:
        await house.close()
        await http.close()
        house.shared.close()


class GatewayHouse:
    """The gateway's parts, joined. Made inside the event loop."""

    def __init__(self, loaded: Loaded, stores: GatewayStores, http: aiohttp.ClientSession) -> None:
        settings = loaded.settings
        self._settings = settings
        self._stores = stores
        self.shared: OpenedStores = with_texts(settings, stores)
        self._http = http
        self.who: Issuing = issuing(settings, stores, http)
        self._sessions: BrowserSessions = browser_sessions(settings, stores, self.who, http)
        self._knock = Knock(settings.agent.url, settings.agent, credentials=_credentials(settings), clock=time.time)
        self._operating = _operating(settings)
        self._chat: ChatService | None = None
        self._forgetting: Forgetting | None = None
        prices = load_prices(PRICES)
        self._caps = caps_of(settings.agent, Pricing(prices, settings.agent.model).cost)
        self.budget: Budget | None = budget_of(settings.budget, prices, settings.agent.model)
        self._console = Console(loaded, stores, self.who, http) if _has_console(settings) else None
        self._meter = Meter(self.budget, stores.budgets, time.time, usage=stores.usage)
        if self.budget is not None and settings.agent.model != "rehearsal" and not prices.of(settings.agent.model):
            _log.warning("model_without_price", model=settings.agent.model)

    async def issuer_metadata(self) -> ProviderMetadata | None:
        """Where the issuer's endpoints are; None while it does not answer: the house starts all the same."""
        try:
            return await self.who.discover()
        except StoreUnavailable as error:
            _log.warning("issuer_does_not_answer", code=error.code)
            return None

    def routes(self, metadata: ProviderMetadata | None) -> list[Route]:
        """Every route of this pattern, but the document about them."""
        return [
            *self.who.routes(),
            *self._pattern_routes(),
            *self._console_routes(),
            *page_routes(self._page(metadata)),
            *health_routes(self._checks()),
        ]

    def door(self, metadata: ProviderMetadata | None) -> FrontDoor:
        """The front door with these routes."""
        settings, routes = self._settings, self.routes(metadata)
        document = Document(
            title="Doorward",
            version=__version__,
            server=settings.gateway.public_url,
            cookie=self._sessions.cookie_name,
        )
        return FrontDoor(
            [*routes, *openapi_routes(routes, document)],
            Parts(
                settings=settings.front_door,
                public_url=settings.gateway.public_url,
                verifier=self.who.verifier,
                ledger=self._stores.ledger,
                sessions=self._sessions,
                observers=(count_request,),
            ),
        )

    def start(self) -> None:
        """Begin what runs beside the doors."""
        if self._console is not None:
            self._console.start()

    def protocol(self) -> type:
        """The strict protocol with the configured limits."""
        door = self._settings.front_door
        return strict_protocol(
            header_timeout=door.header_timeout,
            idle_timeout=door.idle_timeout,
            max_header_bytes=door.max_header_bytes,
            max_headers=door.max_headers,
            max_url_bytes=door.max_url_bytes,
        )

    async def adopt_turns(self) -> None:
        """Go on with the turns that another gateway left running."""
        if self._chat is not None and (left := await self._chat.adopt()):
            _log.info("turns_adopted", turns=left)

    async def close_turns(self, *, hand_over: bool = False) -> None:
        """End the turns that run, or leave them to the next gateway."""
        if self._chat is not None:
            await self._chat.shutdown(0.0, hand_over=hand_over)

    async def close(self) -> None:
        """Close the way to the agent, and what runs beside the doors."""
        if self._console is not None:
            await self._console.close()
        await self.close_turns()
        if self._forgetting is not None:
            await self._forgetting.close()
        await self._knock.close()
        if self._operating is not None:
            await self._operating.close()
        await self._meter.close()
        await self.who.close()

    def _pattern_routes(self) -> list[Route]:
        """INVARIANT: only the patterns that knock have a way to the agent; `direct` has no chat here at all."""
        makers: dict[str, Callable[[], list[Route]]] = {
            "direct": list,
            "front-door": self._front_door_routes,
            "two-doors": self._two_doors_routes,
            "conversations": self._conversations_routes,
        }
        return makers[self._settings.pattern]()

    def _front_door_routes(self) -> list[Route]:
        settings = self._settings
        options = PassThrough(
            agent=self._knock,
            arn=arn(settings, settings.agent.name),
            access_token=self._sessions.access_token,
            max_prompt_characters=settings.front_door.max_message_characters,
            body_limit=settings.front_door.max_body_bytes,
            max_response_bytes=settings.agent.max_response_bytes,
        )
        return [*pass_through_routes(options), *self._session_routes()]

    def _two_doors_routes(self) -> list[Route]:
        settings = self._settings
        options = RelayOptions(
            agent_arn=arn(settings, settings.agent.name),
            timeout=settings.agent.turn_timeout,
            max_answer_bytes=settings.agent.max_response_bytes,
            caps=self._caps,
        )
        relay = RelayService(self._invoker(), self._meter, options, time.time)
        bounds = settings.front_door
        chat = simple_chat_routes(
            relay, max_message_characters=bounds.max_message_characters, body_limit=bounds.max_body_bytes
        )
        return [*chat, *self._session_routes()]

    def _conversations_routes(self) -> list[Route]:
        settings, stores = self._settings, self.shared
        options = chat_options(
            settings.chat,
            settings.agent,
            agent_arn=arn(settings, settings.agent.name),
            titles_arn=arn(settings, TITLES_AGENT),
            turns_per_user=settings.front_door.concurrent_turns,
        )
        options = replace(options, budget=self.budget, meter=self._meter, caps=self._caps)
        invoker = self._invoker()
        self._chat = ChatService(stores.turns, stores.conversations, invoker, options, time.time)
        self._forgetting = Forgetting(stores.forgotten, invoker, options.agent_arn, time.time)
        history = ConversationsService(stores.conversations)
        bounds = settings.front_door
        return [
            *chat_routes(
                self._chat, max_message_characters=bounds.max_message_characters, body_limit=bounds.max_body_bytes
            ),
            *turn_routes(self._chat),
            *conversation_routes(history),
            *export_routes(history),
            *usage_routes(UsageService(stores.usage, time.time, self.budget)),
            *self._session_routes(),
        ]

    def _console_routes(self) -> list[Route]:
        """After the pattern's, which make the chat."""
        return [] if self._console is None else self._console.routes(self._chat, self._operations())

    def _operations(self) -> OperatorKnock | None:
        knock, settings = self._operating, self._settings
        return None if knock is None else OperatorKnock(knock, arn(settings, settings.agent.name))

    def _session_routes(self) -> list[Route]:
        return [*self._sessions.routes(), *me_routes(self._settings.pattern, self._settings.agent.model)]

    def _invoker(self) -> Invoker:
        settings = self._settings
        key = load_or_create_turn_key(Places(settings).keys)
        return Invoker(
            self._knock,
            SignedTurnTokens(deployment(settings), key, time.time),
            InvokerOptions(
                actor=CHAT_WORKLOAD,
                token_ttl=settings.agent.turn_timeout + settings.chat.turn_token_ttl,
                stall_timeout=settings.agent.stall_timeout,
            ),
            time.time,
        )

    def _page(self, metadata: ProviderMetadata | None) -> PageConfig:
        settings = self._settings
        return PageConfig(
            pattern=settings.pattern,
            model=settings.agent.model,
            rehearsal=settings.agent.model == "rehearsal",
            max_message_characters=settings.front_door.max_message_characters,
            on_busy=settings.chat.on_busy,
            console=self._console is not None,
            direct=self._direct(metadata) if settings.pattern == "direct" else None,
        )

    def _direct(self, metadata: ProviderMetadata | None) -> DirectConfig:
        settings = self._settings
        if metadata is None:
            raise ConfigurationError(
                f"The page of pattern direct needs the issuer {self.who.issuer}, which does not answer.",
                code="issuer_unreachable",
            )
        return DirectConfig(
            agent_door=settings.agent.url,
            agent_arn=arn(settings, settings.agent.name),
            issuer=metadata.issuer,
            authorize_endpoint=metadata.authorization_endpoint or "",
            token_endpoint=metadata.token_endpoint or "",
            end_session_endpoint=metadata.end_session_endpoint or "",
            client_id=browser_client(settings),
        )

    def _checks(self) -> dict[str, PartCheck]:
        checks: dict[str, PartCheck] = {"store": self._store_answers}
        if self._settings.pattern != "direct":
            checks["agent_door"] = self._agent_door_answers
        return checks

    async def _store_answers(self) -> bool:
        await self._stores.ledger.entries(limit=1)
        return True

    async def _agent_door_answers(self) -> bool:
        async with self._http.get(f"{self._settings.agent.url}/ping", allow_redirects=False) as answer:
            return answer.status == 200


def _has_console(settings: Settings) -> bool:
    """In `direct` nobody has a session here, and the page holds its token itself: no place for an operator's."""
    return settings.console.enabled and settings.pattern != "direct"


def _operating(settings: Settings) -> Knock | None:
    """The operators' own way to the agent door, where workloads knock there with keys."""
    if settings.pattern in ("direct", "front-door") or settings.agent.arn or not _has_console(settings):
        return None
    key = load_or_create_workload(Places(settings).keys, OPERATOR_WORKLOAD)
    credentials = Credentials(key.access_key_id, key.secret_access_key)
    return Knock(settings.agent.url, settings.agent, credentials=credentials, clock=time.time)


def _credentials(settings: Settings) -> Credentials | None:
    """Only the patterns with two keys hold the second one."""
    if settings.pattern in ("direct", "front-door"):
        return None
    key = load_or_create_workload(Places(settings).keys, CHAT_WORKLOAD)
    return Credentials(key.access_key_id, key.secret_access_key)
