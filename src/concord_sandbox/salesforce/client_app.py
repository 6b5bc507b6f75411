"""The app that an admin registered for OAuth clients, and whom it lets in by a signed assertion.

May not know HTTP or tokens. The app's id and secret stand in the section itself (`models`); key `oauth` of a world:

    jwt_certificates        ["-----BEGIN …"]: PEM of X.509 certificates or public keys of the JWT bearer flow
    jwt_private_key         PEM of the key that `GET oauth/key` gave, whose public half counts as one of those
    jwt_users               usernames of the users that are pre-authorised; left out: the integration user's alone
    redirect_uris           where the web-server flow may send a code; left out: anywhere
    refresh_token_rotation  whether a refresh token is good once only (false)
"""

from __future__ import annotations

from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import TokenRefusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.tables import Row

_PRODUCTION, _SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"
#: How far ahead an assertion may end (api/salesforce.md 2.2), and how wrong the client's clock may be.
_LONGEST_SECONDS = 180
_SKEW_SECONDS = 30
_KEY_BITS = 2048
_MOST_DIGITS = 20
_KEYS = ("jwt_certificates", "jwt_private_key", "jwt_users", "redirect_uris", "refresh_token_rotation")


class ClientApp(Part[Org]):
    """GET oauth/key: a private key that signs good assertions, made when first asked for, with the claims they need:
    {"private_key": PEM, "iss", "sub", "aud"}."""

    section = "oauth"
    verbs: ClassVar = {"GET oauth/key": "key"}

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        given = given or {}
        if unknown := given.keys() - set(_KEYS):
            raise ValueError(f"oauth has no key {', '.join(sorted(unknown))}")
        self._certificates = _texts(given, "jwt_certificates") or []
        self._public = [_public_key(one) for one in self._certificates]
        self._users = _texts(given, "jwt_users")
        self._redirects = _texts(given, "redirect_uris")
        self.rotates = bool(given.get("refresh_token_rotation", False))
        self._private: str | None = None
        if given.get("jwt_private_key") is not None:
            self._take(given["jwt_private_key"])

    def save(self) -> Any:
        made = {
            "jwt_certificates": self._certificates or None,
            "jwt_private_key": self._private,
            "jwt_users": self._users,
            "redirect_uris": self._redirects,
            "refresh_token_rotation": self.rotates or None,
        }
        return {key: value for key, value in made.items() if value is not None} or None

    def key(self, _: dict[str, Any]) -> dict[str, Any]:
        """What a client signs JWTs with: "private_key" (PEM) and the claims "iss", "sub" and "aud"."""
        if self._private is None:
            made = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
            no_password = serialization.NoEncryption()
            pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
            self._take(pem.decode())
        identity = self.owner.identity
        return {
            "private_key": self._private,
            "iss": identity.client_id,
            "sub": self.username(identity.integration_user_id),
            "aud": self.audience(),
        }

    def _take(self, pem: str) -> None:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("oauth: jwt_private_key is no RSA key")
        self._private = pem
        self._public.append(key.public_key())

    def username(self, user_id: str) -> str | None:
        row = self.owner.row(user_id) or {}
        name: str | None = row.get("Username")
        return name

    def user(self, username: object) -> Row | None:
        """The user of that name, whatever its case."""
        users = self.owner.tables["user"]
        field = users.kind.field("Username")
        found = users.find(field, username) if field is not None and isinstance(username, str) else []
        return users.rows[found[0]] if found else None

    def audience(self) -> str:
        """The login host that assertions for this org name."""
        organisation = self.owner.row(self.owner.identity.organisation_id) or {}
        return _SANDBOX if organisation.get("IsSandbox") else _PRODUCTION

    def redirects_to(self, uri: str) -> bool:
        return self._redirects is None or uri in self._redirects

    def asserted(self, assertion: str, own_url: str) -> str:
        """The id of the user that an assertion of the JWT bearer flow speaks for. Raises TokenRefusal."""
        bad = TokenRefusal("invalid_grant", "invalid assertion")
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise bad from None
        identity, now = self.owner.identity, self.owner.controls.clock.now().timestamp()
        if claims.get("iss") != identity.client_id:
            raise TokenRefusal("invalid_client_id", "client identifier invalid")
        if not any(_signed_by(assertion, one) for one in self._public):
            raise bad
        if claims.get("aud") not in [one for one in (self.audience(), own_url, identity.my_domain) if one]:
            raise TokenRefusal("invalid_grant", "audience is invalid")
        end = _seconds(claims.get("exp"))
        if end is None or not end <= now + _LONGEST_SECONDS + _SKEW_SECONDS:
            raise bad  # also for what is no number at all, which compares with nothing
        if end + _SKEW_SECONDS <= now:
            raise TokenRefusal("invalid_grant", "expired authorization code")
        user = self.user(claims.get("sub"))
        allowed = self._users if self._users is not None else [self.username(identity.integration_user_id)]
        if user is None or str(user["Username"]).lower() not in {str(one).lower() for one in allowed}:
            raise TokenRefusal("invalid_grant", "user hasn't approved this consumer")
        if not user.get("IsActive"):
            raise TokenRefusal("invalid_grant", "inactive user")
        return str(user["Id"])


def _seconds(given: Any) -> float | None:
    """A time in a claim. Some clients (simple-salesforce) write it as a text of digits, and are let in."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < _MOST_DIGITS:
        return float(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < 10**_MOST_DIGITS:
        return None
    return float(given)


def _texts(given: dict[str, Any], key: str) -> list[str] | None:
    listed = given.get(key)
    if listed is not None and not (isinstance(listed, list) and all(isinstance(one, str) for one in listed)):
        raise ValueError(f"oauth: {key} is a list of texts")
    return None if listed is None else list(listed)


def _public_key(pem: str) -> rsa.RSAPublicKey:
    """The RSA key of a certificate or public key. Raises ValueError."""
    data = pem.encode()
    certified = "CERTIFICATE" in pem
    key = load_pem_x509_certificate(data).public_key() if certified else serialization.load_pem_public_key(data)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("oauth: jwt_certificates takes certificates and public keys of RSA")
    return key


def _signed_by(assertion: str, key: rsa.RSAPublicKey) -> bool:
    """Whether that key signed it with RS256; its times are judged by the sandbox's own clock, not here."""
    unjudged = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
    try:
        jwt.decode(assertion, key, algorithms=["RS256"], options=unjudged)  # type: ignore[arg-type]
    except jwt.PyJWTError:
        return False
    return True
