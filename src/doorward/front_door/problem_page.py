"""A problem as a page, for a person who followed a link or came back from an issuer. Programs, and the built-in page
with its own requests, do not ask for HTML and get `application/problem+json`."""

from html import escape

import msgspec

from doorward.front_door.visit import Visit
from doorward.http.response import Problem, Response

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Doorward</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/index.css">
</head>
<body>
<main class="alone">
<h1>{title}</h1>
<p>{detail}</p>
<a class="button primary" href="/">Go to the start</a>
<p class="small-print">{code}, request {request_id}</p>
</main>
</body>
</html>
"""
# INVARIANT (AP-TOL-11): nothing on it runs, is sent or is framed, whatever a sentence holds.
_POLICY = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def as_page(visit: Visit, response: Response) -> Response:
    """`response`, or when it is a problem and a browser navigates (it puts ``text/html`` first): the same as HTML, with
    the same status and headers."""
    wanted = visit.headers.get("accept", "").partition(",")[0].partition(";")[0].strip().lower()
    if visit.method != "GET" or wanted != "text/html" or not _is_problem(response):
        return response
    told = msgspec.json.decode(response.body, type=Problem)
    page = _PAGE.format(
        title=escape(told.title), detail=escape(told.detail), code=escape(told.code), request_id=escape(told.request_id)
    )
    kept = [field for field in response.headers if field[0] != b"content-type"]
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY), *kept]
    return Response(status=response.status, headers=[*headers, (b"vary", b"accept")], body=page.encode())


def _is_problem(response: Response) -> bool:
    return (b"content-type", b"application/problem+json") in response.headers
