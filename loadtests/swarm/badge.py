"""A party's credentials: its token, in the places that the target names, and the cookies that it was given."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from loadtests.target import Auth


@dataclass(slots=True)
class Badge:
    """`token` None: there is none. Token and cookies may change while they are in use."""

    auth: Auth
    token: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def keep(self, set_cookies: Iterable[str]) -> None:
        """The values of Set-Cookie headers, which go with all that is asked later. They are this one server's."""
        for text in set_cookies:
            try:
                self.cookies.update((name, morsel.value) for name, morsel in SimpleCookie(text).items())
            except CookieError:
                continue  # a browser leaves out what is no cookie as well

    def headers(self) -> dict[str, str]:
        """Of a REST request."""
        return self._authorization() | self._cookie()

    def handshake_headers(self) -> dict[str, str]:
        return (self._authorization() if self.auth.handshake else {}) | self._cookie()

    def query(self) -> dict[str, str]:
        """Of a handshake."""
        return {self.auth.query: self.token} if self.auth.query and self.token else {}

    def in_connect(self) -> dict[str, Any]:
        """The socket's `auth`."""
        return {self.auth.socket: self.token} if self.auth.socket and self.token else {}

    def _authorization(self) -> dict[str, str]:
        if not self.token or not self.auth.header:
            return {}
        return {self.auth.header: f"{self.auth.scheme} {self.token}".lstrip()}

    def _cookie(self) -> dict[str, str]:
        cookies = self.cookies
        if self.auth.cookie and self.token:
            cookies = {**cookies, self.auth.cookie: self.token}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
