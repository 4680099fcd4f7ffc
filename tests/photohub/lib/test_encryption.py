from photohub.lib.encryption import open_sealed, seal


def test_a_sealed_secret_can_be_read_back_and_does_not_show():
    sealed = seal("geheim")
    assert open_sealed(sealed) == "geheim" and b"geheim" not in sealed


def test_another_key_cannot_open_it(settings):
    sealed = seal("geheim")
    settings.SECRET_KEY = "another"
    assert open_sealed(sealed) is None
