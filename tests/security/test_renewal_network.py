"""A network that breaks while tokens are renewed, on real sockets of this machine (rows F-NW-02 to F-NW-09)."""

import asyncio
import datetime
import gzip
import ipaddress
import socket
import ssl
import tracemalloc
import zlib
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from asgi_social import NeedsReauth, ProviderBroken, ProviderUnreachable
from asgi_social.refresh.attempt import LEASE
from asgi_social.storage.repository import StoredAssociation
from tests.security.renewal_wire import GOOD, HEAD, WHOLE, Talk, Talked, Wired, served, wired

MEBIBYTE = 1024 * 1024
REVOKED = (
    b'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{"error":"invalid_grant"}'
)
_PIECE = b" " * 65536


def saying(*pieces: bytes) -> Talk:
    """Say these pieces, and close."""

    async def talk(talked: Talked) -> None:
        for piece in pieces:
            talked.writer.write(piece)
            await talked.writer.drain()
        talked.writer.close()

    return talk


async def cut(talked: Talked) -> None:
    """Reset the connection."""
    talked.writer.transport.abort()


def untouched(row: StoredAssociation, there: Wired) -> bool:
    """Say whether the pair that is stored is the one of before, and not marked."""
    kept = ("access_token", "refresh_token", "id_token", "version", "status", "reason", "expires_at", "scope")
    return all(getattr(row, name) == getattr(there.before, name) for name in kept)


# F-NW-02 and F-NW-07: the answer is lost


BROKEN_OFF = [pytest.param(cut, id="reset"), pytest.param(saying(), id="closed")]
CUT_SHORT = [
    pytest.param(saying(HEAD + b"Content-Length: 1000\r\n\r\n" + GOOD), id="less than its length"),
    pytest.param(
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(GOOD) + GOOD + b"\r\n"),
        id="chunks without an end",
    ),
    pytest.param(saying(HEAD), id="the head alone"),
]


@pytest.mark.parametrize("talk", BROKEN_OFF)
async def test_f_nw_02_after_a_lost_answer_the_lease_is_kept_and_one_attempt_follows(talk: Talk) -> None:
    await one_attempt_follows(talk)


@pytest.mark.parametrize("talk", CUT_SHORT)
async def test_f_nw_07_no_part_of_an_answer_is_used_and_one_attempt_follows(talk: Talk) -> None:
    await one_attempt_follows(talk)


async def one_attempt_follows(talk: Talk) -> None:
    async def once(talked: Talked) -> None:
        await (talk if talked.number == 1 else saying(WHOLE))(talked)

    async with served(once) as server, wired(server.url) as there:
        with pytest.raises(ProviderUnreachable) as raised:
            await there.association.refresh_token()
        row = await there.row()
        with pytest.raises(ProviderUnreachable):  # held back: nothing is sent
            await there.association.refresh_token()
        sent_meanwhile = len(server.requests)
        there.clock.advance(LEASE.fresh + 5)
        renewing = asyncio.create_task(there.association.refresh_token())
        await there.clock.until_asleep()
        there.clock.advance(LEASE.fresh / 10)
        renewed = await renewing

        assert await renewed.get_access_token() == "access-1"
        assert (await there.row()).sent_at is None
    assert untouched(row, there)
    assert (row.lease_id is not None, row.sent_at is not None) == (True, True)
    assert raised.value.may_have_arrived
    assert sent_meanwhile == 1
    assert server.requests[0] == server.requests[1]
    assert len(server.requests) == 2


@pytest.mark.parametrize("talk", [*BROKEN_OFF, *CUT_SHORT])
async def test_f_nw_02_a_refusal_after_a_lost_answer_says_that_it_was_lost(talk: Talk) -> None:
    async def once(talked: Talked) -> None:
        await (talk if talked.number == 1 else saying(REVOKED))(talked)

    async with served(once) as server, wired(server.url) as there:
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        there.clock.advance(LEASE.fresh + 5)
        renewing = asyncio.create_task(there.association.refresh_token())
        await there.clock.until_asleep()
        there.clock.advance(LEASE.fresh / 10)
        with pytest.raises(NeedsReauth) as raised:
            await renewing

        row = await there.row()
    assert (raised.value.reason, row.status, row.reason) == ("answer_lost", "needs_reauth", "answer_lost")
    assert row.refresh_token == there.before.refresh_token
    assert len(server.requests) == 2


# F-NW-03: nobody is reached


async def test_f_nw_03_a_refused_connection_is_a_typed_error_and_is_tried_again_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    async with wired(f"http://127.0.0.1:{port}") as there:
        with pytest.raises(ProviderUnreachable) as raised:
            await there.association.refresh_token()
        row = await there.row()
    assert (raised.value.may_have_arrived, row.sent_at, row.lease_id, row.attempts) == (False, None, None, 1)
    assert untouched(row, there)


async def test_f_nw_03_a_name_that_nobody_knows_is_a_typed_error_and_is_tried_again_later() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno -2] Name or service not known")

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(nobody)) as http,
        wired("https://127.0.0.1", http_client=http) as there,
    ):
        with pytest.raises(ProviderUnreachable) as raised:
            await there.association.refresh_token()
        row = await there.row()
    assert (raised.value.may_have_arrived, row.sent_at, row.lease_id) == (False, None, None)
    assert untouched(row, there)


@pytest.mark.parametrize("is_expired", [False, True], ids=["self-signed", "expired"])
async def test_f_nw_03_a_certificate_that_is_not_good_gets_no_token(is_expired: bool, tmp_path: Path) -> None:
    async with served(saying(WHOLE), tls=tls_of(tmp_path, is_expired=is_expired)) as server, wired(server.url) as there:
        with pytest.raises(ProviderUnreachable) as raised:
            await there.association.refresh_token()
        row = await there.row()
    assert server.requests == []
    assert (raised.value.may_have_arrived, row.sent_at, row.lease_id) == (False, None, None)
    assert untouched(row, there)


def tls_of(folder: Path, *, is_expired: bool) -> ssl.SSLContext:
    """Give what a server shows that signed its certificate itself, good for a day, of now or of last year."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=365 if is_expired else 0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown = folder / "shown.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown)
    return context


# F-NW-04: it drips


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        pytest.param(HEAD + b"\r\n", b" ", id="the body"),
        pytest.param(HEAD, b"X-Drop: 1\r\n", id="the headers"),
        pytest.param(b"", b"", id="nothing"),
    ],
)
async def test_f_nw_04_an_answer_that_drips_ends_at_the_deadline_and_its_connection_is_closed(
    head: bytes, drop: bytes
) -> None:
    async def talk(talked: Talked) -> None:
        talked.writer.write(head)
        while not await _gone(talked.reader, within=0.01):
            talked.writer.write(drop)
            await talked.writer.drain()
        raise ConnectionError

    async with asyncio.timeout(8), served(talk) as server, wired(server.url) as there:  # however slow this machine is
        with pytest.raises(ProviderUnreachable) as raised:
            await there.hasty.refresh_token()
        await server.left.wait()
        row = await there.row()
    assert raised.value.may_have_arrived
    assert untouched(row, there)
    assert (row.sent_at is not None, len(server.requests)) == (True, 1)


async def _gone(reader: asyncio.StreamReader, *, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            return await reader.read() == b""
    except TimeoutError:
        return False


# F-NW-05 and F-NW-06: too much


def bomb() -> list[bytes]:
    """Give gzip that unpacks to 1 GiB, in pieces of one MiB each."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = packer.compress(b" " * MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", *[piece] * 1024]


GZIP = HEAD + b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([HEAD + b"\r\n", *[_PIECE] * 800], id="50 MB"),
        pytest.param([HEAD + b"Content-Length: 52428800\r\n\r\n", *[_PIECE] * 800], id="and it says so"),
    ],
)
async def test_f_nw_05_an_answer_of_50_mb_is_cut_and_the_pair_stays(pieces: list[bytes]) -> None:
    await cut_and_unchanged(pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([GZIP + b"\r\n", *bomb()], id="a bomb"),
        pytest.param([HEAD + b"Content-Encoding: gzip, gzip\r\n\r\n", gzip.compress(gzip.compress(GOOD))], id="twice"),
        pytest.param(
            [HEAD + b"Content-Encoding: deflate\r\n\r\n", zlib.compress(b" " * 50 * MEBIBYTE, 9)], id="deflate"
        ),
        pytest.param([HEAD + b"Content-Encoding: br\r\n\r\n", b"\x0b\x02\x80{}\x03"], id="br"),
        pytest.param([GZIP + b"\r\n", gzip.compress(GOOD)[:-9]], id="broken"),
    ],
)
async def test_f_nw_06_an_answer_that_unpacks_to_too_much_or_is_broken_is_cut(pieces: list[bytes]) -> None:
    await cut_and_unchanged(pieces)


async def cut_and_unchanged(pieces: list[bytes]) -> None:
    async with served(saying(*pieces)) as server, wired(server.url) as there:
        tracemalloc.start()
        try:
            with pytest.raises(ProviderBroken):
                await there.association.refresh_token()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        row = await there.row()
    assert peak < 10 * MEBIBYTE
    assert untouched(row, there)
    assert row.sent_at is not None  # it may have rotated
    assert len(server.requests) == 1


# F-NW-08: sent elsewhere


@pytest.mark.parametrize("status", [b"301", b"302", b"303", b"307", b"308"])
async def test_f_nw_08_a_redirect_is_not_followed_with_a_refresh_token(status: bytes) -> None:
    async with served(saying(WHOLE)) as other:
        away = b"HTTP/1.1 %s No\r\nLocation: %s/token\r\nContent-Length: 0\r\n\r\n" % (
            status,
            other.url.encode(),
        )
        async with served(saying(away)) as server, wired(server.url) as there:
            with pytest.raises(ProviderBroken) as raised:
                await there.association.refresh_token()
            row = await there.row()
    assert (other.connections, other.requests) == (0, [])
    assert raised.value.http_status == int(status)
    assert untouched(row, there)
    assert row.sent_at is None


# F-NW-09: a connection that was kept, and is closed as a request is written


async def test_f_nw_09_a_kept_connection_that_was_closed_meanwhile_is_not_used_and_the_token_is_sent_once() -> None:
    async def talk(talked: Talked) -> None:
        talked.writer.write(WHOLE.replace(b"-1", b"-%d" % talked.number))
        await talked.writer.drain()
        talked.writer.close()  # though it never said that it would

    async with served(talk) as server, wired(server.url) as there:
        first = await there.association.refresh_token()
        await server.ended.wait()
        second = await first.refresh_token()

        assert await second.get_access_token() == "access-2"
    assert (server.connections, len(server.requests)) == (2, 2)
    assert server.requests[0] != server.requests[1]


async def test_f_nw_09_a_kept_connection_that_is_closed_under_the_request_counts_as_a_lost_answer() -> None:
    async def talk(talked: Talked) -> None:
        if talked.number == 1:
            talked.writer.write(WHOLE)
        else:
            await cut(talked)

    async with served(talk) as server, wired(server.url) as there:
        first = await there.association.refresh_token()
        before = await there.row()
        with pytest.raises(ProviderUnreachable) as raised:
            await first.refresh_token()
        row = await there.row()

    assert raised.value.may_have_arrived
    assert (server.connections, len(server.requests)) == (1, 2)  # never silently sent again
    assert (row.refresh_token, row.version, row.status) == (before.refresh_token, before.version, "active")
    assert row.sent_at is not None
