"""The cloning room: recordings to dataset to voice to verdict. It knows speech and nothing above it."""
