"""The models of the tests' plugins and miners, as a validator in Python writes them."""

from pydantic import BaseModel


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


class Nobody(BaseModel):
    """Served by no miner."""

    message: str = ""
