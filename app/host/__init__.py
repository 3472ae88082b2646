"""The engine host: the process that owns a device's weights, its socket, and the client that other processes have."""
