"""The history of the schema; `Database.migrate` runs it."""
