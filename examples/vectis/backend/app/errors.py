"""Errors whose message is meant for the caller; every other one is masked and logged."""


class PublicError(Exception):
    """An error that a client may see, with a code it can act on."""

    def __init__(self, message: str, code: str = "BAD_INPUT") -> None:
        super().__init__(message)
        self.extensions = {"code": code}


class Unauthenticated(PublicError):
    """No token, or one that is not valid."""

    def __init__(self, message: str = "Sign in first: a valid bearer token is needed.") -> None:
        super().__init__(message, "UNAUTHENTICATED")


class Unavailable(PublicError):
    """A service that this request needs does not answer."""

    def __init__(self, service: str) -> None:
        super().__init__(f"The {service} is not available; try again shortly.", "UNAVAILABLE")


class UnreadableSecret(Exception):
    """A stored value that none of the present keys decrypts."""
