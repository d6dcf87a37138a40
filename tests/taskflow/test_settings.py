"""Every variable is read, and a bad one is named."""

from pathlib import Path

import pytest
from msgspec import structs

from taskflow.errors import InvalidSetting
from taskflow.settings import Settings, read_settings

READ = {
    "PORT": ("9090", 9090),
    "TASKFLOW_DATA": ("/var/x", Path("/var/x")),
    "TASKFLOW_DATABASE": ("postgresql://x", "postgresql://x"),
    "TASKFLOW_DATABASE_ROLE": ("r", "r"),
    "TASKFLOW_DATABASE_POOL": ("3", 3),
    "TASKFLOW_DATABASE_POOLED": ("on", True),
    "TASKFLOW_KAFKA": ("k:1", "k:1"),
    "TASKFLOW_KAFKA_TLS": ("/kafka", "/kafka"),
    "TASKFLOW_PUBLISH": ("dapr://h:1/p", "dapr://h:1/p"),
    "TASKFLOW_DELIVERY_TOKEN": ("t", "t"),
    "TASKFLOW_COOLDOWN": ("2.5", 2.5),
    "TASKFLOW_RETRY_CEILING": ("1", 1.0),
    "TASKFLOW_SMTP": ("smtp://h", "smtp://h"),
    "TASKFLOW_MAIL_FROM": ("a@b", "a@b"),
    "TASKFLOW_SECRET": ("123", "123"),
    "TASKFLOW_SECRET_PREVIOUS": ("122,121", "122,121"),
    "TASKFLOW_SECRET_RETIRED": ("120", "120"),
    "TASKFLOW_SECRET_LOST": ("on", True),
    "TASKFLOW_OIDC_ISSUER": ("https://i", "https://i"),
    "TASKFLOW_OIDC_AUDIENCE": ("a", "a"),
    "TASKFLOW_RATE_LIMIT": ("50", 50.0),
    "TASKFLOW_COUNTERS": ("dapr://c/counters", "dapr://c/counters"),
    "TASKFLOW_CHANNELS_OFF": ("email", "email"),
    "TASKFLOW_VERIFY": ("off", False),
    "TASKFLOW_WEBHOOK_ALLOW": ("127.0.0.0/8", "127.0.0.0/8"),
    "TASKFLOW_APPRISE_ALLOW": ("ntfys", "ntfys"),
    "TASKFLOW_URL": ("https://u", "https://u"),
    "TASKFLOW_PLATFORM": ("http://p", "http://p"),
    "TASKFLOW_CONFIGURATION": ("dapr://c/configuration", "dapr://c/configuration"),
    "TASKFLOW_SECRETS": ("", ""),
    "TASKFLOW_CLOCK": ("jobs", "jobs"),
    "TASKFLOW_SIDECAR_PATIENCE": ("3", 3.0),
    "TASKFLOW_KEEP_COMMANDS": ("46", 46),
    "TASKFLOW_KEEP_DELIVERIES": ("91", 91),
    "TASKFLOW_KEEP_FEED": ("31", 31),
    "TASKFLOW_KEEP_ATTEMPTS": ("32", 32),
    "TASKFLOW_KEEP_DEAD_LETTERS": ("92", 92),
    "TASKFLOW_KEEP_SESSIONS": ("33", 33),
    "TASKFLOW_KEEP_AUDIT_TASKS": ("400", 400),
    "TASKFLOW_KEEP_AUDIT_ACCOUNTS": ("401", 401),
    "TASKFLOW_KEEP_AUDIT_ADMIN": ("402", 402),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("http://c:4318", "http://c:4318"),
    "OTEL_TRACES_SAMPLER_ARG": ("0.1", 0.1),
}


def test_nothing_set_is_the_defaults() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"HOME": "/root", "TASKFLOW_UNKNOWN": "x"}) == Settings()


def test_every_variable_is_read() -> None:
    settings = read_settings({name: text for name, (text, _) in READ.items()})
    assert structs.astuple(settings) == tuple(value for _, value in READ.values())


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", "http"),
        ("TASKFLOW_DATABASE_POOL", "two"),
        ("TASKFLOW_COOLDOWN", "0"),
        ("TASKFLOW_RETRY_CEILING", "-1"),
        ("TASKFLOW_VERIFY", "maybe"),
        ("TASKFLOW_RATE_LIMIT", "fast"),
        ("TASKFLOW_RATE_LIMIT", "-1"),
        ("TASKFLOW_CLOCK", "sundial"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ],
)
def test_a_bad_value_is_named(variable: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{variable}='{text}' cannot be used"):
        read_settings({variable: text})
