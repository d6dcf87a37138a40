"""A mirror of providers for Terraform on this machine: each a stand-in with the real one's schema,
so that a root is read, checked and planned without the cloud's own programs.
"""

import json
import platform
import re
import shutil
import sys
from pathlib import Path

from tests.infra.provider_schema import read_schema
from tests.infra.tools import SCHEMAS, find_schema

USED = re.compile(r'^(resource|data) "([a-z0-9]+_\w+)"', re.M)
SOURCES = {
    "azurerm": "hashicorp/azurerm",
    "google": "hashicorp/google",
    "helm": "hashicorp/helm",
    "oci": "oracle/oci",
}
HOSTS = ("registry.terraform.io", "registry.opentofu.org")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def find_used(roots: Path, provider: str) -> set[tuple[str, str]]:
    texts = "\n".join(file.read_text() for file in roots.glob("*/*.tf"))
    return {(kind, name) for kind, name in USED.findall(texts) if name.startswith(provider + "_")}


def build_mirror(folder: Path, roots: Path, stand_in: Path) -> Path:
    """Puts every provider into the folder; the file that Terraform is told to read."""
    for provider in SCHEMAS:
        wheel = find_schema(provider)
        if wheel is not None:
            add_provider(folder, provider, wheel, find_used(roots, provider), stand_in)
    settings = folder / "terraform.rc"
    mirror = f'filesystem_mirror {{\n path = "{folder}"\n }}'
    settings.write_text(f"provider_installation {{\n {mirror}\n}}\ndisable_checkpoint = true\n")
    return settings


def add_provider(
    folder: Path, provider: str, wheel: Path, used: set[tuple[str, str]], stand_in: Path
) -> None:
    schema = read_schema(wheel, provider, used)
    version = schema.pop("version")
    system = f"{sys.platform}_{MACHINES[platform.machine()]}"
    for host in HOSTS:
        place = folder / host / SOURCES[provider] / version / system
        place.mkdir(parents=True)
        shutil.copy(stand_in, place / f"terraform-provider-{provider}_v{version}")
        address = f"{host}/{SOURCES[provider]}"
        (place / "schema.json").write_text(json.dumps({**schema, "address": address}))
