"""The library room: sound, text, voices, engines and measures. It knows no web, queue or database."""
