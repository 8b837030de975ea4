"""Who we are to one authorization server (PURE)."""

from dataclasses import dataclass

from connectors.profile import ClientMethod
from connectors.secret import Secret
from connectors.smart.keys import SigningAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Our registration at one authorization server."""

    id: str
    method: ClientMethod
    # The client secret, or the private key as PEM; None for a public client.
    secret: Secret | None = None
    # Of a key pair: what the server knows the public key as, and what is signed with it.
    key_id: str = ""
    algorithm: SigningAlgorithm = "RS384"

    def __post_init__(self) -> None:
        """Raise ValueError for a client that cannot prove itself as it says."""
        if not self.id.isascii() or not self.id.isprintable() or not self.id:
            raise ValueError("a client id is printable ASCII")
        if (self.method == "public") != (self.secret is None):
            raise ValueError("a public client has no secret, and every other has one")
        if self.method == "private_key_jwt" and not self.key_id:
            raise ValueError("a key needs its key id")
        if self.method == "client_secret_basic" and self.secret and not self.secret.reveal().isascii():
            raise ValueError("a client secret for HTTP Basic is ASCII")
