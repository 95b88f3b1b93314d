"""Bearer tokens, signed with a key that lives in the database, so that they outlive a restart."""

import base64
import hashlib
import hmac
import os

from server_under_test.chat import Bearer, Refused


class Tokens:
    """A token is ROLE.NAME.SIGNATURE; nothing needs to be looked up to read one."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, bearer: Bearer) -> str:
        claim = f"{bearer.role}.{base64.urlsafe_b64encode(bearer.name.encode()).decode()}"
        return f"{claim}.{self._signature(claim)}"

    def bearer(self, token: object) -> Bearer:
        """Whose token this is. Raises Refused(401) for anything that is not a token of this database."""
        if not token or not isinstance(token, str):
            raise Refused(401, "A token is needed.")
        claim, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signature(claim).encode()):
            raise Refused(401, "The token is not valid here.")
        role, _, name = claim.partition(".")
        return Bearer("agent" if role == "agent" else "widget", base64.urlsafe_b64decode(name).decode())

    def _signature(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(errors="replace"), hashlib.sha256).hexdigest()


def check_agent_secret(secret: str) -> None:
    """Agents log in with ENTREGA_AGENT_SECRET; its default, `entrega`, is a secret for tests. Raises Refused(401)."""
    wanted = os.environ.get("ENTREGA_AGENT_SECRET", "entrega")
    if not hmac.compare_digest(secret.encode(errors="replace"), wanted.encode(errors="replace")):
        raise Refused(401, "The agents' secret is not this one.")
