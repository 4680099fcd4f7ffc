import pytest

from photohub.lib.network.oidc_rules import Rule, read_rules

CLAIMS = {"email": "Olga@Example.org", "email_verified": True, "groups": ["staff", "7"], "level": 3}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("groups=staff:owner", True),
        ("groups=sta:viewer", False),
        ("groups=7:viewer", True),
        ("level=3:viewer", True),
        ("other=None:viewer", False),
        ("domain=example.org:viewer", True),
        ("domain=EXAMPLE.org:viewer", True),
        ("domain=ample.org:viewer", False),
        ("anyone:viewer", True),
        ("urn:zitadel:roles=staff:viewer", False),
    ],
)
def test_a_rule_fits_by_its_claim(text, fits):
    (rule,) = read_rules(text)
    assert rule.fits(CLAIMS) is fits


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_a_domain_counts_for_verified_addresses_alone(verified):
    assert not Rule("domain", "example.org", "viewer").fits(CLAIMS | {"email_verified": verified})


def test_rules_are_read_in_order_with_groups_of_devices():
    assert read_rules(" groups=photohub admins:owner , domain=example.org:viewer@North yard,") == [
        Rule("groups", "photohub admins", "owner"),
        Rule("domain", "example.org", "viewer", "North yard"),
    ]


@pytest.mark.parametrize(
    "text",
    ["staff", "groups=staff", "groups=staff:boss", "=staff:viewer", "groups=:viewer", "anyone=x", "x:viewer"],
)
def test_what_is_no_rule_is_told_with_examples(text):
    with pytest.raises(ValueError, match=r"is no rule\. Write groups=staff:operator"):
        read_rules(text)


@pytest.mark.parametrize("text", ["anyone:owner", "groups=staff:owner@Garden"])
def test_not_anybody_is_an_owner_and_owners_own_everything(text):
    with pytest.raises(ValueError, match="an owner owns everything"):
        read_rules(text)
