"""What a user agent says of itself: bots and people, browsers, systems, devices.

Bots are told by crawler-user-agents, browsers and systems by uap-core: two lists that others keep
up to date. What neither knows is a program unless it talks as browsers do; a few probes and HTTP
libraries that the first lacks and the second takes for browsers are named here. All are asked
through RE2, whose time is bounded whatever somebody sends; Python's own expressions take 7 ms for
a user agent that nobody has seen, with every other thread waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from app.model.managed_links import Device

LONGEST = 512
"""Characters that are looked at; what browsers send is shorter."""
_MOST_KNOWN = 2048
_IOS = frozenset({"iOS", "iPadOS"})
_DESKTOP = (
    "Windows",
    "Mac OS X",
    "Linux",
    "Ubuntu",
    "Fedora",
    "Debian",
    "Chrome OS",
    "FreeBSD",
    "OpenBSD",
    "NetBSD",
)
_PROGRAMS = (
    # HTTP libraries and clients that uap-core takes for browsers.
    r"^Java[/-]",
    r"^(?:PostmanRuntime|insomnia|Paw|unirest-\w+|http\.rb|GuzzleHttp|reqwest|go-resty)/",
    r"^(?:ReactorNetty|Vert\.x-WebClient|akka-http|scalaj-http|lua-resty-http|HTTPClient)/",
    r"^(?:\w+-HTTPClient|libcurl-agent|urlgrabber|Boto3?|aws-\w+(?:-\w+)*)/",
    r"^(?:libcurl|r-curl|PycURL)\b",
    r"PowerShell/",
    # Probes and monitors that name a system or a browser.
    r"^(?:Elastic-Heartbeat|NewRelicPinger|Rackspace Monitoring)/",
    r"^(?:HttpMonitor|TLSProber|PRTG Network Monitor)\b",
    r"(?:PingdomTMS|DatadogSynthetics|CloudWatchSynthetics|NewRelicSynthetics|StatusCake)\b",
)
"""Expressions of RE2, beside those of crawler-user-agents."""
_ONLY_AT_THE_BEGINNING = frozenset({"WhatsApp", "Viber"})
"""Patterns of crawler-user-agents: behind the name of a browser, it is that of a person's app."""
_PEOPLE_SAY = ("mozilla/", "opera/", "midp", "cldc", "wap", "docomo/", "browser", "w3m/")
"""What every browser says, or said when it was one of the first on a telephone or in a terminal."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent says of itself."""

    bot: bool
    browser: str | None
    os: str | None
    device: Device | None
    """`ios`, `android`, `desktop`, or None for anything else."""


_BOT = Agent(bot=True, browser=None, os=None, device=None)


def agent(user_agent: str) -> Agent:
    """Tell bots from people, and with which browser, on which system and device they come.

    Nothing sent is a bot: no browser does that. So is what neither list knows, if it does not even
    say `Mozilla/`: a probe, a script, a library.
    """
    return _agent(user_agent[:LONGEST])


@lru_cache(maxsize=_MOST_KNOWN)
def _agent(user_agent: str) -> Agent:
    if not user_agent.strip() or _crawlers().Match(user_agent.encode()):
        return _BOT
    known = _parser()(user_agent)
    browser = known.user_agent.family if known.user_agent else None
    system = known.os.family if known.os else None
    if not browser and not system and not _talks_as_people_do(user_agent):
        return _BOT
    return Agent(bot=False, browser=browser, os=system, device=_device(system))


def _talks_as_people_do(user_agent: str) -> bool:
    said = user_agent.lower()
    return any(word in said for word in _PEOPLE_SAY)


def _device(system: str | None) -> Device | None:
    if system in _IOS:
        return "ios"
    if system == "Android":
        return "android"
    return "desktop" if system and system.startswith(_DESKTOP) else None


# Both are loaded by whoever reads the first user agent: half a second that no start waits for.
@cache
def _parser() -> Any:
    ua_parser = import_module("ua_parser")
    browsers, systems, _ = import_module("ua_parser.loaders").load_lazy_builtins()
    # Devices are the longest list, and systems tell what is wanted of them.
    parser = ua_parser.Parser(import_module("ua_parser.re2").Resolver((browsers, systems, [])))
    wanted = ua_parser.Domain.USER_AGENT | ua_parser.Domain.OS
    return lambda user_agent: parser(user_agent, wanted)


@cache
def _crawlers() -> Any:
    patterns = import_module("re2").Set.SearchSet()
    for entry in import_module("crawleruseragents").CRAWLER_USER_AGENTS_DATA:
        pattern = entry["pattern"]
        patterns.Add(f"^{pattern}" if pattern in _ONLY_AT_THE_BEGINNING else pattern)
    for pattern in _PROGRAMS:
        patterns.Add(pattern)
    patterns.Compile()
    return patterns
