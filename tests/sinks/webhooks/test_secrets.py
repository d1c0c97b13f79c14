"""Secrets in files: read again when they change, and shown to nobody."""

import os

import pytest

from coldplate.sinks.webhooks.secrets import BYTES_MAX, Secret, SecretError, secret_in


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "key"
    path.write_text(" hunter2 \n")
    return path


def test_a_secret_is_stripped_and_not_in_its_repr(file):
    """The newline that an editor adds is none of it."""
    secret = Secret(file)
    assert "hunter2" == secret.value
    assert "hunter2" not in repr(secret)


def test_a_changed_file_is_read_again(file):
    """In place with another size, in place with the same size, and put in its place by a link."""
    secret = Secret(file)
    assert "hunter2" == secret.value
    file.write_text("a longer one")
    assert "a longer one" == secret.value
    file.write_text("other length")
    os.utime(file, ns=(1, 1))
    assert "other length" == secret.value
    file.with_name("new").write_text("by a link---")
    os.utime(file.with_name("new"), ns=(1, 1))
    file.with_name("new").replace(file)
    assert "by a link---" == secret.value


def test_while_it_is_away_or_empty_the_last_one_is_used(file):
    """An alert is better signed with the last key than not sent."""
    secret = Secret(file)
    assert "hunter2" == secret.value
    file.unlink()
    assert "hunter2" == secret.value
    file.write_text("")
    assert "hunter2" == secret.value
    file.write_text("next")
    assert "next" == secret.value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "No such file or directory; write the secret there"),
        (b" \n", "is empty; write the secret there"),
        (b"hunter2\xff", "is no text"),
        (b"h" * (BYTES_MAX + 1), "more than"),
    ],
)
def test_one_that_was_never_there_is_an_error_that_names_the_file(file, data, words):
    """The error says what to do, and holds nothing of the file."""
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(SecretError, match=words) as caught:
        _ = Secret(file).value
    assert str(file) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_names_are_found_from_the_configurations_folder(file):
    """Relative ones; a whole path stays what it is."""
    assert "hunter2" == secret_in(file.parent, "key").value
    assert "hunter2" == secret_in(file.parent / "else", str(file)).value
