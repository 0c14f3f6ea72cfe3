"""Getting ready beside whoever asks already: the catalog first, then the index, then the network."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from artstore.errors import NotReady, OgaError
from artstore.settings import Settings
from search.engine import Engine
from search.web.answers import Stage, State
from search.web.errors import command_in, without_paths

logger = logging.getLogger(__name__)

POLL_S = 5.0
"""How often it is looked whether there is a catalog, or an index, by now."""

COUNT_ANEW_S = 30.0
"""How old counts of filters may be while a crawl runs."""

COUNT_SHARE = 0.03
"""Of the time of one core that counting may take, where there is so much that this makes counts older."""

RETRY_S = 60.0
"""How soon a network that could not be loaded is tried again."""

FAILED = "something went wrong while this was got ready; it is tried again"

STARTING = State(
    Stage.WARMING_UP, "the catalog is being opened", "", looks=False, uploads=False, embedder=None
)


class Warming:
    """The engine of one data folder, and what can be asked of it so far. One thread of its own makes it ready."""

    def __init__(self, settings: Settings, embedder: str | None) -> None:
        self._settings = settings
        self._wanted = embedder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warming", daemon=True)
        self._left: list[Engine] = []
        self._count_s = 0.0
        self._tried_s = float("-inf")
        self.engine: Engine | None = None
        """What to ask; None before there is a catalog."""
        self.state = STARTING

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and close the engine: nobody may be asking any more. Loading a network is waited for."""
        self._stopped.set()
        self._thread.join()
        for engine in [*self._left, *([self.engine] if self.engine else [])]:
            engine.close()

    def _run(self) -> None:
        # A step that fails must not end the thread, whatever it was: later it may succeed.
        with ThreadPoolExecutor(1, "warming step") as steps:
            while not self._stopped.is_set():
                failed = steps.submit(self._step).exception()
                if isinstance(failed, OgaError):
                    self._note(failed)
                elif failed:
                    logger.error("getting ready failed, and is tried again", exc_info=failed)
                    self.state = replace(self.state, message=FAILED)
                elif self.state.message == FAILED:
                    self.state = replace(self.state, message="")
                self._stopped.wait(POLL_S)

    def _note(self, error: OgaError, **changes: Any) -> None:
        """Tell *error* in the state, beside *changes* of it, and once, with all it says, in the log."""
        told = without_paths(str(error), self._settings.data_dir)
        if told != self.state.message:
            logger.warning("%s", error)
        self.state = replace(self.state, message=told, command=command_in(told), **changes)

    def _step(self) -> None:
        """Do what is not done yet."""
        if self.engine is None and not self._open():
            return
        if not self.state.looks:
            self._load_index()
        if self.state.looks and not self.state.uploads and time.monotonic() - self._tried_s > RETRY_S:
            self._tried_s = time.monotonic()
            self._load_network()
        if self.engine and time.monotonic() > self._count_s:
            self._count(self.engine)

    def _open(self) -> bool:
        try:
            self.engine = Engine(self._settings, embedder=self._wanted)
        except NotReady as error:
            self._note(error, name=Stage.EMPTY)
            return False
        self.state = replace(STARTING, message="the index is being loaded")
        self._count(self.engine)
        return True

    def _count(self, engine: Engine) -> None:
        began_s = time.monotonic()
        self.state = replace(self.state, pictures=engine.count_anew())
        now_s = time.monotonic()
        self._count_s = now_s + max(COUNT_ANEW_S, (now_s - began_s) / COUNT_SHARE)

    def _load_index(self) -> None:
        """Load the index; by an engine made anew, since one that found nothing keeps to the embedder that it looked for."""
        engine = Engine(self._settings, embedder=self._wanted)
        try:
            shown = next((listed.image_id for listed in engine.pictures() if listed.indexed), None)
            if shown is None:
                # Says which command makes it.
                engine.facets(indexed=True)
            else:
                engine.like(shown, top=1)
            engine.count_anew()
        except NotReady as error:
            engine.close()
            name = Stage.UNINDEXED if self.state.pictures else Stage.EMPTY
            self._note(error, name=name)
            return
        except BaseException:
            engine.close()
            raise
        if self.engine:
            # Somebody may be asking it.
            self._left.append(self.engine)
        self.engine = engine
        self.state = replace(
            self.state,
            name=Stage.WARMING_UP,
            message=f"{engine.embedder_name} is being loaded; until then, ask by words or by a picture that is here",
            command="",
            looks=True,
            embedder=engine.embedder_name,
        )

    def _load_network(self) -> None:
        if self.engine is None:
            return
        with TemporaryDirectory() as folder:
            path = Path(folder, "any.png")
            Image.new("RGBA", (8, 8), (200, 60, 40, 255)).save(path)
            try:
                self.engine.image(path, top=1)
            except OgaError as error:
                self._note(error, name=Stage.READY)
                return
        self.state = replace(self.state, name=Stage.READY, message="", command="", uploads=True)
