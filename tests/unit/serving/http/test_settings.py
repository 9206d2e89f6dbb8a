"""A service that others could reach without a token is refused before anything listens."""

import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.serving.http.settings import Limits, ServiceSettings, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_token(host):
    assert ServiceSettings(host=host).tokens == () and is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_other_machines_need_one(host):
    with pytest.raises(ConfigError, match="--token-file"):
        ServiceSettings(host=host)
    assert ServiceSettings(host=host, tokens=("secret",)).host == host


@pytest.mark.parametrize("token", ["", "two words", "tökén"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token):
    with pytest.raises(ConfigError) as error:
        ServiceSettings(tokens=(token,))
    assert not token or token not in str(error.value)


def test_limits_are_above_zero():
    with pytest.raises(ConfigError, match="steps=0"):
        Limits(steps=0)
    with pytest.raises(ConfigError, match="max_deadline=5"):
        Limits(max_deadline=5)
