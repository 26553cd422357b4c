"""A child of `doorward up`: ``python -m doorward.compose.process gateway|runtime``, with its orders on stdin."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

import msgspec

from doorward.compose.house import Places
from doorward.compose.occupied import occupied
from doorward.compose.settings import Loaded, decode_secret, encode_secret
from doorward.compose.supervisor import EXIT_CONFIGURATION
from doorward.errors import ConfigurationError, DoorwardError
from doorward.model.chat import JsonObject
from doorward.model.settings import Settings, TelemetrySettings
from doorward.telemetry import traces
from doorward.telemetry.logs import configure_logs

Listeners = dict[str, socket.socket]
Say = Callable[[JsonObject], None]


class Stop(asyncio.Event):
    """Set when a process is to end. `hand_over`: another one will take its place, and goes on with what runs; SIGTERM
    says so. SIGINT, or the end of the supervisor, says that the house closes."""

    hand_over = False


Main = Callable[[Loaded, Listeners, Say, Stop], Awaitable[None]]


def orders(loaded: Loaded, listeners: Listeners) -> JsonObject:
    """What a child is told: all settings (with secrets in clear: the pipe is private), where they come from, and its
    sockets' numbers."""
    return {
        "settings": msgspec.to_builtins(loaded.settings, enc_hook=encode_secret),
        "sources": loaded.sources,
        "listeners": {name: listener.fileno() for name, listener in listeners.items()},
    }


def run(name: str, loaded: Loaded, listeners: Listeners, say: Say, *, watch_stdin: bool) -> int:
    """Run one process of the house until SIGINT or SIGTERM. Returns the exit status."""
    settings = loaded.settings
    configure_logs(name, level=settings.telemetry.log_level, as_json=settings.telemetry.log_format == "json")
    # Each process imports its own side only: the gateway must not pay for the runtime, nor the other way round.
    main: Main = import_module(f"doorward.compose.{name}").main
    try:
        with (
            occupied(Places(settings).root, name),
            _traced(name, settings.telemetry),
            asyncio.Runner(loop_factory=_loop_factory()) as runner,
        ):
            runner.run(_until_signal(main, loaded, listeners, say, watch_stdin))
    except DoorwardError as error:
        sys.stderr.write(f"doorward {name}: {error.message} [{error.code}]\n")
        return EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else 1
    return 0


@contextmanager
def _traced(name: str, settings: TelemetrySettings) -> Iterator[None]:
    """Sends the spans of this process to the collector, if one is configured, the last ones at the end."""
    if not settings.otlp_endpoint:
        yield
        return
    # OpenTelemetry is heavy: only who asks for traces loads it.
    tracer = import_module("doorward.compose.tracing").OtlpTracer(name, settings.otlp_endpoint)
    traces.use_tracer(tracer)
    try:
        yield
    finally:
        tracer.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    return import_module("uvloop").new_event_loop  # type: ignore[no-any-return]


async def _until_signal(main: Main, loaded: Loaded, listeners: Listeners, say: Say, watch_stdin: bool) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, _hand_over, stop)
    if watch_stdin:
        os.set_blocking(0, False)
        loop.add_reader(0, _stop_at_end, loop, stop)
    await main(loaded, listeners, say, stop)


def _hand_over(stop: Stop) -> None:
    stop.hand_over = not stop.is_set()
    stop.set()


def _stop_at_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(0, 4096):
        loop.remove_reader(0)
        stop.set()


def _child(name: str) -> int:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return EXIT_CONFIGURATION
        line += piece
    told = msgspec.json.decode(bytes(line))
    settings = msgspec.convert(told["settings"], Settings, dec_hook=decode_secret)
    listeners = {key: socket.socket(fileno=fd) for key, fd in told["listeners"].items()}

    def say(ready: JsonObject) -> None:
        os.write(told["status_fd"], msgspec.json.encode(ready) + b"\n")

    return run(name, Loaded(settings, told["sources"]), listeners, say, watch_stdin=True)


if __name__ == "__main__":
    sys.exit(_child(sys.argv[1]))
