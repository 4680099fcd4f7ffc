"""Why nothing could be fetched over HTTP. A word is for programs; its sentence is in the language that is active.

GetFailed
├── BadUrl                  no address that can be asked
│   └── AddressRefused      its name leads where nobody may ask
├── LoginRefused            the server wants a login, or another one
├── CertificateRefused      the server's certificate is not trusted
└── BadAnswer               the server's answer is not one, or not the one asked for
"""

from django.utils.translation import gettext_noop as _

from photohub.lib.pages.sentences import Said

# No value holds a login: hosts, numbers, and what the system or a certificate says.
SENTENCES = {
    "fetch_address": _("The address must begin with http://, https:// or tcp:// and name a host."),
    "fetch_address_not_ascii": _("The address may contain ASCII characters only; percent-encode the others."),
    "fetch_name": _("The name %(host)s cannot be found."),
    "fetch_not_allowed": _("%(host)s has an address that PhotoHub is not allowed to contact."),
    "fetch_unreachable": _("%(host)s cannot be reached (%(why)s)."),
    "fetch_encryption": _("No encrypted connection to %(host)s could be made (%(why)s)."),
    "fetch_certificate_unknown": _(
        "The certificate of %(host)s cannot be checked (%(why)s). Its SHA-256 fingerprint is %(fingerprint)s."
    ),
    "fetch_certificate_changed": _(
        "%(host)s presented a different certificate than the trusted one. Its SHA-256 "
        "fingerprint is %(fingerprint)s."
    ),
    "fetch_login_missing": _("%(host)s asks for a user name and a password."),
    "fetch_login_wrong": _("%(host)s rejected this user name and password."),
    "fetch_login_elsewhere": _(
        "The answer redirects to %(host)s, which asks for a login. PhotoHub does not send the login there."
    ),
    "fetch_redirects": _("The answer redirects more than %(limit)s times."),
    "fetch_redirect_wrong": _("The answer redirects to an address that cannot be used."),
    "fetch_redirect_plain": _("The answer redirects from https to http, which is not followed."),
    "fetch_status": _("%(host)s answered %(status)s."),
    "fetch_no_http": _("%(host)s does not answer in HTTP."),
    "fetch_headers": _("The headers of the answer are too long."),
    "fetch_length": _("The answer's Content-Length is not a number."),
    "fetch_chunks": _("The answer is damaged."),
    "fetch_early": _("The connection closed before the answer was complete."),
    "fetch_too_large": _("The picture is larger than %(limit)s bytes."),
    "fetch_slow": _("No answer came in time."),
    "fetch_broke": _("The connection broke (%(why)s)."),
    "fetch_no_picture": _("The answer is not a JPEG, PNG or WebP picture."),
    "fetch_no_frame": _("No picture came for %(seconds)s s."),
    "fetch_ended": _("The camera ended its stream."),
    "fetch_closed_empty": _("The camera closed the connection without a picture."),
    "fetch_stream": _("The stream cannot be read: %(why)s"),
    "fetch_fault": _("An error in the hub prevented this (%(why)s)."),
}


class GetFailed(Exception):
    """Nothing could be fetched."""

    def __init__(self, word: str, **values: object) -> None:
        super().__init__(word)
        self.word, self.values = word, values

    @property
    def said(self) -> Said:
        return Said(SENTENCES[self.word], self.values)

    def __str__(self) -> str:
        return str(self.said)


class BadUrl(GetFailed):
    """The address cannot be used."""


class AddressRefused(BadUrl):
    """The name leads to an address that may not be asked."""


class LoginRefused(GetFailed):
    """The server does not let us in."""


class CertificateRefused(GetFailed):
    """The server's certificate is neither signed by a known authority nor trusted by its fingerprint."""


class BadAnswer(GetFailed):
    """What the server answered cannot be used."""
