"""The SDK's way to the network without the session of requests, whose bookkeeping costs as much as a small request.

Kept is its adapter: pooled connections, TLS, time-outs and the errors that `oss_errors` explains. Left out is what OSS
has no use for: cookies, netrc, redirects (a signed request is good for one address only) and reading the proxy
settings anew for each request.
"""

from urllib.parse import urlsplit

import oss2
import requests

# Every answer of OSS carries it, also errors and redirects.
_SIGN_OF_OSS = "x-oss-request-id"


class NotOSS(requests.RequestException):
    """Something answered that is not OSS: a proxy, a login page, another program on that port."""

    def __init__(self, status: int) -> None:
        super().__init__(f"answered {status} without {_SIGN_OF_OSS}")
        self.status = status


class LeanSession(oss2.Session):
    """Sends prepared requests straight through the adapter. `trusts_environment`: proxies and CA files of the variables."""

    def __init__(self, pool_size: int, trusts_environment: bool) -> None:
        super().__init__(pool_size=pool_size)
        self.session.trust_env = trusts_environment
        self._settings: dict[str, tuple[dict[str, str], str | bool]] = {}

    def do_request(self, req: oss2.http.Request, timeout: float | tuple) -> oss2.http.Response:
        """Send one request. Raises oss2.exceptions.RequestError around the error of requests."""
        prepared = requests.PreparedRequest()
        try:
            prepared.prepare_method(req.method)
            prepared.prepare_url(req.url, req.params)
            headers = {name: value for name, value in req.headers.items() if value is not None}
            prepared.prepare_headers(headers)
            prepared.prepare_body(req.data, None)
            prepared.hooks = {"response": []}
            url = prepared.url or req.url
            proxies, verify = self._settings_for(url)
            adapter = self.session.get_adapter(url)
            answer = adapter.send(
                prepared, stream=True, timeout=timeout, verify=verify, proxies=req.proxies or proxies
            )
            if _SIGN_OF_OSS not in answer.headers:
                # Whatever it says of the key, it does not know: neither that it is absent nor that it is stored.
                answer.close()
                raise NotOSS(answer.status_code)
        except requests.RequestException as error:
            raise oss2.exceptions.RequestError(error) from error
        return oss2.http.Response(answer)

    def _settings_for(self, url: str) -> tuple[dict[str, str], str | bool]:
        host = urlsplit(url).netloc
        if host not in self._settings:
            merged = self.session.merge_environment_settings(url, {}, True, None, None)
            self._settings[host] = (merged["proxies"], merged["verify"])
        return self._settings[host]
