"""The gateway's own letters (verification, reset, confirmation) and the signed links in them; apart
from the accounts, because a link must prove by itself what it is good for.
"""

from datetime import timedelta
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from msgspec import Struct

from gateway.context import Context
from gateway.identity import accounts_of
from gateway.signatures import is_signed, read_token, sign, write_token
from taskflow.errors import Refused, invalid
from taskflow.mail import Letter, Mail, compose_letter
from taskflow.smtp import send_mail

LINK_LIFETIME = timedelta(hours=24)
RESET_LIFETIME = timedelta(hours=1)
STATE_BYTES = 32

VERIFY_TEXT = """Welcome to TaskFlow.

Please confirm that this is your mail address by opening this link within a day:

{link}

If you did not sign up, ignore this letter.
"""
RESET_TEXT = """Somebody, probably you, asked for a new TaskFlow password.

Choose it here within an hour:

{link}

If it was not you, ignore this letter; your password stays as it is.
"""
CONFIRM_TEXT = """Somebody wants to have their TaskFlow reminders sent to this address.

If that is you, confirm it by opening this link within a day:

{link}

If not, ignore this letter; you will get no other.
"""


class Link(Struct, frozen=True):
    """What a link is about, and the state in which it is good; a changed state makes it void."""

    purpose: str
    subject: UUID
    state: str


def sign_link(context: Context, link: Link, lifetime: timedelta) -> str:
    """A token that proves the link to us, and tells nobody the state."""
    end = context.clock() + lifetime
    state = sign(context, _sealed(link.purpose), link.state.encode()).hex()
    claims = {"sub": str(link.subject), "exp": int(end.timestamp()), "state": state}
    return write_token(context, f"link/{link.purpose}", claims)


def read_subject(context: Context, purpose: str, token: str) -> UUID:
    """What a token is about; whether it is still good, `check_link` says. Raises Refused (422)."""
    return UUID(_read_claims(context, purpose, token)["sub"])


def check_link(context: Context, link: Link, token: str) -> None:
    """Raises Refused (422) unless the token was made for this link in this state."""
    claims = _read_claims(context, link.purpose, token)
    same = _has_state(context, link, str(claims.get("state")))
    if not same or claims["sub"] != str(link.subject):
        raise spent_link()


def spent_link() -> Refused:
    return invalid("token", "is not valid, used or expired; ask for a new letter")


def _read_claims(context: Context, purpose: str, token: str) -> dict[str, str]:
    now = int(context.clock().timestamp())
    registry = jwt.JWTClaimsRegistry(now=now, sub={"essential": True}, exp={"essential": True})
    try:
        claims = read_token(context, f"link/{purpose}", token)
        registry.validate(claims)
    except (JoseError, ValueError) as error:
        raise spent_link() from error
    return claims


def _has_state(context: Context, link: Link, state: str) -> bool:
    try:
        mac = bytes.fromhex(state)
    except ValueError:
        return False
    return is_signed(context, _sealed(link.purpose), link.state.encode(), mac, STATE_BYTES)


def _sealed(purpose: str) -> str:
    return f"link-state/{purpose}"


def send_verification(context: Context, recipient: str, link: Link) -> None:
    """Asks the holder of an account's address to confirm it."""
    url = _write_url(context, "verify", sign_link(context, link, LINK_LIFETIME))
    _send(context, recipient, "Confirm your mail address", VERIFY_TEXT.format(link=url))


def send_reset(context: Context, recipient: str, link: Link) -> None:
    """Lets the holder of an account's address choose a new password."""
    url = _write_url(context, "reset", sign_link(context, link, RESET_LIFETIME))
    _send(context, recipient, "Choose a new password", RESET_TEXT.format(link=url))


def send_confirmation(context: Context, recipient: str, link: Link) -> None:
    """Asks the holder of an address whether reminders may be sent there."""
    token = f"{link.subject}.{sign_link(context, link, LINK_LIFETIME)}"
    url = _write_url(context, "confirm", token)
    _send(context, recipient, "Confirm this address for reminders", CONFIRM_TEXT.format(link=url))


def _write_url(context: Context, purpose: str, token: str) -> str:
    """A link into the page. The token is in the fragment, which no browser sends and no log has."""
    base = context.settings.url or f"http://localhost:{context.settings.port}"
    return f"{base.rstrip('/')}/#{purpose}={token}"


def _send(context: Context, recipient: str, subject: str, words: str) -> None:
    settings = context.settings
    now = context.clock()
    letter = Letter(id=str(uuid4()), subject=f"TaskFlow: {subject}", text=words, written_at=now)
    mail = compose_letter(letter, settings.mail_from, recipient)
    accounts_of(context).background.start(_hand_in(context, mail))


async def _hand_in(context: Context, mail: Mail) -> None:
    await send_mail(mail, context.settings.smtp, context.settings.data / "outbox")
