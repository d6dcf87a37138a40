"""What only the person at the host may do: give roles, prove the record, publish again."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn
from uuid import uuid4

import asyncpg
import typer

from local.place import find_audit_secrets, find_database, find_kafka
from taskflow.errors import Refused, Unavailable
from taskflow.events import RolesChanged, new_event
from taskflow.mail import email_key
from taskflow.publish import KafkaPublisher
from taskflow.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Give roles to people.")
audit_app = typer.Typer(
    no_args_is_help=True, help="Prove that the record was not edited, and hold it."
)

ROLES = ("user", "auditor", "admin")

GRANT = """
UPDATE users SET roles = ARRAY(SELECT DISTINCT unnest(roles || $2::text) ORDER BY 1)
WHERE email_key = $1 AND deleted_at IS NULL
RETURNING id::text, roles
"""


@app.command()
def grant(email: str, role: str) -> None:
    """Give EMAIL the role user, auditor or admin."""
    if role not in ROLES:
        _fail(f"{role!r} is no role: there are {', '.join(ROLES)}")
    roles = asyncio.run(_grant(read_settings(), email, role))
    typer.echo(f"{email}: {', '.join(roles)}")


async def _grant(settings: Settings, email: str, role: str) -> list[str]:
    db = await asyncpg.connect(find_database(settings))
    try:
        row = await db.fetchrow(GRANT, email_key(email), role)
    finally:
        await db.close()
    if row is None:
        _fail(f"Nobody has the address {email}: sign up first")
    await _announce(settings, row["id"], list(row["roles"]))
    return list(row["roles"])


async def _announce(settings: Settings, user_id: str, roles: list[str]) -> None:
    now = datetime.now(UTC)
    detail = {"roles": roles, "by": "the host"}
    fact = RolesChanged(user_id=user_id, actor_id=user_id, timestamp=now, detail=detail)
    event = new_event(fact, id=str(uuid4()), source="host", time=now)
    publisher = KafkaPublisher(find_kafka(settings))
    try:
        if await publisher.publish(fact.topic, [event]):
            _fail("The role was given, but the log did not take the record of it: say it again")
    finally:
        await publisher.close()


@audit_app.command()
def verify() -> None:
    """Check the chain, its seals, and that every change has its entry."""
    from local.audit import verify as look

    settings = read_settings()
    verdict = asyncio.run(
        look(
            find_database(settings),
            find_kafka(settings),
            find_audit_secrets(settings),
            settings.kafka_tls,
        )
    )
    typer.echo(
        f"{verdict.entries} entries proved, {verdict.erased} erased texts, {verdict.seals} seals,"
        f" {verdict.events} events of the ledger"
    )
    for one in verdict.restored:
        typer.echo(
            f"The database was set back at {one.at:%Y-%m-%d %H:%M:%S} UTC: what follows entry"
            f" {one.seq} was written anew; before, the chain went on to entry {one.lost_seq}."
        )
    if verdict.fault is not None:
        if verdict.fault.unproved:
            _fail(f"NOT PROVED: {verdict.fault.reason}")
        trace = f" (trace {verdict.fault.trace_id})" if verdict.fault.trace_id else ""
        _fail(f"FAULT at entry {verdict.fault.seq}: {verdict.fault.reason}{trace}")
    since = ", but for what was set back" if verdict.restored else ""
    typer.secho(f"The record is whole and unedited{since}.", fg="green")


@audit_app.command()
def hold(email: str, reason: Annotated[str, typer.Option(help="why, for the record")]) -> None:
    """Keep everything of EMAIL (or of an account's id), whatever the retention says."""
    from local.holds import place_hold

    _settle(place_hold(find_database(read_settings()), email, reason))
    typer.echo(f"{email} is on hold")


@audit_app.command()
def release(email: str) -> None:
    """End the hold of EMAIL (or of an account's id)."""
    from local.holds import lift_hold

    _settle(lift_hold(find_database(read_settings()), email))
    typer.echo(f"{email} is on hold no longer")


def _settle(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except Refused as refused:
        _fail(refused.detail)


def replay_events(
    hours: Annotated[float, typer.Option(help="how far back", min=0)] = 1.0,
) -> None:
    """Publish again what PostgreSQL says was emitted (after the loss of Kafka)."""
    typer.echo(f"{asyncio.run(_replay(read_settings(), hours))} events published again")


def recover_after_restore(
    margin_hours: Annotated[
        float, typer.Option(help="how far before that point functions read again", min=0)
    ] = 1.0,
    cluster: Annotated[
        bool, typer.Option(help="write_task is run by the cluster, not by this command")
    ] = False,
) -> None:
    """Bring PostgreSQL, which was set back in time, up to what Kafka knows; send nothing twice."""
    from local.catch_up import recover_beside
    from local.process import AlreadyRunning, StartFailed

    if cluster:
        run = recover_beside
    else:
        from local.write_alone import recover_here as run
    try:
        asyncio.run(run(read_settings(), timedelta(hours=margin_hours), typer.echo))
    except (Unavailable, AlreadyRunning, StartFailed) as error:
        _fail(str(error))


async def _replay(settings: Settings, hours: float) -> int:
    from local.replay import replay

    publisher = KafkaPublisher(find_kafka(settings))
    try:
        since = datetime.now(UTC) - timedelta(hours=hours)
        return await replay(find_database(settings), publisher, since)
    finally:
        await publisher.close()


def _fail(message: str) -> NoReturn:
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(1)
