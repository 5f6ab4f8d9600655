"""Errors that a user can mend: what a tool ends with one line for, where any other error keeps its traceback.

Each is also the built-in error that a caller would expect, so that ``except ValueError`` and the like go on working::

    >>> isinstance(InputError('Expected epochs >= 1, but got 0.'), ValueError)
    True

What only a programmer can cause, such as tensors of the wrong shape, stays a plain ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations


class UserError(Exception):
    """A file, an option, a label, a checkpoint or the machine is not as it must be; the message says how it must be.

    The message is one of the form ``Expected X in WHERE, but got Y.``
    """

    def __str__(self) -> str:
        """The message alone, where KeyError would quote it and OSError would add a number."""
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class InputError(UserError, ValueError):
    """A value in a file, an option or a config is none of those allowed."""


class InputTypeError(UserError, TypeError):
    """A value in a file, an option or a config is of another type than allowed."""


class UnknownNameError(UserError, KeyError):
    """A name of a variable, a class or a component that does not exist.

    >>> print(UnknownNameError("Expected a variable of vitb.py, but got 'imgsize'."))
    Expected a variable of vitb.py, but got 'imgsize'.
    """


class MissingFileError(UserError, FileNotFoundError):
    """A file or folder is not there; the message says what should be in it and, where known, how to get it."""


class NotAFolderError(UserError, NotADirectoryError):
    """A file lies where a folder should be."""


class NotEmptyError(UserError, FileExistsError):
    """Something lies where a new file or folder should be made."""


class NoAccessError(UserError, PermissionError):
    """A file or folder may not be read or written."""


class ResourceError(UserError, OSError):
    """The machine lacks something: space on the disk, memory for a process."""


class MissingPackageError(UserError, ImportError):
    """A package is not installed or of an unsupported version; the message has the install line."""
