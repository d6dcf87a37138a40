"""The settings of a TaskFlow process, read from the environment once and passed on as a value;
msgspec reads them, because it is loaded anyway and pydantic would double a function's cold start.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from taskflow.errors import InvalidSetting

PREFIX = "TASKFLOW_"
# What others have named: the platform, and OpenTelemetry's specification.
NAMED = {
    "port": "PORT",
    "otlp": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "trace_ratio": "OTEL_TRACES_SAMPLER_ARG",
}
Positive = Annotated[float, Meta(gt=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(ge=0, le=1_000_000)]
Days = Annotated[int, Meta(ge=1, le=36_500)]
# What the log may bring once more must be known for 1.5 times as long as any topic keeps it.
LedgerDays = Annotated[int, Meta(ge=45, le=36_500)]


class Settings(Struct, frozen=True, kw_only=True):
    """Each field is the variable TASKFLOW_<FIELD>, but for those in NAMED."""

    port: int = 8080
    data: Path = Path(".taskflow")
    database: str = ""
    database_role: str = ""
    database_pool: int = 2
    database_pooled: bool = False
    kafka: str = ""
    kafka_tls: str = ""
    publish: str = ""
    delivery_token: str = ""
    cooldown: Positive = 30.0
    retry_ceiling: Positive = 30.0
    smtp: str = ""
    mail_from: str = "TaskFlow <taskflow@localhost>"
    secret: str = ""
    secret_previous: str = ""
    secret_retired: str = ""
    secret_lost: bool = False
    oidc_issuer: str = ""
    oidc_audience: str = ""
    rate_limit: Rate = 0.0
    counters: str = ""
    channels_off: str = ""
    verify: bool = False
    webhook_allow: str = ""
    apprise_allow: str = ""
    url: str = ""
    platform: str = ""
    configuration: str = ""
    secrets: str = ""
    clock: Literal["ticks", "jobs"] = "ticks"
    sidecar_patience: Positive = 60.0
    keep_commands: LedgerDays = 45
    keep_deliveries: LedgerDays = 90
    keep_feed: Days = 30
    keep_attempts: Days = 30
    keep_dead_letters: Days = 90
    keep_sessions: Days = 30
    keep_audit_tasks: Days | None = None
    keep_audit_accounts: Days | None = None
    keep_audit_admin: Days | None = None
    otlp: str = ""
    trace_ratio: Ratio = 1.0

    @property
    def accepted_secrets(self) -> tuple[str, ...]:
        """The secret that signs, and those beside it whose signatures are taken."""
        return (self.secret, *read_list(self.secret_previous))

    @property
    def audit_secrets(self) -> tuple[str, ...]:
        """All that the audit may have been written with; the first one writes."""
        return (*self.accepted_secrets, *read_list(self.secret_retired))


def read_list(text: str) -> list[str]:
    """The secrets of a list with commas; a comma in one of them is written %2C."""
    return [part.replace("%2C", ",") for part in text.split(",") if part]


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment` and, where TASKFLOW_SECRETS names some, in its secrets; what
    stands in the environment wins. Raises InvalidSetting, naming the variable, and Unavailable when
    the secrets cannot be had."""
    settings = msgspec.convert(dict(_read_fields(environment)), Settings)
    if not settings.secrets:
        return settings
    from taskflow.secret_store import read_secrets

    everything = {**read_secrets(settings.secrets, settings.sidecar_patience), **environment}
    return msgspec.convert(dict(_read_fields(everything)), Settings)


def change_settings(settings: Settings, variables: Mapping[str, str]) -> Settings:
    """The same settings but for what `variables` say. Raises InvalidSetting."""
    return msgspec.structs.replace(settings, **dict(_read_fields(variables)))


def _read_fields(environment: Mapping[str, str]) -> list[tuple[str, object]]:
    return [
        (field.name, _read_value(variable, environment[variable], field.type))
        for field in msgspec.structs.fields(Settings)
        if (variable := name_variable(field.name)) in environment
    ]


def name_variable(field: str) -> str:
    """The variable that a field is read from."""
    return NAMED.get(field) or PREFIX + field.upper()


def _read_value(variable: str, text: str, kind: object) -> object:
    if kind is Path:
        return Path(text)
    switch = {"on": True, "off": False}
    try:
        return msgspec.convert(switch.get(text, text) if kind is bool else text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSetting(f"{variable}={text!r} cannot be used: {error}") from error
