"""Where the service keeps things: one database and one folder of files."""
