"""What answers questions, as one value: for each task its signals, maps, policy and route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..dialogue.prompts import Prompt
from ..files.sealed import Kind, Sealed
from ..maps.calibration import MapSet
from ..plugins import find

__all__ = ["Part", "Release", "Way"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An extension by name, with its settings and the fitted things that its class declares in `files`."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the content of files among them."""
        files = {name: fitted.to_dict() for name, fitted in self.files.items()}
        return {"kind": self.kind, "settings": dict(self.settings), **({"files": files} if files else {})}

    @classmethod
    def from_dict(cls, family: str, data: Mapping[str, Any]) -> Part:
        """Read what `to_dict` wrote; raises `UnusableInput` where a fitted thing was edited."""
        made = data.get("files", {})
        kinds = find(family, data["kind"]).files if made else {}
        files = {name: kinds[name].from_json(content) for name, content in made.items()}
        return cls(kind=data["kind"], settings=data["settings"], files=files)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How the questions of a task are answered. It holds no address and no key: models go by their names.

    Attributes
    ----------
    signals : each with all its settings, such as its posture; the first with a score and a map decides
    maps : what makes probabilities of scores
    policy, route : what is done with an answer, and how it is come by
    models : the route's models, in order: the name that each has for the route, and in the deployment
    others : further models that signals ask, by their role ("peer")
    gate : "trail" where an answer goes out at once and its confidence last, "hold" where the decision comes first
    disclaim : "append" where a sentence stands under answers to be disclaimed, "none" where the confidence tells it
    format : the form that answers are asked for in (`calibrant.dialogue.forms`); None for as questions come
    prompt : what is put around questions, of which the whole reply is the answer; None for nothing
    """

    signals: tuple[Part, ...] = (Part(kind="mean_logprob"),)
    maps: MapSet = field(default_factory=MapSet)
    policy: Part = Part(kind="bands")
    route: Part = Part(kind="single")
    models: tuple[tuple[str, str], ...] = (("model", "model"),)
    others: Mapping[str, str] = field(default_factory=dict)
    gate: Literal["trail", "hold"] = "trail"
    disclaim: Literal["none", "append"] = "none"
    format: str | None = None
    prompt: Prompt | None = None

    def __post_init__(self) -> None:
        if self.prompt is not None and self.prompt.reasoning:
            raise ValueError("A way's prompt lets the whole reply be the answer: reasoning must be 0.")
        if not self.models:
            raise ValueError("A way asks at least one model.")
        if self.gate not in ("trail", "hold"):
            raise ValueError(f"A gate is 'trail' or 'hold', not {self.gate!r}.")
        if self.disclaim not in ("none", "append"):
            raise ValueError(f"A way disclaims by 'none' or 'append', not {self.disclaim!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "signals": [signal.to_dict() for signal in self.signals],
            "maps": self.maps.to_dict(),
            "policy": self.policy.to_dict(),
            "route": self.route.to_dict(),
            "models": [list(pair) for pair in self.models],
            "others": dict(self.others),
            "gate": self.gate,
            # what is not stated is left out, as where releases were sealed that knew of none
            **({"disclaim": self.disclaim} if self.disclaim != "none" else {}),
            **({"format": self.format} if self.format else {}),
            **({"prompt": asdict(self.prompt)} if self.prompt else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Way:
        """Read what `to_dict` wrote; raises `UnusableInput` where a map or another fitted thing was edited."""
        return cls(
            signals=tuple(Part.from_dict("signals", one) for one in data["signals"]),
            maps=MapSet.from_json(data["maps"]),
            policy=Part.from_dict("policies", data["policy"]),
            route=Part.from_dict("routes", data["route"]),
            models=tuple((role, name) for role, name in data["models"]),
            others=data["others"],
            gate=data["gate"],
            disclaim=data.get("disclaim", "none"),
            format=data.get("format"),
            prompt=Prompt(**data["prompt"]) if "prompt" in data else None,
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Release(Sealed):
    """What is deployed, whole: a way for each task that has its own, and one for all others.

    It holds the content of its maps, plans and certificates, so that its id stands for every number it can give.

    Attributes
    ----------
    parents : ids of the releases that it was made from
    labels : times of the first and the last verdict behind its maps, in seconds since the epoch; None if not known
    made_at : seconds since the epoch; None for what a configuration describes, which is the same whenever it is read
    note : why it was made

    Examples
    --------
    >>> release = Release(default=Way(), tasks={"law": Way(gate="hold")})
    >>> release.way("law").gate, release.way("sums").gate, release.way(None).gate
    ('hold', 'trail', 'trail')
    >>> Release.from_json(release.to_json()).release_id == release.release_id
    True
    """

    default: Way
    tasks: Mapping[str, Way] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    labels: tuple[float, float] | None = None
    made_at: float | None = None
    note: str = ""

    kind = Kind(
        noun="a release",
        format="calibrant/release",
        mark="release_id",
        made_by="Make one of a configuration with `calibrant.assembly.config.load`.",
    )

    @property
    def release_id(self) -> str:
        """16 hex digits that stand for everything in the release."""
        return self.content_id

    def way(self, task: str | None) -> Way:
        """How the questions of a task are answered."""
        return self.tasks.get(task or "", self.default)

    def _content(self) -> dict[str, Any]:
        return {
            "default": self.default.to_dict(),
            "tasks": {task: way.to_dict() for task, way in self.tasks.items()},
            "parents": list(self.parents),
            "labels": None if self.labels is None else list(self.labels),
            "made_at": self.made_at,
            "note": self.note,
        }

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> Release:
        labels = data["labels"]
        return cls(
            default=Way.from_dict(data["default"]),
            tasks={task: Way.from_dict(way) for task, way in data["tasks"].items()},
            parents=tuple(data["parents"]),
            labels=None if labels is None else (labels[0], labels[1]),
            made_at=data["made_at"],
            note=data["note"],
        )
