"""A writer of artifacts, as plain as it can be: bodies go up under the fence of the head that is to name them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ....changes import Append
from ....keys import body_name
from ....objects.base import MIN_PART, NoSuchKey, NoSuchUpload, remove_all
from ....streams.change import Planned

if TYPE_CHECKING:
    from ....keys import StreamKeys
    from ....objects.base import ObjectStore, Upload
    from ....runtime import Runtime
    from ....streams.commit import Landed
    from ....streams.head import Head
    from .plan import SiblingsStep

_CONTENT = b"what all artifacts of a history hold, so that uploads of one can be gone on with for another"


class PutArtifact:
    """A plan for the stream of artifacts: put one. The body that it replaces is left to the clean-up."""

    def __init__(self, store: ObjectStore, runtime: Runtime, keys: StreamKeys, step: SiblingsStep) -> None:
        self._store = store
        self._runtime = runtime
        self._keys = keys
        self._step = step
        self._sha256 = hashlib.sha256(_CONTENT).hexdigest()
        self._fence = 0
        self._body: str | None = None
        self._own: list[str] = []

    async def changes(self, head: Head | None) -> Planned:
        """See `Plan.changes`."""
        fence = 0 if head is None else head.fence
        if self._body is None or fence != self._fence:
            self._fence = fence
            self._body = await (self._in_parts() if self._step.in_parts else self._whole())
        put = {"name": self._step.artifact, "body": self._body}
        return Planned([Append({"put": put, "step": self._step.name})])

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        """See `Plan.clean_up`. What went up in parts may be somebody else's as well, and is left."""
        unnamed = [name for name in self._own if landed is None or landed.proposal is None or name != self._body]
        await remove_all(self._store, self._runtime, [self._keys.body(name) for name in unnamed])

    async def _whole(self) -> str:
        name = body_name(self._runtime.ulid(), self._sha256)
        self._own.append(name)
        await self._store.put(self._keys.body(name), _CONTENT)
        return name

    async def _in_parts(self) -> str:
        found = await self._store.list_uploads(self._keys.bodies_of(self._sha256))
        upload = found[-1].upload if found else await self._begun()
        while True:
            try:
                await self._finish(upload)
            except NoSuchUpload:
                upload = await self._begun()
                continue
            return upload.key.removeprefix(self._keys.segments)

    async def _begun(self) -> Upload:
        key = self._keys.body(body_name(self._runtime.ulid(), self._sha256))
        return await self._store.begin_upload(key, part_size=MIN_PART)

    async def _finish(self, upload: Upload) -> None:
        part = await self._store.put_part(upload, 1, _CONTENT)
        try:
            await self._store.finish_upload(upload, [part])
        except NoSuchUpload:
            # Finished by somebody who went on with it as well, or aborted.
            try:
                await self._store.size(upload.key)
            except NoSuchKey:
                raise NoSuchUpload(upload.key) from None
