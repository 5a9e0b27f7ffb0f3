"""Documents that are expensive to parse, validate or plan, and introspection."""

from __future__ import annotations

from random import Random

from graphql import get_introspection_query

from tests.benchmarks.abuse.attacks.attack import Attack, aliases, operation, random_word

_INTROSPECTION = get_introspection_query(
    descriptions=True,
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)
_SCHEMA = _INTROSPECTION[_INTROSPECTION.index("{") + 1 : _INTROSPECTION.index("fragment")]
_SCHEMA = _SCHEMA[: _SCHEMA.rindex("}")]
_FRAGMENTS = _INTROSPECTION[_INTROSPECTION.index("fragment") :]


def _name(rng: Random) -> str:
    """A random comment, which makes each document different."""
    return f"#{random_word(rng)}\n"


def _repeated(rng: Random, size: int) -> str:
    return _name(rng) + f"{{ articles(first: 0) {{ nodes {{ {'provider{id} ' * size}}} }} }}"


def _inline(rng: Random, size: int) -> str:
    return _name(rng) + f"{{ articles(first: 0) {{ nodes {{ {'...{provider{id}} ' * size}}} }} }}"


def _nested(rng: Random, size: int) -> str:
    inner = "id"
    for _ in range(4):
        inner = f"articles(first: 0) {{ nodes {{ provider {{ {inner} }} }} }} " * 3
    return _name(rng) + "{ providers(first: 0) { nodes { " + (inner + " ") * size + "} } }"


def _spreads(rng: Random, size: int) -> str:
    fragments = " ".join(
        f"fragment F{i} on Article {{ id ...F{i + 1} ...F{i + 1} provider {{ id }} }}"
        for i in range(size)
    )
    last = f"fragment F{size} on Article {{ title }}"
    return _name(rng) + f"{{ articles(first: 0) {{ nodes {{ ...F0 }} }} }} {fragments} {last}"


def _unused(rng: Random, size: int) -> str:
    fragments = " ".join(f"fragment F{i} on Article {{ id }}" for i in range(size))
    return _name(rng) + f"{{ articles {{ nodes {{ id }} }} }} {fragments}"


def _unknown(rng: Random, size: int) -> str:
    fields = " ".join("published" + random_word(rng, 12) for _ in range(size))
    return f"{{ articles {{ nodes {{ {fields} }} }} }}"


def _long_names(rng: Random, size: int) -> str:
    return f"{{ articles {{ nodes {{ {random_word(rng, size)} }} }} }}"


def _arguments(rng: Random, size: int) -> str:
    given = " ".join(f"x{random_word(rng)}: 1" for _ in range(size))
    return f"{{ articles({given}) {{ nodes {{ id }} }} }}"


def _variables(rng: Random, size: int) -> str:
    declared = " ".join(f"$v{i}: ArticleFilter" for i in range(size))
    return _name(rng) + f"query ({declared}) {{ articles {{ nodes {{ id }} }} }}"


def _operations(rng: Random, size: int) -> str:
    return _name(rng) + " ".join(f"query Q{i} {{ a: __typename }}" for i in range(size))


def _directives(rng: Random, size: int) -> str:
    return _name(rng) + f"{{ articles {{ nodes {{ id {'@include(if: true) ' * size}}} }} }}"


def _deep(rng: Random, size: int) -> str:
    return _name(rng) + "{ articles { nodes " + "{ ... " * size + "{ id }" + " }" * size + " } }"


def _list(rng: Random, size: int) -> str:
    return _name(rng) + f"{{ nodes(ids: [{'1 ' * size}]) {{ id }} }}"


def _objects(rng: Random, size: int) -> str:
    inner = "{not: " * size + "{heat: {gt: 1}}" + "}" * size
    return _name(rng) + f"{{ articles(filter: {inner}) {{ totalCount }} }}"


def _string(rng: Random, size: int) -> str:
    return f'{{ article(by: {{slug: "{random_word(rng)}{"a" * size}"}}) {{ id }} }}'


def _escapes(rng: Random, size: int) -> str:
    escapes = "\\u{1F600}" * (size // 9)
    return f'{{ article(by: {{slug: "{random_word(rng)}{escapes}"}}) {{ id }} }}'


def _block(rng: Random, size: int) -> str:
    lines = " \n" * (size // 2)
    return f'{{ article(by: {{slug: """{random_word(rng)}\n{lines}"""}}) {{ id }} }}'


def _number(rng: Random, size: int) -> str:
    return f"{{ articles(first: {rng.randrange(1, 9)}{'9' * size}) {{ totalCount }} }}"


def _comment(rng: Random, size: int) -> str:
    return _name(rng) + "#\n" * (size // 2) + "{ __typename }"


def _commas(rng: Random, size: int) -> str:
    return _name(rng) + "," * size + "{ __typename }"


def _braces(rng: Random, size: int) -> str:
    return _name(rng) + "{a" * size


def _introspection(rng: Random, size: int) -> str:
    start = rng.randrange(10**6)
    schemas = " ".join(
        _SCHEMA.replace("__schema", f"a{start}_{i}: __schema", 1) for i in range(size)
    )
    return f"query {{ {schemas} }} {_FRAGMENTS}"


def _one_of(rng: Random, size: int) -> str:
    return aliases(rng, size, lambda *_: "__schema { types { fields { type { isOneOf } } } }")


def _types(rng: Random, size: int) -> str:
    return aliases(
        rng,
        size,
        lambda *_: (
            '__type(name: "Article") { fields { type { ofType { ofType { fields { type '
            "{ ofType { fields { name } } } } } } } } }"
        ),
    )


ATTACKS: tuple[Attack, ...] = (
    operation("a field again and again, times", _repeated, 900),
    operation("a field in fragments again and again, times", _inline, 500),
    operation("lists in lists again and again, times", _nested, 12),
    operation("fragments that spread fragments twice, fragments", _spreads, 300),
    operation("fragments that nothing uses, fragments", _unused, 700),
    operation("unknown fields, fields", _unknown, 3_500),
    operation("an unknown field with a long name", _long_names, 100_000),
    operation("unknown arguments, arguments", _arguments, 1_200),
    operation("variables that nothing uses, variables", _variables, 900),
    operation("operations in a document, operations", _operations, 500),
    operation("directives on a field, directives", _directives, 600),
    operation("fragments in fragments, levels", _deep, 1_300),
    operation("a literal list, items", _list, 400_000),
    operation("a literal filter in filters, levels", _objects, 900),
    operation("a long string, characters", _string, 900_000),
    operation("a string of escapes, characters", _escapes, 400_000),
    operation("a block string of blank lines, characters", _block, 400_000),
    operation("a long number, digits", _number, 900_000),
    operation("comments, characters", _comment, 400_000),
    operation("commas, characters", _commas, 900_000),
    operation("braces that never close, braces", _braces, 400_000),
    operation("the whole schema, aliases", _introspection, 80),
    operation("isOneOf of all types, aliases", _one_of, 99),
    operation("a type's types' types, aliases", _types, 99),
)
"""Documents."""
