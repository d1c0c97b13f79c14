"""A secret in a file: as it is now, and never shown."""

import pytest

from coldplate.wire.secret import FileSecret, now


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "password"
    path.write_text("first\n")
    return path


def test_what_is_encoded_is_what_the_file_has_now(file):
    """Kafka's clients encode a password with each login."""
    secret = FileSecret(str(file))
    assert (b"first", "first") == (secret.encode("utf-8"), now(secret))
    file.write_text("second\n")
    assert (b"second", "second") == (secret.encode("utf-8"), now(secret))


@pytest.mark.parametrize("change", ["removed", "empty", "garbled"])
def test_in_the_middle_of_a_change_the_last_one_holds(file, change):
    """A file that is not there, is empty or is no text changes nothing until it is whole again."""
    secret = FileSecret(str(file))
    file.write_text("second")
    assert "second" == now(secret)
    {"removed": file.unlink, "empty": lambda: file.write_text(""), "garbled": lambda: file.write_bytes(b"\xff")}[change]()  # fmt: skip
    assert "second" == now(secret)
    file.write_text("third")
    assert "third" == now(secret)


def test_its_repr_shows_the_file_and_not_the_secret(file):
    """So may logs and tracebacks."""
    shown = repr(FileSecret(str(file)))
    assert str(file) in shown
    assert "first" not in shown


def test_one_that_was_given_is_itself(file):
    """Not every secret lies in a file."""
    assert "given" == now("given")
    with pytest.raises(OSError, match="nowhere"):
        FileSecret(str(file.parent / "nowhere"))
