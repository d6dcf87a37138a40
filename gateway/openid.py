"""Tokens of an outside OpenID issuer: its keys, the checks on its tokens, and which account each
stands for; apart from our own tokens, because here others say who somebody is.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from pydantic_core import PydanticCustomError
from sqlalchemy import text
from sqlmodel import col

from gateway.accounts import add_user, find_user, find_user_by_email
from gateway.context import Context
from gateway.identity import User, read_email, unauthenticated
from gateway.outbox import Writing, announcing
from gateway.sessions import revoke_sessions
from taskflow.errors import Refused
from taskflow.events import AccountUpdated
from taskflow.mail import email_key, flatten_line
from taskflow.settings import Settings

if TYPE_CHECKING:
    import httpx

ALGORITHMS = ["RS256", "ES256", "PS256"]
SKEW = 10
KEYS_LAST = timedelta(hours=1)
FETCH_AT_MOST_EVERY = timedelta(seconds=10)
FETCH_SECONDS = 5.0
# What a document of the wrong shape raises while it is taken apart.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError)

DELETED = "SELECT deleted_at FROM users WHERE oidc_subject = :subject AND deleted_at IS NOT NULL"
RELEASE = "UPDATE users SET oidc_subject = NULL WHERE oidc_subject = :subject"
LINK = """
UPDATE users SET oidc_subject = :subject, email_verified = true,
    password_hash = CASE WHEN email_verified THEN password_hash END
WHERE id = :id AND oidc_subject IS NULL AND deleted_at IS NULL
"""
REVOKE_API_TOKENS = """
UPDATE api_tokens SET revoked_at = :now WHERE user_id = :id AND revoked_at IS NULL
"""

log = logging.getLogger("taskflow.gateway")


def open_issuer(settings: Settings) -> "OpenIdIssuer | None":
    """The outside issuer that the settings name, if they do."""
    if not settings.oidc_issuer:
        return None
    return OpenIdIssuer(settings.oidc_issuer, settings.oidc_audience)


class OpenIdIssuer:
    """Checks the tokens of one issuer and finds the accounts of its people."""

    def __init__(self, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = IssuerKeys(issuer)

    async def find_user(self, context: Context, token: str) -> tuple[UUID, datetime]:
        """The account that a token stands for, made or linked if need be, and the token's end.
        Raises Refused (401; 403 for an address that cannot be linked)."""
        claims = await self._read_claims(token, context.clock())
        end = datetime.fromtimestamp(claims["exp"], UTC) + timedelta(seconds=SKEW)
        subject = f"{self._issuer}|{claims['sub']}"
        async with context.engine.connect() as db:
            user = await find_user(db, col(User.oidc_subject) == subject)
        if user is None:
            user = await _admit(context, subject, claims)
        return user.id, end

    async def _read_claims(self, token: str, now: datetime) -> dict[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=SKEW,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            key = await self._keys.find(jws.extract_compact(token.encode()).headers(), now)
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise unauthenticated("The issuer's token is not valid, or not any more.") from error
        return claims


class IssuerKeys:
    """The issuer's public keys, by key id; an unknown id makes them be read again, but not often:
    anybody can make up a key id."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: dict[str | None, Key] = {}
        self._asked_at: datetime | None = None
        self._turn = asyncio.Lock()

    async def find(self, header: dict[str, Any], now: datetime) -> Key:
        """The key that a token's header names. Raises Refused (401)."""
        kid = header.get("kid")
        if self._is_due(kid, now):
            async with self._turn:
                if self._is_due(kid, now):
                    await self._read_again(now)
        keys = [k for name, k in self._keys.items() if name == kid or kid is None]
        if len(keys) != 1:
            raise unauthenticated("The issuer has no such key, or cannot be asked now.")
        return keys[0]

    def _is_due(self, kid: object, now: datetime) -> bool:
        if self._asked_at is None:
            return True
        age = now - self._asked_at
        missing = not self._keys if kid is None else kid not in self._keys
        return age >= (FETCH_AT_MOST_EVERY if missing else KEYS_LAST)

    async def _read_again(self, now: datetime) -> None:
        """What cannot be read leaves the keys as they were: an outage there is none here."""
        import httpx

        try:
            self._keys = await fetch_keys(self._issuer)
        except (httpx.HTTPError, *MALFORMED) as error:
            log.warning("the keys of %s cannot be read: %s", self._issuer, error)
        finally:
            # Afterwards, so that whoever comes meanwhile waits for these keys.
            self._asked_at = now


async def fetch_keys(issuer: str) -> dict[str | None, Key]:
    """The signing keys of an issuer (OpenID Connect Discovery 1.0, RFC 7517). Raises ValueError for
    an issuer that calls itself otherwise."""
    # Loaded by who has an outside issuer: it would be a tenth of every gateway's start.
    import httpx

    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as http:
        found = await _get(http, issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found["issuer"] != issuer:
            raise ValueError(f"it calls itself {found['issuer']!r}")
        keys = await _get(http, found["jwks_uri"])
    signing = [one for one in keys["keys"] if one.get("use", "sig") == "sig"]
    return {one.get("kid"): key for one in signing if (key := _read_key(one)) is not None}


async def _get(http: "httpx.AsyncClient", url: str) -> Any:
    answer = await http.get(url)
    answer.raise_for_status()
    return answer.json()


def _read_key(given: dict[str, Any]) -> Key | None:
    """RFC 7517, section 5: keys of a kind that is not understood are ignored."""
    if given.get("kty") not in ("RSA", "EC"):
        return None
    try:
        return JWKRegistry.import_key(given)
    except (JoseError, *MALFORMED):
        return None


# --- from a subject to an account --------------------------------------------------------------


async def _admit(context: Context, subject: str, claims: dict[str, Any]) -> User:
    """Somebody who comes from there for the first time: by a verified address they are who they
    were here, else they are new."""
    async with announcing(context) as writing:
        await _require_leave(writing, subject, claims)
        email = _read_address(claims)
        known = await find_user_by_email(writing.db, email)
        if known is not None:
            return await _link(writing, known, subject, claims)
        user = _make_user(writing, email, subject, claims)
        if await add_user(writing, user):
            return user
        mine = await find_user(writing.db, col(User.oidc_subject) == subject)
    if mine is None:
        raise unauthenticated("The account was made meanwhile; try again.")
    return mine


async def _require_leave(writing: Writing, subject: str, claims: dict[str, Any]) -> None:
    """A token from before its account was deleted must not make it anew; a later log-in may."""
    values = {"subject": subject}
    deleted_at = (await writing.db.execute(text(DELETED), values)).scalar()
    if deleted_at is None:
        return
    if claims.get("iat", 0) <= deleted_at.timestamp():
        raise unauthenticated("The account was deleted.")
    await writing.db.execute(text(RELEASE), values)


def _read_address(claims: dict[str, Any]) -> str:
    try:
        return read_email(str(claims.get("email") or ""))
    except PydanticCustomError as error:
        detail = "The issuer's token has no e-mail address; ask for the scope email."
        raise Refused("forbidden", detail, status=403) from error


async def _link(writing: Writing, user: User, subject: str, claims: dict[str, Any]) -> User:
    """Makes the account theirs. If nobody had proved its address, whoever made it loses their way
    in: they may have waited for just this person."""
    if user.oidc_subject == subject:
        # Another of this person's first requests was faster.
        return user
    if claims.get("email_verified") is not True:
        detail = "The address has an account here, and the issuer has not verified it: log in here."
        raise Refused("forbidden", detail, status=403)
    done = await writing.db.execute(text(LINK), {"id": user.id, "subject": subject})
    if not done.rowcount:
        if await find_user(writing.db, col(User.oidc_subject) == subject):
            return user
        detail = "The address has an account of somebody else at the issuer."
        raise Refused("forbidden", detail, status=403)
    if not user.email_verified:
        await revoke_sessions(writing, user.id)
        values = {"id": user.id, "now": writing.now}
        await writing.db.execute(text(REVOKE_API_TOKENS), values)
    writing.announce(
        AccountUpdated(
            user_id=str(user.id),
            actor_id=str(user.id),
            timestamp=writing.now,
            detail={"changed": ["oidc_subject"]},
        )
    )
    return user


def _make_user(writing: Writing, email: str, subject: str, claims: dict[str, Any]) -> User:
    verified = claims.get("email_verified") is True
    name = str(claims.get("name") or "")
    return User(
        id=uuid4(),
        email=email,
        email_key=email_key(email),
        name=flatten_line(name)[:200],
        timezone="UTC",
        roles=["user"],
        email_verified=verified or not writing.context.settings.verify,
        oidc_subject=subject,
        created_at=writing.now,
    )
