"""Hash of an inline script for a Content-Security-Policy."""

import base64
import hashlib


def script_hash(script: str) -> str:
    """Source expression of an inline script in a Content-Security-Policy.

    With it in the policy, a browser runs only inline scripts with this hash.

    Args:
        script: All text between the tags of the script.

    Returns:
        String `sha256-...`, to be quoted in the policy.

    Example:

    >>> script_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    return f"sha256-{digest.decode()}"
