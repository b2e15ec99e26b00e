"""GitHub's whole meaning for Presence, with a reference for each row."""

from collections.abc import Mapping
from types import MappingProxyType

from presence.events.vocabulary import Object, Verb
from presence.ingest.meaning import BY, TO, Meaning

HOOKS = "https://docs.github.com/webhooks/webhook-events-and-payloads"
LISTED = "https://docs.github.com/rest/using-the-rest-api/github-event-types"
TIMELINE = "https://github.com/igrigorik/gharchive.org#gh-archive"


TABLE: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        ("star", "by"): Meaning(BY, Verb.STAR, Object.REPOSITORY, f"{HOOKS}#star"),
        ("star", "to"): Meaning(TO, Verb.STAR, Object.REPOSITORY, f"{LISTED}#watchevent"),
        ("fork", "by"): Meaning(BY, Verb.ANNOUNCE, Object.REPOSITORY, f"{HOOKS}#fork"),
        ("fork", "to"): Meaning(TO, Verb.ANNOUNCE, Object.REPOSITORY, f"{LISTED}#forkevent"),
        ("follow", "by"): Meaning(BY, Verb.FOLLOW, Object.PROFILE, TIMELINE),
        ("follow", "to"): Meaning(TO, Verb.FOLLOW, Object.PROFILE, TIMELINE),
        ("sponsorship", "by"): Meaning(BY, Verb.ENDORSE, Object.PROFILE, f"{HOOKS}#sponsorship"),
        ("sponsorship", "to"): Meaning(TO, Verb.ENDORSE, Object.PROFILE, f"{HOOKS}#sponsorship"),
        ("push", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{HOOKS}#push"),
        ("repository", "by"): Meaning(BY, Verb.CREATE, Object.REPOSITORY, f"{LISTED}#createevent"),
        ("release", "by"): Meaning(BY, Verb.CREATE, Object.ARTICLE, f"{HOOKS}#release"),
        ("wiki", "by"): Meaning(BY, Verb.CREATE, Object.ARTICLE, f"{HOOKS}#gollum"),
        ("issue", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{HOOKS}#issues"),
        ("issue", "reply"): Meaning(TO, Verb.CREATE, Object.NOTE, f"{HOOKS}#issues"),
        ("pull", "by"): Meaning(BY, Verb.CREATE, Object.ANSWER, f"{HOOKS}#pull_request"),
        ("pull", "reply"): Meaning(TO, Verb.CREATE, Object.NOTE, f"{HOOKS}#pull_request"),
        ("merge", "by"): Meaning(BY, Verb.ACCEPT, Object.ANSWER, f"{HOOKS}#pull_request"),
        ("merge", "to"): Meaning(TO, Verb.ACCEPT, Object.ANSWER, f"{HOOKS}#pull_request"),
        ("approval", "by"): Meaning(BY, Verb.ENDORSE, Object.ANSWER, f"{HOOKS}#pull_request_review"),
        ("approval", "to"): Meaning(TO, Verb.ENDORSE, Object.ANSWER, f"{HOOKS}#pull_request_review"),
        ("comment", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{HOOKS}#issue_comment"),
        ("comment", "reply"): Meaning(TO, Verb.CREATE, Object.NOTE, f"{HOOKS}#issue_comment"),
        ("answer", "by"): Meaning(BY, Verb.ACCEPT, Object.ANSWER, f"{HOOKS}#discussion"),
        ("answer", "to"): Meaning(TO, Verb.ACCEPT, Object.ANSWER, f"{HOOKS}#discussion"),
    }
)
LISTED_AS: Mapping[str, str] = MappingProxyType(
    {
        "WatchEvent": "star",
        "ForkEvent": "fork",
        "FollowEvent": "follow",
        "SponsorshipEvent": "sponsorship",
        "PushEvent": "push",
        "CreateEvent": "create",
        "PublicEvent": "public",
        "ReleaseEvent": "release",
        "GollumEvent": "gollum",
        "IssuesEvent": "issues",
        "IssueCommentEvent": "issue_comment",
        "CommitCommentEvent": "commit_comment",
        "PullRequestEvent": "pull_request",
        "PullRequestReviewEvent": "pull_request_review",
        "PullRequestReviewCommentEvent": "pull_request_review_comment",
        "DiscussionEvent": "discussion",
    }
)
"""The events API's name of an event: the webhook's."""
