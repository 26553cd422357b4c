"""An agent that knows the time and the weather (United States). The model comes from outside."""

import re
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import httpx
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langgraph.types import Checkpointer

WEATHER = "https://api.weather.gov"  # free and public: the US National Weather Service
HEADERS = {"User-Agent": "hello-agent-example", "Accept": "application/geo+json"}
CITIES = {
    "boston": ("42.3601,-71.0589", "America/New_York"),
    "chicago": ("41.8781,-87.6298", "America/Chicago"),
    "new york": ("40.7128,-74.0060", "America/New_York"),
    "san francisco": ("37.7749,-122.4194", "America/Los_Angeles"),
    "seattle": ("47.6062,-122.3321", "America/Los_Angeles"),
}
zones = cache(lambda: sorted(available_timezones()))


def current_time(timezone: str = "UTC") -> str:
    """Tell the current date and time in a timezone or city, such as UTC, Europe/Berlin, Tokyo or Seattle."""
    wanted = CITIES.get(timezone.strip().lower(), ("", timezone))[1].strip().lower().replace(" ", "_")
    found = [zone for zone in zones() if wanted in (zone.lower(), zone.split("/")[-1].lower())]
    if not found:
        return f"I know no timezone or city called {timezone}."
    return f"In {found[0]} it is {datetime.now(ZoneInfo(found[0])):%H:%M on %A, %d %B %Y}."


def weather(place: str) -> str:
    """Tell the weather in a US city, or at a point in the United States given as 'latitude,longitude'."""
    point = CITIES.get(place.strip().lower(), (place.replace(" ", ""), ""))[0]
    if not re.fullmatch(r"-?\d{1,2}(\.\d+)?,-?\d{1,3}(\.\d+)?", point):
        return f"I have no coordinates for {place}. I know {', '.join(CITIES).title()}, or a point latitude,longitude."
    try:
        forecast = fetch(f"{WEATHER}/points/{point}")["properties"]["forecast"]
        now = fetch(forecast)["properties"]["periods"][0]
        return f"{now['name']} in {place}: {now['detailedForecast']}"
    except (httpx.HTTPError, httpx.InvalidURL, LookupError, TypeError, ValueError):
        return f"The National Weather Service could not be asked about {place}; I do not know the weather there."


def fetch(url: str) -> dict[str, Any]:
    """JSON from the weather service and nobody else, even if one of its answers names another address."""
    if not str(url).startswith(f"{WEATHER}/"):
        raise ValueError("not an address of the weather service")
    answer: dict[str, Any] = httpx.get(url, headers=HEADERS, timeout=5).raise_for_status().json()
    return answer


def agent(model: BaseChatModel, checkpointer: Checkpointer = None) -> Runnable[Any, Any]:
    """Put the agent together. Whoever runs it chooses the model and where conversations are remembered."""
    prompt = "You tell the time and the weather. Use the tools; say so when you do not know."
    return create_agent(model, tools=[current_time, weather], system_prompt=prompt, checkpointer=checkpointer)
