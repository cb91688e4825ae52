"""The gateway as a process."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Route

from calibrant.assembly.building import built, deployed
from calibrant.assembly.config import Config, load
from calibrant.assembly.sections import Server, is_loopback
from calibrant.errors import StoreAway, UnusableInput
from calibrant.pages.context import Context
from calibrant.pages.known import Known
from calibrant.pages.routes import routes
from calibrant.past.reading import Past
from calibrant.pipeline import Pipeline
from calibrant.plugins import require
from calibrant.protocols import Model
from calibrant.releases.promoting import PROMOTION, promoted
from calibrant.releases.release import Release
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.known import load_known

from .admission import Admission
from .alerts import Alerting
from .app import create_app
from .bodies import read_bytes
from .leading import Leading
from .learner import Learner
from .ledger import Ledger
from .monitoring import Monitoring
from .observing.logs import configure
from .observing.tracing import Tracing
from .reloading import Reloader, of_store
from .retention import Retention
from .reviews import Reviews
from .webhooks import Deliveries

if TYPE_CHECKING:
    from calibrant.reviewing.judging import JudgesFirst

__all__ = ["serve"]

LOG = logging.getLogger("calibrant.gateway")

PATIENCE = 30
"""Seconds that answers under way are given when the server is told to stop."""

KEPT_ALIVE = 75
"""Seconds for which an idle connection is kept: longer than balancers keep theirs, who then meet no closed one."""

SELDOM = (50_000, 20, 20)
"""When cycles are looked for: an answer makes some hundreds of objects and hardly any cycles, and is soon gone."""

TURN = 0.0005
"""Seconds for which a thread may go on while another wants to: what is read and written in threads holds an answer up
for no longer, where it would for up to 5 ms each time by default.
"""

WAITING = 2048
"""Connections that may wait to be taken."""


def serve(path: Path) -> None:
    """Serve what a file says until interrupted, and what it says later on from then on.

    Raises `UnusableInput` where the file cannot be served or its port is taken. The configuration has seen to it that
    only loopback goes without a key. One process: several are served side by side, each with its port, on one
    PostgreSQL behind a balancer.
    """
    uvicorn = require("uvicorn", "The gateway", "gateway")
    config = load(path)
    configure(config.observing.log)
    tracing = None if config.observing.otlp is None else Tracing(config.observing.otlp)
    listener = _listener(config.server)
    with suppress(ImportError):
        import_module("aiohttp")  # for which the first question would have to wait
    pipeline, models = deployed(config)
    position, release = _promoted(pipeline)
    if release is not None:  # it answers from the first request on, or nothing does
        config = of_store(config, release)
        live, models, _ = built(config, models)
        pipeline.promote(live, models, live.names)
    admission = Admission(config.keys, config.server, local=is_loopback(config.server.host))
    leads = Leading(pipeline.store)
    retention = Retention(pipeline, config.keeping, leads)
    deliveries = Deliveries(pipeline, config.webhooks, leads)
    alerting = Alerting(pipeline, config.alerts, leads)
    past = Past(pipeline.store)  # which all follow who keep up to date
    monitoring = Monitoring(pipeline, config.watch, leads, past)
    pipeline.notable = deliveries.notable
    desk, judge = _reviewing(config, pipeline, models, past)
    reviews = Reviews(desk, leads, judge=judge)
    sources = dict(config.sources)

    shown = Known(pipeline.store, pipeline.clock, past=past)
    ledger = Ledger(pipeline.store, admission.keyring)

    def apply(config: Config) -> None:
        pipeline.writer.keeping, retention.keeping = config.keeping.of, config.keeping
        deliveries.webhooks, desk.settings = config.webhooks, config.reviewing
        alerting.webhooks, monitoring.settings, learner.settings = (
            config.alerts,
            config.watch,
            config.learning,
        )
        sources.clear()
        sources.update(config.sources)
        admission.apply(config.keys, config.server)

    reloader = Reloader(path, config, pipeline, models, apply, promoted=release, knows=position is not None)
    learner = Learner(pipeline, lambda: reloader.config.release, config.learning, leads, past=past)
    app = create_app(
        pipeline,
        admission=admission,
        sources=sources,
        tracing=tracing,
        told=monitoring.lines,
        hears={PROMOTION: reloader.promote},
        after=reloader.catch_up if position is None else position,
        knows=lambda: reloader.knows,
        routes=_pages(config, pipeline, admission, desk, shown),
        beside=[
            reloader.watch,
            pipeline.writer.watch,
            leads.watch,
            retention.watch,
            deliveries.watch,
            reviews.watch,
            reviews.judge,
            alerting.watch,
            monitoring.watch,
            learner.watch,
            ledger.watch,
            *([partial(shown.watch, leads)] if config.pages.enabled else []),
        ],
    )
    settings = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws="none", lifespan="on", backlog=WAITING,
        timeout_keep_alive=KEPT_ALIVE, timeout_graceful_shutdown=PATIENCE,
    )  # fmt: skip
    address, port, *_ = listener.getsockname()
    LOG.info("Listening on http://%s:%d/v1", f"[{address}]" if ":" in address else address, port)
    _tuned()
    with listener:
        uvicorn.Server(settings).run(sockets=[listener])


def _tuned() -> None:
    """Have the interpreter interrupt answers as little as can be."""
    gc.collect()
    gc.freeze()  # what is there now stays, and need not be gone through again and again
    gc.set_threshold(*SELDOM)
    sys.setswitchinterval(TURN)


def _reviewing(
    config: Config, pipeline: Pipeline, models: Mapping[str, Model], past: Past
) -> tuple[Desk, JudgesFirst | None]:
    """Where people judge, and the model that does so before them, if one does."""
    rules, store = config.reviewing.default, pipeline.store
    known = load_known(config.folder / rules.known) if rules.known else ()
    desk = Desk(store, config.reviewing, pipeline.clock, known=known, past=past)
    if not rules.judge_first:
        return desk, None
    from calibrant.reviewing.judging import JudgesFirst  # loaded on use: most have none

    return desk, JudgesFirst(store, models["judge"], pipeline.clock, known)


def _pages(config: Config, pipeline: Pipeline, admission: Admission, desk: Desk, known: Known) -> list[Route]:
    """What people see; people come in by the keys of clients, as they are at the moment."""
    if not config.pages.enabled:
        return []
    require("jinja2", "Pages", "gateway")
    return routes(
        Context(
            store=pipeline.store, keys=admission.keyring, title=config.pages.title, clock=pipeline.clock,
            desk=desk, book=lambda task: pipeline.way(task).book,
            known=known,
            read=lambda request: read_bytes(request, admission.server.body_limit),
        )
    )  # fmt: skip


def _promoted(pipeline: Pipeline) -> tuple[int | None, Release | None]:
    """What the store says is to answer, and since which position; None for both while it is away."""
    try:
        return promoted(pipeline.store)
    except StoreAway:
        if not pipeline.writer.away:
            raise
        LOG.warning(
            "The file's release answers until the store is back, which may say that another one is to."
        )
        return None, None


def _listener(server: Server) -> socket.socket:
    """Listening already, so that a port which is taken is said before the store is made."""
    try:
        family, *_, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=WAITING)
    except OSError as error:
        raise UnusableInput(
            f"[server]: cannot listen on {server.host}, port {server.port}: {error.strerror}. Stop what listens there, "
            "or take another port."
        ) from error
