"""AgentCore Runtime, as far as our functions see it, in front of one container that serves all sessions. Written for
the tests from AWS's documents. It knows nothing of memories, and no header of ours but what a template allow-lists."""

from aiohttp import ClientSession, web

SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
ALLOWED = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Turn-Token"


class AgentCore:
    """`stopped` are the sessions that somebody asked to stop. None of them runs: that is what it says then."""

    def __init__(self, container: str) -> None:
        self._container = container
        self.stopped: list[str] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/runtimes/{arn}/invocations", self._invoke)
        app.router.add_post("/runtimes/{arn}/stopruntimesession", self._stop)
        return app

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        assert "/us-east-1/bedrock-agentcore/aws4_request" in request.headers["Authorization"]
        headers = {name: request.headers[name] for name in ("Content-Type", "Accept", SESSION, ALLOWED)}
        body = await request.read()
        async with (
            ClientSession() as session,
            session.post(f"{self._container}/invocations", data=body, headers=headers) as answer,
        ):
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _stop(self, request: web.Request) -> web.Response:
        self.stopped.append(request.headers[SESSION])
        said = {"message": "No active session found."}
        return web.json_response(said, status=404, headers={"x-amzn-ErrorType": "ResourceNotFoundException"})
