from photohub.lib.encryption import decrypt, encrypt


def test_a_encrypted_secret_can_be_read_back_and_does_not_show():
    encrypted = encrypt("geheim")
    assert decrypt(encrypted) == "geheim" and b"geheim" not in encrypted


def test_another_key_cannot_open_it(settings):
    encrypted = encrypt("geheim")
    settings.SECRET_KEY = "another"
    assert decrypt(encrypted) is None
