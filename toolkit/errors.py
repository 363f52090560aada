"""The ladder of errors: one class and one exit code per class of failure.

Only the command line turns an error into an exit status. A message says what failed, `cause` the
likely reason and `hint` what to type next. The codes are documented in docs/exit-codes.md.
"""

from __future__ import annotations


class ToolkitError(Exception):
    """Base of every error that a person is shown without a traceback."""

    code = 1

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class UsageError(ToolkitError):
    """Options that do not go together, or a value that no option takes."""

    code = 2


class AppError(ToolkitError):
    """The application checkout is missing or does not keep the app contract."""

    code = 10


class CatalogError(ToolkitError):
    """`images/images.toml`, or another data file of the toolkit, holds a wrong key or value."""

    code = 11


class UnknownImageError(ToolkitError):
    """An image was named that the catalog does not have."""

    code = 12


class EngineMissingError(ToolkitError):
    """No engine answers, and none could be started."""

    code = 20


class EngineUnfitError(ToolkitError):
    """An engine answers but cannot do the job: too old, no BuildKit, no buildx."""

    code = 21


class DiskError(ToolkitError):
    """Not enough free disk to finish; found before anything was written."""

    code = 22


class BaseError(ToolkitError):
    """A base image could be had neither from a registry nor as a stand-in."""

    code = 23


class BuildError(ToolkitError):
    """A build step failed for a reason that has no class of its own."""

    code = 30


class GateError(ToolkitError):
    """A gate stopped the build: the application's own check failed."""

    code = 31


class DependencyError(ToolkitError):
    """A dependency of the application could not be installed."""

    code = 32


class BusyError(ToolkitError):
    """Another process of the toolkit is at work on the same output."""

    code = 40


class ProgramError(ToolkitError):
    """A program that the toolkit started is missing, failed or ran out of time."""

    code = 50


class GeoliteCredentialsError(ToolkitError):
    """MaxMind refused the account id or the licence key, or one of them is missing."""

    code = 60


class GeoliteFetchError(ToolkitError):
    """A GeoLite2 database could not be downloaded, or what came is not one."""

    code = 61


class GeoliteQuotaError(ToolkitError):
    """MaxMind's limit of downloads is used up; asking again would not help."""

    code = 62


class GeoliteMissingError(ToolkitError):
    """A build needs a GeoLite2 database and there is none that is young enough."""

    code = 63


class StackError(ToolkitError):
    """A service of the running product did not start, or ended."""

    code = 70


class Interrupted(ToolkitError):
    """Ctrl-C: the shell's convention for a process ended by SIGINT."""

    code = 130
