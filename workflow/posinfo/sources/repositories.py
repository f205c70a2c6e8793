"""Archives of a repository at a commit. Hosts pack a commit into different bytes, so its members are verified.

Paths are those below the archive's one top folder, whose name depends on the host.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath

from posinfo.registry.entries import Members, RemoteFile
from posinfo.sources.archives import Archive, ArchiveError, Member, checked_members, opened, refuse_unreadable
from posinfo.sources.downloads import fetch_verified
from posinfo.sources.fetching import refuse_missing
from posinfo.sources.globs import globs, is_system_file, joined, matches
from posinfo.store.errors import InputError

AT_COMMIT = re.compile(r"(?P<clone>https?://.+/(?P<name>[^/]+))/archive/(?P<commit>[0-9a-f]{40})\.tar\.gz")
COMMIT = re.compile("[0-9a-f]{40}")


class _BelowTop:
    """An archive seen from its one top folder; once members are verified, only they are visible."""

    def __init__(self, archive: Archive, where: Path) -> None:
        self._archive = archive
        self._where = where
        self._top = ""
        self.verified: dict[str, str] | None = None  # path -> sha256

    def members(self) -> Iterator[Member]:
        for member in checked_members(self._archive, self._where):
            top, _, path = member.path.partition("/")
            self._top = self._top or top
            if top != self._top or not path:
                beside = f"holds {member.path!r} beside {self._top!r}; a repository's archive has one top folder"
                raise ArchiveError(self._where, beside)
            if self.verified is None or path in self.verified:
                yield member._replace(path=path)

    def read(self, member: str) -> bytes:
        if self.verified is not None and member not in self.verified:
            raise KeyError(member)
        return self._archive.read(f"{self._top}/{member}")

    def comment(self) -> str:
        return self._archive.comment()


def fetch_repository(urls: Sequence[str], members: Members, path: Path) -> None:
    """Download an archive from the first mirror that has it, and keep it once its members are verified.

    Args:
        urls: mirrors of the same commit.
        members: the expected members.
        path: of the archive.

    Raises:
        InputError: when no mirror serves it; the message has each mirror's answer and the `git archive` command.
    """

    def fault(file: Path) -> str:
        try:
            with opened(file) as archive:
                _verified(archive, file, members, urls)
        except ArchiveError as error:
            return error.reason
        return ""

    command = git_archive(urls, members)
    otherwise = f" or make it from a clone ({command})" if command else ""
    fetch_verified(urls, fault, path, otherwise)


@contextmanager
def opened_repository(source: RemoteFile, resources: Path) -> Iterator[Archive]:
    """Open a repository's archive for reading once its members are verified.

    Verification is a pass of its own, so that no image of a wrong archive is decoded.

    Raises:
        InputError: when the archive is missing, damaged or another one; the file is kept.
    """
    assert source.members is not None
    path = source.at(resources)
    refuse_missing(path)
    try:
        with opened(path) as archive:
            yield _verified(archive, path, source.members, source.urls)
    except ArchiveError as error:
        command = git_archive(source.urls, source.members)
        otherwise = f", or replace it with one from a clone ({command})" if command else ""
        raise InputError(f"{path} {error.reason}; delete it to fetch it again{otherwise}") from None


def git_archive(urls: Sequence[str], members: Members) -> str:
    """The command that makes the archive from a clone of the repository; empty when no URL names the commit."""
    found = next(filter(None, map(AT_COMMIT.fullmatch, urls)), None)
    if found is None:
        return ""
    folders = {glob.partition("*")[0].rpartition("/")[0] for glob in globs(members.paths)}
    below = "" if "" in folders else "".join(f" {folder}" for folder in sorted(folders))
    arguments = f"--prefix={found['name']}-{found['commit']}/ {found['commit']}{below}"
    return f"in a clone of {found['clone']}: git archive --format=tar.gz {arguments} > FILE"


def members_digest(sums: dict[str, str]) -> str:
    """The sha256 of the lines `sha256  path` of members, in the order of their paths.

    Args:
        sums: path to sha256.
    """
    lines = [f"{sums[path]}  {path}\n" for path in sorted(sums)]
    return sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _verified(archive: Archive, where: Path, members: Members, urls: Sequence[str]) -> Archive:
    """The archive below its top folder.

    Raises:
        ArchiveError: when its members are not the expected ones.
    """
    below = _BelowTop(archive, where)
    folders = tuple(str(folder) for glob in globs(members.paths) for folder in PurePosixPath(glob).parents)
    sums: dict[str, str] = {}
    for member in below.members():
        if not member.regular and matches(member.path, folders):
            raise ArchiveError(where, f"holds {member.path!r}, a link or a device where a folder belongs")
        if is_system_file(member.path) or not matches(member.path, members.paths):
            continue
        refuse_unreadable(member, where)
        if member.path in sums:
            raise ArchiveError(where, f"holds {member.path!r} twice")
        sums[member.path] = sha256(below.read(member.path)).hexdigest()
    if len(sums) != members.count or members_digest(sums) != members.sha256:
        raise ArchiveError(where, _difference(sums, archive.comment(), members, urls))
    below.verified = sums
    return below


def _difference(sums: dict[str, str], comment: str, members: Members, urls: Sequence[str]) -> str:
    """What differs from the expected archive: its commit, the number of its members, their digest."""
    found = f"has {len(sums)} members {joined(members.paths)} with the digest {members_digest(sums)}"
    difference = f"{found}, the registry expects {members.count} with {members.sha256}"
    commits = [match["commit"] for url in urls if (match := AT_COMMIT.fullmatch(url))]
    if COMMIT.fullmatch(comment) and commits and comment not in commits:
        return f"{difference}; it was made from commit {comment}, not {commits[0]}"
    return f"{difference}; members were added, removed or changed"
