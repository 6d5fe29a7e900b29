"""The OpenFeature provider of `config/flags.yaml`: read anew at every question."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata

from sandbox_suite.jobs import flags


class FileProvider(AbstractProvider):
    """Answers for boolean flags; the targeting key is the actor, the attribute `tenant` the tenant."""

    def __init__(self, config: Path) -> None:
        super().__init__()
        self.config = config

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name="sandbox-suite file")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """Return a flag's value for the actor and tenant of the context."""
        flag = flags.load(self.config).flag(flag_key)
        if flag is None:
            raise FlagNotFoundError(f"{flags.FILE} does not name `{flag_key}`")
        context = evaluation_context or EvaluationContext()
        value, variant = flag.value(context.targeting_key or "", str(context.attributes.get("tenant", "")))
        targeted = Reason.STATIC if variant == "default" else Reason.TARGETING_MATCH
        return FlagResolutionDetails(value=value, variant=variant, reason=targeted)

    def resolve_string_details(self, flag_key: str, default_value: str, evaluation_context: Any = None) -> Any:
        """Refuse: there are boolean flags only."""
        raise _boolean_only(flag_key)

    def resolve_integer_details(self, flag_key: str, default_value: int, evaluation_context: Any = None) -> Any:
        """Refuse: there are boolean flags only."""
        raise _boolean_only(flag_key)

    def resolve_float_details(self, flag_key: str, default_value: float, evaluation_context: Any = None) -> Any:
        """Refuse: there are boolean flags only."""
        raise _boolean_only(flag_key)

    def resolve_object_details(
        self, flag_key: str, default_value: Sequence[Any] | Mapping[str, Any], evaluation_context: Any = None
    ) -> Any:
        """Refuse: there are boolean flags only."""
        raise _boolean_only(flag_key)


def _boolean_only(name: str) -> TypeMismatchError:
    return TypeMismatchError(f"`{name}`: {flags.FILE} has boolean flags only")
