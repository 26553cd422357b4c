"""The tools of the built-in agent, against a weather service on loopback."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from doorward.runtime.agent_file import BUILT_IN


class Weather(ThreadingHTTPServer):
    """Answers points with `forecast` as the address of the forecast."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.forecast = f"{self.url}/forecast"
        self.redirect = ""
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Weather

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.end_headers()
            return
        periods = [{"name": "Tonight", "detailedForecast": "Rain."}]
        body = {"properties": {"periods": periods} if self.path == "/forecast" else {"forecast": self.server.forecast}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hello_under_test", BUILT_IN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def service(module: ModuleType) -> Iterator[Weather]:
    server = Weather()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address, module.WEATHER = module.WEATHER, server.url
    yield server
    module.WEATHER = address
    server.shutdown()
    thread.join()
    server.server_close()


def test_tells_the_weather_of_a_city_and_of_a_point(module: ModuleType, service: Weather) -> None:
    assert module.weather("Seattle") == "Tonight in Seattle: Rain."
    assert module.weather("47.61, -122.33") == "Tonight in 47.61, -122.33: Rain."
    assert service.asked[0] == "/points/47.6062,-122.3321"
    assert service.asked[2] == "/points/47.61,-122.33"


@pytest.mark.parametrize("place", ["Nowhere", "1,2,3", "../admin", "47.6,-122.3/../../x", "", "47.6"])
def test_asks_nobody_about_a_place_that_it_does_not_know(module: ModuleType, service: Weather, place: str) -> None:
    """AP-TOL-06"""
    assert module.weather(place).startswith("I have no coordinates")
    assert service.asked == []


def test_follows_no_address_of_another_host(module: ModuleType, service: Weather) -> None:
    """AP-TOL-01, AP-TOL-13: the answer names where to go on; only the weather service itself is asked."""
    other = Weather()
    host = service.url.removeprefix("http://")
    with_user = f"http://{host}@127.0.0.1:{other.server_port}/"
    for address in (f"{other.url}/forecast", with_user, f"{service.url}0/x", f"{service.url}/\n", 7):
        service.forecast = address
        assert "could not be asked" in module.weather("Boston")
    service.redirect = f"{other.url}/forecast"
    assert "could not be asked" in module.weather("Boston")
    other.server_close()
    assert other.asked == []


def test_says_so_when_the_service_cannot_be_reached(module: ModuleType, service: Weather) -> None:
    address, module.WEATHER = module.WEATHER, "http://127.0.0.1:1"
    assert "could not be asked about Boston" in module.weather("Boston")
    module.WEATHER = address


def test_the_weather_service_is_named_exactly(module: ModuleType) -> None:
    assert module.WEATHER == "https://api.weather.gov"


@pytest.mark.parametrize(
    ("place", "zone"),
    [("UTC", "UTC"), ("europe/berlin", "Europe/Berlin"), ("Tokyo", "Asia/Tokyo"), ("Seattle", "America/Los_Angeles")],
)
def test_tells_the_time_in_a_zone_or_city(module: ModuleType, place: str, zone: str) -> None:
    assert f"{zone} it is " in module.current_time(place)


def test_says_so_when_it_knows_no_such_zone(module: ModuleType) -> None:
    assert module.current_time("Atlantis") == "I know no timezone or city called Atlantis."
