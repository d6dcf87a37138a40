"""Views that people keep, and a search that finds more: what a task is found by is worked out anew
for the tasks that are there, a few at a time, each few in a transaction of their own.
"""

from pathlib import Path

from alembic import op
from sqlalchemy import text

from taskflow.migrations.run_file import run_file

revision = "0007"
down_revision = "0006"

AT_ONCE = 1_000
FIRST = "00000000-0000-0000-0000-000000000000"
NEXT = """
WITH few AS (SELECT id FROM tasks WHERE id > :after ORDER BY id LIMIT :most),
done AS (
    UPDATE tasks SET search = search_task(title, notes)
    FROM few WHERE tasks.id = few.id
)
SELECT id FROM few ORDER BY id DESC LIMIT 1
"""


def upgrade() -> None:
    run_file(Path(__file__).with_suffix(".up.sql"))
    with op.get_context().autocommit_block():
        after: str | None = FIRST
        while after is not None:
            values = {"after": after, "most": AT_ONCE}
            after = op.get_bind().execute(text(NEXT), values).scalar()


def downgrade() -> None:
    run_file(Path(__file__).with_suffix(".down.sql"))
