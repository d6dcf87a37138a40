"""`python -m local` is the command line."""

from local.cli import app

if __name__ == "__main__":
    app()
