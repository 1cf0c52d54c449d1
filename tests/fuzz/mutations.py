"""Damaged files, and values that no file should hold."""

from hypothesis import strategies as st

WORDS = ["", "nan", "../../x", "/etc/passwd", "\0", "é" * 300, "%s", "1e400", "-1", "0", "10000000", "[" * 50, "style"]
NUMBERS = st.one_of(st.integers(-3, 3), st.integers(), st.floats(), st.sampled_from([10**8, 10**4000, -(10**18)]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(WORDS), st.text(max_size=8))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=8,
)
"""Whatever JSON and YAML can say."""


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes that are cut, overwritten, doubled or filled up in up to six places."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(raw)))
        match draw(st.sampled_from(["flip", "write", "insert", "cut", "end", "repeat"])):
            case "flip" if place < len(raw):
                raw[place] ^= 1 << draw(st.integers(0, 7))
            case "write":
                new = draw(
                    st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff" * 8, b"\0" * 8, b"\x7f\xff\xff\xff"]))
                )
                raw[place : place + len(new)] = new
            case "insert":
                raw[place:place] = draw(st.binary(max_size=16))
            case "cut":
                del raw[place : place + draw(st.integers(1, 64))]
            case "end":
                del raw[place:]
            case _:
                raw[place:place] = raw[place : place + draw(st.integers(1, 64))]
    return bytes(raw)


def replaced(tree: object, values: st.SearchStrategy = VALUES) -> st.SearchStrategy:
    """A JSON value in which one part is another, is missing or comes twice as deep."""

    @st.composite
    def mutate(draw: st.DrawFn) -> object:
        def at(node: object, path: list) -> object:
            if not path:
                return draw(values)
            key = path[0]
            if isinstance(node, dict):
                if len(path) == 1 and draw(st.booleans()):
                    return {name: value for name, value in node.items() if name != key}
                return {**node, key: at(node[key], path[1:])}
            return [at(value, path[1:]) if n == key else value for n, value in enumerate(node)]

        return at(tree, draw(st.sampled_from(paths(tree))))

    return mutate()


def paths(tree: object) -> list[list]:
    """The keys that lead to each part of a JSON value."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [[], *([key, *path] for key, child in children for path in paths(child))]
