"""Bearer tokens, signed with a key that lives in the database, so that they outlive a restart."""

import base64
import hashlib
import hmac
import os
import time

from server_under_test.chat import Bearer, Refused
from server_under_test.defects import Defects


class Tokens:
    """A token is ROLE.CLAIM.SIGNATURE, CLAIM being when it was issued and the name; nothing needs to be looked up."""

    def __init__(self, key: bytes, defects: Defects) -> None:
        self._key = key
        self._defects = defects

    def issue(self, bearer: Bearer) -> str:
        said = base64.urlsafe_b64encode(f"{time.time():.3f} {bearer.name}".encode())
        claim = f"{bearer.role}.{said.decode()}"
        return f"{claim}.{self._signature(claim)}"

    def bearer(self, token: object) -> Bearer:
        """Whose token this is. Raises Refused(401) for anything that is not a token of this database."""
        if not token or not isinstance(token, str):
            raise Refused(401, "A token is needed.")
        claim, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signature(claim).encode()):
            raise Refused(401, "The token is not valid here.")
        role, _, said = claim.partition(".")
        issued_s, _, name = base64.urlsafe_b64decode(said).decode().partition(" ")
        bearer = Bearer("agent" if role == "agent" else "widget", name)
        self._check_age(bearer, time.time() - float(issued_s))
        return bearer

    def _check_age(self, bearer: Bearer, age_s: float) -> None:
        ttl_s = self._defects.value("server.token-ttl")
        if 0 < ttl_s < age_s and bearer.role == "widget":
            self._defects.did("server.token-ttl", "connection", bearer.name)
            raise Refused(401, "The token has expired.")

    def _signature(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(errors="replace"), hashlib.sha256).hexdigest()


def check_agent_secret(secret: str) -> None:
    """Agents log in with ENTREGA_AGENT_SECRET; its default, `entrega`, is a secret for tests. Raises Refused(401)."""
    wanted = os.environ.get("ENTREGA_AGENT_SECRET", "entrega")
    if not hmac.compare_digest(secret.encode(errors="replace"), wanted.encode(errors="replace")):
        raise Refused(401, "The agents' secret is not this one.")
