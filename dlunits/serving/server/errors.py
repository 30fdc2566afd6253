"""Errors that a request to the model server ends with, and their HTTP status.

The text of an error is the reason that the client reads.
"""


class RequestError(Exception):
    """Request that is not answered.

    Attributes:
        status: HTTP status of the response.
    """

    status = 500


class InvalidRequestError(RequestError):
    """Request that no server could answer: broken JSON, a wrong shape."""

    status = 400


class UnknownModelError(RequestError):
    """Model, version or signature that is not served."""

    status = 404


class TooLargeError(RequestError):
    """Request whose body is larger than the server accepts."""

    status = 413


class OverloadedError(RequestError):
    """Request beyond the number that the server answers at a time."""

    status = 503


class TimedOutError(RequestError):
    """Request whose answer takes longer than the server allows."""

    status = 504
