"""Calls another Lambda function without waiting for it (``Invoke`` with the type ``Event``), signed with SigV4."""

from urllib.parse import quote, urlsplit

import structlog

from doorward.errors import AgentUnreachable, ConfigurationError
from doorward.http.client import Client, Origin
from doorward.identity import sigv4
from doorward.ports.clock import Clock

_log = structlog.get_logger()
_SECONDS = 10.0


class LambdaEvents:
    """Fulfils `ports.functions.TurnRunner`: `function` is a name or ARN, `url` the Lambda API's (empty: AWS's own)."""

    def __init__(self, function: str, url: str, *, region: str, credentials: sigv4.Credentials, clock: Clock) -> None:
        if not function:
            raise ConfigurationError("functions.turns must name the function that runs turns.")
        base = urlsplit(url or f"https://lambda.{region}.amazonaws.com")
        if base.scheme not in ("http", "https") or not base.hostname:
            raise ConfigurationError(f"functions.url is not an http(s) URL: {url}")
        tls = base.scheme == "https"
        self._host = base.netloc
        self._client = Client(
            Origin(host=base.hostname, port=base.port or (443 if tls else 80), tls=tls),
            connect_timeout=5.0,
            keep_alive=4.0,
        )
        self._path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        self._region = region
        self._credentials = credentials
        self._clock = clock

    async def begin(self, event: bytes) -> None:
        headers = [
            ("host", self._host),
            ("content-type", "application/json"),
            ("x-amz-invocation-type", "Event"),
        ]
        head = sigv4.Head("POST", self._path, "", headers)
        proof = sigv4.sign(head, event, self._credentials, region=self._region, at=self._clock())
        try:
            answer = await self._client.send("POST", self._path, [*headers, *proof], event, timeout=_SECONDS)
        except (OSError, TimeoutError) as error:
            _log.warning("function_not_called", error=type(error).__name__)
            raise AgentUnreachable("The function that runs turns cannot be reached.") from None
        await answer.up_to(65536)
        if answer.status != 202:
            _log.warning("function_not_called", status=answer.status)
            raise AgentUnreachable("The function that runs turns did not take the turn.")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
