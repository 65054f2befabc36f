"""What an answer of the collector or of Loki other than success means."""

from __future__ import annotations

import requests

from app.doctor.findings import Advice, Progress
from app.doctor.network import Peer, Unreachable, reach

REQUEST_WAIT = 1.5
"""Seconds without a byte."""

_OVERLOADED = "it is overloaded, still starting, or what lies behind it is away"
_CAUSES = {
    400: "it could not read what was sent: another protocol or version listens there",
    401: "it wants credentials",
    403: "it refuses these credentials, or a firewall in front of it refuses us",
    404: "the path is wrong, or something else listens there",
    405: "the path is wrong, or something else listens there",
    408: _OVERLOADED,
    413: "its limit for one request is very small",
    415: "it does not speak this protocol",
    429: "its rate limit is reached: too many lines, spans or streams",
    502: "the proxy in front of it does not reach it",
    503: _OVERLOADED,
    504: "the proxy in front of it waits for it in vain",
}

_OF_THE_PEER = (requests.RequestException, ConnectionError, TimeoutError)
"""Errors of a request that was sent; others come before anything is."""


def advice_for(status: int, peer: Peer) -> Advice:
    """Return the likely cause of a status, and what comes next."""
    if status in _CAUSES:
        cause = _CAUSES[status]
    elif 300 <= status < 400:
        cause = f"{peer.setting} leads to a redirect, which is not followed: give its target"
    elif status >= 500:
        cause = f"{peer.name} has a fault of its own"
    else:
        cause = "something else listens there"
    if status in {404, 405, 415} or 300 <= status < 400:
        return Advice(cause, f"Compare {peer.setting} with docs/operations.md")
    if status in {401, 403}:
        return Advice(cause, f"Check the credentials in {peer.setting} or the headers")
    # It runs: starting it again, or asking whether it is registered, would tell nothing new.
    return Advice(cause, f"Look at the log and the limits of {peer.name} itself")


def reach_for(url: str, peer: Peer, progress: Progress) -> None:
    """Make sure of a TCP connection, unless a proxy of the environment lies between."""
    proxies = requests.utils.get_environ_proxies(url)
    if not requests.utils.select_proxy(url, proxies):
        reach(peer, progress)


def failure(error: Exception, peer: Peer) -> Unreachable:
    """Return what a request that got no answer means; the error's text is not used."""
    if isinstance(error, requests.exceptions.SSLError):
        cause = "https where http is spoken, or a certificate that is not trusted here"
        then = f"Write {peer.setting} with http, or trust its certificate"
        return Unreachable(f"{peer.shown}: no TLS connection", Advice(cause, then))
    if isinstance(error, requests.Timeout):
        cause = "frozen, overloaded, or another protocol listens there"
        found = f"{peer.shown} takes the request and does not answer"
        return Unreachable(found, Advice(cause, peer.start))
    if isinstance(error, requests.exceptions.ProxyError):
        cause = "HTTP_PROXY or HTTPS_PROXY is set and does not work; the service uses it too"
        then = "Take HTTP_PROXY and HTTPS_PROXY away from the service, or mend the proxy"
        return Unreachable(f"no way to {peer.shown}", Advice(cause, then))
    if isinstance(error, OSError) and not isinstance(error, _OF_THE_PEER):
        cause = "a certificate or key file that the environment names (OTEL_EXPORTER_OTLP_…, "
        cause += "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) is not there or cannot be read here"
        then = "Name a file that is in the image, or take the variable away"
        return Unreachable(f"nothing is sent to {peer.shown}", Advice(cause, then))
    cause = "it restarts, or another protocol listens there (gRPC's port 4317, https)"
    return Unreachable(f"{peer.shown} breaks the connection off", Advice(cause, peer.start))
