"""Settings: arguments, environment, and what is missing or unknown."""

from __future__ import annotations

import os
from typing import Any

import attrs

from pepperpy.providers import ProviderConfigError, create_provider

from ..promises import expect, promise, skip
from ..stage import KEY, Stage, complete, failure_of, show
from .subject import Subject

OTHER_KEY = "sk-environment-9876543210"


class Configuration(Subject):
    """The rules of settings, which core keeps for whoever lets it."""

    @promise(
        "configuration.environment",
        "PEPPERPY_PROVIDER_<TYPE>_API_KEY is the key where none is given, or a blank one",
        mend="take the key from config.api_key when it is needed, and look up no variable yourself",
    )
    async def test_configuration_environment(self, stage: Stage) -> None:
        os.environ[self._variable("API_KEY")] = OTHER_KEY
        for blank in (None, "", "  "):
            provider = await stage.make(api_key=blank)
            key = provider.config.api_key
            expect(key == OTHER_KEY, f"api_key={blank!r}: the provider's key is {_name(key)}, not the variable's")
            await self._expect_sent(stage, provider, OTHER_KEY)
            await provider.cleanup()

    @promise(
        "configuration.argument-wins",
        "an argument goes before the environment",
        mend="take settings from config, and look up no variable yourself",
    )
    async def test_configuration_argument_wins(self, stage: Stage) -> None:
        os.environ[self._variable("API_KEY")] = OTHER_KEY
        os.environ[self._variable("MAX_RETRIES")] = "7"
        provider = await stage.make()
        key, retries = provider.config.api_key, provider.config.max_retries
        expect(key == KEY, f"the provider's key is {_name(key)}, not the argument's")
        expect(retries == 0, f"max_retries is {retries}, not the argument's 0")
        await self._expect_sent(stage, provider, KEY)

    async def _expect_sent(self, stage: Stage, provider: Any, key: str) -> None:
        if stage.wire is not None:
            await complete(provider, "Where?")
            requests = [*stage.service.asides, *stage.service.requests]
            sent = {stage.wire.key_of(request) for request in requests}
            expect(key in sent, f"the requests carried {', '.join(map(_name, sent))}")

    @promise(
        "configuration.missing-key",
        "a missing key is a ProviderConfigError that names api_key and the variables that were looked at",
        mend="say needs_api_key=lambda options: True in ProviderSpec",
    )
    async def test_configuration_missing_key(self, stage: Stage) -> None:
        service = None if stage.wire is None else stage.service
        given = {**self.settings_for(service), "api_key": None}
        own = {name: value for name, value in self.settings.items() if name not in ("api_key", "base_url")}
        # A service of one's own may want no key where the vendor's does; but the provider may know no other.
        error = await failure_of(self._make(own))
        if error is not None and "api_key" not in str(error):
            error = await failure_of(self._make(given))
        if error is None:
            skip("the provider is made without a key")
        expect(isinstance(error, ProviderConfigError), show(error))
        for named in ("api_key", self._variable("")):
            expect(named in str(error), f"it does not name {named}: {show(error)}")

    async def _make(self, settings: dict[str, Any]) -> None:
        provider = await create_provider(self.provider_type, **settings)
        await provider.cleanup()

    @promise(
        "configuration.unknown-setting",
        "an unknown setting is a ProviderConfigError that names it, and the one that was meant",
        mend="declare what extra_config takes: an attrs class as options_type of the provider",
    )
    async def test_configuration_unknown_setting(self, stage: Stage) -> None:
        declared = self.spec().provider.options_type
        if declared is None:
            skip("the provider declares no options_type, and so takes any extra_config")
        known = [field.alias for field in attrs.fields(declared)]
        misspelt = {f"{name}x": name for name in known[:1] if len(name) > 3}
        for setting, meant in {"no_such_setting": "", **misspelt}.items():
            given: dict[str, Any] = {setting: "x"}
            error = await failure_of(stage.make(**given))
            expect(isinstance(error, ProviderConfigError), f"{setting}='x': {show(error)}")
            expect(setting in str(error), f"the error does not name {setting}: {show(error)}")
            expect(meant in str(error), f"the error does not say that {meant} was meant: {show(error)}")

    @promise(
        "configuration.environment-unchanged",
        "nothing is written into the environment",
        mend="hand settings to your client as arguments, not through os.environ",
    )
    async def test_configuration_environment_unchanged(self, stage: Stage) -> None:
        before = dict(os.environ)
        async with stage.provider() as provider:
            await complete(provider, "Where?")
        after = dict(os.environ)
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        # pytest itself notes there which test it runs.
        changed = [name for name in changed if name != "PYTEST_CURRENT_TEST"]
        expect(not changed, f"changed: {', '.join(changed)}")

    def _variable(self, setting: str) -> str:
        return f"PEPPERPY_PROVIDER_{self.provider_type.upper().replace('-', '_').replace('.', '_')}_{setting}"


def _name(key: str | None) -> str:
    return {None: "none", KEY: "the argument's", OTHER_KEY: "the variable's"}.get(key, "another one")
