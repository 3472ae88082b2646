"""F5-TTS: announced; its parameters and profiles are those of the base API."""
