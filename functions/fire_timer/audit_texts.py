"""Which texts of the audit are emptied: by the class of what was done, and all of somebody who has
left. Apart from rows that are deleted: the row of a text stays, and so does the chain's proof.
"""

# What people do with rights over others. All other facts of an account are about itself.
ADMINISTRATION = (
    "account.admin_read",
    "account.dead_letter_redriven",
    "account.dead_letter_discarded",
    "account.hold_placed",
    "account.hold_lifted",
    "audit.key_changed",
    "audit.key_lost",
    "account.database_restored",
)
_ADMINISTRATION = ", ".join(f"'{action}'" for action in ADMINISTRATION)

# From the place reached on, among those that still have texts. It ends where a whole portion is too
# young: entries come nearly in the order of their instants, and a late one has its turn later.
_BY_CLASS = """
WITH seen AS MATERIALIZED (
    SELECT e.seq, e.at, e.user_id, e.action
    FROM audit_details AS d JOIN audit_entries AS e USING (seq)
    WHERE d.salt <> '' AND d.seq > $4 AND $3::text IS NOT NULL ORDER BY d.seq LIMIT $2
), erased AS (
    UPDATE audit_details AS d SET salt = '', before = NULL, after = NULL FROM seen
    WHERE d.seq = seen.seq AND seen.at < $1 AND {}
        AND seen.user_id NOT IN (SELECT user_id FROM audit_holds)
)
SELECT $3::text, max(seq) FROM seen HAVING count(*) = $2 AND min(at) < $1
"""
TASKS = _BY_CLASS.format("seen.action LIKE 'task.%'")
ACCOUNTS = _BY_CLASS.format(
    f"seen.action LIKE 'account.%' AND seen.action NOT IN ({_ADMINISTRATION})"
)
ADMIN = _BY_CLASS.format(f"seen.action IN ({_ADMINISTRATION})")

# About the person, whoever did it; what they did to others is told of the others.
LEFT_TEXTS = """
UPDATE audit_details SET salt = '', before = NULL, after = NULL WHERE seq IN (
    SELECT d.seq FROM audit_entries AS e JOIN audit_details AS d USING (seq)
    WHERE d.salt <> '' AND e.user_id IN (
        SELECT id FROM users WHERE deleted_at < $1
            AND id NOT IN (SELECT user_id FROM audit_holds))
    LIMIT $2)
"""
