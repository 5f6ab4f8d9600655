"""User errors are also the built-in errors that callers expect."""

import pickle

import pytest

from mmwsss.utils import errors

PAIRS = [
    (errors.InputError, ValueError),
    (errors.InputTypeError, TypeError),
    (errors.UnknownNameError, KeyError),
    (errors.MissingFileError, FileNotFoundError),
    (errors.NotAFolderError, NotADirectoryError),
    (errors.NoAccessError, PermissionError),
    (errors.NotEmptyError, FileExistsError),
    (errors.ResourceError, OSError),
    (errors.MissingPackageError, ImportError),
]


@pytest.mark.parametrize(('kind', 'built_in'), PAIRS)
def test_kinds(kind, built_in):
    error = kind("Expected a file, but got 'x'.")
    assert isinstance(error, errors.UserError) and isinstance(error, built_in)
    assert str(error) == "Expected a file, but got 'x'."
    copy = pickle.loads(pickle.dumps(error))  # between processes
    assert type(copy) is kind and str(copy) == str(error)


def test_every_kind_is_listed():
    kinds = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert kinds == {errors.UserError, *(kind for kind, _ in PAIRS)}
