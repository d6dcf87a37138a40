"""A broker that asks who comes, with the users and rights of an overlay: what Strimzi makes of a
Kafka and its KafkaUsers, made here by Kafka's own means.
"""

import asyncio
import subprocess
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

from msgspec import Struct

from local import process
from local.kafka import (
    BROKER,
    CACHE,
    configure,
    format_storage,
    prepare_runtime,
    run_broker,
)
from local.process import choose_port

with warnings.catch_warnings(action="ignore"):  # it reads its own files by a deprecated name
    from kafka import KafkaAdminClient
    from kafka.admin import (
        ACL,
        ACLOperation,
        ACLPermissionType,
        ResourcePattern,
        ResourceType,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

PASSWORD = "a password"
SUBJECT_ALTERNATIVE = "subjectAltName=IP:127.0.0.1"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class Guarded(Struct, frozen=True):
    """`open` lets everybody in as the superuser, for the tests; `guarded` asks."""

    open: str
    guarded: str
    folder: Path
    scram: bool

    def proofs(self, user: str) -> dict[str, str]:
        """The environment that an overlay gives to the sidecar of this user."""
        authority = {"KAFKA_CA": (self.folder / "ca.crt").read_text()}
        if self.scram:
            return authority | {"KAFKA_PASSWORD": PASSWORD}
        sign(self.folder, user)
        certificate, key = (self.folder / f"{user}.{end}" for end in ("crt", "key"))
        shown = {"KAFKA_CERTIFICATE": certificate.read_text(), "KAFKA_KEY": key.read_text()}
        return authority | shown


def sign(folder: Path, name: str) -> None:
    """A certificate for this name, by the authority of the folder; "ca" makes the authority."""
    signer = [] if name == "ca" else ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]
    command = ["openssl", "req", "-x509", "-subj", f"/CN={name}", *CURVE, *signer, *files]
    # Without a terminal, which openssl would ask for.
    subprocess.run(
        [*map(str, command), "-addext", SUBJECT_ALTERNATIVE],
        check=True,
        capture_output=True,
        start_new_session=True,
    )


def write_listener(home: Path, open_at: str, guarded_at: str, scram: bool) -> None:
    """Adds a second listener, and rights, to a broker's properties; what stands last holds."""
    controller = (home / "ports").read_text().split()[1]
    (home / "broker.pem").write_text((home / "broker.key").read_text())
    with (home / "broker.pem").open("a") as keys:
        keys.write((home / "broker.crt").read_text())
    own, protocol = "listener.name.guarded", "SASL_SSL" if scram else "SSL"
    protocols = f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:{protocol}"
    reached = f"PLAINTEXT://{open_at},GUARDED://{guarded_at}"
    added = {
        "listeners": f"{reached},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": reached,
        "listener.security.protocol.map": protocols,
        f"{own}.ssl.keystore.type": "PEM",
        f"{own}.ssl.keystore.location": home / "broker.pem",
        f"{own}.ssl.truststore.type": "PEM",
        f"{own}.ssl.truststore.location": home / "ca.crt",
        f"{own}.ssl.client.auth": "none" if scram else "required",
        f"{own}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{own}.scram-sha-512.sasl.jaas.config": LOGIN,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with (home / "server.properties").open("a") as file:
        file.write("".join(f"{name}={value}\n" for name, value in added.items()))


def give_rights(at: str, users: Sequence[Any], scram: bool) -> None:
    """What Strimzi's operator does for each KafkaUser."""
    admin = KafkaAdminClient(bootstrap_servers=at)
    for user in users:
        name = user["metadata"]["name"]
        principal = f"User:{name}" if scram else f"User:CN={name}"
        rules = user["spec"]["authorization"]["acls"]
        admin.create_acls([one for rule in rules for one in read_rule(principal, rule)])
        if scram:
            mechanism = ScramMechanism.SCRAM_SHA_512
            upsertion = UserScramCredentialUpsertion(name, mechanism, PASSWORD)
            assert not any(admin.alter_user_scram_credentials([upsertion]).values())
    admin.close()


def read_rule(principal: str, rule: Any) -> list[ACL]:
    resource = rule["resource"]
    pattern = ResourcePattern(ResourceType[resource["type"].upper()], resource["name"])
    allow = ACLPermissionType.ALLOW
    operations = (ACLOperation[operation.upper()] for operation in rule["operations"])
    return [ACL(principal, "*", operation, allow, pattern) for operation in operations]


@asynccontextmanager
async def guarded_broker(folder: Path, users: Sequence[Any], scram: bool) -> AsyncIterator[Guarded]:
    """A broker with these users; its topics are still to be made."""
    runtime = await prepare_runtime(CACHE.expanduser().resolve(), print)
    home = folder / "guarded"
    format_storage(home / "log", runtime.bootstrap_records)
    open_at = f"127.0.0.1:{configure(home, BROKER)}"
    guarded_at = f"127.0.0.1:{choose_port()}"
    sign(home, "ca")
    sign(home, "broker")
    write_listener(home, open_at, guarded_at, scram)
    broker = await run_broker(runtime, home, runtime.quick_start)
    try:
        await asyncio.to_thread(give_rights, open_at, users, scram)
        yield Guarded(open_at, guarded_at, home, scram)
    finally:
        await process.end(broker, SIGTERM)
