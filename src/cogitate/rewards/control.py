"""A reward that knows nothing: what learning curves look like when nothing can be learned."""

import hashlib


def coin_flip(problem_id: str, sample: int, text: str, *, seed: int) -> float:
    """1.0 or 0.0 with probability 1/2 each, fixed by (seed, problem, sample, text) alone.

    Two samples of a group with the same text get independent flips, so no text is favoured, and
    the same problem met again is flipped anew where the texts differ. Whether the answer is right
    does not enter. Control of "Spurious Rewards" (arXiv:2506.10947).
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in (str(seed), problem_id, str(sample), text):
        encoded = part.encode("utf-8", errors="surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return float(digest.digest()[0] & 1)
