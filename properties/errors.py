"""The one error that a user's call may meet."""


class Unavailable(ValueError):
    """What was asked for is not there: one line that names the argument, what was expected, what came."""
