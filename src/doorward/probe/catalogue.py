"""Finds every attack: each module of `doorward.probe.attacks` holds exactly one class."""

import pkgutil
from importlib import import_module
from inspect import isclass

from doorward.probe import attacks
from doorward.probe.attack import Attack


def all_attacks() -> list[Attack]:
    """One of each, in the order in which they are run: by `order`, then by id."""
    found = []
    for module in pkgutil.iter_modules(attacks.__path__):
        loaded = import_module(f"{attacks.__name__}.{module.name}")
        classes = [
            item
            for item in vars(loaded).values()
            if isclass(item) and issubclass(item, Attack) and item.__module__ == loaded.__name__
        ]
        if len(classes) != 1:
            raise TypeError(f"{loaded.__name__} must hold exactly one attack")
        found.append(classes[0]())
    return sorted(found, key=lambda attack: (attack.order, attack.id))
