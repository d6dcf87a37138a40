"""Who is asking, and what proves it: bearer tokens, the page's cookie, passwords; apart from the
nouns, because every route asks, and what is remembered between requests must be one thing.
"""

import asyncio
import hashlib
import logging
import unicodedata
from collections import deque
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jws, jwt
from joserfc.errors import JoseError
from msgspec import Struct, field
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError
from sqlalchemy import ARRAY, Column, DateTime, Text, text
from sqlmodel import Field, SQLModel
from starlette.requests import HTTPConnection

from gateway.signatures import ALGORITHM, read_token, write_token
from taskflow.errors import Refused
from taskflow.mail import read_mailbox

if TYPE_CHECKING:
    from gateway.context import Context

ISSUER = "taskflow"
BEARER_AUDIENCE = "taskflow"
COOKIE_AUDIENCE = "taskflow-cookie"
PURPOSE = "jwt"
SKEW = 5
TOKEN_CHARACTERS = 8192
API_TOKEN_PREFIX = "tf_"

# A revoked session, a deleted account, a changed role must stop within 30 s on every gateway.
CACHE_SECONDS = 15
CACHE_SIZE = 10_000

SCOPES = frozenset({"read", "write"})
# Changing the account and its tokens: never with an API token, or a leaked one could make itself
# a successor.
ACCOUNT = "account"
ALL_SCOPES = SCOPES | {ACCOUNT}

SESSION_COOKIE = "__Host-taskflow"
LOCAL_COOKIE = "taskflow"
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

# OWASP's password storage cheat sheet: argon2id, m=47104 KiB, t=1, p=1; about 50 ms.
MEMORY_KIB, PASSES, LANES = 47104, 1, 1
HASHES_AT_ONCE = 2

PERSON_OF_SESSION = """
SELECT u.id, u.email, u.name, u.timezone, u.roles, u.email_verified
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = :id AND s.revoked_at IS NULL AND s.expires_at > :now AND u.deleted_at IS NULL
"""
PERSON_OF_API_TOKEN = """
SELECT u.id, u.email, u.name, u.timezone, u.roles, u.email_verified,
       t.id AS token_id, t.scopes, t.expires_at
FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.hash = :hash AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > :now)
  AND u.deleted_at IS NULL
"""
PERSON = """
SELECT id, email, name, timezone, roles, email_verified FROM users
WHERE id = :id AND deleted_at IS NULL
"""
API_TOKEN_IS_LIVE = """
SELECT 1 FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.id = :id AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > :now)
  AND u.deleted_at IS NULL
"""

log = logging.getLogger("taskflow.gateway")


# --- a person, and what people may write about themselves --------------------------------------


class User(SQLModel, table=True):
    """An account; a deleted one keeps its row until the ledger's window has passed."""

    __tablename__ = "users"

    id: UUID = Field(primary_key=True)
    email: str
    email_key: str
    name: str
    timezone: str
    password_hash: str | None = None
    roles: list[str] = Field(sa_column=Column(ARRAY(Text)))
    email_verified: bool
    oidc_subject: str | None = None
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class UserView(BaseModel):
    """A person as the API shows them."""

    id: UUID
    email: str
    name: str
    timezone: str
    roles: list[str]
    email_verified: bool


class Body(BaseModel):
    """A request's body: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid")


def read_line(given: str) -> str:
    """`given` on one line: NFC, trimmed. Raises for control characters and lone surrogates."""
    line = unicodedata.normalize("NFC", given).strip()
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line):
        raise PydanticCustomError("line", "must be one line without control characters")
    return line


def read_email(given: str) -> str:
    """A bare mail address, its local part as given. Raises for what no letter could reach."""
    line = read_line(given)
    try:
        bare = not read_mailbox(line).display_name and "<" not in line
    except ValueError:
        bare = False
    if not bare or len(line) > 254:
        raise PydanticCustomError("email", "is no mail address: write it like name@example.com")
    return line


Line: TypeAlias = Annotated[str, StringConstraints(max_length=320), AfterValidator(read_line)]
Email: TypeAlias = Annotated[str, StringConstraints(max_length=320), AfterValidator(read_email)]


# --- who is asking -----------------------------------------------------------------------------


class Identity(Struct, frozen=True):
    """Who is asking, and what they may do.

    One of `session_id` and `token_id` is set, or neither: then an outside issuer vouches, until
    `expires_at`.
    """

    user_id: str
    email: str
    name: str
    timezone: str
    roles: frozenset[str]
    scopes: frozenset[str]
    session_id: str | None
    email_verified: bool
    token_id: str | None = None
    expires_at: datetime | None = None


class OutsideIssuer(Protocol):
    """Somebody else whose tokens are believed."""

    async def find_user(self, context: "Context", token: str) -> tuple[UUID, datetime]:
        """The account that a token stands for, and the token's end. Raises Refused (401)."""


class IdentityCache:
    """Who a token stands for, for a few seconds, so that most requests need no crypto or SQL."""

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._size = size
        self._known: dict[str, tuple[Identity, datetime]] = {}

    def get(self, key: str, now: datetime) -> Identity | None:
        known = self._known.get(key)
        return known[0] if known is not None and known[1] > now else None

    def put(self, key: str, identity: Identity, until: datetime) -> None:
        self._known.pop(key, None)
        while len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[key] = identity, until

    def forget(self, user_id: str) -> None:
        """Drops a person's identities here at once; other gateways follow in CACHE_SECONDS."""
        mine = [key for key, (identity, _) in self._known.items() if identity.user_id == user_id]
        for key in mine:
            del self._known[key]


class Passwords:
    """Hashes and checks passwords in threads, a few at once, so that log-ins do not stop the rest.

    A faster `hasher` may be given where nothing is to be protected.
    """

    def __init__(self, hasher: PasswordHash | None = None) -> None:
        self._hasher = hasher or PasswordHash((Argon2Hasher(PASSES, MEMORY_KIB, LANES),))
        self._turns = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is right, and a new hash if the old one is of a weaker kind.

        Without a hash to compare it takes as long as with one: the time must not tell who exists.
        """
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        async with self._turns:
            right, better = await asyncio.to_thread(
                self._hasher.verify_and_update, password, hashed or self._nobody
            )
        return right and hashed is not None, better


class AttemptLimit:
    """At most `limit` attempts of one key in `seconds`; remembered here alone, by this process."""

    def __init__(self, limit: int, seconds: float, size: int = 10_000) -> None:
        self._limit = limit
        self._seconds = seconds
        self._size = size
        self._attempts: dict[str, deque[float]] = {}

    def take(self, key: str, now: datetime) -> None:
        """Counts an attempt. Raises Refused (429) when there were too many."""
        moment = now.timestamp()
        attempts = self._attempts.pop(key, None) or deque()
        while len(self._attempts) >= self._size:
            del self._attempts[next(iter(self._attempts))]
        self._attempts[key] = attempts
        while attempts and attempts[0] <= moment - self._seconds:
            attempts.popleft()
        if len(attempts) >= self._limit:
            raise _too_many(attempts[0] + self._seconds - moment)
        attempts.append(moment)

    def clear(self, key: str) -> None:
        self._attempts.pop(key, None)


def _too_many(wait: float) -> Refused:
    seconds = max(1, round(wait + 0.5))
    detail = f"Too many attempts; try again in {seconds} s."
    return Refused("rate_limited", detail, status=429, headers={"Retry-After": str(seconds)})


class Background:
    """Work that goes on after its request is answered, and that may fail without anybody's loss."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_log_failure(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Waits until all that was started is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


async def _log_failure(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:
        log.warning("work after an answer failed: %s: %s", type(error).__name__, error)


class AccountState(Struct):
    """What the account half of the gateway remembers between requests."""

    outside: OutsideIssuer | None = None
    identities: IdentityCache = field(default_factory=IdentityCache)
    passwords: Passwords = field(default_factory=Passwords)
    log_ins: AttemptLimit = field(default_factory=lambda: AttemptLimit(10, 300))
    letters: AttemptLimit = field(default_factory=lambda: AttemptLimit(5, 3600))
    background: Background = field(default_factory=Background)


def accounts_of(context: "Context") -> AccountState:
    """The state of the application's account half."""
    return context.accounts


# --- tokens ------------------------------------------------------------------------------------


def hash_token(token: str) -> bytes:
    """What the database keeps of a random token; a plain hash, since nobody can guess 256 bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def sign_token(context: "Context", user_id: UUID, session_id: UUID, lifetime: timedelta) -> str:
    """A JWT for the Authorization header."""
    return _sign(context, BEARER_AUDIENCE, user_id, session_id, lifetime)


def sign_cookie(context: "Context", user_id: UUID, session_id: UUID, lifetime: timedelta) -> str:
    """A JWT for the cookie; as a bearer token it is worth nothing, nor the other way round."""
    return _sign(context, COOKIE_AUDIENCE, user_id, session_id, lifetime)


def _sign(
    context: "Context", audience: str, user_id: UUID, session_id: UUID, lifetime: timedelta
) -> str:
    now = context.clock()
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": str(user_id),
        "sid": str(session_id),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    return write_token(context, PURPOSE, claims)


def _read_claims(context: "Context", token: str, audience: str) -> dict[str, Any]:
    registry = jwt.JWTClaimsRegistry(
        now=int(context.clock().timestamp()),
        leeway=SKEW,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        sid={"essential": True},
        exp={"essential": True},
    )
    try:
        claims = read_token(context, PURPOSE, token)
        registry.validate(claims)
    except JoseError as error:
        raise unauthenticated("The token is not valid, or not any more; log in.") from error
    return claims


def unauthenticated(detail: str, *, given: bool = True) -> Refused:
    """A 401 with its challenge (RFC 6750): `given` says that there was a token, but no good one."""
    challenge = 'Bearer realm="taskflow"' + (', error="invalid_token"' if given else "")
    headers = {"WWW-Authenticate": challenge}
    return Refused("unauthenticated", detail, status=401, headers=headers)


# --- from a token to a person ------------------------------------------------------------------


async def identify_token(context: "Context", token: str) -> Identity:
    """Who a bearer token stands for: a session's, an API token, or one of the outside issuer.
    Raises Refused (401)."""
    return await _identify(context, token, BEARER_AUDIENCE)


async def _identify(context: "Context", token: str, audience: str) -> Identity:
    now, identities, key = context.clock(), accounts_of(context).identities, audience + token
    if known := identities.get(key, now):
        return known
    if not token or len(token) > TOKEN_CHARACTERS:
        raise unauthenticated("The token is empty or too long; log in.")
    identity, end = await _recognise(context, token, audience)
    until = now + timedelta(seconds=CACHE_SECONDS)
    identities.put(key, identity, min(end, until) if end else until)
    return identity


async def _recognise(
    context: "Context", token: str, audience: str
) -> tuple[Identity, datetime | None]:
    """The person and the end of the token, if it has one; each way pins its own algorithms."""
    bearer = audience == BEARER_AUDIENCE
    if bearer and token.startswith(API_TOKEN_PREFIX):
        return await _recognise_api_token(context, token)
    outside = accounts_of(context).outside
    if bearer and outside is not None and _algorithm(token) != ALGORITHM:
        return await _recognise_outsider(context, outside, token)
    return await _recognise_session(context, token, audience)


def _algorithm(token: str) -> object:
    try:
        return jws.extract_compact(token.encode()).headers().get("alg")
    except (JoseError, ValueError):
        return None


async def _recognise_session(
    context: "Context", token: str, audience: str
) -> tuple[Identity, datetime]:
    claims = _read_claims(context, token, audience)
    row = await _fetch(context, PERSON_OF_SESSION, id=UUID(claims["sid"]), now=context.clock())
    if row is None or str(row.id) != claims["sub"]:
        raise unauthenticated("The session has ended; log in.")
    end = datetime.fromtimestamp(claims["exp"] + SKEW, context.clock().tzinfo)
    return _make_identity(row, session_id=claims["sid"]), end


async def _recognise_api_token(context: "Context", token: str) -> tuple[Identity, datetime | None]:
    found = {"hash": hash_token(token), "now": context.clock()}
    row = await _fetch(context, PERSON_OF_API_TOKEN, **found)
    if row is None:
        raise unauthenticated("The API token is unknown, revoked or expired; make another.")
    scopes = frozenset(row.scopes)
    return _make_identity(row, scopes=scopes, token_id=str(row.token_id)), row.expires_at


async def _recognise_outsider(
    context: "Context", outside: OutsideIssuer, token: str
) -> tuple[Identity, datetime]:
    user_id, end = await outside.find_user(context, token)
    row = await _fetch(context, PERSON, id=user_id)
    if row is None:
        raise unauthenticated("The account was deleted.")
    return _make_identity(row, expires_at=end), end


async def _fetch(context: "Context", sql: str, **values: object) -> Any:
    async with context.engine.connect() as db:
        return (await db.execute(text(sql), values)).first()


def _make_identity(row: Any, **more: Any) -> Identity:
    return Identity(
        user_id=str(row.id),
        email=row.email,
        name=row.name,
        timezone=row.timezone,
        roles=frozenset(row.roles),
        email_verified=row.email_verified,
        **{"scopes": ALL_SCOPES, "session_id": None, **more},
    )


async def is_live(context: "Context", identity: Identity) -> bool:
    """Whether the session, token and account are still good, asked of the database: for streams,
    which outlive a single look."""
    now = context.clock()
    if identity.expires_at is not None and identity.expires_at <= now:
        return False
    if identity.session_id is not None:
        values = {"id": UUID(identity.session_id), "now": now}
        return await _fetch(context, PERSON_OF_SESSION, **values) is not None
    if identity.token_id is not None:
        values = {"id": UUID(identity.token_id), "now": now}
        return await _fetch(context, API_TOKEN_IS_LIVE, **values) is not None
    return await _fetch(context, PERSON, id=UUID(identity.user_id)) is not None


# --- from a request to a person ----------------------------------------------------------------


async def identify_connection(connection: HTTPConnection) -> Identity:
    """Who sends a request or opens a WebSocket: its Authorization header counts, else its cookie.
    Raises Refused (401, 403)."""
    header = connection.headers.get("authorization")
    if header is None:
        return await identify_cookie(connection)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated("Only Authorization: Bearer is understood.")
    return await identify_token(connection.app.state.context, token.strip())


async def identify_cookie(connection: HTTPConnection) -> Identity:
    """Who the page's cookie stands for, on a request of its own origin alone. Raises Refused."""
    context: Context = connection.app.state.context
    token = connection.cookies.get(cookie_name(connection))
    if token is None:
        raise unauthenticated("Log in, and send Authorization: Bearer <token>.", given=False)
    if not _is_same_origin(connection, context.settings.url):
        detail = "A request with the cookie needs a same-origin Origin or Sec-Fetch-Site."
        raise Refused("forbidden", detail, status=403)
    return await _identify(context, token, COOKIE_AUDIENCE)


def cookie_name(connection: HTTPConnection) -> str:
    """The cookie's name: elsewhere than on http://localhost the browser itself guards it."""
    return LOCAL_COOKIE if is_local(connection) else SESSION_COOKIE


def is_local(connection: HTTPConnection) -> bool:
    """Whether this is http://localhost, where a cookie cannot be Secure."""
    url = connection.url
    return url.scheme in ("http", "ws") and url.hostname in LOCAL_HOSTS


def _is_same_origin(connection: HTTPConnection, url: str) -> bool:
    if connection.headers.get("sec-fetch-site") == "same-origin":
        return True
    scheme = connection.url.scheme.replace("ws", "http")
    own = {f"{scheme}://{connection.url.netloc}".lower()}
    if url:
        parts = urlsplit(url)
        own.add(f"{parts.scheme}://{parts.netloc}".lower())
    return connection.headers.get("origin", "").lower() in own


_DOCUMENTED = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A JWT of a log-in or of the outside OpenID issuer, or an API token (`tf_...`). "
    "An API token has scopes: `read` for GET, `write` for all else; with none of them can "
    "accounts, sessions and tokens be administered.",
)


async def identify(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_DOCUMENTED)],
) -> Identity:
    """The dependency of every route that needs to know who is asking."""
    identity = await identify_connection(request)
    require(identity, "read" if request.method in ("GET", "HEAD") else "write")
    return identity


Who: TypeAlias = Annotated[Identity, Depends(identify)]


def require(identity: Identity, name: str) -> None:
    """Raises Refused (403) for a person who has neither a role nor a scope of this name."""
    if name not in identity.roles and name not in identity.scopes:
        kind = "scope" if name in ALL_SCOPES else "role"
        raise Refused("forbidden", f"This needs the {kind} {name}.", status=403)


async def identify_holder(identity: Who) -> Identity:
    """The dependency of routes that administer the account: not with an API token."""
    require(identity, ACCOUNT)
    return identity


Holder: TypeAlias = Annotated[Identity, Depends(identify_holder)]


async def identify_admin(identity: Holder) -> Identity:
    """The dependency of routes that administer other people's accounts."""
    require(identity, "admin")
    return identity


Admin: TypeAlias = Annotated[Identity, Depends(identify_admin)]
