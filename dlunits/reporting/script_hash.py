"""Hash of a script of a page, which its content security policy allows."""

import base64
import hashlib


def script_hash(script: str) -> str:
    """Source expression of an inline script in a Content-Security-Policy.

    A browser runs a script whose text has this hash, and no other.

    Args:
        script: All text between the tags of the script.

    Returns:
        `sha256-...`, which the policy has in quotes.

    Example:

    >>> script_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    return f"sha256-{digest.decode()}"
