"""What a replay came to, in numbers that are the same however it was run."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.model.evaluate import PRESENCE_MAX

PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
BINS = 20


@dataclass
class Report:
    """Adds up frames of scores, which come in the order of people.

    digest: of everybody's id, partition and score message: two replays agree to the byte where their digests do.
    """

    people: int = 0
    erased: int = 0
    _presence: NDArray[np.int64] = field(default_factory=lambda: np.zeros(PRESENCE_MAX + 1, dtype=np.int64))
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, frame: pl.DataFrame) -> None:
        """Count the people of a frame."""
        scored = frame.get_column("value").is_not_null()
        self.people += int(scored.sum())
        self.erased += frame.height - int(scored.sum())
        presence = frame.filter(scored).get_column("presence").to_numpy()
        self._presence += np.bincount(presence, minlength=PRESENCE_MAX + 1)
        said = frame.select("person", "partition", pl.col("value").fill_null(b"")).iter_rows()
        self._digest.update(
            b"".join(
                f"{person}\0{partition}\0{len(value)}\0".encode() + value for person, partition, value in said
            )
        )

    def told(self) -> dict[str, Any]:
        """Millipoints: the mean and percentiles of presence; histogram: people in each of BINS equal parts."""
        every = np.arange(PRESENCE_MAX + 1)
        mean = int(every @ self._presence) // self.people if self.people else None
        ranks = np.cumsum(self._presence)
        percentiles = {
            f"p{each}": int(np.searchsorted(ranks, -(-self.people * each // 100))) if self.people else None
            for each in PERCENTILES
        }
        parts = np.minimum(every * BINS // PRESENCE_MAX, BINS - 1)
        return {
            "people": self.people,
            "erased": self.erased,
            "presence": {"mean": mean, **percentiles},
            "histogram": np.bincount(parts, self._presence, minlength=BINS).astype(int).tolist(),
            "digest": self._digest.hexdigest(),
        }
