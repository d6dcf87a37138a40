"""The gateway's process: uvicorn over the application, loaded without a look for garbage, which
would be a fifth of its start.

Run as `python -m gateway`, with uvicorn's own options.
"""

import gc
import sys


def main(options: list[str]) -> None:
    # Until the application is there and calms the collector.
    gc.disable()
    from uvicorn.main import main as serve

    serve(["gateway.app:create_app", "--factory", *options], prog_name="gateway")


if __name__ == "__main__":
    main(sys.argv[1:])
