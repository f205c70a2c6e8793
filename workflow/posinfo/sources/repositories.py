"""Archives of a repository at a commit: hosts pack one into different bytes, so its members decide.

Paths are those below the archive's one top folder, which each host names as it likes.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath

from posinfo.registry.entries import Members, RemoteFile
from posinfo.sources.archives import Archive, Member, UnsoundError, opened, refuse_unfit, sound_members
from posinfo.sources.fetching import fetch_sound, refuse_missing
from posinfo.sources.globs import enumerated, globs, is_litter, matches, spelt
from posinfo.store.errors import InputError

AT_COMMIT = re.compile(r"(?P<clone>https?://.+/(?P<name>[^/]+))/archive/(?P<commit>[0-9a-f]{40})\.tar\.gz")
COMMIT = re.compile("[0-9a-f]{40}")
MOST_TRIED = 5000  # members among which the one too many is looked for; the work grows with their square


class _BelowTop:
    """An archive seen from its one top folder; once its members are verified, nothing else of it is seen."""

    def __init__(self, archive: Archive, where: Path) -> None:
        self._archive, self._where, self._top = archive, where, ""
        self.verified: dict[str, str] | None = None  # path -> sha256

    def members(self) -> Iterator[Member]:
        for member in sound_members(self._archive, self._where):
            top, _, path = member.path.partition("/")
            self._top = self._top or top
            if top != self._top or not path:
                beside = f"holds {member.path!r} beside {self._top!r}; a repository's archive has one top folder"
                raise UnsoundError(self._where, beside)
            if self.verified is None or path in self.verified:
                yield member._replace(path=path)

    def read(self, member: str) -> bytes:
        if self.verified is not None and member not in self.verified:
            raise KeyError(member)
        return self._archive.read(f"{self._top}/{member}")

    def comment(self) -> str:
        return self._archive.comment()


def fetch_repository(urls: Sequence[str], members: Members, path: Path, timeout: float = 60, pause: float = 2) -> None:
    """Download an archive from the first mirror that has it, and keep it once its members are verified.

    Args:
        urls: mirrors of the same commit.
        timeout, pause: seconds, see `downloads.download`.

    Raises:
        InputError: when no mirror gave it; says what each answered and how to make the archive from a clone.
    """

    def refused(file: Path) -> str | None:
        try:
            with opened(file) as archive:
                _verified(archive, file, members, urls)
        except UnsoundError as error:
            return error.reason
        return None

    otherwise = f" or make it from a clone ({words})" if (words := from_a_clone(urls, members)) else ""
    fetch_sound(urls, refused, path, timeout, pause, otherwise)


@contextmanager
def opened_repository(source: RemoteFile, resources: Path) -> Iterator[Archive]:
    """A repository's archive, opened for reading once its members are verified.

    Verified in one pass of its own: nothing is decoded of an archive that turns out to be another.

    Raises:
        InputError: when it is missing, damaged or another one; the file is kept.
    """
    assert source.members is not None
    path = resources / source.place
    refuse_missing(path)
    try:
        with opened(path) as archive:
            yield _verified(archive, path, source.members, source.urls)
    except UnsoundError as error:
        words = from_a_clone(source.urls, source.members)
        otherwise = f", or put one from a clone in its place ({words})" if words else ""
        raise InputError(f"{path} {error.reason}; delete it to fetch it again{otherwise}") from None


def from_a_clone(urls: Sequence[str], members: Members) -> str:
    """How to make the archive from a clone of the repository; empty where no URL tells which."""
    found = next(filter(None, map(AT_COMMIT.fullmatch, urls)), None)
    if found is None:
        return ""
    folders = {glob.partition("*")[0].rpartition("/")[0] for glob in globs(members.paths)}
    asked = "" if "" in folders else "".join(f" {folder}" for folder in sorted(folders))
    named = f"--prefix={found['name']}-{found['commit']}/ {found['commit']}{asked}"
    return f"in a clone of {found['clone']}: git archive --format=tar.gz {named} > FILE"


def listing(sums: dict[str, str]) -> str:
    """The sha256 that stands for members, path to sha256."""
    return sha256(b"".join(_lines(sums))).hexdigest()


def _lines(sums: dict[str, str]) -> list[bytes]:
    return [f"{sums[path]}  {path}\n".encode(errors="surrogateescape") for path in sorted(sums)]


def _verified(archive: Archive, where: Path, members: Members, urls: Sequence[str]) -> Archive:
    """The archive below its top folder.

    Raises:
        UnsoundError: when its members are not the ones that are meant.
    """
    below = _BelowTop(archive, where)
    folders = tuple(str(folder) for glob in globs(members.paths) for folder in PurePosixPath(glob).parents)
    sums: dict[str, str] = {}
    written: dict[str, str] = {}
    for member in below.members():
        if not member.regular and matches(member.path, folders):
            raise UnsoundError(where, f"holds {member.path!r}, a link or a device where a folder belongs")
        if is_litter(member.path) or not matches(member.path, members.paths):
            continue
        refuse_unfit(member, where)
        if member.path in sums:
            raise UnsoundError(where, f"holds {member.path!r} twice")
        sums[member.path] = sha256(below.read(member.path)).hexdigest()
        written[member.path] = member.written
    if len(sums) != members.count or listing(sums) != members.listing:
        raise UnsoundError(where, "; ".join(_differences(sums, written, archive.comment(), members, urls)))
    below.verified = sums
    return below


def _differences(
    sums: dict[str, str], written: dict[str, str], comment: str, members: Members, urls: Sequence[str]
) -> Iterator[str]:
    """How an archive differs from the one meant, as far as one sum of all members and the archive itself tell."""
    others = members.count if len(sums) != members.count else "as many, but one or more with other bytes or names"
    yield f"has {len(sums)} members {spelt(members.paths)}, the registry expects {others}"
    commits = [found["commit"] for url in urls if (found := AT_COMMIT.fullmatch(url))]
    if COMMIT.fullmatch(comment) and commits and comment not in commits:
        yield f"it was made from commit {comment}, not {commits[0]}"
    if len(sums) == members.count + 1 and (added := _one_too_many(sums, members.listing)):
        yield f"{added!r} was added; the others are the right ones"
        return
    numbers = {path: _number(path) for path in sums}
    inside = {number for number in numbers.values() if number is not None and 0 < number <= members.count}
    if len(inside) > members.count / 2:
        if gaps := sorted(set(range(1, members.count + 1)) - inside):
            yield f"missing: {enumerated([str(number) for number in gaps])}"
        if strange := [path for path, number in numbers.items() if number not in inside]:
            yield f"not of its numbers 1 to {members.count}: {enumerated(strange)}"
    elif len(sums) < members.count:
        yield f"nothing in it tells which are missing; there are {enumerated(sorted(sums)) or 'none'}"
    times = Counter(written.values()).most_common(1)
    if odd := [path for path, time in written.items() if time != times[0][0]]:
        yield f"written at another time than most: {enumerated(odd)}"
    yield f"the sha256 of their list is {listing(sums)}, expected {members.listing}"


def _number(path: str) -> int | None:
    stem = PurePosixPath(path).stem
    return int(stem) if stem.isascii() and stem.isdigit() else None


def _one_too_many(sums: dict[str, str], wanted: str) -> str | None:
    """The member without which the list is the right one."""
    lines, paths = _lines(sums), sorted(sums)
    before = sha256()
    for place, path in enumerate(paths if len(paths) <= MOST_TRIED else []):
        rest = before.copy()
        rest.update(b"".join(lines[place + 1 :]))
        if rest.hexdigest() == wanted:
            return path
        before.update(lines[place])
    return None
