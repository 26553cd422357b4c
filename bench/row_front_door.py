"""Pattern `front-door`: our gateway against Envoy (JWT and rate limit) and nginx, each in front of the same stub."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from msgspec import Struct

from bench.load import press
from bench.plan import Plan, alternate
from bench.proxies import envoy, nginx
from bench.report import Row, median
from bench.servers import bare, house
from bench.wire import Target

CONNECTIONS = 32
_BODY = b'{"prompt":"What is the weather in Seattle today?"}'


class _Hop(Struct, frozen=True):
    """One side: requests per second and CPU microseconds a request, sample by sample."""

    target: Target
    cpu: Callable[[], float]

    def sample(self, seconds: int) -> tuple[float, float]:
        before = self.cpu()
        pressed = press(self.target, connections=CONNECTIONS, seconds=seconds)
        return pressed.rate, (self.cpu() - before) / pressed.requests * 1e6


def rows(plan: Plan) -> Iterator[Row]:
    """One row for each peer that is here, and one for the gateway's CPU."""
    with ExitStack() as stack:
        stub = stack.enter_context(bare())
        ours = stack.enter_context(
            house("main", "--pattern", "front-door", environment={"DOORWARD_AGENT_URL": stub.url})
        )
        proxies = {
            "Envoy, JWT and rate limit": stack.enter_context(envoy(stub.url, ours.url)),
            "nginx, plain hop": stack.enter_context(nginx(stub.url)),
        }
        hops = {"gateway": _Hop(Target(f"{ours.url}/chat", _BODY, ours.headers), lambda: ours.cpu("gateway"))}
        hops["stub alone"] = _Hop(Target(f"{stub.url}/chat", _BODY), stub.cpu)
        for name, peer in proxies.items():
            if peer is not None:
                hops[name] = _Hop(Target(f"{peer.url}/chat", _BODY, ours.headers), peer.cpu)
        yield from _told(_measured(plan, hops), missing=[name for name, peer in proxies.items() if peer is None])


def _measured(plan: Plan, hops: dict[str, _Hop]) -> dict[str, tuple[float, float]]:
    for hop in hops.values():
        hop.sample(1)
    samples = alternate(plan.rounds, [lambda hop=hop: hop.sample(plan.seconds) for hop in hops.values()])  # type: ignore[misc]
    return {
        name: (median(rate for rate, _ in found), median(cpu for _, cpu in found))
        for name, found in zip(hops, samples, strict=True)
    }


def _told(found: dict[str, tuple[float, float]], missing: list[str]) -> Iterator[Row]:
    title = f"front-door, JSON, {CONNECTIONS} connections"
    rate, cpu = found.pop("gateway")
    wanted = {"Envoy, JWT and rate limit": 0.5, "nginx, plain hop": 0.33}
    with_envoy = "Envoy, JWT and rate limit" in found
    for name, (peer_rate, peer_cpu) in found.items():
        target = wanted.get(name) if with_envoy == name.startswith("Envoy") else None
        yield Row(
            name=title,
            ours=f"{rate:,.0f} requests/s",
            peer=f"{name}: {peer_rate:,.0f}/s, {peer_cpu:.0f} us",
            ratio=f"{rate / peer_rate:.2f}",
            target=f"at least {target}" if target else "",
            met=rate / peer_rate >= target if target else None,
        )
    for name in missing:
        yield Row(
            name=title, ours=f"{rate:,.0f} requests/s", peer=f"{name}: not run, it is not here (make bench-peers)"
        )
    yield Row(
        name="front-door, CPU of the gateway",
        ours=f"{cpu:.0f} us a request",
        target="at most 150 us",
        met=cpu <= 150,
    )
