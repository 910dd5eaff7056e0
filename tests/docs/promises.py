"""Every test that the documentation names is there: `Suite.Name` of GoogleTest's, or one of ctest's, of which
`attacks.floods` may be followed by the kinds that are meant.

    python promises.py

Names are read from the tests' sources, so that nothing has to be built for it."""

import re
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
HOUSE = TESTS.parent
GOOGLE = re.compile(r"^[A-Z]\w*\.[A-Z]\w*$")
CTEST = re.compile(r"^(attacks|chaos|docs|fuzz|interop|limits)\.\w+( \w+)*$")

sys.path.insert(0, str(TESTS / "attacks"))
sys.dont_write_bytecode = True
import attacks  # noqa: E402


def google_tests():
    macro = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
    return {f"{suite}.{name}" for source in TESTS.rglob("*.cpp") for suite, name in macro.findall(source.read_text())}


def ctest_tests():
    names = {f"attacks.{name}" for name in [*attacks.TESTS, "floods"]}
    names |= {f"interop.{source.stem[5:]}" for source in (TESTS / "interop").glob("test_*.py")}
    names |= {f"fuzz.{source.stem}" for source in (TESTS / "fuzz").glob("*.cpp")}
    for listing in TESTS.rglob("CMakeLists.txt"):
        names |= set(re.findall(r"add_test\(NAME ([\w.]+)[ )]", listing.read_text()))
    return names


def missing(text, tests):
    """Line and name of each test in a document that is not there."""
    for number, line in enumerate(text.splitlines(), 1):
        for span in re.findall(r"`([^`]+)`", line):
            if not (GOOGLE.match(span) or CTEST.match(span)):
                continue
            name, *kinds = span.split(" ")
            if name not in tests:
                yield number, name
            for kind in kinds:
                if name != "attacks.floods" or kind not in attacks.FLOODS:
                    yield number, f"{name} {kind}"


def main():
    tests, named, wrong = google_tests() | ctest_tests(), 0, 0
    documents = [*sorted((HOUSE / "docs").rglob("*.md")), HOUSE / "README.md", HOUSE / "CONTRIBUTING.md"]
    for document in documents:
        text = document.read_text()
        named += sum(bool(GOOGLE.match(span) or CTEST.match(span)) for span in re.findall(r"`([^`\n]+)`", text))
        for number, name in missing(text, tests):
            print(f"{document.relative_to(HOUSE)}:{number}: there is no test {name}: name the one that holds this promise now")
            wrong += 1
    print(f"{named} tests named, {wrong} of them not there")
    sys.exit(1 if wrong or not named else 0)


if __name__ == "__main__":
    main()
