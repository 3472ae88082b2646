"""RVC, a voice converter: content of a recording and its F0 to the sound of the voice that a model was trained on."""
