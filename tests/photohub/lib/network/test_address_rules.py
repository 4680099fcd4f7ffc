import pytest

from photohub.lib.network.address_rules import is_public, is_safe

# Neither of the internet nor a camera's.
NOBODYS = (
    "0.0.0.0 0.1.2.3 100.100.100.200 168.63.129.16 169.254.169.254 169.254.0.1 192.0.0.8 192.0.0.192 224.0.0.1 "
    "239.255.255.250 240.0.0.1 255.255.255.255 :: fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 fd00:ec2::254 "
    "fd20:ce::254 ::ffff:169.254.169.254 ::169.254.169.254 ::100.100.100.200 64:ff9b::a9fe:a9fe "
    "64:ff9b:1::6464:64c8 2002:a9fe:a9fe::1 2002:6464:64c8:: 2001:0:4136:e378:8000:63bf:5601:5601 "
    "::ffff:0:169.254.169.254 2001:4860:0:1::5efe:a9fe:a9fe fd12::200:5efe:169.254.169.254"
)
# Of a house, so a camera's, but not of the internet.
INSIDE = (
    "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 127.0.0.1 127.1.2.3 100.64.0.1 100.127.255.255 198.18.0.1 "
    "192.0.2.1 198.51.100.1 203.0.113.1 192.88.99.1 ::1 fd00::1 fc00::1 ::ffff:10.0.0.1 ::127.0.0.1 ::10.0.0.1 "
    "::8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::a00:1 2002:7f00:1:: 2002:808:808::1 "
    "2001:0:1::f5ff:fffe 2001:1::1 2001:10::1 2001:20::1 2001:2::1 2001:db8::1 3fff::1 5f00::1 4000::1 100::1 "
    "2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:8.8.8.8"
)
INTERNET = (
    "8.8.8.8 1.1.1.1 47.88.0.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 223.255.255.255 "
    "2606:4700::1111 2001:4860:4860::8888 2400:3200::1 ::ffff:8.8.8.8"
)


@pytest.mark.parametrize("address", NOBODYS.split())
def test_where_clouds_keep_secrets_nobody_may_ask(address):
    assert not is_safe(address) and not is_public(address)


@pytest.mark.parametrize("address", INSIDE.split())
def test_addresses_of_the_house_are_safe_for_its_owner_and_not_public(address):
    assert is_safe(address) and not is_public(address)


@pytest.mark.parametrize("address", INTERNET.split())
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address) and is_safe(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "1.2.3", "[::1]"]
)
def test_what_is_no_address_is_refused(text):
    assert not is_public(text) and not is_safe(text)
