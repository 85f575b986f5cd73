"""The way in: make a provider by its name."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from ._config import UNSET, ProviderConfig, Timeouts, Unset, check_provider_type, merge_extras, seal, seal_extras
from ._provider import Provider, ReadyProvider
from ._registry import ProviderRegistry
from ._secret import SecretDict, redact, redact_error
from ._settings import fill_in, name_variable, structure_options, variables
from .domain import ProviderConfigError, ProviderError, ProviderPluginError
from .hookspecs import ProviderSpec


class ProviderEngine:
    """Finds providers and makes them. Its methods are of the class, over one registry.

    A subclass with a `registry` of its own is an engine of its own:

        class IsolatedEngine(ProviderEngine):
            registry = ProviderRegistry()
    """

    registry: ClassVar[ProviderRegistry] = ProviderRegistry()

    @classmethod
    def list_providers(cls) -> list[str]:
        """Return the names of all providers, installed or registered, sorted. No plugin is imported."""
        return cls.registry.names()

    @classmethod
    def register_provider(cls, name: str, provider: type[Provider] | ProviderSpec, *, replace: bool = False) -> None:
        """Make a class known under a name, for this process; it goes before an installed provider of that name.

        A `ProviderSpec` in its place also says what a plugin would: the default model, the vendor's variables, ...

        Raises:
            ProviderConfigError: The name or the class cannot be used, or the name is taken and `replace` not given.
        """
        cls.registry.register(name, provider, replace=replace)

    @classmethod
    def unregister_provider(cls, name: str) -> None:
        """Take back what `register_provider` did.

        Raises:
            ProviderNotFoundError: Nothing is registered under the name.
        """
        cls.registry.unregister(name)

    @classmethod
    async def create_provider(
        cls,
        provider_type: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        timeout: float | Timeouts | Unset | None = UNSET,
        max_retries: int | None = None,
        extra_config: Mapping[str, Any] | None = None,
        **extras: Any,
    ) -> ReadyProvider:
        """Return a provider, ready for calls; no connection is opened before the first.

        A setting that is not given comes from `PEPPERPY_PROVIDER_<TYPE>_<SETTING>`, then from the vendor's own
        variable (`OPENAI_API_KEY`, ...), then from the plugin's default. None and blank text count as not given.

        Args:
            provider_type: The provider's name, as `list_providers` gives it.
            api_key: The key, if the service wants one.
            model: The model that completes.
            timeout: Seconds for a plain request as a whole, and for each silence of a stream; None is no limit;
                600 if not given. `Timeouts` sets the bounds apart.
            max_retries: Requests after the first, 2 if not given.
            extra_config: What the plugin takes beyond that.
            **extras: The same, given flat.

        Raises:
            ProviderNotFoundError: No provider has this name.
            ProviderPluginError: It is installed, but did not load.
            ProviderConfigError: A setting is missing, unknown or wrong.
            ProviderError: Its `initialize()` failed; what it had opened was cleaned up.
        """
        # Sealed first, so that no traceback with locals can show them.
        api_key, extra_config, extras = seal(api_key), seal_extras(extra_config), SecretDict(extras)
        name = check_provider_type(provider_type)
        try:
            given = ProviderConfig(
                name,
                api_key=api_key,
                model=model,
                timeout=timeout,
                max_retries=max_retries,
                extra_config=merge_extras(extra_config, extras),
            )
            spec = cls.registry.get(name)
            try:
                return cast("ReadyProvider", await make_ready(spec.provider, settle(given, spec)))
            except ProviderConfigError as error:
                name_variable(error, given, os.environ, spec.variables)
                raise
        except ProviderError as error:
            error.provider_type = error.provider_type or name
            raise


create_provider = ProviderEngine.create_provider


def settle(config: ProviderConfig, spec: ProviderSpec) -> ProviderConfig:
    """Return the settings, filled in as the spec declares them; a declaration that fails is its plugin's fault."""
    try:
        config = fill_in(
            config,
            os.environ,
            vendor_variables=spec.variables,
            options_type=spec.provider.options_type,
            default_model=spec.default_model,
        )
        check_api_key_present(config, spec)
        return config
    except ProviderError:
        raise
    except Exception as error:  # noqa: BLE001 -- a plugin's, whatever it is
        problem = type(error).__name__
    raise ProviderPluginError(
        f"the settings that {spec.name!r} declares cannot be used ({problem}); upgrade its plugin"
    )


def check_api_key_present(config: ProviderConfig, spec: ProviderSpec) -> None:
    """Raise where the service wants a key and there is none, naming every place that was looked at."""
    options_type = spec.provider.options_type
    options = structure_options(options_type, config.extra_config) if options_type else config.extra_config
    if config.api_key is not None:
        return
    try:
        needed = spec.needs_api_key(options)
    except Exception:  # noqa: BLE001 -- it stumbled over a setting that the provider itself refuses in words
        return
    if needed:
        names = " or ".join(variables(config.provider_type, "api_key", spec.variables))
        raise ProviderConfigError(f"no api_key: give api_key=... or set {names}")


async def make_ready(provider_class: type[Provider], config: ProviderConfig) -> Provider:
    """Make a provider and initialize it; on failure it is cleaned up and the error, if foreign, wrapped."""
    provider: Provider | None = None
    try:
        provider = provider_class(config)
        await provider.initialize()
        return provider
    except BaseException as error:
        failure = explain(error, config) if isinstance(error, Exception) else error
        if provider is not None:
            await clean_up_after(provider, failure)
        if failure is error:
            raise
    # Out here, so that a cause that was left out is not back as the context.
    raise failure


def explain(error: Exception, config: ProviderConfig) -> ProviderError:
    """Return the error to raise for what a provider raised on its way up; a cause that holds the key is left out."""
    secrets = [config.api_key] if config.api_key else []
    if isinstance(error, ProviderError):
        failure = error
        redact_error(failure, secrets)
    else:
        reason = redact(f"{type(error).__name__}: {error}", secrets)
        failure = ProviderError(f"the provider did not initialize: {reason}", provider_type=config.provider_type)
        failure.__cause__ = error
    chain = "".join(traceback.format_exception(failure))
    if redact(chain, secrets) != chain:
        failure.__cause__ = failure.__context__ = None
    return failure


async def clean_up_after(provider: Provider, error: BaseException) -> None:
    """Clean up; what fails on the way is a note on the error that counts."""
    try:
        await provider.cleanup()
    except Exception as second:  # noqa: BLE001 -- a plugin's, and the first error counts
        error.add_note(f"cleanup() failed as well: {type(second).__name__}")
