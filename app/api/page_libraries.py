"""Which of the model store's entries are libraries of the page."""

# The model store's entries; the page asks for the first two at once, for the others where it needs them.
LIBRARIES = (
    "bootstrap",
    "lit-html",
    "chartjs",
    "wavesurfer",
    "socket-io-client",
    "qrcode-generator",
    "bootstrap-icons",
)
