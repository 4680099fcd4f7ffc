import pytest
import requests

from media_pipeline.mirror.oss_errors import CONFIGURATION, explain_request_error, explain_server_error

REQUEST_ERRORS = requests.exceptions


@pytest.mark.parametrize("code", [code for code in CONFIGURATION if code != "InvalidSigningRegion"])
def test_each_known_code_asks_for_a_person_and_says_what_to_do(code):
    error = explain_server_error(403, code, "StringToSign: secret", "REQ1")
    assert error.configuration and not error.permanent
    assert "REQ1" in str(error) and "secret" not in str(error)
    assert any(word in str(error) for word in ("Check", "Set", "Renew", "Correct"))


@pytest.mark.parametrize(
    ("status", "code", "word", "permanent", "configuration"),
    [
        (503, "QpsLimitExceeded", "server", False, False),
        (500, "", "server", False, False),
        (429, "", "server", False, False),
        (400, "InvalidDigest", "damaged", False, False),
        (400, "InvalidArgument", "refused", True, False),
        (400, "InvalidObjectName", "refused", True, False),
        (403, "", "denied", False, True),
        (403, "SomethingNew", "denied", False, True),
        (404, "", "endpoint", False, True),
        (409, "FileAlreadyExists", "exists", True, False),
    ],
)
def test_other_answers_follow_their_status(status, code, word, permanent, configuration):
    error = explain_server_error(status, code, "", "")
    assert (error.word, error.permanent, error.configuration) == (word, permanent, configuration)


def test_a_refused_region_is_told_from_other_arguments():
    assert (
        explain_server_error(400, "InvalidArgument", "Invalid signing region in header.", "").word == "region"
    )


@pytest.mark.parametrize(
    ("error", "word", "configuration"),
    [
        (REQUEST_ERRORS.ConnectTimeout(), "timeout", False),
        (REQUEST_ERRORS.ReadTimeout(), "timeout", False),
        (REQUEST_ERRORS.ConnectionError("Read timed out."), "timeout", False),
        (REQUEST_ERRORS.ConnectionError("Name or service not known"), "unreachable", False),
        (REQUEST_ERRORS.ChunkedEncodingError("IncompleteRead"), "unreachable", False),
        (REQUEST_ERRORS.SSLError("CERTIFICATE_VERIFY_FAILED"), "certificate", True),
        (REQUEST_ERRORS.SSLError("UNEXPECTED_EOF"), "certificate", False),
        (REQUEST_ERRORS.ProxyError(), "proxy", False),
        (REQUEST_ERRORS.InvalidURL(), "settings", True),
    ],
)
def test_failed_conversations_name_the_host_and_wait(error, word, configuration):
    explained = explain_request_error(error, "oss.example.test")
    assert (explained.word, explained.configuration, explained.permanent) == (word, configuration, False)
    assert word == "settings" or "oss.example.test" in str(explained)
