"""The ten best, then every change of theirs, for ever: `python examples/python/top_and_watch.py 127.0.0.1:50051`.

PRESENCE_CLIENT_TOKEN has the API key or token, if the gateway asks for one.
"""

import asyncio
import os
import sys

from presence.client import Access, AsyncClient

COUNT = 10


async def main(address: str) -> None:
    """Until it is interrupted."""
    access = Access(token=os.environ.get("PRESENCE_CLIENT_TOKEN", ""))
    async with AsyncClient(address, access=access) as client:
        page = await client.list_page(order_by="presence desc", page_size=COUNT)
        for score in page.scores:
            print(f"{score.person} {score.presence / 1000:.1f}")
        async for update in client.watch([score.person for score in page.scores]):
            for score in update.scores:
                print(f"{score.person} {score.presence / 1000:.1f} {score.revision}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
