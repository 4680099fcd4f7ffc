"""What the library of second factors asks the hub for: its name, and keeping secrets."""

from allauth.mfa.adapter import DefaultMFAAdapter

from photohub.lib.encryption import decrypt, encrypt


class UnreadableSecret(Exception):
    """A secret was sealed under another PHOTOHUB_SECRET_KEY."""


class Adapter(DefaultMFAAdapter):
    """Seals secrets as the hub seals all that it must read back."""

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        text = decrypt(encrypted_text.encode())
        # An empty one would be a key that everybody knows.
        if not text:
            raise UnreadableSecret
        return text

    def get_totp_issuer(self) -> str:
        return "PhotoHub"

    def _get_site_name(self) -> str:
        return "PhotoHub"
