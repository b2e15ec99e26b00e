"""The archetypes of the model's page, section 8, each a year of a life."""

from collections.abc import Callable

from tests.golden.life import (
    APPLAUD,
    ARTICLE,
    CALL,
    COMMENT,
    INVITE,
    LIKE,
    MENTION,
    MESSAGE,
    POST,
    RECOMMEND,
    REPLY,
    REVIEW,
    SHARE,
    WEEKS,
    Life,
    crowd,
)

from presence.events.vocabulary import PersonKind, Severity

YEAR_DAYS = 7 * WEEKS


def steady_expert(name: str = "steady_expert") -> Life:
    """An article and three posts a week, 40 likers."""
    life, fans = Life(name), crowd(40)
    life.shows(0, "linkedin", followers=600, profile_completeness=90)
    life.shows(0, "blog", profile_completeness=80)
    for week, monday in enumerate(range(0, YEAR_DAYS, 7)):
        life.act(monday + 1, "blog", ARTICLE)
        for day in (0, 2, 4):
            life.act(monday + day, "linkedin", POST)
        for n, fan in enumerate(fans):
            life.act(monday + n % 7, "linkedin", LIKE, by=fan)
        for fan in fans[week % 5 :: 5]:
            life.act(monday + 3, "linkedin", REPLY, by=fan)
        for fan in fans[week % 10 :: 20]:
            life.act(monday + 3, "linkedin", SHARE, by=fan)
        life.act(monday + 5, "linkedin", INVITE, by=fans[3 * week % 40])
        life.act(monday + 5, "linkedin", MESSAGE if week % 2 else RECOMMEND, by=fans[week % 40])
        life.act(monday + 6, "linkedin", APPLAUD, magnitude=3)
        life.shows(monday + 6, "linkedin", followers=600 + 40 * week)
    return life


def three_networks() -> Life:
    life, fans = Life("three_networks"), crowd(24)
    networks = ("x", "bluesky", "linkedin")
    for network, followers in zip(networks, (800, 400, 500), strict=True):
        life.shows(0, network, followers=followers, profile_completeness=95)
    for week, monday in enumerate(range(0, YEAR_DAYS, 7)):
        for n, network in enumerate(networks):
            for day in (0, 3):
                life.act(monday + day, network, POST)
            life.act(monday + 1, network, COMMENT, magnitude=2)
            for fan in fans[(week + n) % 3 :: 3]:
                life.act(monday + 2, network, LIKE, by=fan)
            for fan in fans[(week + n) % 12 :: 12]:
                life.act(monday + 3, network, REPLY, by=fan)
        if week % 2 == 0:
            life.act(monday + 3, "bluesky", SHARE, by=fans[week % 24])
        if week % 4 == 0:
            life.act(monday + 5, "linkedin", INVITE, by=fans[week % 24])
            life.act(monday + 5, "linkedin", MESSAGE, by=fans[week % 24])
        if week % 10 == 6:
            life.act(monday + 5, "linkedin", RECOMMEND, by=fans[week % 24])
    return life


def celebrity() -> Life:
    """Five million followers, no articles; one actor stands for a crowd."""
    life, fans = Life("celebrity"), crowd(100)
    life.shows(0, "x", followers=5_000_000, profile_completeness=100)
    for week, monday in enumerate(range(0, YEAR_DAYS, 7)):
        for day in range(7):
            life.act(monday + day, "x", POST, magnitude=2)
        for fan in fans[week % 2 :: 2]:
            life.act(monday + 2, "x", LIKE, by=fan, magnitude=2000)
            life.act(monday + 2, "x", REPLY, by=fan, magnitude=100)
        for fan in fans[week % 5 :: 5]:
            life.act(monday + 3, "x", SHARE, by=fan, magnitude=50)
            life.act(monday + 3, "x", MENTION, by=fan, magnitude=50)
    return life


def median_human() -> Life:
    life, fans = Life("median_human"), crowd(15)
    life.shows(0, "facebook", connections=300, profile_completeness=75)
    life.shows(0, "linkedin", connections=250, profile_completeness=70)
    for week, monday in enumerate(range(0, YEAR_DAYS, 7)):
        life.act(monday + 1, "facebook", POST)
        life.act(monday + 4, "facebook", COMMENT)
        life.act(monday + 4, "facebook", APPLAUD, magnitude=5)
        for fan in fans[week % 2 :: 2]:
            life.act(monday + 2, "facebook", LIKE, by=fan)
        life.act(monday + 3, "facebook", REPLY, by=fans[week % 15])
        if week % 2 == 0:
            life.act(monday + 3, "linkedin", POST)
            life.act(monday + 5, "linkedin", LIKE, by=fans[week % 15])
        if week % 4 == 0:
            life.act(monday + 5, "linkedin", INVITE, by=fans[week % 15])
        if week % 8 == 0:
            life.act(monday + 5, "linkedin", RECOMMEND, by=fans[week % 15])
            life.act(monday + 5, "facebook", MESSAGE, by=fans[week % 15])
    return life


def viral_post() -> Life:
    """One post that a crowd picks up for three days, and nothing else all year."""
    life, fans = Life("viral_post"), crowd(400)
    life.shows(0, "x", followers=300, profile_completeness=70)
    life.act(1, "x", POST)
    for n, fan in enumerate(fans):
        life.act(1 + n % 3, "x", LIKE, by=fan, magnitude=100)
    for fan in fans[:200]:
        life.act(2, "x", SHARE, by=fan, magnitude=20)
        life.act(2, "x", REPLY, by=fan, magnitude=3)
    life.shows(6, "x", followers=4_000)
    return life


def bot() -> Life:
    """2,000 posts a day for five fans."""
    life, fans = Life("bot"), crowd(5)
    life.shows(0, "x", followers=5, profile_completeness=85)
    for monday in range(0, YEAR_DAYS, 7):
        for day in range(7):
            life.act(monday + day, "x", POST, magnitude=2000)
        for fan in fans:
            life.act(monday + 2, "x", LIKE, by=fan, magnitude=50)
    return life


def silent_profile() -> Life:
    """Everything filled in, nothing ever said."""
    life = Life("silent_profile")
    life.shows(0, "linkedin", followers=500, connections=500, profile_completeness=100)
    return life


def newcomer() -> Life:
    """Nothing for nine months, then a post and a few likes a week."""
    life, fans = Life("newcomer"), crowd(8)
    for week, monday in enumerate(range(39 * 7, YEAR_DAYS, 7)):
        life.act(monday, "mastodon", POST)
        for fan in fans[: week + 1]:
            life.act(monday + 1, "mastodon", LIKE, by=fan)
        life.act(monday + 2, "mastodon", COMMENT, magnitude=2)
        life.shows(monday + 6, "mastodon", followers=5 * (week + 1))
    return life


def flagged_expert(days_ago: int) -> Life:
    """The steady expert, and one severe finding so many days before the year's end."""
    life = steady_expert(f"expert_flagged_{days_ago}_days_ago")
    life.flagged(YEAR_DAYS - days_ago, Severity.SEVERE)
    return life


def business(reviews: int, ratings: tuple[int, ...] = ()) -> Life:
    """A shop with so many reviews, spread over the year, whose ratings take turns."""
    life = Life(f"business_{reviews}_reviews", PersonKind.BUSINESS)
    customers = crowd(max(reviews, 20))
    life.shows(0, "google", profile_completeness=100)
    life.shows(0, "facebook", followers=900, profile_completeness=100)
    for week, monday in enumerate(range(0, YEAR_DAYS, 7)):
        if week % 2 == 0:
            life.act(monday + 1, "facebook", POST)
        for fan in customers[week % 4 : 20 : 4]:
            life.act(monday + 3, "facebook", LIKE, by=fan)
        if week % 4 == 0:
            life.act(monday + 4, "google", CALL, by=customers[week % 20])
        if week % 4 == 2:
            life.act(monday + 4, "facebook", MESSAGE, by=customers[week % 20])
    for n in range(reviews):
        day = n * YEAR_DAYS // reviews
        life.act(day, "google", REVIEW, by=customers[n], rating=ratings[n % len(ratings)])
    return life


LIVES: tuple[Callable[[], Life], ...] = (
    steady_expert,
    three_networks,
    celebrity,
    median_human,
    viral_post,
    bot,
    silent_profile,
    newcomer,
    *(lambda days=days: flagged_expert(days) for days in (1, 30, 90, 180)),
    lambda: business(0),
    lambda: business(3, (5_000,)),
    lambda: business(300, (5_000, 5_000, 4_000, 5_000, 3_000)),
    lambda: business(40, (2_000, 1_000, 3_000, 2_000, 2_500)),
)
