-- To compress the events of a batch took PostgreSQL twice as long as to write them. Those of a single
-- command never were compressed, so the ledger of a batch is now as large as that of as many of them.
ALTER TABLE commands ALTER COLUMN events SET STORAGE EXTERNAL;
