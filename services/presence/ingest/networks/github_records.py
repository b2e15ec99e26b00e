"""The shape of GitHub's events, as far as we read it, in all the ways in which they come.

- A webhook's body: https://docs.github.com/webhooks/webhook-events-and-payloads
- The events API, and GH Archive since 2015: https://docs.github.com/rest/using-the-rest-api/github-event-types; since October 2025
  with fewer fields: https://github.blog/changelog/2025-08-08-upcoming-changes-to-github-events-api-payloads/
- GH Archive before 2015, the timeline API: people by login only, and often numbers where there are objects now:
  https://github.com/igrigorik/gharchive.org/blob/master/bigquery/schema.js
"""

from msgspec import Raw, Struct, field


class Account(Struct, frozen=True, gc=False):
    login: str
    type: str = ""


class Made(Struct, frozen=True, gc=False):
    """An issue, comment, review, release, pull request, fork: something with an author and a time.

    A pull request of early 2011 has no `id`.
    """

    id: int = 0
    user: Account | None = None
    author: Account | None = None
    created_at: str | None = None
    submitted_at: str | None = None
    published_at: str | None = None
    merged_at: str | None = None
    state: str | None = None
    merged: bool | None = None
    html_url: str | None = None
    title: str | None = None
    name: str | None = None
    body: str | None = None


class WikiPage(Struct, frozen=True, gc=False):
    action: str = ""
    sha: str = ""
    html_url: str | None = None


class Sponsorship(Struct, frozen=True, gc=False):
    node_id: str
    sponsorable: Account
    sponsor: Account
    created_at: str


class Payload(Struct, frozen=True, gc=False):
    """What an event is about. A webhook has it at its top, beside `sender` and `repository`."""

    action: str | None = None
    issue: Made | int | None = None
    comment: Made | None = None
    comment_id: int | None = None
    issue_id: int | None = None
    pull_request: Made | None = None
    review: Made | None = None
    release: Made | None = None
    forkee: Made | int | None = None
    discussion: Made | None = None
    answer: Made | None = None
    pages: tuple[WikiPage, ...] = ()
    sponsorship: Sponsorship | None = None
    starred_at: str | None = None
    ref: str | None = None
    ref_type: str | None = None
    head: str | None = None
    after: str | None = None
    deleted: bool | None = None
    distinct_size: int | None = None
    commits: tuple[Raw, ...] | None = None
    target: Account | None = None


class Repository(Struct, frozen=True, gc=False):
    """Of a webhook (`owner` is an object), the events API (`name` is owner/name), or the timeline (`owner` is a login)."""

    id: int | None = None
    name: str = ""
    owner: Account | str | None = None
    full_name: str = ""
    html_url: str | None = None
    pushed_at: int | str | None = None
    created_at: int | str | None = None


class Posted(Struct, frozen=True, gc=False):
    """The rest of a webhook's body."""

    sender: Account | None = None
    repository: Repository | None = None


class Listed(Struct, frozen=True, gc=False):
    """An event of the events API or of GH Archive."""

    type: str
    created_at: str
    actor: Account | str | None = None
    repo: Repository | None = None
    repository: Repository | None = None
    payload: Raw = field(default_factory=lambda: Raw(b"{}"))


class Profile(Struct, frozen=True, gc=False):
    """An account as the API shows it; `at_ms` is when it was asked."""

    login: str
    at_ms: int = 0
    followers: int | None = None
    name: str | None = None
    bio: str | None = None
    blog: str | None = None
    location: str | None = None
    company: str | None = None
