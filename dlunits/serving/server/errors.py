"""Errors of requests to the model server, with their HTTP status.

The text of an error is sent to the client.
"""


class RequestError(Exception):
    """Base class of the errors of requests: the server failed.

    Attributes:
        status: HTTP status of the response.
    """

    status = 500


class InvalidRequestError(RequestError):
    """Invalid request, such as malformed JSON or a wrong shape."""

    status = 400


class UnknownModelError(RequestError):
    """The model, version or signature is not served."""

    status = 404


class TooLargeError(RequestError):
    """The body of the request is larger than the server accepts."""

    status = 413


class OverloadedError(RequestError):
    """The server processes as many requests as it is allowed to."""

    status = 503


class TimedOutError(RequestError):
    """The response takes longer than the server allows."""

    status = 504
