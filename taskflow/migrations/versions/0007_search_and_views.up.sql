-- Views that people keep, and a search that finds beginnings of words, words as they are written,
-- and parts of scripts that put no spaces between words.
--
-- Online: `search` becomes a plain column that a trigger fills, which changes the catalog alone;
-- tasks and users are locked for milliseconds, and no table or index is written anew. Then old rows
-- follow (in the .py file), a thousand at a time, only these locked against other writes. The code
-- before finds what it found. All of it may run again, should it end half way.

CREATE TABLE IF NOT EXISTS views (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    name_key   text NOT NULL,
    query      jsonb NOT NULL,
    position   integer NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT views_name_taken UNIQUE (user_id, name_key)
);
COMMENT ON TABLE views IS 'lists of tasks that people keep under a name';
GRANT SELECT, INSERT, UPDATE, DELETE ON views TO taskflow_gateway;

-- what a task is found by ----------------------------------------------------------------------

-- Stems without accents. Stop words are words too: people look for "IT" and for "The Who".
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_ts_config WHERE cfgname = 'taskflow_words') THEN
        CREATE TEXT SEARCH DICTIONARY english_stem_all (TEMPLATE = snowball, LANGUAGE = english);
        CREATE TEXT SEARCH CONFIGURATION taskflow_words (COPY = pg_catalog.simple);
        ALTER TEXT SEARCH CONFIGURATION taskflow_words
            ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part
            WITH unaccent, english_stem_all;
        CREATE TEXT SEARCH CONFIGURATION taskflow_beginnings (COPY = pg_catalog.simple);
        ALTER TEXT SEARCH CONFIGURATION taskflow_beginnings
            ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part
            WITH unaccent, simple;
    END IF;
END $$;

-- Punctuation only separates: the parser would take a/b for a file, <c> for a tag. Most texts have
-- none of these signs, and to replace them costs as much as the rest.
CREATE OR REPLACE FUNCTION search_words(body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('taskflow_words'::regconfig, CASE WHEN body ~ '[-#%&*+./:<=>?@\\^_`|~]'
    THEN translate(body, '-#%&*+./:<=>?@\^_`|~', repeat(' ', 19)) ELSE body END);

-- Thai to Myanmar, Khmer, signs, kana, Han, Hangul, emoji; gateway/text_query.py has the same.
CREATE OR REPLACE FUNCTION search_scripts() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '[\u0E00-\u109F\u1780-\u17FF\u2600-\u27BF\u2B00-\u2BFF\u3005-\u3007\u3040-\u30FF\u31F0-\u31FF\u3400-\u4DBF'
    || '\u4E00-\u9FFF\uAC00-\uD7A3\uF900-\uFAFF\U0001F000-\U0001FAFF\U00020000-\U0003FFFF]';

-- Pairs of neighbours in scripts without spaces (and emoji), each at its place; a last one alone.
CREATE OR REPLACE FUNCTION search_pairs(body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        '''' || one || CASE WHEN is_next THEN next ELSE '' END || ''':'
            || least(place, 16383), ' '), '')::tsvector
    FROM (
        SELECT one, place, is_one, lead(one) OVER (ORDER BY place) AS next,
            lead(is_one) OVER (ORDER BY place) AS is_next
        FROM (
            SELECT one, place, one ~ search_scripts() AS is_one
            FROM string_to_table(body, NULL) WITH ORDINALITY AS letters (one, place)
        ) AS told
    ) AS paired
    WHERE is_one
);

CREATE OR REPLACE FUNCTION search_text(body text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    whole text;
BEGIN
    IF octet_length(body) = length(body) THEN
        RETURN search_words(body);
    END IF;
    whole := translate(normalize(body, NFKC), U&'\00AD\200B\200C\200D\2060\FE0E\FE0F', '');
    RETURN search_words(regexp_replace(whole, search_scripts() || '+', ' ', 'g'))
        || search_pairs(whole);
END $$;

CREATE OR REPLACE FUNCTION search_task(title text, notes text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setweight(search_text(title), 'A') || setweight(search_text(notes), 'B');

CREATE OR REPLACE FUNCTION search_written_task() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := search_task(NEW.title, NEW.notes);
    RETURN NEW;
END $$;

ALTER TABLE tasks ALTER COLUMN search DROP EXPRESSION IF EXISTS;
CREATE OR REPLACE TRIGGER search_new_task BEFORE INSERT ON tasks
    FOR EACH ROW EXECUTE FUNCTION search_written_task();
CREATE OR REPLACE TRIGGER search_changed_task BEFORE UPDATE OF title, notes ON tasks
    FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.notes IS DISTINCT FROM NEW.notes)
    EXECUTE FUNCTION search_written_task();

-- what a person looks for ----------------------------------------------------------------------

-- Terms as gateway/text_query.py writes them, each with its kind in front: `w` words by their
-- stems, next to each other; `b` a word as such, and on a second line as a beginning; `p` pairs of
-- letters; in capitals: without these; `|` what stands before, or what follows.
CREATE OR REPLACE FUNCTION search_query(terms text[]) RETURNS tsquery
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    term text;
    said text;
    found tsquery := '';
    several tsquery := '';
BEGIN
    FOREACH term IN ARRAY terms LOOP
        said := substr(term, 2);
        CASE left(term, 1)
            WHEN 'b' THEN found := found && (to_tsquery('taskflow_words', split_part(said, E'\n', 1))
                || to_tsquery('taskflow_beginnings', split_part(said, E'\n', 2)));
            WHEN 'w' THEN found := found && to_tsquery('taskflow_words', said);
            WHEN 'W' THEN found := found && !!to_tsquery('taskflow_words', said);
            WHEN 'p' THEN found := found && said::tsquery;
            WHEN 'P' THEN found := found && !!said::tsquery;
            WHEN '|' THEN several := several || found; found := '';
        END CASE;
    END LOOP;
    RETURN several || found;
END $$;
