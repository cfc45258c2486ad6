"""Placeholder."""
from cogitate.verdict import Verdict, wrong
class MathsPool:
    def decide(self, gold, answer, pairs):
        return wrong(gold=gold, answer=answer, engine="undecided", cause="undecided")
def default_pool() -> MathsPool:
    return MathsPool()
