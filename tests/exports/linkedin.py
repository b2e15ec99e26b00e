"""A member's export of LinkedIn in the layout of 2026, with the oddities of each file."""

from pathlib import Path

POST, SHARED, OF_OTHERS, COMMENT = (
    "7458194261025673216",
    "7448081445065035776",
    "7401794121226568123",
    "7470563999991234567",
)
LINK = "https://www.linkedin.com/feed/update/urn%3Ali%3A"

FILES = {
    # Notes before the header; who hides has only a date; no newline at the end.
    "Connections.csv": (
        '\ufeffNotes:\n"When exporting your connection data, you may notice that some of the email addresses are missing."\n\n'
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
        'Ines,Okafor,https://www.linkedin.com/in/ines-o,,"Northwind, Inc.",Director,08 Feb 2026\n'
        ",,,,,,07 Jun 2026\n"
        'Tom,Reyes,https://www.linkedin.com/in/tomreyes,,Contoso,"Engineer, Platform",14 Nov 2019'
    ),
    # The complete archive has the member's number in names; quotes are doubled, texts have lines.
    "Shares_17529409.csv": (
        "Date,ShareLink,ShareCommentary,SharedUrl,MediaUrl,Visibility\n"
        f"2026-05-07 16:41:18,{LINK}ugcPost%3A{POST},Excited to share,,,MEMBER_NETWORK\n"
        f'2026-04-09 18:56:35,{LINK}share%3A{SHARED},"Check out ""this"" article\n\nline two",https://example.com/a,,PUBLIC\n'
    ),
    # Quotes are escaped by a backslash here; a comment may be named by its own number or not.
    "Comments.csv": (
        "Date,Link,Message\r\n"
        f'2026-06-10 18:53:49,{LINK}activity%3A{OF_OTHERS},"When I led the \\"tea, Earl Grey\\" team,\n\nit was hot."\r\n'
        f"2026-06-10 19:54:13,{LINK}activity%3A{OF_OTHERS}?commentUrn=urn%3Ali%3Acomment%3A%28activity%3A{OF_OTHERS}%2C{COMMENT}%29,ok\r\n"
    ),
    "Reactions.csv": (
        "Date,Type,Link\n"
        f"2026-09-05 09:50:45,LIKE,{LINK}activity%3A{OF_OTHERS}\n"
        "not a date,PRAISE,https://www.linkedin.com/feed/update/urn\n"
    ),
    "InstantReposts.csv": f"Date,Link\n2024-01-01 00:00:01,{LINK}activity%3A7101794121226568123\n",
    "Invitations.csv": (
        "From,To,Sent At,Message,Direction,inviterProfileUrl,inviteeProfileUrl\n"
        'Me Myself,Ada L,"9/5/26, 1:12 AM",,OUTGOING,https://www.linkedin.com/in/me,https://www.linkedin.com/in/ada\n'
        'Mo P,Me Myself,"3/5/26, 1:45 PM",Hello,INCOMING,https://linkedin.com/in/mo,https://linkedin.com/in/me\n'
    ),
    "Endorsement_Received_Info.csv": (
        "Endorsement Date,Skill Name,Endorser First Name,Endorser Last Name,Endorser Public Url,Endorsement Status\n"
        "2026/07/28 13:20:49 UTC,C++,Ed,E,www.linkedin.com/in/ed-9,ACCEPTED\n"
        "2026/07/28 13:20:46 UTC,Rust,Ed,E,www.linkedin.com/in/ed-9,PENDING\n"
    ),
    "Recommendations_Received.csv": (
        "First Name,Last Name,Company,Job Title,Text,Creation Date,Status\n"
        'Ada,L,Acme,CTO,"Great, reliable","01/19/13, 12:10 AM",VISIBLE\n'
        "Bo,B,A,B,x,1/1/24, VISIBLE\n"
        "Cy,C,A,B,x,1/1/24,HIDDEN\n"
    ),
    "Profile.csv": "First Name,Last Name,Maiden Name,Headline\nMe,Myself,,Builder\n",
    # Since 2026 every field is quoted.
    "messages.csv": (
        '"CONVERSATION ID","CONVERSATION TITLE","FROM","SENDER PROFILE URL","TO","RECIPIENT PROFILE URLS","DATE","SUBJECT","CONTENT",'
        '"FOLDER","ATTACHMENTS","IS MESSAGE DRAFT"\n'
        '"2-Y==","","Ines O","https://www.linkedin.com/in/ines-o","Me Myself","https://www.linkedin.com/in/me",'
        '"2025-06-01 14:03:22 UTC","","Thanks,\nok","INBOX","","No"\n'
        '"2-Y==","","Me Myself","https://www.linkedin.com/in/me","Ines","x","2025-06-01 14:04:22 UTC","","hi","INBOX","","No"\n'
        '"3","","LinkedIn Member","","Me","x","2025-06-01 14:04:22 UTC","","an offer","INBOX","","No"\n'
        '"4","","Di","https://www.linkedin.com/in/di","Me","x","2025-06-01 14:04:22 UTC","","hm","SPAM","","No"\n'
        '"5","","Di","https://www.linkedin.com/in/di","Me","x","2025-06-01 14:04:22 UTC","","hm","INBOX","","Yes"\n'
    ),
    "Company Follows.csv": "Organization,Followed On\nGESAMP,Sat Sep 05 08:12:14 UTC 2026\n",
    "Member_Follows.csv": (
        "FullName,Date,Status\nAda L,Mon Oct 12 14:15:16 UTC 2020,Active\nBo B,Mon Oct 12 14:15:16 UTC 2020,Inactive\n"
    ),
    "Skills.csv": "Name\nPython\nGo\n",
    "Jobs/Saved Jobs.csv": "Saved Date,Job Url,Job Title,Company Name\n",
    "Articles/Articles/one.html": (
        '<html><body><h1><a href="https://www.linkedin.com/pulse/one-me">One</a></h1>'
        '<p class="created">Created on 2024-09-20 06:04</p>\n<p class="published">Published on 2024-09-20 06:12</p></body></html>'
    ),
    "Articles/Articles/draft.html": '<html><p class="created">Created on 2024-09-20 06:04</p></html>',
    "resume.pdf": "%PDF",
}
COUNTS = {
    "read": 31,
    "events": 17,
    "undo": 0,
    "gauges": 0,
    "skipped": {
        "hidden_member": 1,  # a connection
        "not_accepted": 1,  # an endorsement
        "not_visible": 1,  # a recommendation
        "not_active": 1,  # somebody followed once
        "sent": 1,  # messages
        "no_sender": 1,
        "spam": 1,
        "draft": 2,  # and an article
        "unscored": 3,  # the profile and two skills
        "other_file": 1,
    },
    "dlq": 1,
}
"""What the import of these files has to count."""


def write(folder: Path) -> Path:
    """The export, unpacked."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder
