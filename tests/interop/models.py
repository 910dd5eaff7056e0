"""The models of the tests' plugins and miners, as a validator in Python writes them."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, Field


class Echo(BaseModel):
    message: str


class ScoreRequest(BaseModel):
    prompt: str
    completions: list[str]
    score: float | None = None


class Fail(BaseModel):
    how: str


class Big(BaseModel):
    bytes: int
    filled: str | None = None


class Teapot(BaseModel):
    message: str = ""


class Raises(BaseModel):
    message: str = ""


class Silent(BaseModel):
    message: str = ""


class Late(BaseModel):
    message: str = ""


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: float


class Square(BaseModel):
    kind: Literal["square"] = "square"
    side: float
    corners: int = 4


class Kinds(BaseModel):
    """A field of each kind, with all that may be asked of it."""

    shape: Circle | Square
    value: None | bool | int | float | str | list[int]
    point: Annotated[list[float], Field(min_length=3, max_length=3)]
    row: tuple[int, str, bool | None]
    pairs: list[tuple[str, float]]
    blob: Base64Bytes
    wait: timedelta
    at: datetime
    top_k: Annotated[int, Field(ge=1, le=100)] = 3
    name: Annotated[str, Field(min_length=2, max_length=8, pattern="^[a-z]+$")]
    mode: Literal["fast", "best"]
    scores: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(max_length=3)]


class Nobody(BaseModel):
    """Served by no miner."""

    message: str = ""
