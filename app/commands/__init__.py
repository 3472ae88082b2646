"""What the commands of `papagaio` do; `app.cli` reads the words and picks one."""
