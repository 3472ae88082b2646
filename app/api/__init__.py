"""The service over HTTP: a file a noun; nothing here knows how a job is run or a voice speaks."""
