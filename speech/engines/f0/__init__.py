"""F0 of a recording: networks, and methods that need none. Each gives a value each hundredth of a second."""
