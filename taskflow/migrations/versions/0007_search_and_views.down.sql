-- Back to a generated column: tasks is written anew and locked meanwhile, about five seconds for
-- 100,000 rows.

DROP TRIGGER search_new_task ON tasks;
DROP TRIGGER search_changed_task ON tasks;
DROP FUNCTION search_written_task, search_task, search_query, search_text, search_pairs,
    search_scripts, search_words;

ALTER TABLE tasks DROP COLUMN search;
ALTER TABLE tasks ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('taskflow', title), 'A')
    || setweight(to_tsvector('taskflow', notes), 'B')
) STORED;
CREATE INDEX tasks_by_content ON tasks USING gin (user_id, search, tag_keys) WHERE deleted_at IS NULL;

DROP TEXT SEARCH CONFIGURATION taskflow_words;
DROP TEXT SEARCH CONFIGURATION taskflow_beginnings;
DROP TEXT SEARCH DICTIONARY english_stem_all;
DROP TABLE views;
