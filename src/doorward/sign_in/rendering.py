"""The pages of the sign-in. Endpoints call it with plain text; everything that goes in is escaped."""

import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import urlsplit

from msgspec import Struct

from doorward.http.request import Request
from doorward.http.response import Response

Header = tuple[bytes, bytes]
_CSP_SOURCE = re.compile(r"[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.\[\]:_-]+)?")


class Form(Struct, frozen=True, kw_only=True):
    """What a form page shows, as plain text: `hidden` go along with the form, `fields` fill its inputs, `link` is an
    address and its words."""

    template: str
    title: str
    hidden: dict[str, str]
    fields: dict[str, str]
    error: str = ""
    link: tuple[str, str] | None = None


class Pages:
    """Reads the templates once. No page has a script; none may be framed, cached or sniffed."""

    def __init__(self) -> None:
        folder = files("doorward.sign_in") / "pages"
        names = ("frame", "sign_in", "sign_up", "message")
        self._templates = {name: Template((folder / f"{name}.html").read_text("utf-8")) for name in names}
        self._style = (folder / "sign-in.css").read_bytes()

    async def style(self, _request: Request) -> Response:
        """``/sign-in.css``."""
        headers = [(b"content-type", b"text/css; charset=utf-8"), (b"cache-control", b"public, max-age=3600")]
        return Response(headers=headers, body=self._style)

    def form(self, form: Form, *, status: int = 200, headers: Iterable[Header] = ()) -> Response:
        """A form page."""
        hidden = "\n".join(
            f'<input type="hidden" name="{escape(key)}" value="{escape(value)}">' for key, value in form.hidden.items()
        )
        alert = f'<p class="error" role="alert">{escape(form.error)}</p>' if form.error else ""
        link = f'<p><a href="{escape(form.link[0])}">{escape(form.link[1])}</a></p>' if form.link else ""
        values = {key: escape(value) for key, value in form.fields.items()}
        body = self._templates[form.template].substitute(values, hidden=hidden, alert=alert, link=link)
        target = form.hidden.get("redirect_uri")
        return self._page(form.title, body, status=status, headers=[*_page_headers(target), *headers])

    def message(self, title: str, text: str, *, status: int = 200, headers: Iterable[Header] = ()) -> Response:
        """A page that only says something."""
        body = self._templates["message"].substitute(title=escape(title), text=escape(text))
        return self._page(title, body, status=status, headers=[*_page_headers(None), *headers])

    def _page(self, title: str, body: str, *, status: int, headers: list[Header]) -> Response:
        html = self._templates["frame"].substitute(title=escape(title), body=body)
        return Response(status=status, headers=headers, body=html.encode())


def _page_headers(target: str | None) -> list[Header]:
    # Chromium holds form-action against redirects too, so the place that the form ends at must be in it.
    form_action = " ".join(["'self'", *([source] if (source := _origin(target)) else [])])
    policy = f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {form_action}"
    return [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", policy.encode()),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        # Nothing leaves for other sites. With "no-referrer" browsers would send "Origin: null" with our own form.
        (b"referrer-policy", b"same-origin"),
    ]


def _origin(uri: str | None) -> str | None:
    """The CSP source of a registered redirect URI: its origin, or the scheme of an app's own."""
    if not uri:
        return None
    parts = urlsplit(uri)
    source = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return source if _CSP_SOURCE.fullmatch(source) else None
