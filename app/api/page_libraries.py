"""Which of the model store's entries are libraries of the page."""

# The model store's entries. Without these nothing is drawn; the others are asked for where they are needed.
NEEDED = ("bootstrap", "lit-html")
LIBRARIES = (
    *NEEDED,
    "chartjs",
    "wavesurfer",
    "socket-io-client",
    "qrcode-generator",
)
