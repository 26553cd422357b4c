"""Caps of one turn: steps, tokens and money, read off what the agent reports while its answer streams (AP-LIM-05).

The decoder of answers asks, in every pattern, outside of the agent. Time and size are capped where the bytes come in.
"""

from collections.abc import Callable

from msgspec import Struct

from doorward.model.budget import NANO, Amount
from doorward.model.chat import Usage
from doorward.model.settings import AgentSettings


class Caps(Struct, frozen=True, kw_only=True):
    """`steps` counts reported calls of a model and begun calls of tools. Of `ceiling`, 0 means none. `cost` prices."""

    steps: int
    ceiling: Amount
    cost: Callable[[Usage], Amount]

    def too_many(self, steps: int) -> bool:
        """Whether a turn of so many steps is to end."""
        return steps > self.steps

    def too_dear(self, usage: Usage) -> bool:
        """Whether a turn that spent so much is to end, unless it has ended."""
        if not self.ceiling.tokens and not self.ceiling.money:
            return False
        spent = self.cost(usage)
        return 0 < self.ceiling.tokens < spent.tokens or 0 < self.ceiling.money < spent.money


def caps_of(settings: AgentSettings, cost: Callable[[Usage], Amount]) -> Caps:
    """The caps that the settings mean."""
    ceiling = Amount(settings.turn_tokens, round(settings.turn_money * NANO))
    return Caps(steps=settings.turn_steps, ceiling=ceiling, cost=cost)
