"""One module for each group of published statements; CLAIMS is what the ledger reads."""

import importlib
import pkgutil

from properties.claim import Claim
from properties.errors import Unavailable


def all_claims() -> tuple[Claim, ...]:
    """Every claim, by model and name."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    found = [claim for name in names for claim in importlib.import_module(f"{__name__}.{name}").CLAIMS]
    return tuple(sorted(found, key=lambda claim: (claim.model, claim.name)))


def claims_about(model: str) -> tuple[Claim, ...]:
    """The claims whose model contains these letters, in any case. Raises `Unavailable`, naming the models, if none."""
    found = tuple(claim for claim in all_claims() if model.casefold() in claim.model.casefold())
    if not found:
        models = ", ".join(sorted({claim.model for claim in all_claims()}))
        raise Unavailable(f"model: no claim is about {model!r}; there are {models}")
    return found
