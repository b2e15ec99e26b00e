"""Takeouts of Google with reviews: a business's, and a person's in both vocabularies of Maps."""

import json
from pathlib import Path
from typing import Any

BASE = "Takeout/Google Business Profile/account-1009/location-2001"
REVIEWER = {"displayName": "Avery Lin", "isAnonymous": False}


def review(name: str, stars: str | int, created: str, updated: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "reviewer": REVIEWER,
        "starRating": stars,
        "comment": "Crackly crust.",
        "createTime": created,
        "updateTime": updated or created,
        "reviewReply": {"comment": "Thank you!", "updateTime": "2025-01-02T10:15:30.123456Z"},
    }


def named(number: int, account: str = "1009") -> str:
    return f"accounts/{account}/locations/2001/reviews/AbFvOq{number:03}Tk"


FILES: dict[str, Any] = {
    f"{BASE}/reviews.json": {
        "reviews": [
            review(named(0), "FIVE", "2025-01-01T10:15:30.123456Z"),
            review(named(1), "TWO", "2025-02-01T10:15:30.123456Z"),
            review(named(2), "STAR_RATING_UNSPECIFIED", "2025-02-02T10:15:30Z"),
            {"comment": "neither name nor date"},
        ]
    },
    f"{BASE}/reviews-ABHRLX_x.json": {"reviews": [review(named(3), "FOUR", "2025-03-01T10:15:30.5Z")]},
    # The same location managed from another account: an older copy, and one that was edited since.
    "Takeout/Google Business Profile/account-77/location-2001/reviews.json": {
        "reviews": [
            review(named(0, "77"), "FIVE", "2025-01-01T10:15:30.123456Z"),
            review(named(1, "77"), "FOUR", "2025-02-01T10:15:30.123456Z", "2025-06-01T08:00:00Z"),
        ]
    },
    f"{BASE}/additionalData.json": {"title": "Harbor Light Bakery"},
    f"{BASE}/photo-1.jpg": "",
    "Takeout/Maps (your places)/Reviews.json": {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [2.1, 41.3]},
                "properties": {
                    "date": "2024-06-01T12:00:00.123456Z",
                    "five_star_rating_published": 5,
                    "google_maps_url": "http://maps.google.com/?cid=2000001",
                    "location": {"name": "Bar Brutal", "country_code": "ES"},
                    "review_text_published": "Superb",
                },
            },
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [0, 0]},
                "properties": {
                    "Google Maps URL": "http://maps.google.com/?cid=2000002",
                    "Location": {"Business Name": "Cafe"},
                    "Published": "2017-03-04T05:06:07Z",
                    "Star Rating": 2,
                    "Title": "Cafe",
                },
            },
            {
                "type": "Feature",
                "properties": {
                    "date": "2024-06-01T12:00:00Z",
                    "google_maps_url": "http://maps.google.com/?cid=3",
                    "review_text_published": "no stars given",
                },
            },
        ],
    },
    "Takeout/Maps (your places)/Saved Places.json": {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"date": "2020-01-01T00:00:00Z", "google_maps_url": "x"}}
        ],
    },
}
COUNTS = {
    "read": 13,
    # Of the 4 reviews and 2 written ones, with one that the other account has edited since.
    "events": 6,
    "undo": 0,
    "gauges": 0,
    "skipped": {"known": 1, "no_rating": 1, "not_a_review": 1, "other_file": 2},
    "dlq": 2,
}


def write(folder: Path) -> Path:
    """The Takeout, unpacked."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2))
    return folder
