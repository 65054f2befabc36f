"""What stands in examples where a schema alone would make up nothing plausible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CODE = "aB3xY9"
"""The link of all examples: whoever reads them puts a code of their own in its place."""
EMAIL, PASSWORD = "ana@example.org", "correct horse battery"
"""The account of all examples."""
ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
"""Whatever has a UUID."""
_TARGET = "https://example.org/autumn/offers?page=2"
_PREFIX = "fon_q3T9Zk2v"
_DAY = "2026-11-27T00:00:00-03:00"

VALUES: Mapping[str, Any] = {
    "url": _TARGET,
    "code": CODE,
    "short_code": CODE,
    "short_url": f"https://short.example/{CODE}",
    "title": "Autumn offers",
    "LinkBody.tags": ["autumn", "shop"],
    "LinkPatch.tags": ["autumn", "shop"],
    "tag": None,
    "rules": [],
    "max_visits": None,
    "redirect_status": None,
    "forward_query": None,
    "starts_at": None,
    "expires_at": None,
    "LinkBody.state": "active",
    "blocked": False,
    "created_at": "2026-11-20T09:15:00Z",
    "changed_at": "2026-11-24T16:40:00Z",
    "last_visit_at": "2026-11-27T18:02:11Z",
    "visits": 128,
    "visitors": 97,
    "bots": 12,
    "scans": 9,
    "email": EMAIL,
    "password": PASSWORD,
    "username": "ana",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoi…",
    "current_password": PASSWORD,
    "new_password": "a longer horse battery",
    "scopes": ["links:read", "statistics:read"],
    "prefix": _PREFIX,
    "secret": f"{_PREFIX}Yw8LrB1nX5cA7dE0fG4hJ6mPsUtWyQiOx_-",
    "timestamp": 1795804200,
    "service_name": "go-backend",
    "environment": "production",
    "size": 1048576,
    "offset": 0,
    "cursor": None,
    "next_after": None,
    "OwnedLink.id": CODE,
    "TagBody.name": "winter",
    "TagBody.links": 14,
    "TagPatch.name": "winter",
    "Liveness.status": "ok",
    "Key.name": "Weekly report",
    "KeyBody.name": "Weekly report",
    "DeletionBody.links": "keep",
    "ImportAnswer.state": "open",
    "ImportAnswer.links": 0,
    "RefusalAnswer.line": 7,
    "RefusalAnswer.code": "spring-sale",
    "RefusalAnswer.reason": "Alias already taken",
    "ErrorBody.code": "URL_NOT_FOUND",
    "BulkLink.status": 201,
    "StatisticsAnswer.from": _DAY,
    "StatisticsAnswer.to": "2026-11-28T00:00:00-03:00",
    "StatisticsAnswer.tz": "America/Sao_Paulo",
    "StatisticsAnswer.interval": "day",
    "StepAnswer.at": _DAY,
    "StatisticsAnswer.breakdowns": {
        "referrers": [{"value": "news.example", "visits": 61}],
        "browsers": [{"value": "Firefox", "visits": 70}],
        "systems": [{"value": "Android", "visits": 58}],
        "devices": [{"value": "mobile", "visits": 80}],
        "countries": [{"value": "BR", "visits": 102}],
        "languages": [{"value": "pt", "visits": 99}],
        "utm_sources": [{"value": "newsletter", "visits": 40}],
        "utm_mediums": [{"value": "email", "visits": 40}],
        "utm_campaigns": [{"value": "autumn", "visits": 40}],
    },
}
"""By field, or by schema and field where the field alone could mean several things."""

SHOWN: Mapping[str, tuple[str, ...]] = {
    "SignupBody": ("username",),
    "LinkPatch": ("title", "tags"),
    "LogoutBody": ("keys",),
    "BulkLink": ("short_code",),
}
"""By schema: fields of an example beside those that must be there."""

_IMPORT = {"message": "Import retrieved successfully"}
OF_OPERATION: Mapping[str, Mapping[str, Any]] = {"getImport": _IMPORT, "continueImport": _IMPORT}
"""By operation: what it answers where its schema allows several things."""
TEXTS: Mapping[str, str] = {
    "robots": "User-agent: *\nDisallow: /api/\n",
    "front": "Short links live here: this address and six letters or digits lead to a longer one.",
    **dict.fromkeys(
        ("metrics", "apiMetrics"),
        "# HELP target_info Target metadata\n# TYPE target_info gauge\n",
    ),
    **dict.fromkeys(
        ("getLinkStatisticsTable", "getStatisticsTable"),
        f"kind,name,visits,visitors,bots,scans\r\ntotal,,128,97,12,9\r\nday,{_DAY},128,97,12,9\r\n",
    ),
}
"""By operation: what stands for an answer that is not JSON."""

HEADERS: Mapping[str, str] = {
    "Location": _TARGET,
    "Cache-Hit": "true",
    "ETag": '"3"',
}
"""By name: what a header of an answer may hold."""
PARAMETERS: Mapping[str, str] = {
    "code": CODE,
    "tag": "autumn",
    "key_id": ID,
    "import_id": ID,
    "Upload-Offset": "0",
    "version": "1",
    "name": "main.js",
    "from": "2026-11-27",
    "to": "2026-11-27",
}
"""By name: what a parameter may hold, before the document's own example."""
