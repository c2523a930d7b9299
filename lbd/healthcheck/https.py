# SPDX-License-Identifier: Apache-2.0
"""SSL_GET: HTTP_GET over TLS (keepalived.conf(5))."""

from __future__ import annotations

from lbd.healthcheck.connect import Stage, attempt, connected
from lbd.healthcheck.http import ask, expected, judge
from lbd.healthcheck.probe import OK, Outcome
from lbd.healthcheck.tls import TlsStream
from lbd.model.check import HttpUrl, SslGet


def sni(check: SslGet, url: HttpUrl) -> str | None:
    """keepalived's order: sni_name, then the virtualhost of url, check and virtual server."""
    if check.sni_name:
        return check.sni_name
    return (url.virtualhost or check.sni_virtualhost) if check.enable_sni else None


class HttpsProbe:
    def __init__(self, check: SslGet, url: HttpUrl) -> None:
        self._check, self._url = check, url

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, stage: Stage) -> Outcome:
        check, url = self._check, self._url
        response = expected(url)
        with await connected(check) as sock:
            stream = TlsStream(sock, check.ssl, sni(check, url))
            stage.goes_on("TLS handshake")
            await stream.handshake()
            await ask(stream, check, url, response, stage)
            if check.tls_compliant if url.tls_compliant is None else url.tls_compliant:
                await stream.say_goodbye()
        judge(url, response)
        return OK
