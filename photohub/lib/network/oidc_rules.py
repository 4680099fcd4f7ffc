"""Which role somebody has whom another login provider vouches for: rules of the form `claim=value:role@group`."""

from collections.abc import Mapping
from dataclasses import dataclass

ROLES = ("owner", "operator", "viewer")
# The domain of an address that the provider has verified.
DOMAIN = "domain"
ANYBODY = "anyone"


@dataclass(frozen=True)
class Rule:
    """Whoever has this value in this claim has this role, for all devices or those of one group."""

    claim: str
    value: str
    role: str
    group: str = ""

    def fits(self, claims: Mapping[str, object]) -> bool:
        """Tell whether the provider says so of a person."""
        if self.claim == ANYBODY:
            return True
        if self.claim == DOMAIN:
            return self.value.lower() == domain_of(claims)
        found = claims.get(self.claim)
        values = found if isinstance(found, list | tuple) else [found]
        return self.value in [str(value) for value in values if value is not None]


def domain_of(claims: Mapping[str, object]) -> str:
    """Return the domain of the person's address; empty where the provider has not verified it."""
    email = str(claims.get("email") or "")
    return email.rpartition("@")[2].lower() if claims.get("email_verified") is True else ""


def read_rules(text: str) -> list[Rule]:
    """Read rules that stand between commas; the first that fits counts. Raises ValueError in a sentence."""
    return [_read_rule(part.strip()) for part in text.split(",") if part.strip()]


def _read_rule(text: str) -> Rule:
    condition, colon, right = text.rpartition(":")
    role, _at, group = right.partition("@")
    claim, equals, value = condition.partition("=")
    whole = (claim == ANYBODY and not equals) or bool(claim.strip() and equals and value.strip())
    if not (colon and whole and role.strip() in ROLES):
        raise ValueError(
            f"{text!r} is no rule. Write groups=staff:operator, domain=example.org:viewer@Garden or anyone:viewer;"
            f" roles are {', '.join(ROLES)}"
        )
    rule = Rule(claim.strip(), value.strip(), role.strip(), group.strip())
    if rule.role == "owner" and (rule.group or rule.claim == ANYBODY):
        raise ValueError(f"{text!r} is no rule: an owner owns everything, and not anybody can be one")
    return rule
