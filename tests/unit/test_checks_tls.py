# SPDX-License-Identifier: Apache-2.0
"""SSL_GET against servers of our own: what is right, what name is asked for, what is no TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from lbd.healthcheck.https import HttpsProbe, sni
from lbd.healthcheck.probe import Failure, Outcome
from lbd.model import HttpUrl, Ssl, SslGet
from tests.unit.checks_stage import HOSTS, certificate, saying, server_tls, serving

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return server_tls(tmp_path_factory.mktemp("tls"))


async def get(host: str, port: int, **more: object) -> Outcome:
    check = SslGet(connect_ip=host, connect_port=port, connect_timeout=2.0, urls=(HttpUrl(),), **more)
    return await HttpsProbe(check, check.urls[0]).run()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("compliant", [False, True])
async def test_a_certificate_of_nobody_is_good(host, compliant, tls):
    ends = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(ANSWER, after=b"\r\n\r\n")(reader, writer)
        try:
            ends.append(await reader.read())
        except (ConnectionError, ssl.SSLError) as error:
            ends.append(type(error))

    async with serving(host, talk, tls) as port:
        outcome = await get(host, port, tls_compliant=compliant)
        assert outcome.ok, outcome
        async with asyncio.timeout(5):
            while not ends:
                await asyncio.sleep(0.01)
    assert (ends[0] == b"") is compliant


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", "wrong version number"),
        (b"\x00" * 200, "TLS handshake failed"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "handshake failure"),
        (b"", "the connection was closed"),
        (b"\x16\x03\x03\xff\xff" + b"\x0b" * 70000, "TLS handshake failed"),
    ],
)
async def test_what_is_no_tls(host, said, words):
    async with serving(host, saying(said)) as port:
        outcome = await get(host, port)
    assert outcome.failure in (Failure.TLS, Failure.RESET), outcome
    assert words in outcome.reason or outcome.failure is Failure.RESET


async def test_the_name_that_is_asked_for(tls):
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda sock, name, _: names.append(name)
    async with serving("127.0.0.1", saying(), context) as port:
        for more in ({}, {"enable_sni": True, "sni_virtualhost": "a.example"}, {"sni_name": "b.example"}):
            assert not (await get("127.0.0.1", port, **more)).ok  # it has no certificate
    assert names == [None, "a.example", "b.example"]


def test_the_order_of_names():
    check = {"connect_ip": "10.0.0.1", "connect_port": 443, "urls": ()}
    url = HttpUrl(virtualhost="url.example")
    assert sni(SslGet(sni_virtualhost="vs.example", **check), url) is None
    assert sni(SslGet(sni_virtualhost="vs.example", enable_sni=True, **check), url) == "url.example"
    assert sni(SslGet(sni_virtualhost="vs.example", enable_sni=True, **check), HttpUrl()) == "vs.example"
    assert sni(SslGet(sni_name="name.example", enable_sni=True, **check), url) == "name.example"


async def test_a_client_certificate_is_shown(tmp_path: Path):
    crt, key = certificate(tmp_path)
    context = server_tls(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(crt)
    async with serving("127.0.0.1", saying(ANSWER, after=b"\r\n\r\n"), context) as port:
        assert (await get("127.0.0.1", port, ssl=Ssl(certificate=str(crt), key=str(key)))).ok
        assert not (await get("127.0.0.1", port)).ok
        lacking = await get("127.0.0.1", port, ssl=Ssl(certificate="/nonexistent"))
    assert lacking.failure is Failure.LOCAL
    assert "SSL block" in lacking.reason


def test_a_password_is_never_shown():
    check = SslGet(connect_ip="10.0.0.1", connect_port=1, urls=(), ssl=Ssl(key="/k", password="hunter2"))
    assert "hunter2" not in repr(check) + str(check)
