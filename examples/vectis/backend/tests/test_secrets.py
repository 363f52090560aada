import pytest

from app.errors import UnreadableSecret
from app.secrets import SecretBox
from tests.conftest import KEY, OTHER_KEY


def test_rotation_reads_the_old_key_and_writes_the_new_one() -> None:
    token = SecretBox(KEY).encrypt("välue")
    rotating = SecretBox(OTHER_KEY, (KEY,))
    assert rotating.decrypt("name", token) == "välue"
    assert rotating.readable_with("name", token) == "rotating"
    assert SecretBox(OTHER_KEY).decrypt("name", rotating.encrypt("välue")) == "välue"


def test_an_unreadable_value_is_an_error_of_one_line() -> None:
    token = SecretBox(KEY).encrypt("value")
    for broken in (token, b"", b"not a token"):
        with pytest.raises(UnreadableSecret, match="smtp_password") as caught:
            SecretBox(OTHER_KEY).decrypt("smtp_password", broken)
        assert "\n" not in str(caught.value)
