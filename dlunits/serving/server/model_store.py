"""Store of served models: versions are loaded, swapped and drained."""

import asyncio
import concurrent.futures
import contextlib
import ctypes
import gc
import logging
import pathlib
import time
from collections.abc import Iterable

from dlunits.serving.server.errors import UnknownModelError
from dlunits.serving.server.model_version import ModelVersion
from dlunits.serving.server.version_folders import (
    Fingerprint,
    find_versions,
    fingerprint,
    seconds_unchanged,
)

logger = logging.getLogger("dlunits.serving")

RESCAN_SECONDS = 5.0  # for file systems that do not report changes
SETTLE_SECONDS = 1.0  # files without a change for this time are complete


class ModelStore:
    """Latest versions of all models of a folder, with hot swap.

    A new version is loaded and warmed up in a thread, while the old ones are
    used. Then it is used for new requests, and an old version is dropped when
    all of its requests are complete. A version whose files still change is not
    loaded yet. One that cannot be loaded is logged once, and is not served
    until its files change.

    Args:
        models_dir: Folder with one subfolder per model, which has one subfolder
            per version.
        num_versions: Number of versions of a model that are served.

    Attributes:
        models: Dict from the name of a model to a dict from version to
            `ModelVersion`, latest first.
        num_refused: Number of versions that could not be loaded.
    """

    def __init__(self, models_dir: pathlib.Path, num_versions: int = 1) -> None:
        self.models_dir = models_dir
        self.num_versions = num_versions
        self.models: dict[str, dict[int, ModelVersion]] = {}
        self.num_refused = 0
        self.unloaded: set[str] = set()
        self._loader = concurrent.futures.ThreadPoolExecutor(
            1, thread_name_prefix="load"
        )
        self._lock = asyncio.Lock()
        self._loaded_files: dict[pathlib.Path, Fingerprint] = {}
        self._refused: dict[pathlib.Path, Fingerprint] = {}
        self._logged: set[pathlib.Path] = set()
        self._seen: dict[pathlib.Path, tuple[Fingerprint, float]] = {}
        self._unsettled = False
        self._draining: set[asyncio.Task] = set()

    def find(self, name: str, version: str | None = None) -> ModelVersion:
        """Finds the version for a request.

        Args:
            name: Name of the model.
            version: Integer as text; the latest version if it is `None` or
                empty.

        Returns:
            `ModelVersion`.

        Raises:
            UnknownModelError: If it is not served.
        """
        versions = self.models.get(name)
        if not versions:
            raise UnknownModelError(
                f"No model {name!r:.80}: choose from {sorted(self.models)}"
            )
        if not version:
            return next(iter(versions.values()))
        for number, found in versions.items():
            if version == str(number):
                return found
        raise UnknownModelError(
            f"Model {name!r} has no version {version!r:.80}: choose from "
            f"{sorted(versions)}"
        )

    async def refresh(self) -> None:
        """Loads new versions, and drops those that are removed or superseded.

        Raises:
            OSError: If the folder cannot be read; the versions do not change.
        """
        async with self._lock:
            found = await self._in_thread(find_versions, self.models_dir)
            self._unsettled = False
            self._forget_except(
                path
                for versions in found.values()
                for path in versions.values()
            )
            for name in sorted(found.keys() | self.models.keys()):
                folders = {} if name in self.unloaded else found.get(name, {})
                await self._update(name, folders)

    async def watch(self) -> None:
        """Calls `refresh` whenever files change, until it is cancelled."""
        import watchfiles

        changes = watchfiles.awatch(
            self.models_dir,
            debounce=200,
            step=50,
            rust_timeout=int(1000 * SETTLE_SECONDS / 2),
            yield_on_timeout=True,
        )
        last = time.monotonic()
        async for changed in changes:
            due = time.monotonic() - last > RESCAN_SECONDS
            if changed or self._unsettled or due:
                last = time.monotonic()
                try:
                    await self.refresh()
                except OSError as error:
                    logger.warning("%s", error)

    async def load(self, name: str) -> None:
        """Serves a model again after `unload`.

        Args:
            name: Name of the model.

        Raises:
            UnknownModelError: If there is no such model, or it cannot be
                loaded.
        """
        self.unloaded.discard(name)
        await self.refresh()
        self.find(name)

    async def unload(self, name: str) -> None:
        """Stops serving a model until `load` is called."""
        self.find(name)
        self.unloaded.add(name)
        await self.refresh()

    async def close(self) -> None:
        """Waits for the requests of old versions, and stops the thread."""
        await asyncio.gather(*self._draining)
        self._loader.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, function, *arguments):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._loader, function, *arguments)

    def _forget_except(self, paths: Iterable[pathlib.Path]) -> None:
        """Removes entries of folders that no longer exist."""
        kept = set(paths)
        for known in (self._refused, self._seen, self._loaded_files):
            for path in known.keys() - kept:
                del known[path]
        self._logged &= kept

    async def _update(
        self, name: str, folders: dict[int, pathlib.Path]
    ) -> None:
        """Serves the latest versions of a model that can be loaded."""
        current = self.models.get(name, {})
        chosen: dict[int, ModelVersion] = {}
        for number in sorted(folders, reverse=True):
            if len(chosen) == self.num_versions:
                break
            version = await self._load(
                name, number, folders[number], current.get(number)
            )
            if version:
                chosen[number] = version
        if folders and not chosen:
            # The folders of the served versions have been removed, and newer
            # versions are not loaded yet.
            chosen = current
        if chosen:
            self.models[name] = chosen
        else:
            self.models.pop(name, None)
        for number, version in current.items():
            if chosen.get(number) is not version:
                task = asyncio.create_task(self._drain(version))
                self._draining.add(task)
                task.add_done_callback(self._draining.discard)

    async def _load(
        self,
        name: str,
        number: int,
        folder: pathlib.Path,
        current: ModelVersion | None,
    ) -> ModelVersion | None:
        """Loads a version, unless it is loaded or cannot be loaded."""
        files = await self._in_thread(fingerprint, folder)
        if current and self._loaded_files.get(folder) == files:
            return current
        if self._refused.get(folder) == files:
            return current
        if not self._is_settled(folder, files):
            self._unsettled = True
            return current
        try:
            version = await self._in_thread(ModelVersion, name, number, folder)
        except (OSError, ValueError) as error:
            self._refused[folder] = files
            if folder not in self._logged:
                self._logged.add(folder)
                self.num_refused += 1
                logger.warning("Not served: %s", " ".join(str(error).split()))
            return current
        self._loaded_files[folder] = files
        self._logged.discard(folder)
        logger.warning("Serving %s/%d", name, number)
        return version

    def _is_settled(self, folder: pathlib.Path, files: Fingerprint) -> bool:
        """Whether the files have not changed for a while."""
        if seconds_unchanged(files) >= SETTLE_SECONDS:
            return True
        seen, since = self._seen.get(folder, (None, 0.0))
        if seen != files:
            self._seen[folder] = files, time.monotonic()
            return False
        return time.monotonic() - since >= SETTLE_SECONDS

    async def _drain(self, version: ModelVersion) -> None:
        """Waits for the requests of a version, and frees its memory."""
        await version.drained()
        logger.warning("Dropped %s/%d", version.name, version.version)
        version.clear()
        with contextlib.suppress(RuntimeError):  # the server is shutting down
            await self._in_thread(release_memory)


def release_memory() -> None:
    """Returns the memory of a dropped version to the operating system.

    The C library of Linux keeps freed memory, so that the memory of a server
    would grow with every version.
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
