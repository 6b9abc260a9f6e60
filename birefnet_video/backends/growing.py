"""When more may be tried again after memory has run out."""

from birefnet_video.defaults import BATCH_BACK_AFTER, BATCH_LONGEST_REST


class Growing:
    """Counts batches: after some that were good one may try more, and after every try that failed after twice as many.

    Batches are counted and not seconds: what happens depends on the order of calls alone.
    """

    def __init__(self, back_after: int = BATCH_BACK_AFTER, longest_rest: int = BATCH_LONGEST_REST) -> None:
        """
        Args:
            back_after: batches that must be good in a row before the first try.
            longest_rest: batches between two tries at most.
        """
        self._back_after, self._longest_rest = back_after, longest_rest
        self._rest = self._good = 0
        self._is_try = False

    def failed(self) -> None:
        """Memory has run out."""
        # What was tried and did not hold for as long as that took to come about was tried too early.
        self._rest = min(2 * self._rest, self._longest_rest) if self._is_try else self._back_after
        self._good, self._is_try = 0, False

    def good(self) -> None:
        """A batch was computed."""
        self._good += 1
        if self._is_try and self._good >= self._rest:
            self._is_try = False

    @property
    def is_due(self) -> bool:
        """Whether more may be tried now; never before something failed."""
        return 0 < self._rest <= self._good

    def tried(self) -> None:
        """More are computed from here on."""
        self._good, self._is_try = 0, True
