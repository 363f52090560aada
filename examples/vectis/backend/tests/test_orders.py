import pytest

from app.orders import BadMessage, Order, parse


def test_a_good_message() -> None:
    assert parse(b'{"id": "o-1", "slug": "enamel-mug", "quantity": 2}') == Order(
        "o-1", "enamel-mug", 2
    )


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"\xff",
        b"[]",
        b'{"id": "", "slug": "mug", "quantity": 1}',
        b'{"id": "a\\u0000", "slug": "mug", "quantity": 1}',
        b'{"id": "a", "slug": "../mug", "quantity": 1}',
        b'{"id": "a", "slug": "mug", "quantity": true}',
        b'{"id": "a", "slug": "mug", "quantity": 0}',
    ],
)
def test_bad_messages(raw: bytes | None) -> None:
    with pytest.raises(BadMessage):
        parse(raw)
