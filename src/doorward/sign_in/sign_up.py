"""GET and POST /signup: anybody may make an account. Only there when `open_sign_up` is set; without it the routes do
not exist. Refuses more than `attempts` accounts per address and window."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from doorward.errors import Conflict, InvalidInput, TooManyRequests
from doorward.http.request import Request
from doorward.http.response import Response, redirect
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.authorization import CARRIED
from doorward.sign_in.cookies import FormTokens, Header, ProviderSessions
from doorward.sign_in.guesses import Guesses
from doorward.sign_in.login import origin_of, same_site
from doorward.sign_in.rendering import Form, Pages
from doorward.sign_in.verdicts import Verdicts

SIGN_UP_FORM = (*CARRIED, "username", "email", "password", "csrf")


class SignUpParts(Struct, frozen=True, kw_only=True):
    """What the page needs. `makers` counts the accounts made per address."""

    accounts: Accounts
    sessions: ProviderSessions
    forms: FormTokens
    makers: Guesses
    pages: Pages
    verdicts: Verdicts
    issuer: str


class SignUp:
    """The page that makes an account, and then goes on with the sign-in that led to it."""

    def __init__(self, parts: SignUpParts) -> None:
        self._parts = parts
        self._origin = origin_of(parts.issuer)

    async def show(self, request: Request) -> Response:
        """The empty form."""
        return self._page(request, _carried(request.query()))

    async def submit(self, request: Request) -> Response:
        """Make the account, sign in, go on."""
        form = request.form
        carried = _carried(form)
        if not same_site(request, self._origin) or not self._parts.forms.holds(
            request, _purpose(carried), form.get("csrf", "")
        ):
            self._parts.verdicts.deny(request, "sign_up", "form_token")
            return self._page(request, carried, error="This form has expired. Please try again.", status=403)
        try:
            self._parts.makers.start("", request.address)
            account = await self._parts.accounts.make(
                form.get("username", ""), form.get("password", ""), email=form.get("email", "")
            )
            self._parts.verdicts.allow(request, "sign_up", subject=account.subject)
            await self._parts.accounts.keep(account)
        except TooManyRequests as error:
            self._parts.verdicts.deny(request, "sign_up", error.code)
            wait = (b"retry-after", str(max(1, round(error.retry_after))).encode())
            return self._page(request, carried, error="Too many. Please wait.", status=429, headers=(wait,))
        except (InvalidInput, Conflict) as error:
            self._parts.verdicts.deny(request, "sign_up", error.code)
            return self._page(request, carried, error=error.message, status=error.status)
        await self._parts.sessions.end(request)
        _, cookie = self._parts.sessions.begin(account)
        headers = [cookie, self._parts.forms.clear()]
        if not carried:
            return self._parts.pages.message("Account created", "You can sign in now.", headers=headers)
        return redirect(f"/oauth2/authorize?{urlencode(carried)}", headers=headers)

    def _page(
        self,
        request: Request,
        carried: dict[str, str],
        *,
        error: str = "",
        status: int = 200,
        headers: tuple[Header, ...] = (),
    ) -> Response:
        token, cookies = self._parts.forms.issue(request, _purpose(carried))
        form = Form(
            template="sign_up",
            title="Create an account",
            hidden={**carried, "csrf": token},
            fields={"username": "", "email": ""},
            error=error,
        )
        return self._parts.pages.form(form, status=status, headers=[*cookies, *headers])


def _carried(params: Mapping[str, str]) -> dict[str, str]:
    return {name: params[name] for name in CARRIED if name in params}


def _purpose(carried: dict[str, str]) -> str:
    return "sign_up" + msgspec.json.encode(carried, order="sorted").decode()
